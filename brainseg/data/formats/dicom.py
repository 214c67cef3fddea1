"""DICOM images, alone, multi-frame or as a series: rescaled values, in order of position.

MONOCHROME1 is inverted, colour becomes luminance, no display window is applied. Deflated files are
refused: 2 MB of them have cost 4 GB.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainseg.data.formats import limits
from brainseg.data.formats.raster import luminance
from brainseg.errors import ScanError
from brainseg.types import FloatArray

Spacing = tuple[float, float, float]
Vector = NDArray[np.float64]
_NATIVE = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2")
_RLE = "1.2.840.10008.1.2.5"
_PICTURES = tuple(f"1.2.840.10008.1.2.4.{n}" for n in (50, 51, 90, 91))  # JPEG, JPEG 2000
_SAME_PLACE_MM = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Frame:
    values: FloatArray  # (H, W)
    instance: float
    position: Vector | None  # of the first pixel, mm
    normal: Vector | None
    spacing_mm: tuple[float, float] | None
    thickness_mm: float


def read(files: Sequence[bytes]) -> tuple[FloatArray, Spacing | None]:
    """Decode the images of one series to (D, H, W) values and (slice, row, column) spacing in mm.

    The slice spacing is NaN where no file tells it.

    Raises:
        ScanError: a file is damaged, compressed in an unsupported way or no image; or the files
            belong to different series, sizes or directions.
    """
    parts = _distinct([_header(data) for data in files])
    shapes = [_shape(part) for part in parts]
    if len({shape[1:3] for shape in shapes}) > 1:
        raise ScanError("its slices differ in size; give the files of one series")
    limits.check_stack(sum(shape[0] for shape in shapes), *shapes[0][1:3])
    frames = [f for part, shape in zip(parts, shapes, strict=True) for f in _frames(part, shape)]
    ordered, gap = _ordered(frames)
    return np.stack([frame.values for frame in ordered]), _spacing(ordered[0], gap)


def _syntax(data: bytes) -> str:
    """Return the transfer syntax without parsing more than the file's meta group."""
    at = 132
    while data[at : at + 2] == b"\x02\x00":
        element, kind = struct.unpack_from("<H2s", data, at + 2)
        long = kind in (b"OB", b"OW", b"UN", b"UT", b"SQ")
        length = struct.unpack_from("<I" if long else "<H", data, at + (8 if long else 6))[0]
        value = at + (12 if long else 8)
        if element == 0x0010:
            return data[value : value + length].rstrip(b"\0 ").decode("ascii", "replace")
        at = value + length
    raise ScanError("its DICOM header does not say how the pixels are stored")


def _header(data: bytes) -> Any:
    import pydicom

    syntax = _syntax(data)
    if syntax not in (*_NATIVE, _RLE, *_PICTURES):
        raise ScanError(
            f"its DICOM transfer syntax ({syntax[:64]}) cannot be read; convert it to "
            "'explicit VR little endian'"
        )
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    part = pydicom.dcmread(io.BytesIO(data))
    if "PixelData" not in part:
        raise ScanError("it is a DICOM file without an image")
    return part


def _distinct(parts: list[Any]) -> list[Any]:
    series = {str(part.get("SeriesInstanceUID", "")) for part in parts}
    if len(series) > 1:
        raise ScanError(f"its files belong to {len(series)} different series; give those of one")
    unique = {str(part.get("SOPInstanceUID") or index): part for index, part in enumerate(parts)}
    return list(unique.values())


def _shape(part: Any) -> tuple[int, int, int, int]:
    """Return (frames, rows, columns, samples), once they agree with the limits and the data."""
    frames, rows, columns, samples, bits = (
        int(part.get(name) or default)
        for name, default in (
            ("NumberOfFrames", 1),
            ("Rows", 0),
            ("Columns", 0),
            ("SamplesPerPixel", 1),
            ("BitsAllocated", 0),
        )
    )
    if bits not in (8, 16, 32) or samples not in (1, 3):
        raise ScanError(f"it stores {samples} x {bits} bits a pixel; 8, 16 or 32 can be read")
    limits.check_stack(frames, rows, columns)
    if part.file_meta.TransferSyntaxUID in _NATIVE:
        announced = frames * rows * columns * samples * bits // 8
        there = len(part.PixelData or b"")
        if there not in (announced, announced + announced % 2):
            raise ScanError(f"its header announces {announced} bytes of pixels, {there} are there")
    elif part.file_meta.TransferSyntaxUID in _PICTURES:
        _check_pictures(part, frames, (columns, rows))
    return frames, rows, columns, samples


def _check_pictures(part: Any, frames: int, size: tuple[int, int]) -> None:
    """Compare the size in each packed frame's own header, before anything unpacks it."""
    from PIL import Image
    from pydicom.encaps import generate_frames

    packed = list(generate_frames(part.PixelData, number_of_frames=frames))
    if len(packed) != frames:
        raise ScanError(f"its header announces {frames} frames, {len(packed)} are there")
    for frame in packed:
        if Image.open(io.BytesIO(frame), formats=("JPEG", "JPEG2000")).size != size:
            raise ScanError("its compressed pixels differ in size from its header")


