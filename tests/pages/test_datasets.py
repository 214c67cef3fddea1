"""Which datasets the screens know, and when they notice that one has changed."""

from __future__ import annotations

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
