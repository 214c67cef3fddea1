"""What the Evaluate screen computes: which slices, the scores (kept on disk), tables and files."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path

from brainseg import networks, paths, runs
from brainseg.data.catalog import Catalog
from brainseg.errors import BrainsegError
from brainseg.networks import NetworkRef
from brainseg.types import CaseScore, Evaluation
from ui import cache

Numbers = tuple[int, ...]
PARTS = {"test": "Test slices", "val": "Validation slices", "train": "Training slices"}
ROWS = (
    ("dice", "Mean Dice per slice"),
    ("dice_median", "Median Dice per slice"),
    ("dice_patients", "Mean Dice per patient"),
    ("iou", "IoU (Jaccard)"),
    ("precision", "Precision"),
    ("sensitivity", "Sensitivity"),
    ("specificity", "Specificity"),
    ("accuracy", "Accuracy"),
    ("background_accuracy", "Accuracy of an all-background mask"),
    ("misses", "Tumours missed altogether"),
    ("false_alarms", "Tumour-free slices with a tumour painted on"),
    ("tumour_slices", "Slices with a tumour"),
    ("tumour_free_slices", "Tumour-free slices"),
    ("patients", "Patients with a tumour"),
)
_SHARES = ("misses", "false_alarms")


def known_parts(ref: NetworkRef, catalog: Catalog) -> dict[str, Numbers]:
    """Return which slices of this dataset a network was trained, tuned and tested on, if known.

    A run knows the folder it was made from. A shipped network knows public slice numbers, which
    mean something in a copy of the public slices only.
    """
    here = {sample.number for sample in catalog.with_truth}
    plain = _split_of_run(ref, catalog) if ref.kind == "run" else _split_shipped(ref, catalog)
    kept = {part: tuple(n for n in plain.get(part, ()) if n in here) for part in PARTS}
    return {part: numbers for part, numbers in kept.items() if numbers}


def _split_of_run(ref: NetworkRef, catalog: Catalog) -> dict[str, Numbers]:
    run = ref.folder.parent
    try:
        if Path(runs.config(run).data).resolve() != catalog.root.resolve():
            return {}
        split = runs.split(run)
    except (BrainsegError, KeyError, TypeError):
        return {}
    return {part: getattr(split, part) for part in PARTS}


def _split_shipped(ref: NetworkRef, catalog: Catalog) -> dict[str, Numbers]:
    public = not catalog.synthetic and any(s.fold is not None for s in catalog.samples)
    try:
        folders = networks.member_folders(ref.name) if public else ()
        splits = [networks.read_split(folder) for folder in folders]
    except BrainsegError:
        return {}
    if not splits or None in splits:
        return {}
    held_out = set.intersection(*(set(split.test) for split in splits))  # by every member
    seen = {part: [n for s in splits for n in getattr(s, part)] for part in ("train", "val")}
    return {
        **{part: tuple(dict.fromkeys(numbers)) for part, numbers in seen.items()},
        "test": tuple(n for n in splits[0].test if n in held_out),
    }


def choices(refs: Sequence[NetworkRef], catalog: Catalog) -> dict[str, Numbers]:
    """Return the sets of slices that can be scored, by label; held-out ones first."""
    found: dict[str, Numbers] = {}
    for part in ("test", "val"):
        for ref in refs:
            numbers = known_parts(ref, catalog).get(part, ())
            if numbers and numbers not in found.values():
                found[f"{PARTS[part]} of {ref.label} ({len(numbers):,})"] = numbers
    everything = tuple(sample.number for sample in catalog.with_truth)
    if everything:
        found[f"All slices with a known mask ({len(everything):,})"] = everything
    return found


def seen_in_training(ref: NetworkRef, catalog: Catalog, numbers: Numbers) -> int:
    """Return how many of the slices the network was trained or tuned on, as far as is known."""
    parts = known_parts(ref, catalog)
    seen = {*parts.get("train", ()), *parts.get("val", ())} - set(parts.get("test", ()))
    return len(seen & set(numbers))


def kept(ref: NetworkRef, catalog: Catalog, numbers: Numbers) -> Evaluation | None:
    """Return the scores if they are on disk already: the run's own result, or ours."""
    try:
        if ref.kind == "run" and known_parts(ref, catalog).get("test") == numbers:
            result = runs.evaluation(ref.folder.parent)
            if result and tuple(case.number for case in result.cases) == numbers:
                return replace(result, model=ref.label)
        path = _file(ref, catalog, numbers)
        return replace(runs.read_evaluation(path), model=ref.label) if path.is_file() else None
    except BrainsegError:
        return None


