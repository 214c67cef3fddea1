"""Is this a head MRI at all? Plain rules on the pixels, then a distance in the network's features.

The features are the mean and standard deviation of each bottleneck channel. Heads are described by
probabilistic principal components (Tipping and Bishop 1999, doi 10.1111/1467-9868.00196): a
Mahalanobis distance whose small directions share one variance. What it rejects is measured by
``benchmarks/gate.py`` (docs/MODEL_CARD.md). A verdict only warns: whoever looks decides.

``judge`` asks one network or ensemble; ``judge_upload`` the shipped networks, whichever was chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np

from brainseg import preprocess
from brainseg.errors import NetworkError
from brainseg.types import ByteArray, FloatArray, Prediction, Scan

if TYPE_CHECKING:
    from brainseg.ensemble import Ensemble
    from brainseg.inference import Segmenter

TRAINED_ON = "contrast-enhanced T1 MRI slices of heads"
SMALLEST_SIDE = 48  # pixels; below that no anatomy is left
LONGEST_SHAPE = 3.0  # sides of a slice of a head are never further apart
FEWEST_GREYS = 6
FLATTEST = 0.02  # standard deviation after scaling to 0..1; heads have 0.09 to 0.37
ACCEPTED_SHARE = 0.99  # of the slices held back: this sets the limit of the distance
_COMPONENTS = 64
_FEWEST = 40  # slices below which no statistics are made
_KNOWN, _HELD = 640, 400  # slices looked at, at most
_BATCH = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a scan may be a head MRI. ``reason`` is a sentence where it was not accepted.

    ``distance`` and its ``limit`` are in standard deviations of heads; None where a plain rule
    decided, or where the network has no statistics.
    """

    accepted: bool
    reason: str | None
    distance: float | None
    limit: float | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GateSlices:
    """Slices of heads as uint8 network inputs: known to the network, and held back.

    (N, S, S), or (N, S, S, C) where saliency maps lie beside the scan.
    """

    known: ByteArray
    held: ByteArray

    @classmethod
    def spread(cls, images: ByteArray, known: Sequence[int], held: Sequence[int]) -> GateSlices:
        """Take as many rows of ``images`` (N, S, S) as the gate looks at, spread over the lists."""
        return cls(known=images[_spread(known, _KNOWN)], held=images[_spread(held, _HELD)])


def _spread(rows: Sequence[int], most: int) -> list[int]:
    places = np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(int)
    return [rows[place] for place in places]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeadStatistics:
    """What the features (F,) of heads look like: their ``components`` (K, F) and variances.

    ``rest`` is the variance of a direction outside them; ``limit`` the largest distance of a head.
    """

    mean: FloatArray
    scale: FloatArray
    components: FloatArray
    variances: FloatArray
    rest: float
    limit: float

    def distance(self, features: FloatArray) -> FloatArray:
        """Return the distance of features (B, F) or (F,), in standard deviations; (B,) or ().

        Raises:
            NetworkError: they are features of another network.
        """
        if features.shape[-1:] != self.mean.shape:
            raise NetworkError(
                f"gate.npz was made for {self.mean.size} features and the network gives "
                f"{features.shape[-1]}; export it again"
            )
        centred = (features.astype(np.float64) - self.mean) / self.scale
        along = centred @ self.components.T.astype(np.float64)
        outside = np.maximum((centred**2).sum(axis=-1) - (along**2).sum(axis=-1), 0.0)
        total = (along**2 / self.variances).sum(axis=-1) + outside / self.rest
        return np.asarray(np.sqrt(total / self.mean.size), dtype=np.float32)


