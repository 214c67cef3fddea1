"""What a network says of every slice of a study: asked one by one, or all in the background."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np

from brainseg.errors import BrainsegError
from brainseg.types import BoolArray, FloatArray, Prediction
from ui import pictures

_TOGETHER = 4  # slices predicted between two looks at the cancel flag

Predict = Callable[[Sequence[int]], Sequence[Prediction]]


class SliceLevels:
    """Probabilities of a (D, H, W) study in steps of 1/200, filled in as they are asked for.

    The features that the gate asks for are kept beside them.

    May be shared by threads: a slice that two of them ask for is at worst predicted twice.
    """

    def __init__(self, shape: tuple[int, int, int], predict: Predict) -> None:
        """Take ``predict``, which answers to the slices it is asked for, each (H, W)."""
        self.levels = np.zeros(shape, dtype=np.uint8)
        self.known = np.zeros(shape[0], dtype=bool)
        self.error: str | None = None
        self._features: dict[int, tuple[FloatArray, ...]] = {}
        self._predict = predict
        self._cancelled = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def depth(self) -> int:
        """Number of slices."""
        return len(self.known)

    @property
    def done(self) -> int:
        """How many slices are known."""
        return int(np.count_nonzero(self.known))

    @property
    def complete(self) -> bool:
        """Whether every slice is known."""
        return self.done == self.depth

    @property
    def running(self) -> bool:
        """Whether the others are being predicted."""
        return self._thread is not None and self._thread.is_alive()

    def of(self, index: int) -> np.ndarray:
        """Return the levels (H, W) of a slice, predicted now if need be.

        Raises:
            BrainsegError: the network cannot be used on it.
        """
        if not self.known[index]:
            self._fill([index])
        return self.levels[index]

    def features(self, index: int) -> tuple[FloatArray, ...]:
        """Return what each network sees in a slice, predicted now if need be; as ``Prediction``.

        Raises:
            BrainsegError: as ``of``.
        """
        self.of(index)
        return self._features[index]

    def start(self, index: int = 0) -> None:
        """Predict every slice in the background, those after ``index`` first."""
        if self.running or self.complete:
            return
        self._cancelled.clear()
        self.error = None
        order = [*range(index, self.depth), *range(index)]
        self._thread = threading.Thread(target=self._run, args=(order,), daemon=True)
        self._thread.start()

    def cancel(self) -> None:
        """Stop after the slices being predicted now; what is known stays known."""
        self._cancelled.set()

    def wait(self, seconds: float) -> bool:
        """Wait for the background at most that long; True if it has come to its end."""
        if self._thread is not None:
            self._thread.join(seconds)
        return not self.running

    def mask(self, threshold: float) -> BoolArray:
        """Return where the probability reaches ``threshold``, (D, H, W); unknown slices empty."""
        return self.levels >= round(threshold * pictures.STEPS)

    def _run(self, order: Sequence[int]) -> None:
        try:
            for first in range(0, len(order), _TOGETHER):
                part = [i for i in order[first : first + _TOGETHER] if not self.known[i]]
                if self._cancelled.is_set():
                    return
                if part:
                    self._fill(part)
        except BrainsegError as error:
            self.error = str(error)
        except Exception as error:  # a thread has nobody else to tell
            self.error = f"it stopped unexpectedly ({type(error).__name__}: {error})"

    def _fill(self, part: Sequence[int]) -> None:
        for index, prediction in zip(part, self._predict(part), strict=True):
            self.levels[index] = pictures.quantise(prediction.probability)
            self._features[index] = prediction.features
            self.known[index] = True
