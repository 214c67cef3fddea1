from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from brainseg.data.demo import MARKER, is_demo, make_demo, plan
from brainseg.data.demo_slice import VIEWS
from brainseg.errors import ConfigError, DataError
from brainseg.types import TUMOURS

COUNT = 12
FOLDERS = ("images", "masks", "saliency_maps_1", "saliency_maps_2")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_demo(tmp_path_factory.mktemp("made") / "demo", count=COUNT, seed=3)


@pytest.fixture(scope="module")
def facts(demo: Path) -> list[dict[str, str]]:
    with (demo / "patients.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def read(path: Path) -> Any:
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_the_layout_is_the_one_of_the_kaggle_dataset(demo: Path) -> None:
    for folder in FOLDERS:
        ending = "_mask.png" if folder == "masks" else ".png"
        assert {p.name for p in (demo / folder).iterdir()} == {f"{n}{ending}" for n in range(COUNT)}
    assert {p.name for p in demo.iterdir()} == {*FOLDERS, MARKER, "patients.csv", "NOTICE.txt"}


def test_images_and_maps_are_grey_512_pixels_square_in_three_channels(demo: Path) -> None:
    for folder in ("images", "saliency_maps_1", "saliency_maps_2"):
        for path in (demo / folder).iterdir():
            pixels = read(path)
            assert pixels.shape == (512, 512, 3)
            assert pixels.dtype == np.uint8
            assert (pixels == pixels[..., :1]).all()


def test_every_image_spans_the_whole_range(demo: Path) -> None:
    for path in (demo / "images").iterdir():
        pixels = read(path)
        assert (pixels.min(), pixels.max()) == (0, 255)


def test_masks_are_black_and_white_and_empty_only_without_a_tumour(
    demo: Path, facts: list[dict[str, str]]
) -> None:
    for row in facts:
        mask = read(demo / "masks" / f"{row['number']}_mask.png")
        assert mask.shape == (512, 512)
        assert set(np.unique(mask)) <= {0, 255}
        area = np.count_nonzero(mask)
        if row["tumour"] == "none":
            assert area == 0
        else:
            assert 163 <= area <= 25461  # the extremes of the real masks


def test_a_tumour_is_brighter_than_the_brain_around_it(
    demo: Path, facts: list[dict[str, str]]
) -> None:
    for row in facts:
        if row["tumour"] == "none":
            continue
        image = read(demo / "images" / f"{row['number']}.png")[..., 0]
        mask = read(demo / "masks" / f"{row['number']}_mask.png") > 0
        rim = mask & ~cv2.erode(mask.astype(np.uint8), np.ones((9, 9))).astype(bool)
        assert np.median(image[rim]) > np.median(image[image > 25])


def test_the_table_names_every_slice_and_keeps_a_patient_in_one_fold(
    facts: list[dict[str, str]],
) -> None:
    assert list(facts[0]) == ["number", "tumour", "patient", "fold"]
    assert [int(row["number"]) for row in facts] == list(range(COUNT))
    assert {row["tumour"] for row in facts} == set(TUMOURS)
    assert len({(row["patient"], row["tumour"], row["fold"]) for row in facts}) == COUNT // 3


def test_the_plan_shows_every_kind_view_and_fold() -> None:
    planned = plan(60)
    assert [one.number for one in planned] == list(range(60))
    assert {one.view for one in planned} == set(VIEWS)
    assert {one.tumour for one in planned} == set(TUMOURS)
    assert {one.fold for one in planned} == {0, 1, 2, 3, 4}
    assert sum(one.tumour == "none" for one in planned) == 6
    held_back = {one.tumour for one in planned if one.fold == 3}
    assert held_back >= {"meningioma", "glioma", "pituitary"}


def test_a_small_plan_is_the_beginning_of_a_large_one() -> None:
    assert plan(300)[:7] == plan(7)


def test_the_marker_says_synthetic_transposed_and_how_the_maps_were_made(demo: Path) -> None:
    marker = json.loads((demo / MARKER).read_text(encoding="utf-8"))
    assert marker["synthetic"] is True
    assert marker["orientation"] == "transposed"
    assert (marker["count"], marker["seed"]) == (COUNT, 3)
    assert marker["saliency"] == ["spectral residual", "fine-grained static saliency"]
    assert is_demo(demo)


def test_the_files_are_transposed(demo: Path) -> None:
    """Upright, the first patient's axial head is longer (front to back) than wide."""
    assert plan(1)[0].view == "axial"
    head = read(demo / "images" / "0.png")[..., 0] > 60
    rows, columns = np.flatnonzero(head.any(axis=1)), np.flatnonzero(head.any(axis=0))
    assert np.ptp(columns) > np.ptp(rows)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(
    demo: Path, tmp_path: Path
) -> None:
    again = contents(make_demo(tmp_path / "again", count=3, seed=3))
    other = contents(make_demo(tmp_path / "other", count=3, seed=4))
    slices = {name for name in again if "/" in name}
    assert len(slices) == 3 * len(FOLDERS)
    assert all(again[name] == (demo / name).read_bytes() for name in slices)
    assert all(again[name] != other[name] for name in slices if name.startswith("images"))


def test_progress_counts_up_to_the_number_of_slices(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    make_demo(tmp_path / "demo", count=4, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (4, 4)
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})


def test_a_complete_demo_is_kept_and_a_damaged_or_different_one_replaced(tmp_path: Path) -> None:
    folder = make_demo(tmp_path / "demo", count=1)
    stamp = (folder / "images" / "0.png").stat().st_mtime_ns
    make_demo(folder, count=1)
    assert (folder / "images" / "0.png").stat().st_mtime_ns == stamp
    whole = contents(folder)
    (folder / "masks" / "0_mask.png").unlink()
    make_demo(folder, count=1)
    assert contents(folder) == whole
    make_demo(folder, count=1, seed=1)
    assert contents(folder) != whole
    assert list(tmp_path.glob(".demo-*")) == []


def test_a_folder_with_something_else_in_it_is_refused_and_untouched(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(DataError, match="not empty"):
        make_demo(tmp_path, count=1)
    assert contents(tmp_path) == {"letter.txt": b"dear"}


def test_a_stray_file_in_an_old_demo_is_not_lost(tmp_path: Path) -> None:
    folder = make_demo(tmp_path / "demo", count=1)
    (folder / "images" / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match=r"images/notes\.txt"):
        make_demo(folder, count=2)
    assert (folder / "images" / "notes.txt").read_text() == "mine"


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("")
    with pytest.raises(DataError, match="is a file"):
        make_demo(tmp_path / "demo", count=1)


def test_nothing_is_left_behind_when_making_fails(tmp_path: Path) -> None:
    def fail(done: int, total: int) -> None:
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        make_demo(tmp_path / "demo", count=2, progress=fail)
    assert list(tmp_path.iterdir()) == [tmp_path / "home"]


@pytest.mark.parametrize(("count", "seed"), [(0, 0), (-3, 0), (1, -1)])
def test_impossible_numbers_are_refused(tmp_path: Path, count: int, seed: int) -> None:
    with pytest.raises(ConfigError, match="at least 1 slice"):
        make_demo(tmp_path / "demo", count=count, seed=seed)


def test_a_folder_without_a_readable_marker_is_no_demo(tmp_path: Path) -> None:
    assert not is_demo(tmp_path)
    (tmp_path / MARKER).write_text("[1, 2")
    assert not is_demo(tmp_path)
