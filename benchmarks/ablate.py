"""What each part of the recipe gives: one change at a time, scored on the validation patients.

    python -m benchmarks.ablate --data DIR --tumour-free DIR --out DIR [--only NAME ...]

Every variant is the baseline with one change, trained by the ordinary worker; ``--list`` names
them. Dice is measured at the files' own size on the validation patients, never on the test
patients: those are for the report. Cost is processor time of the worker, so a busy machine does not
change it. Results are in OUT/ablations.json after every run and, unless ``--no-doc`` is given, in
the table of docs/ABLATIONS.md. Called again, it goes on; a finished run is not trained again.
A seed also draws which patients validate, so variants are compared seed by seed, slice by slice;
the interval of the difference draws these patients again. OUT is of one architecture.
"""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil

from benchmarks import card, resumable
from brainseg import files, liveness, protocols, runs, summary
from brainseg.protocols import PlannedRun
from brainseg.run_folder import read_json
from brainseg.training.planning import open_data, split_of
from brainseg.training.recipes import recipe
from brainseg.types import ARCHITECTURES, Evaluation, RunStatus

DOC = card.CARD.with_name("ABLATIONS.md")
SCORES = "validation.json"  # in a run's folder: its scores on the validation slices
BASELINE: dict[str, Any] = {
    "base": 16,
    "learning_rate": 2e-3,
    "warmup_epochs": 2,
    "ema_decay": 0.99,
    "patience": 0,
}
VARIANTS: dict[str, dict[str, Any]] = {
    "baseline": {},
    "augment-none": {"augment": "none"},
    "augment-all-symmetries": {"augment": "reference"},
    "augment-half-as-strong": {"augment_strength": 0.5},
    "loss-dice": {"loss": "dice"},
    "loss-dice-batch": {"loss": "dice_batch"},
    "loss-ce": {"loss": "ce"},
    "bn-momentum-0.99": {"bn_momentum": 0.99},
    "norm-group": {"norm": "group"},
    "deep-supervision": {"deep_supervision": True},
    "ema-off": {"ema_decay": 0.0},
    "lr-5e-4": {"learning_rate": 5e-4},
    "lr-1e-3": {"learning_rate": 1e-3},
    "lr-4e-3": {"learning_rate": 4e-3},
    "schedule-constant": {"schedule": "constant"},
    "optimizer-adam": {"optimizer": "adam"},
    "optimizer-muon": {"optimizer": "muon"},
    "contrast-equalised": {"contrast": "equalised"},
    "base-8": {"base": 8},
    "base-24": {"base": 24},
    "base-32": {"base": 32},
    "size-96": {"size": 96},
    "size-128": {"size": 128},
    "size-192": {"size": 192},
    "size-256": {"size": 256},
    "depth-3": {"depth": 3},
    "depth-5": {"depth": 5},
    "no-tumour-free": {"tumour_free": ""},
}


def planned_runs(options: argparse.Namespace) -> list[PlannedRun]:
    """One run a variant and seed, all seeds of the first variants first."""
    common = {
        **BASELINE,
        "model": options.model,
        "data": str(options.data.resolve()),
        "tumour_free": str(options.tumour_free.resolve()),
        "size": options.size,
        "epochs": options.epochs,
        "precision": options.precision,
        "threads": options.threads,
    }
    names = list(dict.fromkeys(options.only or VARIANTS))
    seeds = dict.fromkeys(names, options.seeds)
    if "baseline" in seeds:
        seeds["baseline"] = max(options.seeds, options.baseline_seeds)
    return [
        PlannedRun(
            name=_name(options.model, name, seed),
            arm=name,
            config=recipe("reference", **common | VARIANTS[name] | {"seed": seed}),
        )
        for name in names
        for seed in range(seeds[name])
    ]


def train(one: PlannedRun, out: Path) -> None:
    """Train a run to its end and add the processor seconds of its worker to its cost."""
    run = out / one.name
    seconds: dict[int, float] = {}

    def watch(_: RunStatus) -> None:
        worker = runs.process_of(run)
        with suppress(psutil.Error):
            if worker is not None and liveness.is_alive(worker):
                times = psutil.Process(worker.pid).cpu_times()
                seconds[worker.pid] = times.user + times.system

    try:
        protocols.train(one, out, print, watch)
    finally:
        if run.is_dir():
            files.write_json(run / "cost.json", _cost(run) + sum(seconds.values()))


def _cost(run: Path) -> float:
    return float(read_json(run / "cost.json") or 0.0)


def measure(one: PlannedRun, out: Path, tumour_free: Path) -> dict[str, Any]:
    """Score a trained run on its validation patients, and against the baseline of its seed."""
    run = out / one.name
    result = _scored(one, run, tumour_free)
    names = ("dice", "dice_low", "dice_high", "misses", "false_alarms", "tumour_slices")
    parameters = next(e for e in runs.events(run) if e["kind"] == "facts").get("parameters")
    return {
        "variant": one.arm,
        "change": VARIANTS[one.arm],
        "seed": one.config.seed,
        "model": one.config.model,
        "size": one.config.size,
        "epochs": one.config.epochs,
        "parameters": parameters,
        **{name: result.summary[name] for name in names},
        "glioma": result.by_tumour.get("glioma", {}).get("dice"),
        "core_seconds": _cost(run),
        "less_baseline": None,
    }


