"""DICOM images, alone, multi-frame or as a series: rescaled values, in order of position.

MONOCHROME1 is inverted, colour becomes luminance; the display window is handed on, not applied.
Files of several series, sizes or directions are several volumes, and so are several images of
every place (echoes, times); which one is meant is asked before any pixel is decoded.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainseg.data.formats import dicom_file, limits
from brainseg.data.formats.colour import is_coloured, luminance
from brainseg.data.formats.dicom_frame import Frame, frames_of, numbers, told
from brainseg.errors import ChoiceNeeded, ScanError
from brainseg.types import FloatArray, Volume

_SAME_PLACE_MM = 1e-3
_EVEN = 0.02  # of the distance of two slices: gaps that differ less are one
_BAND_PIXELS = 2**20
_REPEATED = (
    *("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID", "Modality"),
    "FrameOfReferenceUID",
)
_VOLUME = "PixelValueTransformationSequence"


def read(files: Sequence[bytes], volume_index: int | None = None) -> Volume:
    """Decode one volume; the slice spacing is NaN where no file tells it.

    Raises:
        ChoiceNeeded: there are several volumes and ``volume_index`` is None.
        ScanError: a file is damaged, compressed in an unsupported way or no image.
    """
    frames = choose(files, volume_index)
    spacing, affine = geometry(frames)
    voxels, coloured = _decoded(frames)
    return Volume(
        voxels=voxels,
        spacing_mm=spacing,
        affine=affine,
        coloured=coloured,
        window=_window(frames[len(frames) // 2]),
        geometry_from="DICOM",
        lacks=lacking(frames),
    )


def choose(files: Sequence[bytes], volume_index: int | None) -> list[Frame]:
    """Return the frames of one volume, sorted by place, else by instance number.

    Raises:
        ChoiceNeeded, ScanError: as ``read``.
    """
    parts: dict[str, Any] = {}
    for index, data in enumerate(files):
        part = dicom_file.parse(data)
        parts.setdefault(str(part.get("SOPInstanceUID") or index), part)  # one file twice is one
    stacks: list[list[Frame]] = []
    for part in parts.values():
        for frame in frames_of(part, dicom_file.shape(part)):
            fitting = next((stack for stack in stacks if frame.belongs_to(stack[0])), None)
            if fitting is None:
                stacks.append(fitting := [])
            fitting.append(frame)
    volumes = [volume for stack in stacks for volume in _volumes(stack)]
    if len(volumes) > 1 and volume_index is None:
        raise ChoiceNeeded(
            f"it holds {len(volumes)} volumes ({_reason(stacks)}); choose one of them",
            count=len(volumes),
            labels=[_label(volume) for volume in volumes],
        )
    index = volume_index or 0
    if not 0 <= index < len(volumes):
        raise ScanError(f"it holds {len(volumes)} volumes; there is no volume {index + 1}")
    chosen = volumes[index]
    limits.check_stack(len(chosen), chosen[0].rows, chosen[0].columns)
    return chosen


def _volumes(frames: list[Frame]) -> list[list[Frame]]:
    """Divide frames of one size and direction into volumes: one image of every place each."""
    if any(frame.place is None for frame in frames):
        return [sorted(frames, key=lambda frame: frame.instance)]
    frames = sorted(frames, key=lambda frame: (frame.place or 0.0, frame.instance))
    places: list[list[Frame]] = []
    for frame in frames:
        if places and abs((frame.place or 0.0) - (places[-1][0].place or 0.0)) < _SAME_PLACE_MM:
            places[-1].append(frame)
        else:
            places.append([frame])
    counts = {len(place) for place in places}
    if len(counts) > 1:
        raise ScanError(
            "it holds several images of the same place, not as many of each; give one volume only"
        )
    return [[place[which] for place in places] for which in range(counts.pop())]


def _reason(stacks: list[list[Frame]]) -> str:
    series = {stack[0].series for stack in stacks}
    if len(series) > 1:
        return f"its files belong to {len(series)} different series"
    if len({(stack[0].rows, stack[0].columns) for stack in stacks}) > 1:
        return "its slices differ in size"
    if len(stacks) > 1:
        return "its slices lie in different directions"
    return "several images of the same place"


def _label(volume: list[Frame]) -> str:
    part = volume[0].part
    name = str(part.get("SeriesDescription") or "").strip()[:60]
    number = str(part.get("SeriesNumber") or "").strip()[:12]
    count = f"{len(volume)} slice{'s' * (len(volume) > 1)}"
    size = f"{volume[0].columns} x {volume[0].rows}"
    return ", ".join(filter(None, (name or (number and f"series {number}"), count, size)))


def _decoded(frames: list[Frame]) -> tuple[FloatArray, bool]:
    """Return (D, H, W) values with dark low, and whether the middle one is a colour picture."""
    voxels = np.empty((len(frames), frames[0].rows, frames[0].columns), np.float32)
    by_part: dict[int, list[int]] = defaultdict(list)
    for place, frame in enumerate(frames):
        by_part[id(frame.part)].append(place)
    coloured = False
    for places in by_part.values():
        part = frames[places[0]].part
        wanted = [frames[place].index for place in places]
        for place, stored in zip(places, dicom_file.stored_frames(part, wanted), strict=True):
            if stored.shape[:2] != voxels.shape[1:]:
                raise ScanError("its pixels differ in size from its header")
            if stored.ndim == 3 and place == len(frames) // 2:
                coloured = is_coloured(stored, float(2 ** (8 * stored.dtype.itemsize) - 1))
            grey = luminance(stored) if stored.ndim == 3 else stored
            for rows in _bands(*grey.shape):  # what is in between is in 64 bits
                voxels[place, rows] = _rescaled(frames[place], _dark_low(grey[rows], part))
    return voxels, coloured


def _bands(height: int, width: int) -> list[slice]:
    step = max(1, _BAND_PIXELS // width)
    return [slice(top, top + step) for top in range(0, height, step)]


def _dark_low(stored: NDArray[Any], part: Any) -> NDArray[Any]:
    if str(part.get("PhotometricInterpretation", "")) == "MONOCHROME1":
        return _top(part) - stored.astype(np.int64)
    return stored


def _top(part: Any) -> int:
    """Return what a MONOCHROME1 value is subtracted from."""
    if dicom_file.whole(part, "PixelRepresentation", 0):
        return -1
    bits = dicom_file.whole(part, "BitsStored", 0) or dicom_file.whole(part, "BitsAllocated", 8)
    return int(2 ** min(bits, 32) - 1)


def _rescaled(frame: Frame, stored: NDArray[Any]) -> FloatArray:
    from pydicom.pixels import apply_modality_lut

    if "ModalityLUTSequence" in frame.part:
        return np.asarray(apply_modality_lut(stored, frame.part), dtype=np.float32)
    slope, intercept = _rescale(frame)
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused later
        return np.asarray(stored * slope + intercept, dtype=np.float32)


def _rescale(frame: Frame) -> tuple[float, float]:
    slope = numbers(told(frame.part, frame.index, _VOLUME, "RescaleSlope"), 1)
    intercept = numbers(told(frame.part, frame.index, _VOLUME, "RescaleIntercept"), 1)
    if slope is not None and slope[0] == 0:
        raise ScanError("its rescale slope is 0, so that all its values would be the same")
    return (
        1.0 if slope is None else float(slope[0]),
        0.0 if intercept is None else float(intercept[0]),
    )


def _window(frame: Frame) -> tuple[float, float] | None:
    """Return the (low, high) values that the file recommends to show as black and white."""
    levels = []
    for keyword in ("WindowCenter", "WindowWidth"):
        value = told(frame.part, frame.index, "FrameVOILUTSequence", keyword)
        several = isinstance(value, Sequence) and not isinstance(value, str) and len(value) > 0
        levels.append(numbers(value[0] if several else value, 1))
    if levels[0] is None or levels[1] is None or levels[1][0] < 1:
        return None
    centre, width = float(levels[0][0]), float(levels[1][0])
    low, high = centre - 0.5 - (width - 1) / 2, centre - 0.5 + (width - 1) / 2  # PS3.3 C.11.2.1.2
    if str(frame.part.get("PhotometricInterpretation", "")) == "MONOCHROME1":
        slope, intercept = _rescale(frame)
        middle = slope * _top(frame.part) + 2 * intercept
        low, high = middle - high, middle - low
    return (low, high) if high > low else None


def lacking(frames: list[Frame]) -> tuple[str, ...]:
    """Return what a Segmentation of these frames would have to repeat and no header tells."""
    parts = {id(frame.part): frame.part for frame in frames}.values()
    missing = {name for part in parts for name in _REPEATED if not part.get(name)}
    for frame in frames:
        missing |= {"ImagePositionPatient"} if frame.position is None else set()
        missing |= {"ImageOrientationPatient"} if frame.axes is None else set()
        missing |= {"PixelSpacing"} if frame.spacing_mm is None else set()
    spacing, _ = geometry(frames)
    missing |= {"SliceThickness"} if spacing is not None and np.isnan(spacing[0]) else set()
    return tuple(sorted(missing))


def geometry(frames: list[Frame]) -> tuple[tuple[float, float, float] | None, Any]:
    """Return the spacing in mm, and the (4, 4) affine to RAS mm where every slice has its place."""
    first, last = frames[0], frames[-1]
    gap = first.thickness_mm
    places = np.array([frame.place for frame in frames], dtype=np.float64)
    gaps = np.diff(places)
    if len(gaps) and np.isfinite(gaps).all():
        gap = float(np.median(gaps))
    if first.spacing_mm is None:
        return None, None
    spacing = (gap, *first.spacing_mm)
    if first.position is None or first.axes is None or last.position is None or np.isnan(gap):
        return spacing, None
    if len(gaps) and not (np.abs(gaps - gap) <= _EVEN * gap).all():
        return spacing, None  # no grid: slices are missing
    columns, rows = first.axes[:3], first.axes[3:]
    step = np.cross(columns, rows) * gap
    if len(frames) > 1:
        step = (last.position - first.position) / (len(frames) - 1)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1], affine[:3, 2] = step, rows * spacing[1], columns * spacing[2]
    affine[:3, 3] = first.position
    affine[:2] *= -1  # DICOM counts to the left and posterior, RAS to the right and anterior
    return spacing, affine
