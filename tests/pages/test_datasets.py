"""Which datasets the screens know, and when they notice that one has changed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from brainseg import paths
from ui import cache


def write(root: Path, *, side: int = 32, mask_side: int = 32) -> Path:
    """Write slice 1, a ramp, and its mask, the brighter half."""
    for folder, size in (("images", side), ("masks", mask_side)):
        (root / folder).mkdir(parents=True)
        pixels = np.tile(np.linspace(0, 255, size).astype(np.uint8), (size, 1))
        cv2.imwrite(str(root / folder / "1.png"), pixels)
    return root


def test_several_downloaded_datasets_are_listed_each(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("BRAINSEG_DATA", raising=False)
    write(paths.kaggle() / "first")
    assert [(ref.label, ref.root) for ref in cache.datasets()] == [("Kaggle", str(paths.kaggle()))]
    write(paths.kaggle() / "second")
    assert [ref.label for ref in cache.datasets()] == ["first", "second"]


def test_a_table_that_is_corrected_in_place_is_read_again(tmp_path: Path):
    root = write(tmp_path / "outer" / "set")
    for patient in ("A", "B"):
        (root / "patients.csv").write_text(f"number,patient\n1,{patient}\n")
        os.utime(root, ns=(1, 1))  # as where only the file was written to
        assert cache.catalog(str(tmp_path / "outer")).samples[0].patient == patient


def test_a_file_that_comes_is_noticed_in_a_folder_within_the_folder(tmp_path: Path):
    root = write(tmp_path / "outer" / "set")
    assert len(cache.catalog(str(tmp_path / "outer")).samples) == 1
    shutil.copy(root / "images" / "1.png", root / "images" / "2.png")
    assert len(cache.catalog(str(tmp_path / "outer")).samples) == 2


@pytest.mark.usefixtures("networks")
@pytest.mark.parametrize("screen", ["home", "segment", "compare", "dataset"])
def test_a_mask_of_another_size_than_its_image_is_one_sentence(
    alone, assert_frame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, screen: str
):
    monkeypatch.setenv("BRAINSEG_DATA", str(write(tmp_path / "set", mask_side=16)))
    app = alone(screen, dataset__slice="1")
    assert_frame(app)
    said = [error.value for error in app.error]
    assert len(said) == 1
    assert "16x16 but its image is 32x32" in said[0].replace("\\", "")
