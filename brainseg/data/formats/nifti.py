"""NIfTI-1 and NIfTI-2, plain or gzip, as upright slices in the radiological convention.

The stack runs along the axis of the coarsest spacing (S where all are alike). Axial slices show
anterior up and the patient's left on the image's right; coronal ones superior up, sagittal ones
superior up and anterior on the image's left.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainseg.data.formats import limits
from brainseg.errors import ChoiceNeeded, ScanError
from brainseg.types import Volume

_SHOWN = ("RIP", "AIL", "SPL")  # directions of (slice, row, column) of a stack along R, A, S
_AS_SHOWN = np.array([[0, 1], [1, 1], [2, 1]], dtype=np.float64)
_PROBE = 4096
_STEP = 2**20
_SLACK = 2**20  # bytes after the voxels that are still read, so that the checksum is reached
_COARSER = 1.2  # a spacing this many times the others' is the slice axis
_MILLIMETRES = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}  # by xyzt_units; 0 is unset: mm by custom


def read(data: bytes, volume_index: int | None = None) -> Volume:
    """Decode a NIfTI file to (D, H, W) scaled values; spacing and affine in mm.

    Raises:
        ChoiceNeeded: it holds several volumes and ``volume_index`` is None.
        ScanError: it is damaged, too large, complex or colour, or has no such volume.
    """
    header = read_header(data)
    shape, affine = shape_of(header), affine_of(header)
    turns = turns_to_shown(affine, shape)
    voxels = np.empty(shown_shape(turns, shape), np.float32)
    as_stored = turned_back(voxels, turns)
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused later
        for z, values in enumerate(_slabs(data, header, _chosen(header, volume_index))):
            as_stored[:, :, z] = _scaled(values, header)
    shown = affine @ orientations().inv_ornt_aff(turns, shape)
    return Volume(
        voxels=voxels,
        spacing_mm=tuple(float(n) for n in np.linalg.norm(shown[:3, :3], axis=0)),  # type: ignore[arg-type]
        affine=shown,
        window=_window(header),
        geometry_from="NIfTI",
    )


def read_header(data: bytes) -> Any:
    """Return the checked nibabel header of a plain or gzip file.

    Raises:
        ScanError: it is damaged, half of a pair, too large or of values that are no grey ones.
    """
    header = _header(_start(data, _PROBE) if data[:2] == b"\x1f\x8b" else data[:_PROBE])
    shape_of(header)
    _dtype(header)
    return header


def holds_nifti(data: bytes) -> bool:
    """Whether gzip data begin like a NIfTI file."""
    try:
        return is_nifti(_start(data, 352))
    except ScanError:
        return False


def is_nifti(head: bytes) -> bool:
    """Whether these first bytes are those of a NIfTI-1 or NIfTI-2 header."""
    return head[344:347] in (b"n+1", b"ni1") or head[4:7] in (b"n+2", b"ni2")


def turns_to_shown(affine: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the flips and swaps, as nibabel writes them, from stored (x, y, z) to upright slices.

    ``orientations().apply_orientation`` applies them.
    """
    stored = orientations().io_orientation(affine)
    sizes, lengths = np.empty(3), np.empty(3, dtype=int)
    sizes[stored[:, 0].astype(int)] = np.linalg.norm(affine[:3, :3], axis=0)
    lengths[stored[:, 0].astype(int)] = shape
    shown = _SHOWN[_slice_axis(lengths.tolist(), sizes.tolist())]
    turns: NDArray[np.float64] = orientations().ornt_transform(
        stored, orientations().axcodes2ornt(shown)
    )
    return turns


