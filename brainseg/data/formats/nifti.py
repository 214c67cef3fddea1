"""NIfTI-1 and NIfTI-2, plain or gzip, as upright slices in the radiological convention.

The stack runs along the axis of the coarsest spacing (S where all are alike). Axial slices show
anterior up and the patient's left on the image's right; coronal ones superior up, sagittal ones
superior up and anterior on the image's left.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainseg.data.formats import limits
from brainseg.errors import ScanError
from brainseg.types import FloatArray

Spacing = tuple[float, float, float]
_PROBE = 4096
_STEP = 2**20
_SLACK = 2**20  # bytes after the voxels that are still read, so that the checksum is reached
_COARSER = 1.2  # a spacing this many times the others' is the slice axis
_MILLIMETRES = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}  # by xyzt_units; 0 is unset: mm by custom


def read(data: bytes) -> tuple[FloatArray, Spacing]:
    """Decode a NIfTI file to (D, H, W) scaled values and their (slice, row, column) spacing in mm.

    Raises:
        ScanError: it is damaged, too large, complex or colour, or holds more than one volume.
    """
    packed = data[:2] == b"\x1f\x8b"
    header = _header(_inflate(data, _PROBE, whole=False) if packed else data[:_PROBE])
    shape, dtype, offset = _shape(header), _dtype(header), int(header["vox_offset"])
    needed = offset + int(np.prod(shape)) * dtype.itemsize
    raw = _inflate(data, needed + _SLACK, whole=True) if packed else data
    if len(raw) < needed:
        raise ScanError(f"it is cut short: {needed} bytes are announced, {len(raw)} are there")
    stored = np.frombuffer(raw, dtype, int(np.prod(shape)), offset).reshape(shape, order="F")
    slices, spacing = _upright(stored, _affine(header))
    return _scaled(slices, header), spacing


def holds_nifti(data: bytes) -> bool:
    """Whether gzip data begin like a NIfTI file."""
    try:
        head = _inflate(data, 352, whole=False)
    except ScanError:
        return False
    return is_nifti(head)


def is_nifti(head: bytes) -> bool:
    """Whether these first bytes are those of a NIfTI-1 or NIfTI-2 header."""
    return head[344:347] in (b"n+1", b"ni1") or head[4:7] in (b"n+2", b"ni2")


def _inflate(data: bytes, cap: int, *, whole: bool) -> bytes:
    """Unpack gzip members up to ``cap`` bytes; ``whole`` asks for the end and its checksum."""
    parts: list[bytes] = []
    size, at = 0, 0
    while data[at : at + 2] == b"\x1f\x8b":
        member, tail = zlib.decompressobj(31), b""
        while not member.eof and (tail or at < len(data)):
            if not tail:
                tail, at = data[at : at + _STEP], at + _STEP
            try:
                parts.append(member.decompress(tail, min(_STEP, cap - size + 1)))
            except zlib.error as error:
                raise ScanError(
                    "its gzip data are damaged: their checksum does not hold"
                ) from error
            size, tail = size + len(parts[-1]), member.unconsumed_tail
            if size > cap and not whole:
                return b"".join(parts)[:cap]
            if size > cap:
                raise ScanError("it unpacks to more than its header announces")
        if whole and not member.eof:
            raise ScanError("it is cut short: its gzip data end too early")
        at = min(at, len(data)) - len(member.unused_data)
    if whole and data[at:].strip(b"\0"):
        raise ScanError("its gzip data are damaged: something follows the end")
    return b"".join(parts)


def _header(head: bytes) -> Any:
    import nibabel

    if head[344:347] == b"ni1" or head[4:7] == b"ni2":
        raise ScanError("it is half of a .hdr/.img pair; convert it to a single .nii file")
    kind = nibabel.Nifti1Header if head[344:347] == b"n+1" else nibabel.Nifti2Header
    size = kind.template_dtype.itemsize
    if len(head) < size:
        raise ScanError("it is cut short inside its header")
    header = kind(head[:size], check=False)
    if not size <= header["vox_offset"] <= limits.FILE_BYTES:
        raise ScanError("its header is damaged (it places the voxels inside itself)")
    return header


def _shape(header: Any) -> tuple[int, int, int]:
    rank = int(header["dim"][0])
    if not 2 <= rank <= 7:
        raise ScanError(f"its header announces {rank} dimensions; 2 or 3 can be read")
    sizes = [int(n) for n in header["dim"][1 : rank + 1]]
    if any(n < 1 for n in sizes):
        raise ScanError(limits.NOTHING)
    volumes = int(np.prod(sizes[3:], dtype=object)) if rank > 3 else 1
    if volumes > 1:
        raise ScanError(f"it holds {volumes} volumes; give the one to segment as a 3-D file")
    x, y, z = (*sizes[:3], 1)[:3]
    if max(x, y, z) > limits.VOLUME_SIDE or x * y * z > limits.VOXELS:
        raise ScanError(
            f"it has {x} x {y} x {z} voxels; at most {limits.VOLUME_SIDE} a side and "
            f"{limits.VOXELS // 2**20} million in all can be read"
        )
    return x, y, z


def _dtype(header: Any) -> np.dtype[Any]:
    try:
        dtype: np.dtype[Any] = header.get_data_dtype()
    except Exception as error:
        raise ScanError("its header announces an unknown type of values") from error
    if dtype.kind not in "iuf" or dtype.itemsize > 8:
        raise ScanError(f"its values are of type {dtype}; real grey values are needed")
    return dtype


def _affine(header: Any) -> NDArray[np.float64]:
    unit = _MILLIMETRES.get(int(header["xyzt_units"]) & 7, 1.0)
    affine = np.array(header.get_best_affine(), dtype=np.float64)
    affine[:3] *= unit
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    if not np.isfinite(affine).all() or not (lengths > 1e-4).all() or not (lengths < 1e3).all():
        raise ScanError("its header gives impossible voxel sizes")
    if abs(np.linalg.det(affine[:3, :3] / lengths)) < 1e-3:
        raise ScanError("its header gives an orientation that cannot be inverted")
    return affine


def _scaled(slices: NDArray[Any], header: Any) -> FloatArray:
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused later
        values: FloatArray = slices.astype(np.float32, order="C")
        if np.isfinite(slope) and slope != 0 and (slope, intercept) != (1.0, 0.0):
            offset = intercept if np.isfinite(intercept) else 0.0
            for index, stored in enumerate(slices):  # one slice in float64 at a time
                values[index] = stored * np.float64(slope) + offset
    return values


def _upright(values: NDArray[Any], affine: NDArray[np.float64]) -> tuple[NDArray[Any], Spacing]:
    """Return a view of (x, y, z) voxels as upright (D, H, W) slices, and its spacing."""
    from nibabel import orientations

    codes = orientations.io_orientation(affine)
    ras = orientations.apply_orientation(values, codes)
    sizes = np.empty(3)
    sizes[codes[:, 0].astype(int)] = np.linalg.norm(affine[:3, :3], axis=0)
    right, anterior, superior = (float(size) for size in sizes)
    axis = _slice_axis(ras.shape, (right, anterior, superior))
    if axis == 2:  # axial: rows run to posterior, columns to the patient's left
        slices, spacing = ras[::-1, ::-1].transpose(2, 1, 0), (superior, anterior, right)
    elif axis == 1:  # coronal: rows run down, columns to the patient's left
        slices, spacing = ras[::-1, :, ::-1].transpose(1, 2, 0), (anterior, superior, right)
    else:  # sagittal: rows run down, columns to posterior
        slices, spacing = ras[:, ::-1, ::-1].transpose(0, 2, 1), (right, superior, anterior)
    return slices, spacing


def _slice_axis(shape: tuple[int, ...], spacing: Spacing) -> int:
    flat = [axis for axis in range(3) if shape[axis] == 1]
    if len(flat) == 1:
        return flat[0]
    coarsest = int(np.argmax(spacing))
    others = max(size for axis, size in enumerate(spacing) if axis != coarsest)
    return coarsest if spacing[coarsest] > _COARSER * others else 2
