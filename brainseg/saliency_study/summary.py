"""Records of a study of saliency maps, and its numbers over the whole set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from brainseg import statistics
from brainseg.scores import Summary

SCHEMA = 1
MAPS = ("map 1", "map 2")
BASELINES = ("brightness", "centre")
NAMES = (*MAPS, *BASELINES)


@dataclass(frozen=True, slots=True, kw_only=True)
class MapScore:
    """How well one picture alone finds the tumour of one slice."""

    number: int
    patient: str | None
    auroc: float  # 0..1
    dice: float  # at the one threshold of the whole set
    oracle_dice: float  # at the best threshold of this very slice
    pointing: float  # share of the brightest pixels that lie in the tumour
    tumour_share: float  # of the slice's area: what pointing by chance would hit


@dataclass(frozen=True, slots=True, kw_only=True)
class PairScore:
    """How alike the two maps of one slice are; None where one of them is flat."""

    number: int
    patient: str | None
    pearson: float | None
    spearman: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """The study of one dataset. Keys of the mappings are ``NAMES``; of ``left_out`` reasons.

    ``curves`` holds the mean Dice at each of the 256 thresholds. What is not defined is None.
    """

    data: str
    synthetic: bool
    scores: Mapping[str, Sequence[MapScore]]
    curves: Mapping[str, Sequence[float]]
    pairs: Sequence[PairScore]
    left_out: Mapping[str, int]
    summaries: Mapping[str, Summary]
    agreement: Summary
    schema: int = SCHEMA

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Study:
        """Read what ``dataclasses.asdict`` gave.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        values = dict(plain)
        if values["schema"] != SCHEMA:
            raise ValueError(f"a study of schema {values['schema']}")
        values["scores"] = {k: [MapScore(**s) for s in v] for k, v in values["scores"].items()}
        values["pairs"] = [PairScore(**pair) for pair in values["pairs"]]
        return cls(**values)


def summarise(
    scores: Mapping[str, Sequence[MapScore]], curves: Mapping[str, Sequence[float]]
) -> dict[str, Summary]:
    """Return the numbers of each picture; intervals are over patients, drawn again.

    ``threshold`` is the level of the highest mean Dice; it was chosen on these very slices.
    ``over_brightness`` and ``over_centre`` of a map are its mean AUROC less that baseline's on the
    same slices; a picture that is mostly dark where the tumour is counts turned over, since a
    network turns it over as easily.
    """
    found = {name: _summary(part) for name, part in scores.items()}
    for name in found:
        found[name]["threshold"] = int(np.argmax(curves[name]))
    for name in set(MAPS) & set(scores):
        for base in BASELINES:
            found[name] |= _advantage(f"over_{base}", scores[name], scores[base])
    return found


def separation(auroc: float) -> float:
    """Return an AUROC for a reader who may turn the picture over: 0.5 (nothing) to 1."""
    return max(auroc, 1 - auroc)


def _summary(scores: Sequence[MapScore]) -> Summary:
    result: Summary = {
        "slices": len(scores),
        "patients": len({score.patient for score in scores if score.patient is not None}),
    }
    for name in ("auroc", "dice", "pointing"):
        result |= _mean_with_interval(name, [getattr(s, name) for s in scores], scores)
    result["oracle_dice"] = _mean([s.oracle_dice for s in scores])
    result["pointing_any"] = _mean([float(s.pointing > 0) for s in scores])
    result["chance"] = _mean([s.tumour_share for s in scores])
    result["auroc_below_half"] = _mean([float(s.auroc < 0.5) for s in scores])
    return result


def _advantage(name: str, scores: Sequence[MapScore], base: Sequence[MapScore]) -> Summary:
    """The baseline is judged wherever a map is, so every slice has its pair."""
    others = {score.number: score for score in base}
    ours = _turned([s.auroc for s in scores])
    theirs = _turned([others[s.number].auroc for s in scores])
    return _mean_with_interval(name, list(np.subtract(ours, theirs)), scores)


def _turned(values: Sequence[float]) -> list[float]:
    return [1 - value for value in values] if np.mean(values) < 0.5 else list(values)


def agreement(pairs: Sequence[PairScore]) -> Summary:
    """Return how alike the two maps are: means of the correlations that are defined."""
    result: Summary = {"slices": len(pairs)}
    for name in ("pearson", "spearman"):
        known = [pair for pair in pairs if getattr(pair, name) is not None]
        result |= _mean_with_interval(name, [getattr(p, name) for p in known], known)
        result[f"{name}_undefined"] = len(pairs) - len(known)
    return result


def _mean_with_interval(
    name: str, values: Sequence[float], of: Sequence[MapScore] | Sequence[PairScore]
) -> Summary:
    owners = [one.patient or f"slice {one.number}" for one in of]
    low, high = statistics.bootstrap_interval(values, owners)
    return {name: _mean(values), f"{name}_low": low, f"{name}_high": high}


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if len(values) else None
