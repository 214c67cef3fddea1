"""Every measure of a dataset's saliency maps, worked by hand or by a second library."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import pytest

from brainseg import cli
from brainseg import saliency_study as studies
from brainseg.data.catalog import Catalog, read_catalog
from brainseg.errors import DataError
from brainseg.preprocess import grey_levels
from brainseg.saliency_study import measures, words
from brainseg.saliency_study.summary import MapScore, Study, summarise

TRUTH = np.array([[True, True], [False, False]])


def _dataset(root: Path, slices: dict[int, dict[str, np.ndarray]]) -> Catalog:
    """Write slices by number: image, and where given mask, 1, 2."""
    folders = {"image": "images", "mask": "masks", "1": "saliency_maps_1", "2": "saliency_maps_2"}
    for number, parts in slices.items():
        for part, pixels in parts.items():
            folder = root / folders[part]
            folder.mkdir(parents=True, exist_ok=True)
            name = f"{number}_mask.png" if part == "mask" else f"{number}.png"
            cv2.imwrite(str(folder / name), pixels)
    return read_catalog(root)


def _slices(count: int = 4, side: int = 16) -> dict[int, dict[str, np.ndarray]]:
    """Slices whose map 1 is the mask itself and whose map 2 knows nothing."""
    random = np.random.default_rng(0)
    found = {}
    for number in range(count):
        mask = np.zeros((side, side), np.uint8)
        mask[3:7, 2 + number : 6 + number] = 255
        noise = [random.integers(0, 255, (side, side)).astype(np.uint8) for _ in range(2)]
        found[number] = {"image": noise[0], "mask": mask, "1": mask // 2, "2": noise[1]}
    return found


# ---------------------------------------------------------------- measures, by hand
def test_the_dice_curve_is_that_of_every_threshold():
    levels = np.array([[200, 100], [100, 0]], np.uint8)
    curve = measures.dice_curve(levels, TRUTH)
    assert curve is not None
    assert curve[0] == pytest.approx(4 / 6)  # everything painted: 2*2 / (4 + 2)
    assert curve[1] == curve[100] == pytest.approx(4 / 5)  # three painted, two of them right
    assert curve[101] == curve[200] == pytest.approx(2 / 3)  # one painted, right
    assert curve[201] == curve[255] == 0
    assert measures.dice_curve(levels, np.zeros_like(TRUTH)) is None


@pytest.mark.parametrize(
    ("values", "hit"),
    [
        ([[1, 9], [2, 3]], 1.0),
        ([[1, 2], [9, 3]], 0.0),
        ([[9, 2], [9, 9]], 1 / 3),  # three tie, one of them inside
        ([[4, 4], [4, 4]], 0.5),  # flat: the share of the area
    ],
)
def test_pointing_draws_among_the_brightest(values: list[list[int]], hit: float):
    assert measures.pointing(np.array(values), TRUTH) == pytest.approx(hit)


def test_nearness_is_brightest_in_the_middle_and_black_in_the_corners():
    picture = measures.nearness((5, 7))
    assert picture[2, 3] == 255
    assert picture[0, 0] == picture[-1, -1] == picture[0, -1] == 0
    assert np.array_equal(picture, picture[::-1, ::-1])


def test_grey_levels_are_whole():
    assert grey_levels(np.float32([[0, 0.5, 7, 255]])).tolist() == [[0, 0, 7, 255]]
    assert grey_levels(np.uint8([[0, 7, 255]])).tolist() == [[0, 7, 255]]


# ---------------------------------------------------------------- the whole set
def test_a_map_that_is_the_mask_is_called_a_leak(tmp_path: Path):
    found = studies.study(_dataset(tmp_path, _slices()))
    one, other = found.summaries["map 1"], found.summaries["map 2"]
    assert (one["auroc"], one["dice"], one["oracle_dice"], one["pointing"]) == (1, 1, 1, 1)
    assert one["over_centre"] == pytest.approx(1 - (found.summaries["centre"]["auroc"] or 0))
    assert one["chance"] == pytest.approx(16 / 256)
    assert words.verdict(one) == "leak"
    assert words.verdict(other) in ("nothing", "something")
    assert "Do not feed" in words.of_feeding(found)
    assert found.agreement["slices"] == 4


def test_one_threshold_serves_the_whole_set(tmp_path: Path):
    slices = _slices(2)
    slices[1]["1"] = np.where(slices[1]["mask"], 200, 150).astype(np.uint8)
    found = studies.study(_dataset(tmp_path, slices))
    one = found.summaries["map 1"]
    assert 1 <= (one["threshold"] or 0) <= 127  # finds slice 0 and paints all of slice 1
    assert one["dice"] == pytest.approx((1 + 2 * 16 / (256 + 16)) / 2)
    assert one["dice"] == pytest.approx(max(found.curves["map 1"]))
    assert one["oracle_dice"] == 1  # each slice its own


def test_what_cannot_be_judged_is_counted(tmp_path: Path):
    slices = _slices(7)
    del slices[0]["mask"]
    slices[1]["mask"] = np.zeros_like(slices[1]["mask"])
    del slices[2]["1"], slices[2]["2"]
    del slices[3]["2"]
    slices[4]["1"] = np.full_like(slices[4]["1"], 9)
    slices[5]["2"] = cv2.resize(slices[5]["2"], (8, 8))
    catalog = _dataset(tmp_path, slices)
    (tmp_path / "saliency_maps_1" / "6.png").write_bytes(b"no picture")
    found = studies.study(catalog)
    assert found.left_out == {
        "slice without a mask": 1,
        "slice without a tumour": 1,
        "slice without a map": 1,
        "map 2 missing": 1,
        "map 1 flat": 1,
        "map 2 resized to its mask": 1,
        "map 1 cannot be read": 1,
    }
    assert [s.number for s in found.scores["map 1"]] == [3, 4, 5]
    assert [s.number for s in found.scores["map 2"]] == [4, 5, 6]
    assert [s.number for s in found.scores["brightness"]] == [3, 4, 5, 6]
    assert found.agreement["pearson_undefined"] == 1


def test_a_dataset_without_maps_is_refused_in_one_sentence(tmp_path: Path):
    slices = _slices(1)
    del slices[0]["1"], slices[0]["2"]
    catalog = _dataset(tmp_path, slices)
    assert not studies.has_maps(catalog)
    with pytest.raises(DataError, match="saliency_maps_1"):
        studies.study(catalog)


def test_what_progress_raises_stops_the_study(tmp_path: Path):
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        studies.study(_dataset(tmp_path, _slices()), stop)


def test_a_study_is_kept_until_a_map_changes(tmp_path: Path):
    catalog = _dataset(tmp_path, _slices())
    assert studies.kept(catalog) is None
    found = studies.study(catalog)
    studies.keep(catalog, found)
    again = studies.kept(catalog)
    assert again is not None
    assert asdict(again) == asdict(found)
    cv2.imwrite(str(catalog.samples[0].saliency[0]), np.eye(16, dtype=np.uint8))
    catalog = read_catalog(tmp_path)
    assert studies.kept(catalog) is None
    studies.keep(catalog, found)
    studies.place(catalog).write_text('{"schema": 0}')
    assert studies.kept(catalog) is None


# ---------------------------------------------------------------- what is said of it
def _summaries(map_1: list[float], brightness: list[float], centre: list[float]):
    def scores(areas: list[float]) -> list[MapScore]:
        return [
            MapScore(
                number=i, patient=str(i), auroc=area, dice=0.1, oracle_dice=0.2, pointing=0.0,
                tumour_share=0.02,
            )
            for i, area in enumerate(areas)
        ]  # fmt: skip

    found = {"map 1": map_1, "brightness": brightness, "centre": centre}
    curves = {name: [0.0, 0.1, 0.0] for name in found}
    return summarise({name: scores(areas) for name, areas in found.items()}, curves)


@pytest.mark.parametrize(
    ("areas", "said"),
    [
        ([0.99, 0.98, 0.99], "leak"),
        ([0.01, 0.02, 0.01], "leak"),  # as good, turned over
        ([0.90, 0.92, 0.94], "more"),
        ([0.10, 0.08, 0.06], "more"),
        ([0.80, 0.70, 0.75], "something"),
        ([0.40, 0.60, 0.50], "nothing"),
    ],
)
def test_the_verdict_follows_from_the_numbers(areas: list[float], said: str):
    found = _summaries(areas, [0.8, 0.8, 0.8], [0.7, 0.6, 0.7])["map 1"]
    assert words.verdict(found) == said


def test_the_advantage_is_paired_and_its_interval_holds_it():
    found = _summaries([0.9, 0.7, 0.8], [0.8, 0.7, 0.6], [0.5, 0.5, 0.5])["map 1"]
    assert found["over_brightness"] == pytest.approx(0.1)
    assert found["over_brightness_low"] <= 0.1 <= found["over_brightness_high"]
    assert found["over_centre"] == pytest.approx(0.3)


def test_the_verb_prints_the_report_and_speaks_json(demo_data: Path, capsys):
    assert cli.main(["study-saliency", "--data", str(demo_data)]) == 0
    printed = capsys.readouterr().out
    assert "AUROC" in printed
    assert "computed from the picture alone" in printed
    assert cli.main(["study-saliency", "--data", str(demo_data), "--json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert set(plain["summaries"]) == {"map 1", "map 2", "brightness", "centre"}
    assert asdict(Study.from_dict(plain)) == plain | {"pairs": list(plain["pairs"])}
