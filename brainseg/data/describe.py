"""What a set of slices looks like in numbers: sizes, positions, grey values, patients. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brainseg.data.planes import PLANES, Plane
from brainseg.data.survey import Survey
from brainseg.types import TUMOURS, FloatArray, Sample

SIZE_EDGES = tuple(place / 200 for place in range(21))  # 0, 0.5 % .. 10 % of the slice


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Position:
    """Where the tumours of one plane lie, over the mean head; (GRID, GRID) each."""

    plane: Plane
    slices: int  # with a tumour
    tumour: FloatArray  # share of these slices on which the cell is tumour, 0..1
    head: FloatArray  # mean grey value of the cell, 0..255


def counts(samples: Sequence[Sample]) -> list[tuple[str | None, int, int]]:
    """Return (kind of tumour, slices, known patients) of each kind that occurs."""
    found: list[tuple[str | None, int, int]] = []
    for kind in (*TUMOURS, None):
        same = [sample for sample in samples if sample.tumour == kind]
        if same:
            patients = {sample.patient for sample in same if sample.patient is not None}
            found.append((kind, len(same), len(patients)))
    return found


def slices_per_patient(samples: Sequence[Sample]) -> dict[int, int]:
    """Return how many patients have 1, 2, 3.. slices; slices of unknown patients are left out."""
    slices = Counter(sample.patient for sample in samples if sample.patient is not None)
    return dict(sorted(Counter(slices.values()).items()))


def sizes(survey: Survey, places: Sequence[int]) -> NDArray[np.int64]:
    """Return how many tumours have a size in each bin of ``SIZE_EDGES``; larger ones in the last.

    A size is the share of the slice; slices without a tumour or without a known mask are left out.
    """
    shares = survey.share[np.asarray(places, dtype=np.intp)]
    shares = np.minimum(shares[shares > 0], SIZE_EDGES[-1])
    return np.histogram(shares, bins=SIZE_EDGES)[0].astype(np.int64)


def positions(survey: Survey, places: Sequence[int]) -> list[Position]:
    """Return where the tumours lie, a map for every estimated plane that has any."""
    chosen = np.asarray(places, dtype=np.intp)
    found = []
    for index, plane in enumerate(PLANES):
        rows = chosen[(survey.plane[chosen] == index) & (survey.share[chosen] > 0)]
        if rows.size:
            found.append(
                Position(
                    plane=plane, slices=int(rows.size),
                    tumour=(survey.covered[rows].mean(axis=0) / 255.0).astype(np.float32),
                    head=survey.head[rows].mean(axis=0).astype(np.float32),
                )
            )  # fmt: skip
    return found


def intensities(survey: Survey, places: Sequence[int]) -> tuple[FloatArray, FloatArray] | None:
    """Return the shares (LEVELS,) of tumour pixels, and of head pixels outside, by grey value.

    Over the slices with a tumour, all pixels together; each sums to 1. None where there is none.
    """
    chosen = np.asarray(places, dtype=np.intp)
    rows = chosen[survey.inside[chosen].sum(axis=1) > 0]
    inside, outside = (array[rows].sum(axis=0) for array in (survey.inside, survey.outside))
    if not inside.sum() or not outside.sum():
        return None
    return (
        (inside / inside.sum()).astype(np.float32),
        (outside / outside.sum()).astype(np.float32),
    )
