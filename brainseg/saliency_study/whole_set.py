"""What the two saliency maps of a dataset tell of the tumour: every slice, against baselines.

A map that finds the tumour may be good, or may have been made by someone who knew the mask. Two
baselines that know nothing say what is cheap: the slice's own brightness, and nearness to the
centre. All four are judged on the same slices: those with a tumour, its mask and at least one map.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from brainseg import files, paths, preprocess, ranking
from brainseg.data.catalog import Catalog
from brainseg.data.pixels import read_image, read_mask, read_saliency
from brainseg.errors import DataError
from brainseg.saliency_study import measures, summary
from brainseg.saliency_study.summary import MAPS, NAMES, MapScore, PairScore, Study
from brainseg.types import BoolArray, FloatArray, Sample

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Judged:
    """One picture of one slice, before the threshold of the whole set is known."""

    sample: Sample
    auroc: float
    curve: FloatArray  # (256,)
    pointing: float
    tumour_share: float

    def at(self, threshold: int) -> MapScore:
        return MapScore(
            number=self.sample.number,
            patient=self.sample.patient,
            auroc=self.auroc,
            dice=float(self.curve[threshold]),
            oracle_dice=float(self.curve.max()),
            pointing=self.pointing,
            tumour_share=self.tumour_share,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Slice:
    found: dict[str, _Judged]
    pair: PairScore | None = None
    left_out: tuple[str, ...] = ()


def has_maps(catalog: Catalog) -> bool:
    """Whether any slice came with a saliency map."""
    return any(path is not None for sample in catalog.samples for path in sample.saliency)


def study(catalog: Catalog, progress: Progress | None = None) -> Study:
    """Judge every map of a dataset. What ``progress`` raises stops it.

    Raises:
        DataError: no slice has a tumour, its mask and a map that can be read.
    """
    slices = _measured(catalog, progress)
    scores: dict[str, list[MapScore]] = {}
    curves: dict[str, list[float]] = {}
    for name in NAMES:
        found = [one.found[name] for one in slices if name in one.found]
        if found:
            curve = np.stack([one.curve for one in found]).mean(axis=0, dtype=np.float64)
            curves[name] = [float(dice) for dice in curve]
            scores[name] = [one.at(int(np.argmax(curve))) for one in found]
    if not set(MAPS) & set(scores):
        raise DataError(
            f"{catalog.name} has no slice with a tumour, its mask and a saliency map: masks and "
            "saliency_maps_1 or saliency_maps_2 are needed; `brainseg inspect` says what is there"
        )
    pairs = [one.pair for one in slices if one.pair is not None]
    reasons = [reason for one in slices for reason in one.left_out]
    return Study(
        data=catalog.name,
        synthetic=catalog.synthetic,
        scores=scores,
        curves=curves,
        pairs=pairs,
        left_out={reason: reasons.count(reason) for reason in sorted(set(reasons))},
        summaries=summary.summarise(scores, curves),
        agreement=summary.agreement(pairs),
    )


def _measured(catalog: Catalog, progress: Progress | None) -> list[_Slice]:
    slices: list[_Slice] = []
    total = len(catalog.samples)
    pool = ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1))
    try:
        for done, one in enumerate(pool.map(_measure, catalog.samples), start=1):
            slices.append(one)
            if progress is not None and (done % 8 == 0 or done == total):
                progress(done, total)
    finally:
        pool.shutdown(cancel_futures=True)
    return slices


def _measure(sample: Sample) -> _Slice:
    if sample.saliency == (None, None):
        return _Slice(found={}, left_out=("slice without a map",))
    if not sample.has_truth:
        return _Slice(found={}, left_out=("slice without a mask",))
    try:
        truth, image = read_mask(sample), read_image(sample)
    except DataError:
        return _Slice(found={}, left_out=("slice whose image or mask cannot be read",))
    if truth is None or not truth.any():
        return _Slice(found={}, left_out=("slice without a tumour",))
    if truth.all() or truth.shape != image.shape:
        return _Slice(found={}, left_out=("slice whose mask does not fit its image",))
    maps, notes = _maps(sample, truth.shape)
    if not maps:
        return _Slice(found={}, left_out=notes)
    shown: dict[str, NDArray[Any]] = {
        **maps,
        "brightness": np.rint(255 * preprocess.rescale(image)).astype(np.uint8),
        "centre": measures.nearness(truth.shape),
    }
    found = {name: _judge(sample, values, truth) for name, values in shown.items()}
    return _Slice(found=found, pair=_pair(sample, maps), left_out=notes)


def _maps(
    sample: Sample, shape: tuple[int, ...]
) -> tuple[dict[str, NDArray[Any]], tuple[str, ...]]:
    """Return the maps there are in the mask's size, and what is to be counted of them."""
    found: dict[str, NDArray[Any]] = {}
    notes: list[str] = []
    for name, which in zip(MAPS, (1, 2), strict=True):
        try:
            values = read_saliency(sample, which)  # type: ignore[arg-type]
        except DataError:
            notes.append(f"{name} cannot be read")
            continue
        if values is None:
            notes.append(f"{name} missing")
            continue
        if values.shape != shape:
            notes.append(f"{name} resized to its mask")
            values = cv2.resize(values, shape[::-1], interpolation=cv2.INTER_LINEAR)
        levels = preprocess.grey_levels(values)
        if not np.any(levels != levels.flat[0]):
            notes.append(f"{name} flat")
        found[name] = levels if np.array_equal(levels, values) else values
    return found, tuple(notes)


def _judge(sample: Sample, values: NDArray[Any], truth: BoolArray) -> _Judged:
    """The mask is neither empty nor everything, so all measures are defined."""
    curve = measures.dice_curve(preprocess.grey_levels(values), truth)
    area = ranking.auroc(values, truth)
    assert curve is not None
    assert area is not None
    return _Judged(
        sample=sample,
        auroc=area,
        curve=curve,
        pointing=measures.pointing(values, truth),
        tumour_share=float(truth.mean()),
    )


def _pair(sample: Sample, maps: Mapping[str, NDArray[Any]]) -> PairScore | None:
    if len(maps) < len(MAPS):
        return None
    first, second = (maps[name] for name in MAPS)
    return PairScore(
        number=sample.number,
        patient=sample.patient,
        pearson=ranking.pearson(first, second),
        spearman=ranking.spearman(first, second),
    )


def keep(catalog: Catalog, result: Study) -> None:
    """Put a study where ``kept`` finds it."""
    path = place(catalog)
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_json(path, asdict(result))


def kept(catalog: Catalog) -> Study | None:
    """Return the study of these very files if it is on disk."""
    return read(place(catalog))


def read(path: Path) -> Study | None:
    """Return the study in a file; None where there is none that this version understands."""
    try:
        return Study.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def place(catalog: Catalog) -> Path:
    """Return where the study of a dataset is kept; another place once any of its files changes."""
    return paths.cache() / "saliency-studies" / f"{catalog.digest}.json"
