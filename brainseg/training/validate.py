"""Scores of a network on the validation slices, one image at a time in the mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from brainseg import metrics
from brainseg.losses import Loss, dice_loss
from brainseg.preprocess import with_channels
from brainseg.types import ByteArray, Confusion, FloatArray

Predict = Callable[[FloatArray], FloatArray]  # (B, S, S, C) in [0, 1] to logits (B, S, S, 1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scores:
    """Means over images; ``dice`` and ``dice_loss`` over those with a tumour."""

    loss: float
    dice: float
    dice_loss: float
    accuracy: float
    background_accuracy: float
    probabilities: list[FloatArray]  # (S, S) each, of the first rows


def validate(
    predict: Predict,
    loss: Loss,
    images: ByteArray,
    masks: ByteArray,
    rows: Sequence[int],
    *,
    batch_size: int,
    keep: int = 0,
    beat: Callable[[], None] = lambda: None,
) -> Scores:
    """Score what gives logits for pictures on the rows of the uint8 arrays (N, S, S).

    Images with maps beside the scan are (N, S, S, C). The answers to the first ``keep`` rows are
    kept; those to all of a large set would fill the memory.
    """
    losses: list[float] = []
    dice_losses: list[float] = []
    counts: list[Confusion] = []
    kept: list[FloatArray] = []
    for begin in range(0, len(rows), batch_size):
        part = list(rows[begin : begin + batch_size])
        x = with_channels(images[part].astype(np.float32) / 255.0)
        y = masks[part].astype(np.float32)[..., np.newaxis]
        logits = predict(x)
        losses += [_number(loss(y, logits))] * len(part)
        dice_losses += list(np.asarray(keras.ops.convert_to_numpy(dice_loss(y, logits))))
        likely = 1 / (1 + np.exp(-np.clip(logits[..., 0], -80, 80)))
        kept += list(likely[: max(0, keep - len(kept))])
        counts += [
            metrics.confusion(p >= 0.5, masks[r] > 0) for p, r in zip(likely, part, strict=True)
        ]
        beat()
    with_tumour = [i for i, row in enumerate(rows) if masks[row].any()]
    return Scores(
        loss=_mean(losses),
        dice=_mean([metrics.dice(counts[i]) for i in with_tumour]),
        dice_loss=_mean([dice_losses[i] for i in with_tumour]),
        accuracy=_mean([metrics.accuracy(c) for c in counts]),
        background_accuracy=_mean([metrics.background_accuracy(c) for c in counts]),
        probabilities=kept,
    )


def _number(value: Any) -> float:
    return float(np.mean(keras.ops.convert_to_numpy(value)))


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