def compute(
    ref: NetworkRef, catalog: Catalog, numbers: Numbers, progress: Callable[[int, int], None]
) -> Evaluation:
    """Score a network on slices of a dataset and keep the result on disk."""
    from brainseg.evaluate import evaluate

    result = evaluate(cache.segmenter(ref.name), catalog, numbers, progress=progress)
    keep(ref, catalog, numbers, result)
    return replace(result, model=ref.label)


def keep(ref: NetworkRef, catalog: Catalog, numbers: Numbers, result: Evaluation) -> None:
    """Put the scores of a network on these slices where ``kept`` finds them."""
    path = _file(ref, catalog, numbers)
    path.parent.mkdir(parents=True, exist_ok=True)
    runs.write_evaluation(path, result)


def _file(ref: NetworkRef, catalog: Catalog, numbers: Numbers) -> Path:
    how = [networks.fingerprint(ref.name), networks.precision()]
    key = json.dumps([*how, catalog.digest, numbers])
    digest = hashlib.sha256(key.encode()).hexdigest()[:20]
    return paths.cache() / "evaluations" / f"{digest}.json"


def table(evaluations: Sequence[Evaluation]) -> list[dict[str, str]]:
    """Return one row per score and one column per network; an undefined score is a dash."""
    rows = []
    for key, label in ROWS:
        row = {"Score": label}
        for evaluation in evaluations:
            row[evaluation.model] = _cell(key, evaluation)
        rows.append(row)
    return rows


def _cell(key: str, evaluation: Evaluation) -> str:
    summary = evaluation.summary
    value = summary.get(key)
    if value is None:
        return "–"  # noqa: RUF001
    if key in _SHARES:
        return f"{value:.1%}"
    if key == "dice" and summary.get("dice_low") is not None:
        return f"{value:.3f} ({summary['dice_low']:.2f} to {summary['dice_high']:.2f})"
    undefined = summary.get(f"{key}_undefined")
    note = f" ({undefined} undefined)" if undefined else ""
    return (f"{value:,}" if isinstance(value, int) else f"{value:.3f}") + note


def by_tumour(evaluations: Sequence[Evaluation]) -> list[dict[str, str]]:
    """Return one row per kind of tumour and network."""
    kinds = dict.fromkeys(kind for e in evaluations for kind in e.by_tumour)
    rows = []
    for kind in kinds:
        for e in evaluations:
            part = replace(e, summary=e.by_tumour.get(kind, {}))
            rows.append(
                {
                    "Kind": "no tumour" if kind == "none" else kind,
                    "Network": e.model,
                    "Slices": _cell("slices", part),
                    "Mean Dice": _cell("dice", part),
                    "Median": _cell("dice_median", part),
                    "Missed": _cell("misses", part),
                    "False alarms": _cell("false_alarms", part),
                }
            )
    return rows


def worst(evaluation: Evaluation, *, tumour_free: bool, count: int = 8) -> list[CaseScore]:
    """Return the slices with the lowest Dice, or the tumour-free ones with most painted on."""
    if tumour_free:
        wrong = [c for c in evaluation.cases if not c.truth_px and c.predicted_px]
        return sorted(wrong, key=lambda c: -c.predicted_px)[:count]
    ill = [c for c in evaluation.cases if c.truth_px]
    return sorted(ill, key=lambda c: (c.dice or 0.0, -c.truth_px))[:count]


def as_csv(evaluations: Sequence[Evaluation]) -> str:
    """Return every score of every slice and network as CSV."""
    text = io.StringIO()
    names = ["model", *(f.name for f in fields(CaseScore))]
    writer = csv.DictWriter(text, names)
    writer.writeheader()
    for evaluation in evaluations:
        for case in evaluation.cases:
            writer.writerow({"model": evaluation.model, **asdict(case)})
    return text.getvalue()


def as_json(evaluations: Sequence[Evaluation]) -> str:
    """Return the evaluations in full as JSON."""
    return json.dumps([asdict(evaluation) for evaluation in evaluations], indent=1)
