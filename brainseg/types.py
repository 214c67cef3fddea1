"""The records that cross borders between layers. All frozen; ``None`` always means unknown.

Shapes: (H, W) images, (H, W, 3) uint8 RGB, (D, H, W) volumes, (B, H, W, 1) float32 batches.
Spacing is in millimetres, in the axis order of the array it belongs to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]
ByteArray = NDArray[np.uint8]

Tumour = Literal["meningioma", "glioma", "pituitary", "none"]
TUMOURS: tuple[Tumour, ...] = ("meningioma", "glioma", "pituitary", "none")
State = Literal["queued", "running", "stopping", "stopped", "finished", "failed", "lost"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One slice of a dataset folder: its files and what is known of it.

    ``tumour == "none"`` says that the slice is known to be tumour-free, with or without a mask
    file; ``tumour is None`` that nobody knows.
    """

    number: int
    image: Path
    mask: Path | None = None
    saliency: tuple[Path | None, Path | None] = (None, None)
    tumour: Tumour | None = None
    patient: str | None = None
    fold: int | None = None

    @property
    def has_truth(self) -> bool:
        """Whether the true mask is known: from a file, or because there is no tumour."""
        return self.mask is not None or self.tumour == "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Sample numbers of the three parts. ``unit`` is what was kept together."""

    train: tuple[int, ...]
    val: tuple[int, ...]
    test: tuple[int, ...]
    seed: int
    unit: Literal["patient", "slice"]

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Split:
        """Read what ``dataclasses.asdict`` gave, after JSON made lists of the tuples.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        parts = {part: tuple(int(n) for n in plain[part]) for part in ("train", "val", "test")}
        return cls(**parts, seed=int(plain["seed"]), unit=plain["unit"])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scan:
    """One 2-D image as it came: raw values, no window."""

    pixels: FloatArray  # (H, W)
    spacing_mm: tuple[float, float] | None = None  # (row, column)
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Volume:
    """A stack of slices with raw values; a PNG is a volume of depth 1."""

    voxels: FloatArray  # (D, H, W)
    spacing_mm: tuple[float, float, float] | None = None  # (slice, row, column)
    source: str = ""

    @property
    def depth(self) -> int:
        """Number of slices."""
        return int(self.voxels.shape[0])

    def slice(self, index: int) -> Scan:
        """Return slice ``index`` (0-based) with its in-plane spacing."""
        spacing = None if self.spacing_mm is None else self.spacing_mm[1:]
        return Scan(pixels=self.voxels[index], spacing_mm=spacing, source=self.source)


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """How a scan of ``height`` x ``width`` was fitted into a square of side ``size``.

    The scan is centred in a square of its longer side (``top``, ``left`` rows and columns of
    padding) and that square is resized.
    """

    height: int
    width: int
    size: int

    @property
    def side(self) -> int:
        """Side of the padded square before resizing, in scan pixels."""
        return max(self.height, self.width)

    @property
    def top(self) -> int:
        """Rows of padding above the scan."""
        return (self.side - self.height) // 2

    @property
    def left(self) -> int:
        """Columns of padding left of the scan."""
        return (self.side - self.width) // 2


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochRecord:
    """One line of the training history. Epochs count from 1; times in seconds."""

    epoch: int
    seconds: float
    elapsed: float
    learning_rate: float
    loss: float
    val_loss: float
    dice: float
    val_dice: float
    accuracy: float
    val_accuracy: float
    val_background_accuracy: float
    val_dice_loss: float
    slices_per_second: float
    best: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStatus:
    """What can be said of a run from its folder alone."""

    run_id: str
    state: State
    reason: str | None
    epoch: int
    epochs: int
    created: float
    started: float | None
    updated: float | None
    best_epoch: int | None
    best_dice: float | None
    log_tail: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prediction:
    """Tumour probability of one scan, in the scan's own geometry.

    The probabilities are kept, so moving the threshold never runs the network again.
    """

    probability: FloatArray  # (H, W) in 0..1
    spacing_mm: tuple[float, float] | None
    model: str
    seconds: float

    def mask(self, threshold: float = 0.5) -> BoolArray:
        """Return where the probability reaches ``threshold``; (H, W) bool."""
        return self.probability >= threshold

    def area_px(self, threshold: float = 0.5) -> int:
        """Return the predicted area in pixels."""
        return int(np.count_nonzero(self.mask(threshold)))

    def area_mm2(self, threshold: float = 0.5) -> float | None:
        """Return the predicted area in mm2, or None where the scan has no spacing."""
        if self.spacing_mm is None:
            return None
        return self.area_px(threshold) * self.spacing_mm[0] * self.spacing_mm[1]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Scores of a network over a set of slices. ``summary`` maps a name to a number or None."""

    model: str
    data: str
    threshold: float
    orientation: str
    cases: tuple[CaseScore, ...]
    summary: dict[str, float | int | None]
    by_tumour: dict[str, dict[str, float | int | None]]
