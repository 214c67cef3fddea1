"""A mask back onto the grid of the NIfTI file that it was drawn on."""

from __future__ import annotations

import gzip
from typing import Any

import numpy as np

from brainseg.data.formats import nifti
from brainseg.errors import ScanError
from brainseg.types import BoolArray

_GRID = (
    *("qform_code", "sform_code", "quatern_b", "quatern_c", "quatern_d"),
    *("qoffset_x", "qoffset_y", "qoffset_z", "srow_x", "srow_y", "srow_z", "xyzt_units"),
)


def write(source: bytes, mask: BoolArray) -> bytes:
    """Return gzip NIfTI of 0 and 1: the source's axes, affine and kind, none of its texts.

    Raises:
        ScanError: the source is damaged, or its volumes have another shape than ``mask``, which is
            (D, H, W) as ``nifti.read`` turns them.
    """
    header = nifti.read_header(source)
    shape = nifti.shape_of(header)
    turns = nifti.turns_to_shown(nifti.affine_of(header), shape)
    turned = nifti.shown_shape(turns, shape)
    if mask.shape != turned:
        raise ScanError(f"the mask has shape {mask.shape}, the volume {turned}; give one that fits")
    stored = nifti.turned_back(mask, turns).astype(np.uint8)
    made = _header(header, shape)
    start = int(made["vox_offset"])
    data = made.binaryblock.ljust(start, b"\0") + stored.tobytes(order="F")
    return gzip.compress(data, mtime=0)


def _header(source: Any, shape: tuple[int, int, int]) -> Any:
    made = type(source)(endianness=source.endianness)
    made.set_data_dtype(np.uint8)
    made.set_data_shape(shape)
    for name in _GRID:
        made[name] = source[name]
    made["pixdim"][:4] = source["pixdim"][:4]  # the first says whether the axes are mirrored
    made["magic"] = b"n+1" if made.template_dtype.itemsize == 348 else b"n+2"
    made["vox_offset"] = made.template_dtype.itemsize + 4
    made["descrip"] = b"brainseg tumour mask"
    made["cal_max"] = 1
    return made
