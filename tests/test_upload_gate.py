"""What `predict` says of a file does not hang on which network was asked."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks import not_heads
from brainseg import gate, networks, predict
from brainseg.data.catalog import read_catalog
from brainseg.inference import Segmenter, load


@pytest.fixture
def hand(tmp_path: Path) -> Path:
    """A painted hand."""
    path = tmp_path / "hand.png"
    cv2.imwrite(str(path), not_heads.hand(np.random.default_rng(0)).astype(np.uint8))
    return path


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A network of the user's own that takes anything for what it was trained on."""
    folder = shutil.copytree(networks.find_network("unet"), tmp_path / "own")
    statistics = gate.read(folder / networks.GATE)
    gate.write(folder / networks.GATE, replace(statistics, limit=99.0))
    networks.seal(folder)
    return folder


def test_files_of_one_name_are_told_apart(demo_data: Path, own: Path, tmp_path: Path) -> None:
    scan = read_catalog(demo_data).samples[0].image
    for name in ("a", "b"):
        shutil.copytree(own, tmp_path / name / "network")
        shutil.copy(scan, tmp_path / name / "1.png")
    models = [str(tmp_path / name / "network") for name in ("a", "b")]
    scans = [tmp_path / name / "1.png" for name in ("a", "b")]
    rows = predict.predict_files(models, scans, tmp_path / "out")
    assert [Path(row["mask"]).name for row in rows] == [
        "1_network_mask.png", "1_network-2_mask.png",
        "1-2_network_mask.png", "1-2_network-2_mask.png",
    ]  # fmt: skip


def warnings(models: list[str], scan: Path, out: Path) -> list[str | None]:
    return [row["warning"] for row in predict.predict_files(models, [scan], out)]


@pytest.mark.parametrize("models", [["unet"], ["resunet"], ["ensemble"], ["unet", "resunet"]])
def test_a_hand_is_warned_of_whichever_network_is_chosen(
    models: list[str], hand: Path, tmp_path: Path
) -> None:
    told = warnings(models, hand, tmp_path / "out")
    assert len(told) == len(models)
    assert len(set(told)) == 1
    assert "this does not look like a head MRI; the networks were trained on" in str(told[0])


def test_the_numbers_are_those_of_both_networks_together(demo_data: Path, tmp_path: Path) -> None:
    scan = read_catalog(demo_data).samples[0].image
    rows = [
        predict.predict_files([name], [scan], tmp_path / name)[0]
        for name in ("unet", "resunet", "ensemble")
    ]
    assert {row["warning"] for row in rows} == {None}
    assert len({(round(row["gate_distance"], 4), row["gate_limit"]) for row in rows}) == 1
    limits = [load(name).heads.limit for name in networks.ARCHITECTURES]
    assert rows[0]["gate_limit"] == pytest.approx(np.mean(limits))


@pytest.mark.parametrize(
    ("models", "runs"),
    [(["unet"], 2), (["unet", "resunet"], 2), (["ensemble"], 2), (["own"], 3)],
)
def test_no_network_looks_twice_at_a_scan(
    models: list[str], runs: int, hand: Path, own: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    asked: list[str] = []
    plain = Segmenter.predict

    def counted(self: Segmenter, scan, **options):
        asked.append(self.name)
        return plain(self, scan, **options)

    monkeypatch.setattr(Segmenter, "predict", counted)
    chosen = [str(own) if name == "own" else name for name in models]
    predict.predict_files(chosen, [hand], tmp_path / "out")
    assert len(asked) == runs


def test_what_a_network_of_ones_own_knows_is_not_warned_of(
    hand: Path, own: Path, tmp_path: Path
) -> None:
    assert warnings([str(own)], hand, tmp_path / "a") == [None]
    assert None not in warnings([str(own), "unet"], hand, tmp_path / "b")


def test_without_shipped_networks_ones_own_judges_alone(
    hand: Path, own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("brainseg.paths.PRETRAINED", tmp_path / "none")
    assert warnings([str(own)], hand, tmp_path / "out") == [None]
