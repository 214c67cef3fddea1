"""Several networks as one: the mean of their probabilities, in the scan's own geometry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from brainseg import networks, uncertainty
from brainseg.errors import NetworkError
from brainseg.thresholds import START
from brainseg.types import FloatArray, Prediction, Scan

if TYPE_CHECKING:
    from brainseg.inference import Segmenter


@dataclass(frozen=True, slots=True, kw_only=True)
class EnsembleConfig:
    """What callers ask of a network: the largest input side, and where tuning left the mean."""

    name: str
    size: int
    threshold: float = START  # better for a mean than the members' (docs/MODEL_CARD.md, options)
    saliency: str = "none"  # the shipped networks see the scan alone


class Ensemble:
    """Networks that answer together; their input sizes may differ. Used like a Segmenter."""

    def __init__(self, members: Sequence[Segmenter]) -> None:
        """Join at least two networks.

        Raises:
            NetworkError: fewer were given.
        """
        if len(members) < 2:
            raise NetworkError(f"an ensemble needs two networks; {len(members)} given")
        self.members = tuple(members)
        self.config = EnsembleConfig(
            name=networks.ENSEMBLE,
            size=max(member.config.size for member in members),
        )

    @property
    def name(self) -> str:
        """Always ``"ensemble"``."""
        return self.config.name

    def predict(self, scan: Scan, *, symmetries: bool = False) -> Prediction:
        """Return the mean of the members' predictions; ``seconds`` is their sum.

        Raises:
            ScanError: the scan is empty or holds values that are not finite.
        """
        return self._mean([member.predict(scan, symmetries=symmetries) for member in self.members])

    def predict_many(self, scans: Sequence[Scan]) -> list[Prediction]:
        """Predict several scans together; ``seconds`` of each is its share of the time."""
        answers = [member.predict_many(scans) for member in self.members]
        return [self._mean(of_one) for of_one in zip(*answers, strict=True)]

    def uncertainty(self, scan: Scan) -> FloatArray:
        """Return the entropy in bits of the mean over members and symmetries, (H, W) in 0..1."""
        return uncertainty.entropy(self.predict(scan, symmetries=True).probability)

    def disagreement(self, scan: Scan) -> FloatArray:
        """Return how far the first two members' symmetry averages lie apart, (H, W) in 0..1."""
        first, second = (m.predict(scan, symmetries=True).probability for m in self.members[:2])
        return uncertainty.disagreement(first, second)

    def _mean(self, answers: Sequence[Prediction]) -> Prediction:
        mean = np.mean([answer.probability for answer in answers], axis=0)
        return replace(
            answers[0],
            probability=np.asarray(mean, dtype=np.float32),
            model=self.name,
            seconds=sum(answer.seconds for answer in answers),
            features=tuple(features for answer in answers for features in answer.features),
        )
