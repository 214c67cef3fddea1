"""A moving average of the weights, beside the optimiser so that every backend does the same.

Batch-norm statistics are averaged with the rest: they belong to the weights they were counted
with. (Keras' own ``use_ema`` replaces the weights at the end of every ``fit`` and leaves those
statistics behind.)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

EVERY = 4  # steps between updates: the decay is raised to this power


class WeightAverage:
    """``decay`` per step; 0 switches it off and the weights themselves are meant."""

    def __init__(self, model: keras.Model, decay: float) -> None:
        self._model, self._decay = model, decay
        self._average: list[NDArray[Any]] = self._current() if decay else []

    def _current(self) -> list[NDArray[Any]]:
        return [np.array(keras.ops.convert_to_numpy(v)) for v in self._model.variables]

    def update(self, step: int) -> None:
        """Take the weights after ``step`` steps into the average; early steps count more."""
        if not self._decay or step % EVERY:
            return
        keep = min(self._decay, (1 + step) / (10 + step)) ** EVERY
        for average, now in zip(self._average, self._current(), strict=True):
            average += (1 - keep) * (now - average)

    def weights(self) -> list[NDArray[Any]]:
        """Return the averaged weights, or the weights where there is no average."""
        return self._average if self._decay else self._current()

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Use the averaged weights inside the block."""
        if not self._decay:
            yield
            return
        raw = self._current()
        self._assign(self._average)
        try:
            yield
        finally:
            self._assign(raw)

    def _assign(self, arrays: list[NDArray[Any]]) -> None:
        for variable, array in zip(self._model.variables, arrays, strict=True):
            variable.assign(array)

    def reset(self) -> None:
        """Begin the average again at the present weights."""
        if self._decay:
            self._average = self._current()

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the average for a checkpoint."""
        return {f"average/{i:03d}": array for i, array in enumerate(self._average)}

    def load(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take the average from a checkpoint."""
        for i in range(len(self._average)):
            self._average[i] = np.array(arrays[f"average/{i:03d}"])