def describe(known: FloatArray, held: FloatArray) -> HeadStatistics:
    """Return the statistics of features (N, F), with the limit that ``held`` (M, F) sets."""
    mean = known.mean(axis=0, dtype=np.float64)
    scale = known.std(axis=0, dtype=np.float64)
    scale += 1e-3 * known.std() + 1e-6  # a channel that is dead on heads must not decide alone
    _, singular, components = np.linalg.svd((known - mean) / scale, full_matrices=False)
    kept = min(_COMPONENTS, len(known) // 4, mean.size // 2)
    variances = singular**2 / len(known)
    rest = variances[kept:].sum() / (mean.size - kept)
    statistics = HeadStatistics(
        mean=mean.astype(np.float32),
        scale=scale.astype(np.float32),
        components=components[:kept].astype(np.float32),
        variances=np.maximum(variances[:kept], 1e-9).astype(np.float32),
        rest=float(max(rest, 1e-9)),
        limit=np.inf,
    )
    limit = np.quantile(statistics.distance(held), ACCEPTED_SHARE)
    return replace(statistics, limit=float(limit))


def fit(segmenter: Segmenter, slices: GateSlices, path: Path) -> HeadStatistics | None:
    """Write what heads look like to ``segmenter`` and return it.

    Every slice is seen in one of the eight symmetries, each equally often, and those that set the
    limit also mirrored. None, and no file, where there are too few slices.
    """
    known, held = slices.known, slices.held
    if not segmenter.has_features or min(len(known), 2 * len(held)) < _FEWEST:
        return None
    both = np.concatenate([_features(segmenter, held), _features(segmenter, held, mirrored=True)])
    statistics = describe(_features(segmenter, known), both)
    write(path, statistics)
    return statistics


def _features(segmenter: Segmenter, images: ByteArray, *, mirrored: bool = False) -> FloatArray:
    found = []
    for first in range(0, len(images), _BATCH):
        part = images[first : first + _BATCH].astype(np.float32) / 255
        turned = [
            np.rot90(np.swapaxes(im, 0, 1) if (i % 2) != mirrored else im, i // 2)
            for i, im in enumerate(part)
        ]
        found.append(segmenter.infer(preprocess.with_channels(np.stack(turned)))[1])
    return np.concatenate([features for features in found if features is not None])


def write(path: Path, statistics: HeadStatistics) -> None:
    """Write the statistics as arrays without pickle."""
    fields = HeadStatistics.__dataclass_fields__
    arrays: dict[str, Any] = {n: np.float32(getattr(statistics, n)) for n in fields}
    np.savez(path, **arrays)


def read(path: Path) -> HeadStatistics:
    """Read what ``write`` wrote.

    Raises:
        NetworkError: it is something else.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            found = {n: archive[n] for n in HeadStatistics.__dataclass_fields__}
    except (OSError, EOFError, ValueError, TypeError, KeyError, BadZipFile) as error:
        raise NetworkError(f"{path} is damaged; export the network again") from error
    size, count = found["mean"].size, found["variances"].size
    shapes = {"mean": (size,), "scale": (size,), "components": (count, size)}
    shapes |= {"variances": (count,), "rest": (), "limit": ()}
    for name, shape in shapes.items():
        if found[name].shape != shape or not np.isfinite(found[name]).all():
            raise NetworkError(f"{path} is damaged: {name} is not finite {shape} numbers")
    rest, limit = float(found.pop("rest")), float(found.pop("limit"))
    return HeadStatistics(**found, rest=rest, limit=limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """A network that is asked about a scan; ``features`` (F,) are fetched only where needed."""

    heads: HeadStatistics | None
    features: Callable[[], FloatArray]


def judge(
    scan: Scan, segmenter: Segmenter | Ensemble, prediction: Prediction | None = None
) -> Verdict:
    """Say whether a scan may be a head MRI, of which alone the network knows anything.

    Args:
        scan: raw pixels.
        segmenter: whose features are asked; of an ensemble, the mean distance of its members.
        prediction: what it answered to this scan; given, the network need not run again.

    Raises:
        ScanError: the scan is empty or holds values that are not finite.
    """
    if fault := _fault(scan):
        return _rejected(fault)
    answer = segmenter.predict(scan) if prediction is None else prediction
    members: Sequence[Any] = getattr(segmenter, "members", (segmenter,))
    told = [member for member in members if member.has_features]
    return _compared(
        [_told(member.heads, seen) for member, seen in zip(told, answer.features, strict=True)]
    )


def _told(heads: HeadStatistics | None, seen: FloatArray) -> Witness:
    return Witness(heads=heads, features=lambda: seen)


def judge_upload(scan: Scan, shipped: Sequence[Witness], own: Sequence[Witness] = ()) -> Verdict:
    """Say whether a user's scan may be a head MRI, by the mean distance of ``shipped``.

    ``own`` are the networks of the user's own, where he chose no other: what all of them know by
    statistics of their own passes too, for they may have been trained on something else.

    Raises:
        ScanError: the scan is empty or holds values that are not finite.
    """
    if fault := _fault(scan):
        return _rejected(fault)
    verdict = _compared(shipped or own)
    if verdict.accepted or any(one.heads is None for one in own):
        return verdict
    theirs = [_compared([one]) for one in own]
    return theirs[0] if theirs and all(one.accepted for one in theirs) else verdict


def _compared(witnesses: Sequence[Witness]) -> Verdict:
    """Compare the mean distance with the mean limit; accepted where nobody has statistics."""
    known = [
        (float(one.heads.distance(one.features())), one.heads.limit)
        for one in witnesses
        if one.heads is not None
    ]
    if not known:
        return Verdict(accepted=True, reason=None, distance=None, limit=None)
    distance, limit = (float(value) for value in np.mean(known, axis=0))
    if distance <= limit:
        return Verdict(accepted=True, reason=None, distance=distance, limit=limit)
    fault = f"what the networks see in it is {distance:.1f} standard deviations from heads, "
    return _rejected(f"{fault}whose limit is {limit:.1f}", distance, limit)


def _rejected(fault: str, distance: float | None = None, limit: float | None = None) -> Verdict:
    return Verdict(accepted=False, reason=_sentence(fault), distance=distance, limit=limit)


def _sentence(fault: str) -> str:
    return (
        f"this does not look like a head MRI; the networks were trained on {TRAINED_ON} ({fault})"
    )


def _fault(scan: Scan) -> str | None:
    """Name what no slice of a head has, or None."""
    preprocess.geometry_of(scan.pixels, SMALLEST_SIDE)
    values = preprocess.rescale(scan.pixels)
    short, long = sorted(scan.pixels.shape)
    if scan.coloured:
        return "it is in colour"
    if short < SMALLEST_SIDE:
        return f"its shorter side has {short} pixels and needs {SMALLEST_SIDE}"
    if long > LONGEST_SHAPE * short:
        return f"it is {long} by {short} pixels, too long and thin"
    if values.std() < FLATTEST:
        return "it is blank or nearly so"
    greys = len(np.unique(np.round(values[:: max(1, short // 256), :: max(1, short // 256)], 3)))
    if greys < FEWEST_GREYS:
        return f"it has only {greys} grey levels"
    return None
