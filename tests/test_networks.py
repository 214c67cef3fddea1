from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from brainseg import history, networks, paths
from brainseg.errors import ConfigError, NetworkError
from brainseg.history import Stage
from brainseg.networks import NetworkConfig
from brainseg.types import EpochRecord, Split

EPOCH = EpochRecord(
    epoch=1, seconds=2.0, elapsed=2.0, learning_rate=1e-3, loss=1.0, val_loss=1.1, dice=0.4,
    val_dice=0.3, accuracy=0.98, val_accuracy=0.97, val_background_accuracy=0.979,
    val_dice_loss=0.7, slices_per_second=10.0, best=True,
)  # fmt: skip
STAGE = Stage(name="first", command="python -m brainseg train", size=128, epochs=(EPOCH,))
SPLIT = Split(train=(1, 2), val=(3,), test=(4, 5), seed=0, unit="patient")


def make_network(folder: Path, **changes: object) -> Path:
    values = {"name": "unet", "architecture": "unet", "size": 128, "base": 16, "depth": 4}
    folder.mkdir(parents=True)
    networks.write_network_json(folder, NetworkConfig(**{**values, **changes}))  # type: ignore[arg-type]
    (folder / "network.xml").write_text("<net/>")
    (folder / "network.bin").write_bytes(bytes(1000))
    (folder / "weights.npz").write_bytes(b"weights")
    (folder / "gate.npz").write_bytes(b"statistics")
    networks.write_split(folder, SPLIT)
    history.write(folder / "history.json", [STAGE])
    networks.seal(folder)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_network(tmp_path / "network", trained_on="folds 0-2", threshold=0.4)


def rewrite(folder: Path, **changes: object) -> None:
    path = folder / "network.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    networks.seal(folder)


def test_what_is_written_is_read_back(folder: Path) -> None:
    config = networks.read_network(folder)
    assert (config.name, config.size, config.threshold) == ("unet", 128, 0.4)
    assert config.trained_on == "folds 0-2"
    assert not list(folder.glob(".*"))


def test_the_split_is_read_back_and_may_be_unknown(folder: Path) -> None:
    assert networks.read_split(folder) == SPLIT
    (folder / "split.json").write_text("{")
    with pytest.raises(NetworkError, match=r"split\.json is damaged"):
        networks.read_split(folder)
    (folder / "split.json").unlink()
    assert networks.read_split(folder) is None


def test_the_history_is_read_back_and_may_be_missing(folder: Path) -> None:
    assert networks.read_history(folder) == (STAGE,)
    (folder / "history.json").write_text('{"stages": [{"name": "first"}]}')
    with pytest.raises(NetworkError, match=r"history\.json holds no readable history"):
        networks.read_history(folder)
    (folder / "history.json").unlink()
    assert networks.read_history(folder) == ()


def test_the_manifest_is_what_sha256sum_reads(folder: Path) -> None:
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    assert [line[64:66] for line in lines] == ["  "] * 7
    assert {line[66:] for line in lines} == set(networks.LISTED)


@pytest.mark.parametrize("name", networks.LISTED)
def test_one_flipped_bit_is_noticed_in_every_file(folder: Path, name: str) -> None:
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(NetworkError, match=name):
        networks.read_network(folder)


