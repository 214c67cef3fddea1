"""What a DICOM header says of each frame: where it lies, how far apart pixels are, its order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
_SAME_DIRECTION = 0.02  # of a unit vector: about a degree


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frame:
    """One frame of one file. Lengths in mm in the patient's LPS axes; None where not told."""

    part: Any  # the pydicom dataset
    index: int  # of the frame in its file
    rows: int
    columns: int
    instance: float
    position: Vector | None  # of the first pixel's centre
    axes: Vector | None  # unit vectors along which the column and the row index grow
    spacing_mm: tuple[float, float] | None  # (row, column)
    thickness_mm: float  # NaN where not told

    @property
    def place(self) -> float | None:
        """Position along the normal of the slice."""
        if self.position is None or self.axes is None:
            return None
        return float(np.dot(self.position, np.cross(self.axes[:3], self.axes[3:])))

    @property
    def series(self) -> str:
        """The identifier of the series."""
        return str(self.part.get("SeriesInstanceUID", ""))

    def belongs_to(self, other: Frame) -> bool:
        """Whether both can be slices of one volume: series, size and direction agree."""
        alike = (self.series, self.rows, self.columns) == (other.series, other.rows, other.columns)
        if not alike or self.axes is None or other.axes is None:
            return alike and self.axes is other.axes
        return bool(np.abs(self.axes - other.axes).max() < _SAME_DIRECTION)


def frames_of(part: Any, shape: tuple[int, int, int]) -> Iterator[Frame]:
    """Describe every frame of a file with that (frames, rows, columns)."""
    frames, rows, columns = shape
    for index in range(frames):
        yield _frame(part, index, (rows, columns), alone=frames == 1)


def told(part: Any, index: int, sequence: str, keyword: str) -> Any:
    """Return a value from a frame's functional groups (its own, then the shared), else the top."""
    item = _item(part, index, sequence)
    value = None if item is None else item.get(keyword)
    return part.get(keyword) if value is None else value


def numbers(value: Any, count: int) -> Vector | None:
    """Return ``count`` finite numbers, or None where the header has none that make sense."""
    try:
        found = np.array(value, dtype=np.float64).reshape(-1)
    except (TypeError, ValueError):
        return None
    return found if len(found) == count and np.isfinite(found).all() else None


def _frame(part: Any, index: int, size: tuple[int, int], *, alone: bool) -> Frame:
    def given(sequence: str, keyword: str, count: int) -> Vector | None:
        return numbers(told(part, index, sequence, keyword), count)

    position = given("PlanePositionSequence", "ImagePositionPatient", 3)
    if not alone and _item(part, index, "PlanePositionSequence") is None:
        position = None  # one position for many frames says nothing of their order
    thick = given("PixelMeasuresSequence", "SpacingBetweenSlices", 1)
    if thick is None or thick[0] <= 0:
        thick = given("PixelMeasuresSequence", "SliceThickness", 1)
    instance = numbers(part.get("InstanceNumber"), 1)
    return Frame(
        part=part,
        index=index,
        rows=size[0],
        columns=size[1],
        instance=index if not alone or instance is None else float(instance[0]),
        position=position,
        axes=_directions(given("PlaneOrientationSequence", "ImageOrientationPatient", 6)),
        spacing_mm=_plausible(given("PixelMeasuresSequence", "PixelSpacing", 2)),
        thickness_mm=float(thick[0]) if thick is not None and thick[0] > 0 else float("nan"),
    )


def _item(part: Any, index: int, sequence: str) -> Any:
    """Return the functional group of an enhanced image: the frame's own, else the shared one."""
    own = part.get("PerFrameFunctionalGroupsSequence") or ()
    shared = part.get("SharedFunctionalGroupsSequence") or ()
    for group in (*own[index : index + 1], *shared[:1]):
        if group.get(sequence):
            return group[sequence][0]
    return None


def _directions(axes: Vector | None) -> Vector | None:
    """Return the axes where they are two unit vectors at a right angle, as they must be."""
    if axes is None:
        return None
    lengths = np.linalg.norm(axes.reshape(2, 3), axis=1)
    straight = abs(float(np.dot(axes[:3], axes[3:]))) < 0.01
    return axes if straight and (np.abs(lengths - 1) < 0.01).all() else None


def _plausible(spacing: Vector | None) -> tuple[float, float] | None:
    if spacing is None or not ((spacing > 1e-4) & (spacing < 1e3)).all():
        return None
    return float(spacing[0]), float(spacing[1])
