"""Verbs that score networks on slices whose truth is known."""

from __future__ import annotations

import itertools
import time
from argparse import Namespace
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from brainseg import files, runs, summary
from brainseg.commands.console import print_json, progress
from brainseg.data.catalog import Catalog, read_image, upright
from brainseg.errors import ConfigError
from brainseg.protocol_table import compared
from brainseg.types import Evaluation, Summary

if TYPE_CHECKING:
    from brainseg.refine import Refined


def evaluate(options: Namespace) -> int:
    """Score networks on the same slices, print their tables, write what was asked for."""
    from brainseg.training.planning import open_data

    check(options)
    if len(set(options.model)) < len(options.model):
        raise ConfigError("--model names the same network twice; name each once")
    opened = open_data(options.data, options.tumour_free)
    numbers = _shared_numbers(options, opened)
    predictors = [_predictor(name, options) for name in options.model]
    results = [_scored(p, opened, numbers, options) for p in predictors]
    if len(results) > 1:  # two runs may bear the name of the same architecture
        results = [replace(r, model=n) for r, n in zip(results, options.model, strict=True)]
    if options.json:
        plain = [asdict(result) for result in results]
        files.write_json(options.json, plain if len(plain) > 1 else plain[0])
    if options.report:
        _write_report(options, results, predictors, opened)
    for result in results:
        print_evaluation(result)
    for first, second in itertools.combinations(results, 2):
        tests = asdict(summary.compare(first, second))
        print(f"{first.model} less {second.model}: {compared(tests)}")
    return 0


def _predictor(name: str, options: Namespace) -> Refined:
    from brainseg import inference
    from brainseg.refine import Refined

    return Refined(
        inference.load(name, precision=options.precision),
        symmetries=options.average == "symmetries",
        smallest=options.smallest,
        threshold=options.threshold,
    )


def _scored(
    predictor: Refined, opened: list[Catalog], numbers: list[int], options: Namespace
) -> Evaluation:
    from brainseg.evaluate import evaluate as score

    return score(
        predictor,
        opened,
        numbers,
        orientation=options.orientation,
        threshold=options.threshold,
        progress=progress("slice"),
    )


def _write_report(
    options: Namespace,
    results: list[Evaluation],
    predictors: list[Refined],
    opened: list[Catalog],
) -> None:
    """Write the HTML file; without pictures where the slices were scored turned."""
    from brainseg.report import galleries, page

    as_filed = options.orientation == "file"
    extras = page.Extras(
        draw=galleries.drawer(predictors, opened, results) if as_filed else None,
        planes=_planes(opened, {case.number for case in results[0].cases}),
        synthetic=any(catalog.synthetic for catalog in opened),
        written=time.strftime("%Y-%m-%d %H:%M"),
    )
    files.write_bytes(options.report, page.render(results, extras).encode())


def _planes(opened: list[Catalog], numbers: set[int]) -> dict[int, str]:
    """Return the estimated plane of these slices."""
    from brainseg.data.planes import estimate

    return {
        sample.number: estimate(upright(read_image(sample), home))
        for home in opened
        for sample in home.samples
        if sample.number in numbers
    }


def _shared_numbers(options: Namespace, opened: list[Catalog]) -> list[int]:
    """Return the slices that every network is to be scored on, in order."""
    parts = [_numbers(options, name, opened) for name in options.model]
    shared = set(parts[0]).intersection(*parts[1:])
    return [number for number in parts[0] if number in shared]


def _numbers(options: Namespace, name: str, opened: list[Catalog]) -> list[int]:
    from brainseg import networks
    from brainseg.training import lineage

    samples = [sample for catalog in opened for sample in catalog.with_truth]
    if options.fold:
        return [s.number for s in samples if s.fold in options.fold]
    if options.ids == "all":
        return [s.number for s in samples]
    run = runs.find(options.split_run) if options.split_run else None
    split = runs.split(run) if run else networks.known_split(name)
    if split is None:
        raise ConfigError(
            f"the {options.ids} ids of {name} are not known; name its run with --run, "
            "or use --ids all or --fold"
        )
    here = {sample.number for sample in samples}
    here &= lineage.own(run / "network" if run else networks.member_folders(name)[0], split, opened)
    if numbers := [n for n in (split.test if options.ids == "test" else split.val) if n in here]:
        return numbers
    raise ConfigError(
        f"no {options.ids} slice of {run.name if run else name} lies in {options.data}: the slices "
        "there are not those it was made from; use --ids all or --fold"
    )


def check(options: Namespace) -> None:
    """Refuse a share that is none.

    Raises:
        ConfigError: ``--threshold`` or ``--smallest`` lies outside 0..1.
    """
    for name in ("threshold", "smallest"):
        value = getattr(options, name)
        if value is not None and not 0 <= value <= 1:
            raise ConfigError(f"--{name} must lie between 0 and 1; received {value}")


def tune(options: Namespace) -> int:
    """Print Dice and false alarms of the validation slices at many thresholds."""
    from brainseg import inference, thresholds, tuning
    from brainseg.training.planning import open_data

    opened = open_data(options.data, options.tumour_free)
    segmenter = inference.load(options.model)
    numbers = _numbers(options, options.model, opened)
    found = tuning.curve(segmenter, opened, numbers, progress=progress("slice"))
    best = tuning.best_threshold(found, thresholds.START)
    if options.json:
        print_json({**asdict(found), "best": best})
        return 0
    print(f"{options.model}, {len(numbers)} slices of the {options.ids} part")
    for place, level in enumerate(found.levels):
        dice = found.dice[place] if found.dice else None
        alarms = found.false_alarms[place] if found.false_alarms else None
        mark = "  best" if level == best else ""
        print(f"threshold {level:.2f}  dice {_cell(dice)}  false_alarms {_cell(alarms)}{mark}")
    print(
        f"best is the highest Dice without more false alarms than at {thresholds.START:g}, if that "
        f"gains {tuning.WORTH:g}; use it with --threshold"
    )
    return 0


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
    print(_outlines(result.summary))


def _outlines(values: Summary) -> str:
    """Distances in millimetres only where the spacing of the slices is known."""
    units = ("px",) if values["hausdorff95_mm"] is None else ("px", "mm")
    hausdorff, mean = (
        ", ".join(f"{_cell(values[f'{name}_{unit}'])} {unit}" for unit in units)
        for name in ("hausdorff95", "surface_distance")
    )
    return (
        f"95 % Hausdorff distance {hausdorff}  mean surface distance {mean}  undefined "
        f"{values['hausdorff95_px_undefined']}\ncalibration error near tumours "
        f"{_cell(values['ece'])}"
    )


def _cell(value: float | int | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.4f}"
