"""What the dataset's saliency maps give a network that sees them beside the scan, compared fairly.

    python -m benchmarks.saliency_input --data DIR --out DIR [--epochs N] [--size S] [--seeds N]

The same network is trained with the scan alone, with map 1, with map 2 and with both. Within a seed
everything else is equal: split by patient, first weights but for the first layer, order of the
slices, augmentation, number of steps, no early stop. Dice is measured at the files' own size on the
held-out test patients, with the weights of the best validation epoch. Each map's difference from
the scan alone is by slice of the same seed, its interval over patients drawn again. Called again,
it goes on; ``--list`` names the runs. Results are in OUT/saliency_input.json after every run, and
with ``--doc`` in docs/SALIENCY_INPUT.md.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks import card, resumable
from brainseg import files, protocols, runs, statistics
from brainseg.protocols import PlannedRun
from brainseg.training.planning import open_data
from brainseg.training.recipes import recipe
from brainseg.types import ARCHITECTURES, SALIENCY_INPUTS

DOC = card.CARD.with_name("SALIENCY_INPUT.md")
WORDS = {"none": "scan alone", "1": "scan and map 1", "2": "scan and map 2", "both": "all three"}
Row = dict[str, Any]


def planned_runs(options: argparse.Namespace) -> list[PlannedRun]:
    """One run an arm and seed, all arms of the first seed first."""
    common = {
        "model": options.model,
        "data": str(options.data.resolve()),
        "size": options.size,
        "base": options.base,
        "epochs": options.epochs,
        "threads": options.threads,
        "patience": 0,
    }
    return [
        PlannedRun(
            name=f"{options.model}-saliency-{arm}-seed{seed}",
            arm=arm,
            config=recipe("quick", **common, seed=seed, saliency=arm),
        )
        for seed in range(options.seeds)
        for arm in SALIENCY_INPUTS
    ]


def result_of(one: PlannedRun, out: Path) -> Row:
    """Return the scores of the held-out slices of a finished run: its own evaluation."""
    run = out / one.name
    found = runs.evaluation(run)
    if found is None:
        raise SystemExit(f"{run} has no result.json; give the same command again")
    ill = [case for case in found.cases if case.truth_px]
    return {
        "arm": one.arm,
        "seed": one.config.seed,
        "dice": found.summary["dice"],
        "misses": found.summary["misses"],
        "slices": [case.number for case in ill],
        "dices": [case.dice for case in ill],
        "patients": [case.patient or f"slice {case.number}" for case in ill],
    }


def table(rows: list[Row]) -> str:
    """One line an arm: its seeds, and what it gains over the scan alone, slice by slice."""
    lines = [
        "| input | Dice | by seed | less scan alone | 95 % interval | misses |",
        "|---" * 6 + "|",
    ]
    for arm, words in WORDS.items():
        part = [row for row in rows if row["arm"] == arm]
        if part:
            by_seed = " ".join(f"{row['dice']:.3f}" for row in part)
            misses = f"{mean(row['misses'] for row in part):.3f}"
            cells = [words, f"{mean(row['dice'] for row in part):.3f}", by_seed]
            lines.append("| " + " | ".join([*cells, *_gain(arm, part, rows), misses]) + " |")
    return "\n".join(lines)


def _gain(arm: str, part: list[Row], rows: list[Row]) -> tuple[str, str]:
    """Differences of the same slice and seed; a patient is drawn with all of its slices."""
    alone = {row["seed"]: row for row in rows if row["arm"] == "none"}
    pairs = [(row, alone[row["seed"]]) for row in part if arm != "none" and row["seed"] in alone]
    gains = [
        ours - theirs
        for row, base in pairs
        for ours, theirs in zip(row["dices"], base["dices"], strict=True)
    ]
    if not gains:
        return "-", "-"
    owners = [owner for row, _ in pairs for owner in row["patients"]]
    low, high = statistics.bootstrap_interval(gains, owners)
    interval = "-" if low is None or high is None else f"{low:+.3f} to {high:+.3f}"
    return f"{mean(gains):+.3f}", interval


def facts(rows: list[Row], options: argparse.Namespace) -> str:
    """Return in one sentence what was measured on."""
    catalog = open_data(options.data)[0]
    kind = "synthetic demo data" if catalog.synthetic else catalog.name
    tests = {row["seed"]: row for row in rows}.values()
    slices = mean(len(row["slices"]) for row in tests)
    patients = mean(len(set(row["patients"])) for row in tests)
    return (
        f"{len(catalog.with_truth)} slices of {kind}; {slices:g} held-out slices with a tumour of "
        f"{patients:g} patients a seed, in the mean."
    )


def write_doc(rows: list[Row], options: argparse.Namespace) -> None:
    """Put the table and its command between the marks of the document."""
    command = (
        f"python -m benchmarks.saliency_input --data DIR --out OUT --model {options.model} "
        f"--size {options.size} --base {options.base} --epochs {options.epochs} "
        f"--seeds {options.seeds} --threads {options.threads} --doc"
    )
    text = f"```\n{command}\n```\n\n{facts(rows, options)}\n\n{table(rows)}"
    card.replace("saliency input", text, DOC)


def parse(words: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", choices=ARCHITECTURES, default="unet")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--base", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--list", action="store_true", help="name the runs and leave")
    parser.add_argument("--doc", action="store_true", help=f"write the table into {DOC.name}")
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> None:
    options = parse(words)
    planned = planned_runs(options)
    if options.list:
        print("\n".join(one.name for one in planned))
        return
    options.out.mkdir(parents=True, exist_ok=True)
    protocols.check_folders(planned, options.out)
    rows: list[Row] = []
    for one in planned:
        protocols.train(one, options.out, print)
        rows.append(result_of(one, options.out))
        files.write_json(options.out / "saliency_input.json", rows)
    print(f"{facts(rows, options)}\n{table(rows)}")
    if options.doc:
        write_doc(rows, options)


if __name__ == "__main__":
    resumable.leave("saliency_input", main)
