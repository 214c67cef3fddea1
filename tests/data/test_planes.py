from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from brainseg.data import demo, planes
from brainseg.data.catalog import read_catalog, read_image, upright
from tests.conftest import REPOSITORY


def test_most_demo_slices_are_told_right(demo_data: Path):
    catalog = read_catalog(demo_data)
    drawn = demo.drawn_views(len(catalog.samples))
    told = [planes.estimate(upright(read_image(s), catalog)) for s in catalog.samples]
    assert set(drawn) == set(planes.PLANES)
    assert sum(a == b for a, b in zip(drawn, told, strict=True)) >= 0.85 * len(drawn)


def test_a_mirrored_slice_keeps_its_plane_and_its_range_does_not_matter(demo_data: Path):
    catalog = read_catalog(demo_data)
    for sample in catalog.samples[:6]:
        image = upright(read_image(sample), catalog)
        kept = planes.features(planes.find_head(image))
        for other in (image[:, ::-1], image * 7 - 300):
            again = planes.features(planes.find_head(np.ascontiguousarray(other)))
            np.testing.assert_allclose(again, kept, atol=1e-3)


def test_the_head_is_found_where_it_is():
    image = np.zeros((128, 128), np.float32)
    image[32:96, 16:112] = 100.0
    head = planes.find_head(image)
    assert head.found
    for box, (start, stop) in ((head.rows, (32, 96)), (head.columns, (16, 112))):
        assert abs(box.start - start) <= 2
        assert abs(box.stop - stop) <= 2


@pytest.mark.parametrize("shape", [(1, 1), (5, 300), (64, 64)])
def test_a_picture_without_contrast_has_no_head_and_still_an_answer(shape):
    image = np.full(shape, 3.0, np.float32)
    assert not planes.find_head(image).found
    assert planes.estimate(image) in planes.PLANES


def test_labels_given_by_eye_are_met(real_data: Path):
    catalog = read_catalog(real_data / "cheng256")
    with (REPOSITORY / "benchmarks" / "planes.csv").open(newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["chosen"] == "random"][::4]
    samples = [catalog.by_number(int(row["number"])) for row in rows]
    told = [planes.estimate(upright(read_image(s), catalog)) for s in samples]
    assert sum(row["plane"] == one for row, one in zip(rows, told, strict=True)) >= 0.97 * len(rows)
