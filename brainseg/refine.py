"""What can be done to a prediction after the network, off by default: average it, drop specks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from brainseg.thresholds import START
from brainseg.types import BoolArray, Prediction, Scan

if TYPE_CHECKING:
    from brainseg.ensemble import Ensemble
    from brainseg.inference import Segmenter


def without_specks(mask: BoolArray, smallest: float) -> BoolArray:
    """Return the mask (H, W) without connected parts smaller than a share of the scan.

    Pixels that touch at a corner belong together. ``smallest`` is an area in shares of H x W: 0
    keeps everything, 0.001 drops what is smaller than a thousandth of the picture.

    Raises:
        ValueError: the share is not in 0..1.
    """
    if not 0 <= smallest <= 1:
        raise ValueError(f"smallest must be a share from 0 to 1; received {smallest}")
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8), connectivity=8, ltype=cv2.CV_32S
    )
    kept = stats[:, cv2.CC_STAT_AREA] >= smallest * mask.size
    kept[0] = False  # the background
    return np.asarray(kept[labels]) if count > 1 else np.zeros_like(mask, dtype=np.bool_)


class Refined:
    """A network or an ensemble whose every prediction is averaged, or freed of specks, or both.

    Used like a Segmenter. What is dropped gets probability 0, so that no threshold above the one
    given brings it back.
    """

    def __init__(
        self,
        segmenter: Segmenter | Ensemble,
        *,
        symmetries: bool = False,
        smallest: float = 0.0,
        threshold: float | None = None,
    ) -> None:
        """Wrap ``segmenter``; specks are looked for at ``threshold``, by default its own.

        Its own was tuned without averaging: averaged, it stands at 0.5 again.
        """
        self._segmenter = segmenter
        config = segmenter.config
        self.config = replace(config, threshold=START) if symmetries else config
        self._symmetries = symmetries
        self._smallest = smallest
        self.threshold = self.config.threshold if threshold is None else threshold

    def __getattr__(self, name: str) -> Any:
        """Everything else is the wrapped network's own."""
        return getattr(self._segmenter, name)

    def predict(self, scan: Scan, *, symmetries: bool = False) -> Prediction:
        """Return the refined prediction; as ``Segmenter.predict``."""
        return self._refined(
            self._segmenter.predict(scan, symmetries=symmetries or self._symmetries)
        )

    def predict_many(self, scans: Sequence[Scan]) -> list[Prediction]:
        """Return the refined predictions of several scans."""
        if self._symmetries:
            return [self.predict(scan) for scan in scans]
        return [self._refined(answer) for answer in self._segmenter.predict_many(scans)]

    def _refined(self, answer: Prediction) -> Prediction:
        if not self._smallest:
            return answer
        found = answer.mask(self.threshold)
        dropped = found & ~without_specks(found, self._smallest)
        return replace(answer, probability=np.where(dropped, np.float32(0), answer.probability))
