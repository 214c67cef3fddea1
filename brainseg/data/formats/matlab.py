"""MATLAB v7.3 files (HDF5) of the public brain tumour set: ``cjdata/image``, or a plain ``image``.

Only a plain numeric dataset inside the file itself is read: no links, no external or virtual data.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from brainseg.data.formats import limits
from brainseg.errors import ScanError
from brainseg.types import FloatArray

_PLACES = (("cjdata", "image"), ("image",))
_CHUNK = 2**26  # values in one chunk: HDF5 unpacks a whole chunk at a time


def read(data: bytes) -> FloatArray:
    """Decode the image to (1, H, W) raw values, upright as in MATLAB.

    Raises:
        ScanError: there is no such image, or it is damaged, too large or not stored plainly.
    """
    import h5py

    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            values = _dataset(file, h5py)[()]
    except (OSError, RuntimeError, KeyError) as error:
        raise ScanError("its HDF5 structure is damaged or cut short") from error
    upright = np.asarray(values, dtype=np.float32).T  # MATLAB stores columns first
    return np.ascontiguousarray(upright)[np.newaxis]


def _dataset(file: Any, h5py: Any) -> Any:
    for place in _PLACES:
        found = file
        for name in place:
            link = found.get(name, getlink=True) if isinstance(found, h5py.Group) else None
            found = found[name] if isinstance(link, h5py.HardLink) else None
        if isinstance(found, h5py.Dataset):
            return _checked(found)
    raise ScanError("it holds no image named cjdata/image or image")


def _checked(found: Any) -> Any:
    if found.ndim != 2 or found.dtype.kind not in "iuf" or found.dtype.itemsize > 8:
        raise ScanError(f"its image has shape {found.shape} of {found.dtype}; (H, W) is needed")
    limits.check_image(found.shape[1], found.shape[0])
    if found.external or found.is_virtual or int(np.prod(found.chunks or (1,))) > _CHUNK:
        raise ScanError("its image is not stored plainly in the file")
    return found
