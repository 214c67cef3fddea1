from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from brainseg.data import describe, survey
from brainseg.data.catalog import read_catalog
from brainseg.data.planes import PLANES
from brainseg.types import Sample


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Slices of 64 x 64: a head of 40 x 32 with a tumour of 10 x 8, one bare, one unreadable."""
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    image, mask = np.zeros((64, 64), np.uint8), np.zeros((64, 64), np.uint8)
    image[10:50, 16:48] = 100
    image[10:20, 16:24] = 200  # the tumour: the upper left corner of the head
    image[49, 47] = 255
    mask[10:20, 16:24] = 255
    cv2.imwrite(str(tmp_path / "images" / "1.png"), image)
    cv2.imwrite(str(tmp_path / "masks" / "1_mask.png"), mask)
    cv2.imwrite(str(tmp_path / "images" / "2.png"), image)
    (tmp_path / "images" / "3.png").write_bytes(b"not a picture")
    return tmp_path


def test_sizes_positions_and_grey_values_are_those_of_the_case(folder: Path):
    found = survey.make(read_catalog(folder))
    assert found.area_px.tolist() == [80, -1, -1]
    assert found.share[0] == pytest.approx(80 / 4096)
    assert np.isnan(found.share[1:]).all()
    assert found.centre[0] == pytest.approx([0.125, 0.125], abs=0.03)
    assert found.inside[0].tolist() == [80 if level == 25 else 0 for level in range(32)]
    assert found.outside[0][12] == 40 * 32 - 80 - 1
    assert found.covered[0][0, 0] > 200
    assert found.covered[0][-1, -1] == 0
    assert found.plane[2] == len(PLANES)
    assert found.picture(2) is None
    assert set(found.planes()) == {1, 2}


def test_it_is_read_back_as_it_was_made_and_made_again_when_damaged(folder: Path):
    catalog = read_catalog(folder)
    seen: list[int] = []
    made = survey.make(catalog, lambda done, total: seen.append(done))
    assert seen == [3]
    kept = survey.load(catalog)
    assert kept is not None
    assert kept.picture(0) == made.picture(0)
    assert made.picture(0)
    np.testing.assert_array_equal(kept.covered, made.covered)
    (survey.folder_of(catalog) / "thumbnails.bin").write_bytes(b"short")
    assert survey.load(catalog) is None
    assert survey.make(catalog).picture(0) == made.picture(0)


def test_every_statistic_of_a_case_worked_by_hand(folder: Path):
    found = survey.make(read_catalog(folder))
    sizes = describe.sizes(found, [0, 1, 2])  # 80 / 4096 = 1.95 %: the bin from 1.5 to 2 %
    assert sizes.tolist() == [1 if place == 3 else 0 for place in range(20)]
    inside, outside = describe.intensities(found, [0, 1, 2])
    assert inside[25] == 1.0
    assert outside.sum() == pytest.approx(1.0)
    assert outside[12] == pytest.approx(1199 / found.outside[0].sum())
    (place,) = describe.positions(found, [0, 1, 2])
    assert place.slices == 1
    np.testing.assert_allclose(place.tumour, found.covered[0] / 255.0, rtol=1e-6)
    assert describe.intensities(found, [1, 2]) is None
    assert describe.positions(found, []) == []


def test_patients_and_kinds_are_counted():
    def sample(number, tumour, patient):
        return Sample(number=number, image=Path("x"), tumour=tumour, patient=patient)

    samples = [
        *(sample(n, "glioma", "a") for n in range(3)),
        *(sample(n, "glioma", "b") for n in range(3, 4)),
        *(sample(n, "none", "c") for n in range(4, 5)),
        sample(5, None, None),
    ]
    assert describe.slices_per_patient(samples) == {1: 2, 3: 1}
    assert describe.counts(samples) == [("glioma", 4, 2), ("none", 1, 1), (None, 1, 0)]