def shown_shape(turns: NDArray[np.float64], shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the (D, H, W) of upright slices of a stored (x, y, z) shape."""
    return tuple(shape[int(axis)] for axis in np.argsort(turns[:, 0]))


def turned_back(slices: NDArray[Any], turns: NDArray[np.float64]) -> NDArray[Any]:
    """Return a view of upright slices (D, H, W) as they are stored, (x, y, z)."""
    back = orientations().ornt_transform(_AS_SHOWN, turns)
    view: NDArray[Any] = orientations().apply_orientation(slices, back)
    return view


def orientations() -> Any:
    """Return ``nibabel.orientations``: flips and swaps of axes."""
    from nibabel import orientations as module

    return module


def _slabs(data: bytes, header: Any, index: int) -> Iterator[NDArray[Any]]:
    """Give the (x, y) values, as stored, of every z of volume ``index``: never all at once."""
    (x, y, z), dtype = shape_of(header), _dtype(header)
    size = x * y * dtype.itemsize
    start = int(header["vox_offset"]) + index * z * size
    needed = int(header["vox_offset"]) + volumes_of(header) * z * size
    packed, most = data[:2] == b"\x1f\x8b", limits.current()
    if needed > (most_bytes := most.unpacked_bytes if packed else most.file_bytes):
        raise ScanError(f"it announces more than {most_bytes // 2**20} MB; give fewer slices")
    if packed:
        slabs: Iterable[bytes | bytearray] = _unpacked(data, start, size, z, most=needed + _SLACK)
    else:
        places = range(start, start + z * size, size)
        slabs = (data[place : place + size] for place in places)
    for slab in slabs:
        if len(slab) < size:
            raise ScanError(f"it is cut short: not all of the {needed} announced bytes are there")
        yield np.frombuffer(slab, dtype).reshape((x, y), order="F")


def _unpacked(data: bytes, start: int, size: int, count: int, *, most: int) -> Iterator[bytearray]:
    """Give ``count`` parts of the unpacked gzip data, the last ones short where it ends early.

    Everything is unpacked, at most that much, and every checksum holds, or the end is an error.
    """
    kept, at = bytearray(), 0
    for piece in _pieces(data, whole=True):
        kept += piece[max(0, start - at) :]
        at += len(piece)
        if at > most:
            raise ScanError("it unpacks to more than its header announces")
        while count and len(kept) >= size:
            yield kept[:size]
            del kept[:size]
            count -= 1
        if not count:
            kept.clear()
    if count:
        yield kept


def _start(data: bytes, size: int) -> bytes:
    """Return the first bytes of the unpacked gzip data."""
    kept = bytearray()
    for piece in _pieces(data, whole=False):
        kept += piece
        if len(kept) >= size:
            break
    return bytes(kept[:size])


def _pieces(data: bytes, *, whole: bool) -> Iterator[bytes]:
    """Unpack gzip members a piece at a time."""
    at = 0
    while data[at : at + 2] == b"\x1f\x8b":
        member, tail = zlib.decompressobj(31), b""
        while not member.eof and (tail or at < len(data)):
            if not tail:
                tail, at = data[at : at + _STEP], at + _STEP
            try:
                yield member.decompress(tail, _STEP)
            except zlib.error as error:
                raise ScanError(
                    "its gzip data are damaged: their checksum does not hold"
                ) from error
            tail = member.unconsumed_tail
        if whole and not member.eof:
            raise ScanError("it is cut short: its gzip data end too early")
        at = min(at, len(data)) - len(member.unused_data)
    if whole and data[at:].strip(b"\0"):
        raise ScanError("its gzip data are damaged: something follows the end")


def _header(head: bytes) -> Any:
    import nibabel

    if head[344:347] == b"ni1" or head[4:7] == b"ni2":
        raise ScanError("it is half of a .hdr/.img pair; convert it to a single .nii file")
    kind = nibabel.Nifti1Header if head[344:347] == b"n+1" else nibabel.Nifti2Header
    size = kind.template_dtype.itemsize
    if len(head) < size:
        raise ScanError("it is cut short inside its header")
    header = kind(head[:size], check=False)
    if not size <= header["vox_offset"] <= limits.current().file_bytes:
        raise ScanError("its header is damaged (it places the voxels inside itself)")
    return header


def shape_of(header: Any) -> tuple[int, int, int]:
    """Return the (x, y, z) size of one volume.

    Raises:
        ScanError: it is empty or larger than the limits.
    """
    sizes = _sizes(header)
    x, y, z = (*sizes[:3], 1)[:3]
    most = limits.current()
    if max(x, y, z) > most.volume_side or x * y * z > most.voxels:
        raise ScanError(
            f"it has {x} x {y} x {z} voxels; at most {most.volume_side} a side and "
            f"{most.voxels / 1e6:.4g} million in all can be read"
        )
    return x, y, z


def volumes_of(header: Any) -> int:
    """Return how many volumes the file holds."""
    return int(np.prod(_sizes(header)[3:], dtype=object))


def _sizes(header: Any) -> list[int]:
    rank = int(header["dim"][0])
    if not 2 <= rank <= 7:
        raise ScanError(f"its header announces {rank} dimensions; 2 to 7 can be read")
    sizes = [int(n) for n in header["dim"][1 : rank + 1]]
    if any(n < 1 for n in sizes):
        raise ScanError(limits.NOTHING)
    return sizes


def _chosen(header: Any, index: int | None) -> int:
    count = volumes_of(header)
    if index is None and count > 1:
        raise ChoiceNeeded(f"it holds {count} volumes; choose one of them", count=count)
    if not 0 <= (index or 0) < count:
        raise ScanError(f"it holds {count} volumes; there is no volume {(index or 0) + 1}")
    return index or 0


def _dtype(header: Any) -> np.dtype[Any]:
    try:
        dtype: np.dtype[Any] = header.get_data_dtype()
    except Exception as error:
        raise ScanError("its header announces an unknown type of values") from error
    if dtype.kind not in "iuf" or dtype.itemsize > 8:
        raise ScanError(f"its values are of type {dtype}; real grey values are needed")
    return dtype


def affine_of(header: Any) -> NDArray[np.float64]:
    """Return the (4, 4) affine of stored (x, y, z) to RAS mm.

    Raises:
        ScanError: it is not finite, not invertible or of impossible size.
    """
    unit = _MILLIMETRES.get(int(header["xyzt_units"]) & 7, 1.0)
    affine = np.array(header.get_best_affine(), dtype=np.float64)
    affine[:3] *= unit
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    if not np.isfinite(affine).all() or not (lengths > 1e-4).all() or not (lengths < 1e3).all():
        raise ScanError("its header gives impossible voxel sizes")
    if abs(np.linalg.det(affine[:3, :3] / lengths)) < 1e-3:
        raise ScanError("its header gives an orientation that cannot be inverted")
    return affine


def _scaled(stored: NDArray[Any], header: Any) -> NDArray[Any]:
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    if not np.isfinite(slope) or slope == 0 or (slope, intercept) == (1.0, 0.0):
        return stored
    return stored * np.float64(slope) + (intercept if np.isfinite(intercept) else 0.0)


def _window(header: Any) -> tuple[float, float] | None:
    low, high = float(header["cal_min"]), float(header["cal_max"])
    return (low, high) if np.isfinite([low, high]).all() and high > low else None


def _slice_axis(shape: Sequence[int], spacing: Sequence[float]) -> int:
    """Return which of the (right, anterior, superior) axes runs through the stack."""
    flat = [axis for axis in range(3) if shape[axis] == 1]
    if len(flat) == 1:
        return flat[0]
    coarsest = int(np.argmax(spacing))
    others = max(size for axis, size in enumerate(spacing) if axis != coarsest)
    return coarsest if spacing[coarsest] > _COARSER * others else 2
