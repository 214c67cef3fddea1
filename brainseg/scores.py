"""Records of scores: pixel counts, the scores of one slice, an evaluation of many.

``brainseg.types`` hands them on with the other records. ``None`` is a score that is undefined.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # types imports this module
    from brainseg.types import Tumour

Summary = dict[str, float | int | None]
# The eight symmetries of the square by name, in the order of ``views.SYMMETRIES``.
SYMMETRY_NAMES = (
    "upright",
    "mirrored",
    "rot90",
    "mirrored-rot90",
    "rot180",
    "mirrored-rot180",
    "rot270",
    "mirrored-rot270",
)
ORIENTATIONS = ("file", *SYMMETRY_NAMES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """Pixel counts of a predicted mask against the true one."""

    tp: int
    fp: int
    fn: int
    tn: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseScore:
    """Scores of one slice; ``None`` where a score is undefined (no tumour in truth and mask)."""

    number: int
    tumour: Tumour | None
    patient: str | None
    truth_px: int
    predicted_px: int
    dice: float | None
    iou: float | None
    precision: float | None
    sensitivity: float | None
    specificity: float | None
    accuracy: float
    background_accuracy: float
    hausdorff95_px: float | None = None  # None also where either mask is empty
    surface_distance_px: float | None = None
    pixel_mm: float | None = None  # side of a pixel, where it is known

    @property
    def tumour_share(self) -> float:
        """Share of the slice that is tumour: sizes that compare across files of any size."""
        return 1.0 - self.background_accuracy

    @property
    def hausdorff95_mm(self) -> float | None:
        """The 95 % Hausdorff distance in millimetres."""
        return _scaled(self.hausdorff95_px, self.pixel_mm)

    @property
    def surface_distance_mm(self) -> float | None:
        """The mean surface distance in millimetres."""
        return _scaled(self.surface_distance_px, self.pixel_mm)


def _scaled(length: float | None, unit: float | None) -> float | None:
    return None if length is None or unit is None else length * unit


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationCounts:
    """Pixels near tumours by predicted probability, in equal bins from 0 to 1; see calibration."""

    pixels: tuple[int, ...]
    probability: tuple[float, ...]  # summed over the pixels of the bin
    tumour: tuple[int, ...]  # how many of the pixels are tumour


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdCounts:
    """What the slices of an evaluation come to at each threshold; see thresholds."""

    levels: tuple[float, ...]
    tumour_slices: int
    tumour_free_slices: int
    dice: tuple[float, ...]  # summed over the slices with a tumour
    misses: tuple[int, ...]  # how many of them have no pixel hit
    false_alarms: tuple[int, ...]  # how many of the tumour-free slices are painted


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Scores of a network over a set of slices. ``summary`` maps a name to a number or None."""

    model: str
    data: str
    threshold: float
    orientation: str
    cases: tuple[CaseScore, ...]
    summary: Summary
    by_tumour: dict[str, Summary]
    by_size: dict[str, Summary] = field(default_factory=dict)
    calibration: CalibrationCounts | None = None
    thresholds: ThresholdCounts | None = None

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Evaluation:
        """Read what ``dataclasses.asdict`` gave, also of versions that knew fewer scores.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        values = dict(plain)
        values["cases"] = tuple(CaseScore(**case) for case in values["cases"])
        if values.get("calibration") is not None:
            counts = dict(values["calibration"])
            values["calibration"] = CalibrationCounts(**{k: tuple(v) for k, v in counts.items()})
        if values.get("thresholds") is not None:
            kept = dict(values["thresholds"])
            kept |= {k: tuple(v) for k, v in kept.items() if not isinstance(v, int)}
            values["thresholds"] = ThresholdCounts(**kept)
        return cls(**values)
