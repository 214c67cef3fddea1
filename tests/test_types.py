from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, is_dataclass
from pathlib import Path

import numpy as np
import pytest

from brainseg import types
from brainseg.types import Geometry, Prediction, Sample, Scan, Volume

RECORDS = [record for record in vars(types).values() if is_dataclass(record)]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_every_record_is_frozen_slotted_and_takes_names_only(record: type) -> None:
    assert record.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert "__slots__" in vars(record)
    assert all(field.kw_only for field in fields(record))


def test_records_cannot_be_changed() -> None:
    sample = Sample(number=1, image=Path("1.png"))
    with pytest.raises(FrozenInstanceError):
        sample.number = 2  # type: ignore[misc]


def test_truth_is_known_from_a_mask_or_from_being_tumour_free() -> None:
    image = Path("1.png")
    assert not Sample(number=1, image=image).has_truth
    assert not Sample(number=1, image=image, tumour="glioma").has_truth
    assert Sample(number=1, image=image, tumour="none").has_truth
    assert Sample(number=1, image=image, mask=Path("1_mask.png")).has_truth


def test_a_slice_of_a_volume_keeps_the_in_plane_spacing_and_the_source() -> None:
    voxels = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    volume = Volume(voxels=voxels, spacing_mm=(5.0, 0.5, 0.25), source="head.nii")
    scan = volume.slice(1)
    assert volume.depth == 2
    assert np.array_equal(scan.pixels, voxels[1])
    assert scan.spacing_mm == (0.5, 0.25)
    assert scan.source == "head.nii"


def test_no_spacing_stays_unknown() -> None:
    assert Volume(voxels=np.zeros((1, 2, 2), np.float32)).slice(0).spacing_mm is None
    assert Scan(pixels=np.zeros((2, 2), np.float32)).spacing_mm is None


def test_a_slice_that_is_not_there_is_an_index_error() -> None:
    with pytest.raises(IndexError):
        Volume(voxels=np.zeros((2, 3, 3), np.float32)).slice(2)


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [(10, 10, (10, 0, 0)), (10, 4, (10, 0, 3)), (4, 10, (10, 3, 0)), (5, 10, (10, 2, 0))],
)
def test_a_scan_is_centred_in_its_square(
    height: int, width: int, expected: tuple[int, int, int]
) -> None:
    geometry = Geometry(height=height, width=width, size=64)
    assert (geometry.side, geometry.top, geometry.left) == expected


def prediction(spacing: tuple[float, float] | None) -> Prediction:
    probability = np.array([[0.0, 0.3], [0.5, 0.9]], np.float32)
    return Prediction(probability=probability, spacing_mm=spacing, model="unet", seconds=0.1)


def test_the_threshold_moves_without_the_network() -> None:
    found = prediction(None)
    assert found.mask().tolist() == [[False, False], [True, True]]
    assert found.mask(0.3).sum() == 3
    assert [found.area_px(t) for t in (0.0, 0.5, 0.9, 0.95)] == [4, 2, 1, 0]


def test_an_area_in_mm2_needs_a_spacing() -> None:
    assert prediction(None).area_mm2() is None
    assert prediction((0.5, 0.25)).area_mm2() == 0.25
