"""A mask as a file that other programs open: PNG, NIfTI on the source's grid, DICOM Segmentation.

The source is read again for its grid, in the limited process that decodes uploads.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from brainseg.data import isolation
from brainseg.errors import ScanError
from brainseg.types import BoolArray


def png_mask(mask: BoolArray) -> bytes:
    """Return a mask (H, W) as an 8-bit grey PNG of 0 and 255, in its own size.

    Raises:
        ScanError: it is no picture of at least one pixel.
    """
    if mask.ndim != 2 or not mask.size:
        raise ScanError(f"the mask has shape {mask.shape}; (H, W) of one slice is needed")
    return cv2.imencode(".png", mask.astype(np.uint8) * 255)[1].tobytes()


def nifti_mask(source: bytes, mask: BoolArray) -> bytes:
    """Return a mask as gzip NIfTI of 0 and 1 on the grid and with the affine of a NIfTI source.

    Args:
        source: the bytes of the NIfTI file, plain, gzip or alone in a zip; of a 4-D file any
            volume will do.
        mask: (D, H, W) in the orientation in which ``readers.read`` shows the source.

    Raises:
        ScanError: the source is no NIfTI file, damaged, or of another shape.
    """
    return _made("nifti_mask", [source], mask)


def dicom_seg(
    sources: Sequence[bytes], mask: BoolArray, *, model: str, volume_index: int | None = None,
    corrected: bool = False,
) -> bytes:  # fmt: skip
    """Return a mask as a DICOM Segmentation that refers to its source images.

    Args:
        sources: the bytes of the DICOM files, or of one zip of them, as they were read.
        mask: (D, H, W) in the order in which ``readers.read_series`` gives the slices.
        model: the name of the network, noted as the algorithm.
        volume_index: which volume, where the files hold several.
        corrected: whether somebody changed by hand what the network found; it is noted.

    Raises:
        ChoiceNeeded: the files hold several volumes and ``volume_index`` is None.
        ScanError: they are no DICOM images, or lack what a Segmentation must repeat.
    """
    fields = {"model": model, "volume_index": volume_index, "corrected": corrected}
    return _made("dicom_seg", sources, mask, **fields)


def _made(job: str, sources: Sequence[bytes], mask: BoolArray, **fields: Any) -> bytes:
    packed = np.packbits(mask)
    answer = isolation.run(job, "the export", {**fields, "shape": mask.shape}, [packed, *sources])
    return answer.blobs[0]
