"""What each verb of the command line does. Heavy imports wait until a verb needs them."""

from __future__ import annotations

import json
import os
import sys
from argparse import Namespace
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from brainseg import paths, runs
from brainseg.errors import ConfigError, RunError, ScanError
from brainseg.training import process
from brainseg.training.recipes import RunConfig, recipe
from brainseg.types import Evaluation, RunStatus, Sample, Split

_SETTINGS = set(RunConfig.__dataclass_fields__) - {"model", "data", "recipe", "schema"}


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=1, default=str))


def _progress(what: str) -> Callable[[int, int], None]:
    """Return a callback that redraws one line on a terminal and is silent elsewhere."""

    def show(done: int, total: int) -> None:
        if sys.stderr.isatty():
            end = "\n" if done == total else ""
            print(f"\r{what} {done}/{total}", end=end, file=sys.stderr, flush=True)

    return show


def demo(options: Namespace) -> int:
    """Make the embedded synthetic dataset."""
    from brainseg.data.demo import make_demo

    folder = make_demo(
        options.to, count=options.count, seed=options.seed, progress=_progress("slice")
    )
    print(f"synthetic demo data in {folder}")
    return 0


def download(options: Namespace) -> int:
    """Fetch the Kaggle dataset, or adopt a folder or zip."""
    from brainseg.data import kaggle

    if options.existing:
        print(kaggle.adopt(options.existing))
        return 0

    def show(p: kaggle.DownloadProgress) -> None:
        if sys.stderr.isatty():
            print(f"\r{p}", end="", file=sys.stderr, flush=True)

    folder = kaggle.download(
        options.slug or kaggle.SLUG, options.to or paths.kaggle(), progress=show
    )
    print(f"\ndataset in {folder}")
    return 0


def inspect(options: Namespace) -> int:
    """Say what a dataset folder holds and what is wrong with it."""
    from brainseg.data.catalog import inspect as inspect_catalog
    from brainseg.data.catalog import read_catalog

    catalog = read_catalog(options.data)
    problems = inspect_catalog(catalog, progress=_progress("file"))
    kinds: dict[str, int] = {}
    for sample in catalog.samples:
        kinds[sample.tumour or "unknown"] = kinds.get(sample.tumour or "unknown", 0) + 1
    facts = {
        "root": str(catalog.root),
        "slices": len(catalog.samples),
        "with_truth": len(catalog.with_truth),
        "patients": len({s.patient for s in catalog.samples if s.patient is not None}),
        "tumours": kinds,
        "orientation": catalog.orientation,
        "synthetic": catalog.synthetic,
        "problems": [{"kind": p.kind, "path": str(p.path), "detail": p.detail} for p in problems],
    }
    if options.json:
        _print_json(facts)
        return 0
    for name, value in facts.items():
        if name != "problems":
            print(f"{name}: {value}")
    for problem in problems:
        print(f"{problem.kind}: {problem.path} ({problem.detail})")
    print(f"{len(problems)} problems")
    return 0


def _settings(options: Namespace) -> dict[str, Any]:
    given = {name: getattr(options, name, None) for name in _SETTINGS}
    settings = {name: value for name, value in given.items() if value is not None}
    if settings.get("tumour_free"):
        settings["tumour_free"] = str(Path(settings["tumour_free"]).resolve())
    return settings


def train(options: Namespace) -> int:
    """Train in this terminal, or in the background."""
    run = _run_to_train(options)
    if options.background:
        pid = process.resume(run) if options.resume else process.start(run)
        print(f"{run.name} (pid {pid})")
        return 0
    if options.resume and runs.status(run).state == "finished":
        raise RunError(f"run {run.name} has finished; start a new one to train longer")
    print(f"run folder {run}")
    (run / "stop").unlink(missing_ok=True)
    from brainseg.training import worker

    return worker.work(run)


def _run_to_train(options: Namespace) -> Path:
    if options.resume:
        if not options.folder:
            raise ConfigError("--resume needs --run DIR: which run shall go on?")
        return runs.find(options.folder)
    if not options.data or not options.model:
        raise ConfigError("train needs --data DIR and --model unet|resunet")
    data = str(Path(options.data).resolve())
    config = recipe(options.recipe, model=options.model, data=data, **_settings(options))
    folder = Path(options.folder) if options.folder else None
    if folder is not None and (folder / "config.json").exists():
        raise RunError(f"{folder} already holds a run; add --resume to go on with it")
    from brainseg.training.planning import new_run

    return new_run(config, folder)


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
        progress=_progress("slice"),
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


def list_or_change_runs(options: Namespace) -> int:
    """``runs list|show|stop|resume``."""
    if options.action == "list":
        found = runs.list_runs()
        if options.json:
            _print_json([asdict(one) for one in found])
        for one in () if options.json else found:
            print(_run_line(one))
        return 0
    run = runs.find(options.folder)
    if options.action == "show":
        _show(run, as_json=options.json)
    elif options.action == "stop":
        if not runs.is_locked(run):
            raise RunError(f"run {run.name} is not being worked on")
        runs.request_stop(run)
        print(f"{run.name}: stopping after this batch")
    else:
        print(f"{run.name}: resumed (pid {process.resume(run)})")
    return 0


def _run_line(one: RunStatus) -> str:
    best = f"best val Dice {one.best_dice:.4f} at {one.best_epoch}" if one.best_dice else ""
    return f"{one.run_id}  {one.state:<9} epoch {one.epoch}/{one.epochs}  {best}".rstrip()


def _show(run: Path, *, as_json: bool) -> None:
    status, history = runs.status(run), runs.history(run)
    if as_json:
        _print_json(
            {
                "status": asdict(status),
                "config": runs.config(run).to_dict(),
                "history": [asdict(record) for record in history],
            }
        )
        return
    print(_run_line(status))
    if status.reason:
        print(status.reason)
    for r in history:
        print(
            f"{r.epoch:>5} loss {r.loss:.4f} val {r.val_loss:.4f} dice {r.dice:.4f} "
            f"val {r.val_dice:.4f}{' *' if r.best else ''}"
        )
    for text in status.log_tail:
        print(text)


def devices(options: Namespace) -> int:
    """List what training can run on."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from brainseg.training import devices as here

    found = here.available()
    if options.json:
        _print_json(found)
    for device in () if options.json else found:
        print(f"{device['kind']}: {device['name']}")
    return 0


def architecture(options: Namespace) -> int:
    """Describe a network that was really built."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from brainseg.architecture import describe

    layers = describe(options.model, size=options.size, base=options.base, depth=options.depth)
    if options.json:
        _print_json(layers)
    for layer in () if options.json else layers:
        print(f"{layer['name']:<24}{layer['kind']:<20}{layer['shape']!s:<20}{layer['parameters']}")
    return 0
