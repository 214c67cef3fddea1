"""Verbs that apply a network: evaluate, predict, saliency."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path
from typing import Any

from brainseg import runs
from brainseg.commands.console import progress
from brainseg.errors import ConfigError, ScanError
from brainseg.types import Evaluation, Sample, Split


def evaluate(options: Namespace) -> int:
    """Score a network and print the table."""
    from brainseg import networks
    from brainseg.evaluate import evaluate as score
    from brainseg.inference import Segmenter
    from brainseg.training.planning import open_data

    opened = open_data(options.data, options.tumour_free)
    folder = networks.find_network(options.model)
    samples = [sample for catalog in opened for sample in catalog.with_truth]
    result = score(
        Segmenter.load(folder),
        opened,
        _numbers(options, networks.read_split(folder), samples),
        orientation=options.orientation,
        threshold=options.threshold,
        progress=progress("slice"),
    )
    if options.json:
        runs.write_evaluation(options.json, result)
    print_evaluation(result)
    return 0


def _numbers(options: Namespace, known: Split | None, samples: list[Sample]) -> list[int]:
    if options.fold:
        return [s.number for s in samples if s.fold in options.fold]
    if options.ids == "all":
        return [s.number for s in samples]
    split = runs.split(runs.find(options.split_run)) if options.split_run else known
    if split is not None:
        return list(split.test if options.ids == "test" else split.val)
    raise ConfigError(
        f"the {options.ids} ids of {options.model} are not known; name its run with --run, "
        "or use --ids all or --fold"
    )


def print_evaluation(result: Evaluation) -> None:
    """Print the summary and one line a tumour kind."""

    def line(name: str, values: dict[str, Any]) -> str:
        shown = ("slices", "dice", "dice_median", "dice_patients", "iou", "misses", "false_alarms")
        cells = [f"{key} {_cell(values[key])}" for key in shown]
        return f"{name:<12}" + "  ".join(cells)

    print(
        f"{result.model} on {result.data}, orientation {result.orientation}, "
        f"threshold {result.threshold:g}"
    )
    print(line("all", result.summary))
    for kind, values in result.by_tumour.items():
        print(line(kind, values))
    print(
        f"accuracy {_cell(result.summary['accuracy'])}, of an all-background mask "
        f"{_cell(result.summary['background_accuracy'])}"
    )


def _cell(value: float | int | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.4f}"


def _scans(given: list[Path]) -> list[Path]:
    found: list[Path] = []
    for path in given:
        if path.is_dir():
            found += sorted(p for p in path.iterdir() if p.is_file() and p.name[0] != ".")
        elif path.exists():
            found.append(path)
        else:
            raise ScanError(f"{path} does not exist")
    if not found:
        raise ScanError("there is no scan in the folders given")
    return found


def predict(options: Namespace) -> int:
    """Write the mask of every slice of every scan, in the scan's own size."""
    from brainseg import predict as prediction

    rows = prediction.predict_files(
        options.model, _scans(options.files), options.out, threshold=options.threshold
    )
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")
    for row in rows:
        print(f"{row['mask']}: {row['area_px']} px")
    return 0


def saliency(options: Namespace) -> int:
    """Write a saliency map as a picture with its values beside it."""
    from brainseg import predict as prediction

    written, high = prediction.explain_file(
        options.model, options.method, options.file, options.out
    )
    print(f"{written[0]}: magnitude, black 0 to bright {high:.4g}")
    print(f"{written[1]}: raw values")
    return 0
