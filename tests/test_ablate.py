from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import ablate
from brainseg.training.recipes import RunConfig

MARK = "<!-- ablations -->"


def _words(out: Path, *more: str) -> list[str]:
    return [
        "--data", "d", "--tumour-free", "t", "--out", str(out),
        "--baseline-seeds", "1", "--epochs", "1", *more,
    ]  # fmt: skip


def _row(one, dice: float) -> dict:
    return {
        "variant": one.arm, "change": ablate.VARIANTS[one.arm], "seed": one.config.seed,
        "model": "unet", "size": 64, "epochs": 1, "parameters": 1000, "dice": dice,
        "dice_low": None, "dice_high": None, "misses": 0.1, "false_alarms": None,
        "tumour_slices": 9, "glioma": dice / 2, "core_seconds": 60.0,
        "less_baseline": [dice - 0.5, -0.1, 0.2],
    }  # fmt: skip


def test_every_variant_is_a_valid_run_that_differs_from_the_baseline(tmp_path: Path):
    planned = ablate.planned_runs(ablate.parse(_words(tmp_path)))
    configs: dict[str, RunConfig] = {one.arm: one.config for one in planned}
    assert list(configs) == list(ablate.VARIANTS)
    baseline = configs["baseline"].to_dict()
    for name, change in ablate.VARIANTS.items():
        plain = configs[name].to_dict()
        assert {key for key in plain if plain[key] != baseline[key]} == set(change)


def test_only_and_seeds_choose_the_runs(tmp_path: Path):
    options = ablate.parse(_words(tmp_path, "--only", "ema-off", "baseline", "--seeds", "2"))
    names = [one.name for one in ablate.planned_runs(options)]
    assert names == [f"unet-{n}-seed{s}" for n in ("ema-off", "baseline") for s in (0, 1)]


def test_the_baseline_has_seeds_of_its_own_that_show_what_chance_does(tmp_path: Path):
    options = ablate.parse(
        _words(tmp_path, "--only", "baseline", "base-8", "--baseline-seeds", "3")
    )
    names = [one.name for one in ablate.planned_runs(options)]
    assert names == [*(f"unet-baseline-seed{s}" for s in range(3)), "unet-base-8-seed0"]


def test_the_table_has_a_line_a_seed_and_shows_what_is_undefined_as_a_dash(tmp_path: Path):
    options = ablate.parse(_words(tmp_path, "--only", "baseline", "loss-dice", "--seeds", "2"))
    planned = ablate.planned_runs(options)
    rows = [_row(one, d) for one, d in zip(planned, (0.5, 0.7, 0.6, 0.9), strict=True)]
    lines = ablate.table(rows[::-1]).splitlines()
    assert [line.split(" | ")[0:4] for line in lines[2:]] == [
        ["| `loss-dice`", "loss dice", "1", "0"], ["| `loss-dice`", "loss dice", "1", "1"],
        ["| `baseline`", "-", "1", "0"], ["| `baseline`", "-", "1", "1"],
    ]  # fmt: skip
    assert lines[2].split(" | ")[4:9] == [
        "0.600", "+0.100 (-0.100 to +0.200)", "0.300", "0.100", "-",
    ]  # fmt: skip
    assert lines[4].split(" | ")[5] == "-"
    assert all(line.count("|") == lines[0].count("|") for line in lines)


def test_rows_of_another_machine_or_network_stand_together(tmp_path: Path):
    options = ablate.parse(_words(tmp_path, "--only", "baseline", "loss-dice"))
    rows = [_row(one, 0.5) for one in ablate.planned_runs(options)]
    rows += [row | {"machine": 2} for row in rows] + [rows[0] | {"model": "resunet"}]
    lines = ablate.table(rows).splitlines()
    assert [line.split(" | ")[0:3:2] for line in lines[2:]] == [
        ["| `baseline`", "1"], ["| `baseline`", "2"],
        ["| `loss-dice`", "1"], ["| `loss-dice`", "2"], ["| `baseline`, ResUNet", "1"],
    ]  # fmt: skip


def test_a_variant_that_came_before_its_baseline_is_compared_once_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(ablate, "train", lambda one, out: (out / one.name).mkdir())
    monkeypatch.setattr(ablate, "measure", lambda one, *_: _row(one, 0.5) | {"less_baseline": None})
    there = tmp_path / "unet-baseline-seed0"
    monkeypatch.setattr(
        ablate, "_less_of", lambda row, out: [0.1, 0.0, 0.2] if there.is_dir() else None
    )
    ablate.main(_words(tmp_path, "--only", "ema-off", "--no-doc"))
    kept = tmp_path / "ablations.json"
    assert json.loads(kept.read_text())[0]["less_baseline"] is None
    ablate.main(_words(tmp_path, "--only", "baseline", "--no-doc"))
    assert [row["less_baseline"] for row in json.loads(kept.read_text())] == [[0.1, 0.0, 0.2]] * 2


def test_another_length_is_not_mixed_into_the_same_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(ablate, "train", lambda *_: pytest.fail("it trained"))
    options = ablate.parse(_words(tmp_path, "--only", "size-96"))
    rows = [_row(one, 0.5) | {"size": 96} for one in ablate.planned_runs(options)]
    (tmp_path / "ablations.json").write_text(json.dumps(rows))
    with pytest.raises(SystemExit, match="other sizes or lengths"):
        ablate.main(_words(tmp_path, "--only", "ema-off", "--epochs", "2"))


def test_an_interrupted_ablation_goes_on_and_writes_the_document_as_it_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    document = tmp_path / "ABLATIONS.md"
    document.write_text(f"before\n{MARK}\nNot run yet.\n{MARK}\nafter\n")
    monkeypatch.setattr(ablate, "DOC", document)
    trained: list[str] = []

    def train(one, out: Path) -> None:
        if len(trained) == 1 and one.name not in trained and not going_on:
            raise KeyboardInterrupt
        trained.append(one.name)

    monkeypatch.setattr(ablate, "train", train)
    monkeypatch.setattr(ablate, "measure", lambda one, *_: _row(one, 0.5))
    words = _words(tmp_path / "out", "--only", "baseline", "ema-off")
    going_on = False
    with pytest.raises(KeyboardInterrupt):
        ablate.main(words)
    assert "`baseline`" in document.read_text()
    assert "Not run yet" not in document.read_text()
    going_on = True
    ablate.main(words)
    assert trained == ["unet-baseline-seed0", "unet-ema-off-seed0"]
    assert len(json.loads((tmp_path / "out" / "ablations.json").read_text())) == 2
    text = document.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "`ema-off`" in text
    assert "python -m benchmarks.ablate" in text
    assert "`ema-off`" in capsys.readouterr().out


def test_the_shipped_document_has_its_marks():
    assert ablate.DOC.read_text().count(MARK) == 2


def test_another_architecture_is_not_mixed_into_the_same_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(ablate, "train", lambda *_: pytest.fail("it trained"))
    options = ablate.parse(_words(tmp_path, "--only", "baseline"))
    rows = [_row(one, 0.5) for one in ablate.planned_runs(options)]
    (tmp_path / "ablations.json").write_text(json.dumps(rows))
    with pytest.raises(SystemExit, match="give resunet another --out"):
        ablate.main(_words(tmp_path, "--only", "baseline", "--model", "resunet"))