def _frames(part: Any, shape: tuple[int, int, int, int]) -> Iterator[_Frame]:
    frames, rows, columns, _ = shape
    stored = _grey(part).reshape(frames, rows, columns)
    for index in range(frames):
        yield _frame(part, index, _rescaled(part, index, stored[index]), alone=frames == 1)


def _frame(part: Any, index: int, values: FloatArray, *, alone: bool) -> _Frame:
    def numbers(sequence: str, keyword: str, count: int) -> Vector | None:
        return _numbers(_told(part, index, sequence, keyword), count)

    position = numbers("PlanePositionSequence", "ImagePositionPatient", 3)
    if not alone and _item(part, index, "PlanePositionSequence") is None:
        position = None  # one position for many frames says nothing of their order
    axes = numbers("PlaneOrientationSequence", "ImageOrientationPatient", 6)
    spacing = numbers("PixelMeasuresSequence", "PixelSpacing", 2)
    thick = numbers("PixelMeasuresSequence", "SpacingBetweenSlices", 1)
    if thick is None or thick[0] <= 0:
        thick = numbers("PixelMeasuresSequence", "SliceThickness", 1)
    instance = _numbers(part.get("InstanceNumber"), 1)
    return _Frame(
        values=values,
        instance=index if not alone or instance is None else float(instance[0]),
        position=position,
        normal=None if axes is None else np.cross(axes[:3], axes[3:]),
        spacing_mm=_plausible(spacing),
        thickness_mm=float(thick[0]) if thick is not None and thick[0] > 0 else float("nan"),
    )


def _grey(part: Any) -> NDArray[Any]:
    """Return the stored values with dark low: MONOCHROME1 inverted, colour as luminance."""
    from pydicom.pixels import apply_color_lut

    pixels: NDArray[Any] = part.pixel_array
    photometric = str(part.get("PhotometricInterpretation", "MONOCHROME2"))
    if photometric == "PALETTE COLOR":
        return luminance(apply_color_lut(pixels, part))
    if int(part.get("SamplesPerPixel", 1)) == 3:
        return luminance(pixels)
    if photometric == "MONOCHROME1":
        bits = int(part.get("BitsStored") or part.BitsAllocated)
        top = -1 if int(part.get("PixelRepresentation") or 0) else 2**bits - 1
        return top - pixels.astype(np.int64)
    return pixels


def _rescaled(part: Any, index: int, stored: NDArray[Any]) -> FloatArray:
    from pydicom.pixels import apply_modality_lut

    if "ModalityLUTSequence" in part:
        return np.asarray(apply_modality_lut(stored, part), dtype=np.float32)
    group = "PixelValueTransformationSequence"
    slope = _numbers(_told(part, index, group, "RescaleSlope"), 1)
    intercept = _numbers(_told(part, index, group, "RescaleIntercept"), 1)
    if slope is not None and slope[0] == 0:
        raise ScanError("its rescale slope is 0, so that all its values would be the same")
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused later
        scaled = stored * (1.0 if slope is None else slope[0])
        return np.asarray(scaled + (0.0 if intercept is None else intercept[0]), dtype=np.float32)


def _item(part: Any, index: int, sequence: str) -> Any:
    """Return the functional group of an enhanced image: the frame's own, else the shared one."""
    own = part.get("PerFrameFunctionalGroupsSequence") or ()
    shared = part.get("SharedFunctionalGroupsSequence") or ()
    for group in (*own[index : index + 1], *shared[:1]):
        if group.get(sequence):
            return group[sequence][0]
    return None


def _told(part: Any, index: int, sequence: str, keyword: str) -> Any:
    item = _item(part, index, sequence)
    value = None if item is None else item.get(keyword)
    return part.get(keyword) if value is None else value


def _numbers(value: Any, count: int) -> Vector | None:
    """Return ``count`` finite numbers, or None where the header has none that make sense."""
    try:
        numbers = np.array(value, dtype=np.float64).reshape(-1)
    except (TypeError, ValueError):
        return None
    return numbers if len(numbers) == count and np.isfinite(numbers).all() else None


def _plausible(spacing: Vector | None) -> tuple[float, float] | None:
    if spacing is None or not ((spacing > 1e-4) & (spacing < 1e3)).all():
        return None
    return float(spacing[0]), float(spacing[1])


def _ordered(frames: list[_Frame]) -> tuple[list[_Frame], float]:
    """Sort frames by place, else by instance number; return them and their median distance."""
    normal = frames[0].normal
    if normal is None or any(f.position is None or f.normal is None for f in frames):
        return sorted(frames, key=lambda frame: frame.instance), float("nan")
    if any(float(np.dot(f.normal, normal)) < 0.99 for f in frames if f.normal is not None):
        raise ScanError("its slices lie in different directions; give the files of one series")
    places = np.array([float(np.dot(f.position, normal)) for f in frames if f.position is not None])
    order = np.argsort(places, kind="stable")
    gaps = np.diff(places[order])
    if len(gaps) and gaps.min() < _SAME_PLACE_MM:
        raise ScanError("it holds several images of the same place; give one volume only")
    return [frames[i] for i in order], float(np.median(gaps)) if len(gaps) else float("nan")


def _spacing(frame: _Frame, gap: float) -> Spacing | None:
    if frame.spacing_mm is None:
        return None
    return (frame.thickness_mm if np.isnan(gap) else gap, *frame.spacing_mm)
