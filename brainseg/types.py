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

from brainseg.scores import CalibrationCounts as CalibrationCounts
from brainseg.scores import CaseScore as CaseScore
from brainseg.scores import Confusion as Confusion
from brainseg.scores import Evaluation as Evaluation
from brainseg.scores import Summary as Summary
from brainseg.scores import ThresholdCounts as ThresholdCounts

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]
ByteArray = NDArray[np.uint8]

Tumour = Literal["meningioma", "glioma", "pituitary", "none"]
TUMOURS: tuple[Tumour, ...] = ("meningioma", "glioma", "pituitary", "none")
# What a network may see beside the scan, by the name of the choice: which maps of the dataset.
SALIENCY_INPUTS: dict[str, tuple[Literal[1, 2], ...]] = {
    "none": (),
    "1": (1,),
    "2": (2,),
    "both": (1, 2),
}
CONTRASTS = ("linear", "equalised")  # of the scan as a network sees it
ARCHITECTURES = ("unet", "resunet")
NORMS = ("batch", "group")  # normalisation layers of a network
PREPROCESSING = "minmax-pad-v1"  # what brainseg.preprocess does; recorded with all that used it
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
    """One 2-D image as it came: raw values; ``window`` is for the eye and not applied.

    ``saliency`` are the two maps that a dataset may bring with a slice, 0..255, of any size.
    """

    pixels: FloatArray  # (H, W)
    spacing_mm: tuple[float, float] | None = None  # (row, column)
    source: str = ""
    coloured: bool = False
    window: tuple[float, float] | None = None
    saliency: tuple[FloatArray | None, FloatArray | None] = (None, None)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Volume:
    """A stack of slices with raw values; a PNG is a volume of depth 1.

    The distance of the slices in ``spacing_mm`` is NaN where a file tells only the pixels' size.
    ``affine`` (4, 4) takes (slice, row, column, 1) of ``voxels`` to RAS mm. ``coloured`` says that
    the file's red, green and blue differ noticeably, as no scan's do. ``window`` is the lowest and
    highest value that the file recommends for the eye. ``truth`` and ``patient`` come with the
    public set's MATLAB files.
    """

    voxels: FloatArray  # (D, H, W)
    spacing_mm: tuple[float, float, float] | None = None  # (slice, row, column)
    source: str = ""
    affine: NDArray[np.float64] | None = None
    coloured: bool = False
    window: tuple[float, float] | None = None
    truth: BoolArray | None = None  # (D, H, W)
    patient: str | None = None
    geometry_from: Literal["NIfTI", "DICOM"] | None = None  # a file with a grid of its own
    lacks: tuple[str, ...] = ()  # DICOM elements that a Segmentation of it would have to repeat

    @property
    def depth(self) -> int:
        """Number of slices."""
        return int(self.voxels.shape[0])

    def slice(self, index: int) -> Scan:
        """Return slice ``index`` (0-based) with its in-plane spacing."""
        spacing = None if self.spacing_mm is None else self.spacing_mm[1:]
        return Scan(
            pixels=self.voxels[index],
            spacing_mm=spacing,
            source=self.source,
            coloured=self.coloured,
            window=self.window,
        )


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
    """One line of the training history. Epochs count from 1; times in seconds.

    ``slices_per_second`` is that of the training steps, without validation and checkpoints.
    """

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
    """What can be said of a run from its folder alone.

    ``queue_place`` counts from 1, the next to begin; None where the run does not wait. Times are
    seconds since 1970, and ``updated`` is never before ``started``, whatever the clock did.
    """

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
    queue_place: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLabel:
    """What a person calls a run; empty where nobody said anything."""

    title: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prediction:
    """Tumour probability of one scan, in the scan's own geometry.

    The probabilities are kept, so moving the threshold never runs the network again. ``features``
    holds those of each network that answered, for the gate; empty where it has none.
    """

    probability: FloatArray  # (H, W) in 0..1
    spacing_mm: tuple[float, float] | None
    model: str
    seconds: float
    features: tuple[FloatArray, ...] = ()  # one (F,) for each network

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
