"""How unsure a prediction is, pixel by pixel, from probabilities alone.

Entropy of a mean over augmented views: Wang et al. 2019, "Aleatoric uncertainty estimation with
test-time augmentation" (doi 10.1016/j.neucom.2019.01.103).
"""

from __future__ import annotations

import numpy as np

from brainseg.types import FloatArray


def entropy(probability: FloatArray) -> FloatArray:
    """Return the entropy in bits of tumour or not: 0 where certain, 1 at a probability of 0.5."""
    p = np.asarray(probability, dtype=np.float64)
    certain = (p <= 0) | (p >= 1)
    p = np.where(certain, 0.5, p)
    bits = -(p * np.log2(p) + (1 - p) * np.log2(1 - p))
    return np.where(certain, 0.0, bits).astype(np.float32)


def disagreement(first: FloatArray, second: FloatArray) -> FloatArray:
    """Return how far two probability maps of one shape lie apart: 0 agreed, 1 opposed."""
    return np.asarray(np.abs(first - second), dtype=np.float32)
