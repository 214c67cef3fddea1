"""What each stage of a network is worth: the table of docs/ABLATIONS.md.

    python -m benchmarks.stages --data DIR --tumour-free DIR NAME=FOLDER [NAME=FOLDER ...]

Each network takes the threshold with the most Dice on its own validation slices, as the shipped
ones did, and is scored there on the tumour slices that its split holds back and on the tumour-free
ones among them. Masks are compared at the files' own size, without averaging.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from benchmarks import card
from brainseg import networks, tuning
from brainseg.data.catalog import Catalog
from brainseg.inference import Segmenter
from brainseg.thresholds import START
from brainseg.training.planning import open_data

DOC = card.CARD.with_name("ABLATIONS.md")


def row(name: str, folder: Path, opened: Sequence[Catalog]) -> str:
    """Return the line of one network."""
    segmenter, split = Segmenter.load(folder), networks.read_split(folder)
    if split is None:
        raise SystemExit(f"{folder} has no split.json: which slices has it never seen?")
    validation = tuning.curve(segmenter, opened, split.val)
    threshold = tuning.best_threshold(validation, START)
    held_back = tuning.curve(segmenter, opened, split.test)
    place = held_back.levels.index(threshold)
    shares = (held_back.dice, held_back.misses, held_back.false_alarms)
    cells = [f"{share[place]:.3f}" if share else "-" for share in shares]
    return f"| {name} | {validation.at(threshold):.3f} | {' | '.join(cells)} | {threshold:g} |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("data", "tumour-free"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("networks", nargs="+", metavar="NAME=FOLDER")
    options = parser.parse_args()
    named = [one.rpartition("=")[::2] for one in options.networks]
    opened = open_data(options.data, options.tumour_free)
    head = ("network", "validation", "held back, as stored", "misses", "tumour-free painted",
            "threshold")  # fmt: skip
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    lines += [row(name, networks.find_network(folder), opened) for name, folder in named]
    print(card.replace("stages", "\n".join(lines), DOC))


if __name__ == "__main__":
    main()
