"""Losses on logits (B, H, W, 1) against masks of the same shape; always computed in float32.

A soft Dice follows Milletari et al. 2016 (arXiv:1606.04797) without squares, one value an image.
``SMOOTH`` pixels are added above and below, so that an empty mask asks for an empty prediction
(loss 0) instead of dividing by zero. The metrics look at channel 0, the answer of a network in
training under deep supervision. In half precision a 256x256 sum overflows: hence float32.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

SMOOTH = 1.0
Loss = Callable[[Any, Any], Any]


def _soft_dice(truth: Any, logits: Any, axes: tuple[int, ...]) -> Any:
    truth = ops.cast(truth, "float32")
    probability = ops.sigmoid(ops.cast(logits, "float32"))
    overlap = ops.sum(truth * probability, axis=axes)
    total = ops.sum(truth, axis=axes) + ops.sum(probability, axis=axes)
    return (2.0 * overlap + SMOOTH) / (total + SMOOTH)


def dice_loss(truth: Any, logits: Any) -> Any:
    """Return 1 - soft Dice of every image; shape (B,)."""
    return 1.0 - _soft_dice(truth, logits, (1, 2, 3))


def batch_dice_loss(truth: Any, logits: Any) -> Any:
    """Return 1 - soft Dice of the whole batch as one image, as the source document does; scalar."""
    return 1.0 - _soft_dice(truth, logits, (0, 1, 2, 3))


def cross_entropy(truth: Any, logits: Any) -> Any:
    """Return the mean binary cross-entropy of every image; shape (B,)."""
    truth = ops.cast(truth, "float32")
    logits = ops.cast(logits, "float32")
    pixel = ops.relu(logits) - logits * truth + ops.log1p(ops.exp(-ops.abs(logits)))
    return ops.mean(pixel, axis=(1, 2, 3))


def dice_cross_entropy_loss(truth: Any, logits: Any) -> Any:
    """Return dice_loss + cross_entropy of every image; shape (B,)."""
    return dice_loss(truth, logits) + cross_entropy(truth, logits)


LOSSES: dict[str, Loss] = {
    "dice": dice_loss,
    "dice_batch": batch_dice_loss,
    "dice_ce": dice_cross_entropy_loss,
    "ce": cross_entropy,
}


class MeanDice(keras.metrics.Metric):
    """Mean Dice of the thresholded prediction over the images that have a tumour."""

    def __init__(self, name: str = "dice") -> None:
        super().__init__(name=name, dtype="float32")
        self.total = self.add_variable((), "zeros", name="total")
        self.count = self.add_variable((), "zeros", name="count")

    def update_state(self, truth: Any, logits: Any, sample_weight: Any = None) -> None:
        """Count a batch; ``sample_weight`` (B,) says how much each image counts."""
        truth = ops.cast(truth, "float32")
        predicted = ops.cast(logits[..., :1] >= 0, "float32")
        axes = (1, 2, 3)
        area = ops.sum(truth, axis=axes)
        dice = 2.0 * ops.sum(truth * predicted, axis=axes)
        dice = dice / ops.maximum(area + ops.sum(predicted, axis=axes), 1.0)
        has_tumour = ops.cast(area > 0, "float32")
        if sample_weight is not None:
            has_tumour = has_tumour * ops.cast(sample_weight, "float32")
        self.total.assign_add(ops.sum(dice * has_tumour))
        self.count.assign_add(ops.sum(has_tumour))

    def result(self) -> Any:
        """Return the mean so far; 0 before the first tumour."""
        return self.total / ops.maximum(self.count, 1.0)


def accuracy(truth: Any, logits: Any) -> Any:
    """Return, for every image, the share of pixels whose logit has the right sign."""
    right = ops.equal(ops.cast(truth, "float32") >= 0.5, logits[..., :1] >= 0)
    return ops.mean(ops.cast(right, "float32"), axis=(1, 2, 3))
