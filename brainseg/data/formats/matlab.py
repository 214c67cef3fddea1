"""MATLAB v7.3 files (HDF5) of the public brain tumour set: ``cjdata/image``, or a plain ``image``.

With the image come the true mask (``tumorMask``) and the patient's code (``PID``) where they are
there. Only plain datasets inside the file itself are read: no links, no external or virtual data.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from brainseg.data.formats import limits
from brainseg.errors import ScanError
from brainseg.types import BoolArray, Volume

_PLACES = (("cjdata",), ())
_MOST_LETTERS = 64


def read(data: bytes) -> Volume:
    """Decode the image to (1, H, W) raw values, upright as in MATLAB, with its truth and patient.

    Raises:
        ScanError: there is no such image, or it is damaged, too large or not stored plainly.
    """
    import h5py

    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            for place in _PLACES:
                image = _dataset(file, (*place, "image"), h5py)
                if image is not None:
                    truth = _truth(_dataset(file, (*place, "tumorMask"), h5py), image.shape)
                    patient = _patient(_dataset(file, (*place, "PID"), h5py))
                    return Volume(voxels=_upright(_checked(image)), truth=truth, patient=patient)
    except (OSError, RuntimeError, KeyError) as error:
        raise ScanError("its HDF5 structure is damaged or cut short") from error
    raise ScanError("it holds no image named cjdata/image or image")


def _dataset(file: Any, place: tuple[str, ...], h5py: Any) -> Any:
    """Return the dataset at a place that no link leads out of, or None."""
    found = file
    for name in place:
        link = found.get(name, getlink=True) if isinstance(found, h5py.Group) else None
        found = found[name] if isinstance(link, h5py.HardLink) else None
    return found if isinstance(found, h5py.Dataset) else None


def _checked(found: Any) -> Any:
    if found.ndim != 2 or found.dtype.kind not in "iuf" or found.dtype.itemsize > 8:
        raise ScanError(f"its image has shape {found.shape} of {found.dtype}; (H, W) is needed")
    limits.check_image(found.shape[1], found.shape[0], found.dtype.itemsize)
    if not _is_plain(found):
        raise ScanError("its image is not stored plainly in the file")
    if not found.id.get_storage_size():
        raise ScanError("its image announces a size and holds no values")
    return found


def _is_plain(found: Any) -> bool:
    chunk = int(np.prod(found.chunks or (1,))) * found.dtype.itemsize  # unpacked as a whole
    small = chunk <= limits.current().decoded_bytes
    return small and not found.external and not found.is_virtual


def _upright(found: Any) -> Any:
    """Return (1, H, W) float32: MATLAB stores columns first."""
    return np.ascontiguousarray(np.asarray(found[()], dtype=np.float32).T)[np.newaxis]


def _truth(found: Any, shape: tuple[int, ...]) -> BoolArray | None:
    if found is None:
        return None
    if found.shape != shape or found.dtype.kind not in "iufb" or not _is_plain(found):
        raise ScanError(f"its tumorMask has shape {found.shape}; that of its image is needed")
    return np.asarray(_upright(found) > 0)


def _patient(found: Any) -> str | None:
    """Return the text that MATLAB stores as a row of 16-bit letters."""
    if found is None or found.dtype.kind != "u" or not 0 < found.size <= _MOST_LETTERS:
        return None
    text = "".join(map(chr, np.asarray(found[()]).ravel()))
    return text if text.isprintable() else None
