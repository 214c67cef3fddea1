from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from brainseg import tuning
from brainseg.data.catalog import read_catalog
from brainseg.errors import DataError
from brainseg.thresholds import LEVELS, Curve
from brainseg.tuning import best_threshold
from brainseg.types import Prediction, Scan


class Brightness:
    """A network whose probability is the scaled brightness."""

    config = SimpleNamespace(saliency="none")

    def predict(self, scan: Scan) -> Prediction:
        p = (scan.pixels / scan.pixels.max()).astype(np.float32)
        return Prediction(probability=p, spacing_mm=None, model="brightness", seconds=0.0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Slice 1 has a tumour of brightness 204 of 255, slice 2 none."""
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    for number, tumour in ((1, True), (2, False)):
        image, mask = np.zeros((16, 16), np.uint8), np.zeros((16, 16), np.uint8)
        image[0, 0] = 255
        image[4:8, 4:8] = 204 if tumour else 51
        mask[4:8, 4:8] = 255 if tumour else 0
        cv2.imwrite(str(tmp_path / "images" / f"{number}.png"), image)
        cv2.imwrite(str(tmp_path / "masks" / f"{number}_mask.png"), mask)
    return tmp_path


def test_a_curve_has_the_dice_of_one_kind_of_slice_and_the_alarms_of_the_other(
    folder: Path,
) -> None:
    seen: list[int] = []
    found = tuning.curve(
        Brightness(), [read_catalog(folder)], [1, 2], progress=lambda done, _: seen.append(done)
    )
    assert found.at(0.75) == pytest.approx(2 * 16 / (17 + 16))
    assert found.at(0.95) == 0
    assert found.false_alarms == (1.0,) * len(LEVELS)  # its one bright pixel
    assert seen == [1, 2]


def test_a_mask_of_another_size_than_its_image_is_named(folder: Path) -> None:
    cv2.imwrite(str(folder / "masks" / "1_mask.png"), np.full((8, 8), 255, np.uint8))
    with pytest.raises(DataError, match=r"1_mask\.png is 8x8 but its image is 16x16"):
        tuning.curve(Brightness(), [read_catalog(folder)], [1, 2])


def test_slices_that_are_not_there_are_refused(folder: Path) -> None:
    for numbers in ([], [10**7]):
        with pytest.raises(DataError, match="are not in the folders"):
            tuning.curve(Brightness(), [read_catalog(folder)], numbers)


def bent(dice: dict[float, float], alarms: dict[float, float] | None = None) -> Curve:
    told = None if alarms is None else tuple(alarms.get(level, 0.1) for level in LEVELS)
    levels = tuple(dice.get(level, 0.7) for level in LEVELS)
    return Curve(levels=LEVELS, dice=levels, false_alarms=told)


def test_the_best_threshold_has_the_highest_dice() -> None:
    assert best_threshold(bent({0.3: 0.8, 0.4: 0.79}), 0.5) == 0.3


def test_a_gain_below_the_third_decimal_changes_nothing() -> None:
    assert best_threshold(bent({0.3: 0.7009}), 0.5) == 0.5
    assert best_threshold(bent({0.3: 0.7011}), 0.5) == 0.3


def test_more_false_alarms_are_not_bought() -> None:
    found = bent({0.3: 0.9, 0.6: 0.8}, {0.3: 0.2})
    assert best_threshold(found, 0.5) == 0.6


def test_without_a_tumour_nothing_can_be_tuned() -> None:
    assert best_threshold(Curve(levels=LEVELS, dice=None, false_alarms=None), 0.5) == 0.5