@pytest.mark.parametrize("name", [*networks.LISTED, "SHA256SUMS"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(NetworkError, match=name):
        networks.read_network(folder)


@pytest.mark.parametrize("name", ["../../etc/passwd", "code.py", "network.bin"])
def test_names_outside_the_allowlist_and_doubles_are_refused(folder: Path, name: str) -> None:
    with (folder / "SHA256SUMS").open("a") as file:
        file.write(f"{'0' * 64}  {name}\n")
    with pytest.raises(NetworkError, match="unexpected line"):
        networks.read_network(folder)


def test_weights_that_the_manifest_does_not_list_are_refused(folder: Path) -> None:
    lines = (folder / "SHA256SUMS").read_text().splitlines(keepends=True)
    (folder / "SHA256SUMS").write_text("".join(x for x in lines if "weights" not in x))
    with pytest.raises(NetworkError, match=r"does not list weights\.npz"):
        networks.read_network(folder)


def test_a_link_is_refused(folder: Path) -> None:
    target = folder.parent / "elsewhere.bin"
    shutil.move(folder / "network.bin", target)
    (folder / "network.bin").symlink_to(target)
    with pytest.raises(NetworkError, match="plain file"):
        networks.read_network(folder)


def test_a_pipe_does_not_hang(folder: Path) -> None:
    (folder / "network.bin").unlink()
    os.mkfifo(folder / "network.bin")
    with pytest.raises(NetworkError, match="plain file"):
        networks.read_network(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": 10**9}, "size"),
        ({"size": 128.0}, "size"),
        ({"size": True}, "size"),
        ({"size": 100}, "multiple of 16"),
        ({"base": 0}, "base"),
        ({"depth": 40}, "depth"),
        ({"threshold": 1.5}, "threshold"),
        ({"threshold": "0.5"}, "threshold"),
        ({"architecture": "lambda"}, "architecture"),
        ({"schema": 2}, "another version"),
        ({"preprocessing": "zscore"}, "another version"),
        ({"name": 7}, "name"),
        ({"extra": 1}, "unknown keys: extra"),
        ({"trained_on": "x" * 70_000}, "64 kB"),
    ],
)
def test_an_invalid_description_is_refused(folder: Path, changes: dict, message: str) -> None:
    rewrite(folder, **changes)
    with pytest.raises(NetworkError, match=message):
        networks.read_network(folder)


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", "[" * 50_000])
def test_a_description_that_is_no_object_is_refused(folder: Path, text: str) -> None:
    (folder / "network.json").write_text(text)
    networks.seal(folder)
    with pytest.raises(NetworkError, match="JSON"):
        networks.read_network(folder)


def test_an_invalid_description_is_never_written(tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match="base"):
        make_network(tmp_path / "network", base=1000)


def test_an_unfinished_network_is_not_sealed(tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match=r"network\.xml"):
        networks.seal(tmp_path)


def test_shipped_networks_come_before_runs_and_the_newest_run_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "PRETRAINED", tmp_path / "shipped")
    make_network(tmp_path / "shipped" / "resunet", architecture="resunet")
    for run in ("20260101-000000-unet", "20260201-000000-unet"):
        make_network(paths.runs() / run / "network")
    (paths.runs() / "20260301-000000-unet" / "network").mkdir(parents=True)
    found = networks.list_networks()  # one shipped network makes no ensemble
    assert [ref.name for ref in found] == [
        "resunet",
        "20260201-000000-unet",
        "20260101-000000-unet",
    ]
    assert [ref.kind for ref in found] == ["shipped", "run", "run"]
    assert [networks.find_network(ref.name) for ref in found] == [ref.folder for ref in found]


@pytest.fixture
def both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two shipped networks that were split differently."""
    shipped = tmp_path / "shipped"
    monkeypatch.setattr(paths, "PRETRAINED", shipped)
    make_network(shipped / "unet")
    make_network(shipped / "resunet", architecture="resunet")
    networks.write_split(
        shipped / "resunet", Split(train=(1,), val=(2, 3), test=(5, 6), seed=0, unit="patient")
    )
    networks.seal(shipped / "resunet")
    return shipped


def test_two_shipped_networks_make_an_ensemble_that_is_listed_after_them(both: Path) -> None:
    found = {ref.name: ref for ref in networks.list_networks()}
    assert list(found) == ["unet", "resunet", "ensemble"]
    assert (found["ensemble"].kind, found["ensemble"].label) == ("ensemble", "UNet + ResUNet")
    assert networks.member_folders("ensemble") == (both / "unet", both / "resunet")
    assert networks.member_folders("unet") == (both / "unet",)


def test_the_ensemble_has_no_folder_and_no_weights(both: Path) -> None:
    with pytest.raises(NetworkError, match=r"only predicts; .* takes unet or resunet"):
        networks.find_network("ensemble")


def test_an_ensemble_of_one_network_is_refused(both: Path) -> None:
    shutil.rmtree(both / "resunet")
    with pytest.raises(NetworkError, match="no network named 'resunet'"):
        networks.member_folders("ensemble")


def test_what_any_member_saw_the_ensemble_saw(both: Path) -> None:
    split = networks.known_split("ensemble")
    assert split is not None
    assert (split.train, split.val, split.test) == ((1, 2), (3,), (5,))
    assert networks.known_split("unet") == SPLIT


def test_a_fingerprint_changes_with_any_member(both: Path) -> None:
    before = {name: networks.fingerprint(name) for name in ("unet", "resunet", "ensemble")}
    assert len(set(before.values())) == 3
    rewrite(both / "unet", threshold=0.3)
    after = {name: networks.fingerprint(name) for name in before}
    assert [name for name in before if before[name] != after[name]] == ["unet", "ensemble"]


def test_a_fingerprint_changes_with_what_turns_scans_upright(
    both: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = networks.fingerprint("unet")
    (tmp_path / networks.SUMS).write_text("another")
    monkeypatch.setattr(paths, "ORIENTATION", tmp_path)
    assert networks.fingerprint("unet") != before


def test_a_path_to_the_network_or_to_its_run_is_found(folder: Path) -> None:
    assert networks.find_network(str(folder)) == folder
    assert networks.find_network(str(folder.parent)) == folder


@pytest.mark.parametrize("text", ["", "nonsense", "../..", "/dev/null", "a\nb", "a" * 300])
def test_an_unknown_name_is_answered_with_the_known_ones(text: str) -> None:
    make_network(paths.runs() / "20260101-000000-unet" / "network")
    with pytest.raises(NetworkError, match="20260101-000000-unet"):
        networks.find_network(text)


def test_a_home_that_does_not_exist_is_a_plain_refusal() -> None:
    with pytest.raises(NetworkError, match="no network named"):
        networks.find_network("~nobody-of-this-name/network")


def test_what_is_shipped_passes_its_own_checks() -> None:
    shipped = [ref for ref in networks.list_networks() if ref.kind == "shipped"]
    for ref in shipped:
        assert networks.read_network(ref.folder).architecture == ref.name


def test_prediction_is_exact_unless_the_setting_says_otherwise(monkeypatch):
    assert networks.precision() == "f32"
    monkeypatch.setenv("BRAINSEG_PRECISION", "bf16")
    assert networks.precision() == "bf16"
    monkeypatch.setenv("BRAINSEG_PRECISION", "f16")
    with pytest.raises(ConfigError, match=r"f32 .* or bf16"):
        networks.precision()
