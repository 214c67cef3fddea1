"""The learning rate as a pure function of where the run stands; there is no state to save."""

from __future__ import annotations

import math
from typing import Protocol

from brainseg.training.recipes import RunConfig


class Position(Protocol):
    """Epochs count from 1; ``batch`` batches of the epoch are done."""

    @property
    def epoch(self) -> int: ...  # noqa: D102
    @property
    def batch(self) -> int: ...  # noqa: D102


def learning_rate(config: RunConfig, position: Position, batches: int) -> float:
    """Return the rate of the next step: linear warm-up, then constant or half a cosine to 0."""
    at = position.epoch - 1 + min(position.batch, batches) / batches
    if at < config.warmup_epochs:
        return config.learning_rate * (at + 1 / batches) / config.warmup_epochs
    if config.schedule == "constant":
        return config.learning_rate
    rest = max(config.epochs - config.warmup_epochs, 1e-9)
    share = min((at - config.warmup_epochs) / rest, 1.0)
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * share))