def _scored(one: PlannedRun, run: Path, tumour_free: Path) -> Evaluation:
    """Return the scores of the validation slices; they are kept beside the run.

    The tumour-free ones are among them even where the variant trained without such slices:
    adding them moves no other patient to another part.
    """
    from brainseg.evaluate import evaluate
    from brainseg.inference import Segmenter

    opened = open_data(one.config.data, tumour_free)
    whole = replace(one.config, tumour_free=str(tumour_free))
    result = evaluate(Segmenter.load(run / "network"), opened, split_of(whole, opened).val)
    runs.write_evaluation(run / SCORES, result)
    return result


def _less_of(row: dict[str, Any], out: Path) -> list[float | None] | None:
    """Return the mean difference in Dice to the baseline of the seed and its 95 % interval."""
    scores = [
        out / _name(row["model"], name, row["seed"]) / SCORES
        for name in (row["variant"], "baseline")
    ]
    if not all(path.is_file() for path in scores):
        return None
    found = summary.compare(*map(runs.read_evaluation, scores))
    return [found.by_slice.difference, found.low, found.high]


def _length(row: dict[str, Any], options: argparse.Namespace) -> tuple[int, int]:
    """Return the size and the epochs that a row must have to stand beside those of this call."""
    return VARIANTS[row["variant"]].get("size", options.size), options.epochs


def _name(model: str, variant: str, seed: int) -> str:
    return f"{model}-{variant}-seed{seed}"


def table(rows: list[dict[str, Any]]) -> str:
    """One line a variant and seed, beside the baseline of the same seed.

    Rows of two tables that were put together may say of which network and machine they are:
    rounding alone moves a training, so each has the baselines of its own.
    """
    lines = [
        "| variant | change | machine | seed | Dice | less baseline of the seed, 95 % | glioma "
        "| misses | tumour-free painted | parameters | core-seconds |",
        "|---" * 11 + "|",
    ]
    names = list(dict.fromkeys(row["variant"] for row in rows))

    def place(row: dict[str, Any]) -> tuple[Any, ...]:
        of = ARCHITECTURES.index(row["model"])
        return of, names.index(row["variant"]), row.get("machine", 1), row["seed"]

    for row in sorted(rows, key=place):
        change = ", ".join(f"{k} {v or 'off'}" for k, v in row["change"].items())
        cells = [
            f"`{row['variant']}`" + (", ResUNet" if row["model"] == "resunet" else ""),
            change or "-",
            str(row.get("machine", 1)),
            str(row["seed"]),
            _number(row["dice"]),
            "-" if row["variant"] == "baseline" else _difference(row["less_baseline"]),
            *(_number(row[key]) for key in ("glioma", "misses", "false_alarms")),
            f"{row['parameters']:,}",
            f"{row['core_seconds']:,.0f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _difference(less: list[float | None] | None) -> str:
    if not less or less[0] is None:
        return "-"
    mean, low, high = less
    return f"{mean:+.3f}" + ("" if low is None else f" ({low:+.3f} to {high:+.3f})")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def write_doc(rows: list[dict[str, Any]], options: argparse.Namespace) -> None:
    """Put the table and its command between the marks of docs/ABLATIONS.md."""
    command = (
        "python -m benchmarks.ablate --data CHENG256 --tumour-free NORMAL256 --out ABLATIONS "
        f"--model {options.model} --size {options.size} --epochs {options.epochs} "
        f"--seeds {options.seeds} --baseline-seeds {options.baseline_seeds} "
        f"--precision {options.precision} --threads {options.threads}"
    )
    card.replace("ablations", f"```\n{command}\n```\n\n{table(rows)}", DOC)


def parse(words: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tumour-free", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=VARIANTS, metavar="NAME")
    parser.add_argument("--model", choices=ARCHITECTURES, default="unet")
    parser.add_argument("--epochs", type=int, default=45)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument(
        "--baseline-seeds", type=int, default=3, help="seeds of the baseline: the spread of chance"
    )
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--list", action="store_true", help="name the runs and leave")
    parser.add_argument("--no-doc", action="store_true", help="leave docs/ABLATIONS.md alone")
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> None:
    options = parse(words)
    planned = planned_runs(options)
    if options.list:
        print("\n".join(f"{one.name}: {VARIANTS[one.arm] or 'the baseline'}" for one in planned))
        return
    options.out.mkdir(parents=True, exist_ok=True)
    protocols.check_folders(planned, options.out)
    kept = options.out / "ablations.json"
    rows = json.loads(kept.read_text()) if kept.is_file() else []
    if any(row["model"] != options.model for row in rows):
        sys.exit(f"{options.out} is of another architecture: give {options.model} another --out")
    if any((row["size"], row["epochs"]) != _length(row, options) for row in rows):
        sys.exit(f"{options.out} holds other sizes or lengths: give these another --out")
    for one in planned:
        if all((row["variant"], row["seed"]) != (one.arm, one.config.seed) for row in rows):
            train(one, options.out)
            rows.append(measure(one, options.out, options.tumour_free))
            for row in rows:  # a variant may have come before the baseline of its seed
                if not row["less_baseline"]:
                    row["less_baseline"] = _less_of(row, options.out)
            files.write_json(kept, rows)
        if not options.no_doc:
            write_doc(rows, options)
    print(table(rows))


if __name__ == "__main__":
    resumable.leave("ablate", main)
