"""What `predict` takes for one scan, which of several volumes, and what it calls the masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from brainseg import predict
from tests.data.scan_files import nifti, picture

HEAD = (np.add.outer(np.arange(32), np.arange(32)) * 2).astype(np.uint8)
FLAT = np.diag([1.0, 1.0, 4.0, 1.0])


def test_a_slice_of_a_volume_and_a_picture_of_its_name_are_told_apart(tmp_path: Path):
    scans = [tmp_path / "a.nii", tmp_path / "a_000.png"]
    scans[0].write_bytes(nifti(np.stack([HEAD, HEAD], axis=2), FLAT))
    scans[1].write_bytes(picture(HEAD))
    rows = predict.predict_files(["unet"], scans, tmp_path / "out")
    assert [Path(row["mask"]).name for row in rows] == [
        "a_000_unet_mask.png", "a_001_unet_mask.png", "a_000_unet-2_mask.png",
    ]  # fmt: skip
    assert {row["mask"] for row in rows} == {str(p) for p in (tmp_path / "out").iterdir()}
