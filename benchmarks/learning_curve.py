"""What more hours of the same training gave, and what the pace at its end would take.

    python -m benchmarks.learning_curve RUN [RUN ...]

Reads the epochs of finished runs and writes the table of docs/ABLATIONS.md: the best validation
Dice until then and the Dice on the training slices as augmented. The pace is a straight line
through the best Dice over the logarithm of time, in the second half of the epochs. Learning
curves bend the other way and the falling learning rate lifts their end: the hours are too few.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

import numpy as np

from benchmarks import card
from brainseg import runs
from brainseg.errors import BrainsegError
from brainseg.types import EpochRecord

DOC = card.CARD.with_name("ABLATIONS.md")
GOALS = (0.80, 0.85)
_HOUR = 3600.0


def points(history: Sequence[EpochRecord]) -> dict[float, tuple[float, float]]:
    """Return hours, doubled and doubled, to the best validation Dice until then and the Dice.

    The last entry is the end of the run, whenever that was.
    """
    best = list(accumulate((record.val_dice for record in history), max))
    hours = [record.elapsed / _HOUR for record in history]
    found = {}
    mark = 0.125
    while mark < hours[-1]:
        reached = [i for i, hour in enumerate(hours) if hour <= mark]
        if reached:
            found[mark] = (best[reached[-1]], history[reached[-1]].dice)
        mark *= 2
    return found | {hours[-1]: (best[-1], history[-1].dice)}


def pace(history: Sequence[EpochRecord]) -> tuple[float, float]:
    """Return validation Dice gained by each doubling of the time, and Dice after one hour."""
    best = list(accumulate((record.val_dice for record in history), max))
    half = len(history) // 2
    hours = np.array([record.elapsed / _HOUR for record in history[half:]])
    gained, at_one_hour = np.polyfit(np.log2(hours), best[half:], 1)
    return float(gained), float(at_one_hour)


def table(named: dict[str, Sequence[EpochRecord]]) -> str:
    """One line a run."""
    marks = sorted({m for one in named.values() for m in list(points(one))[:-1]})
    head = [
        "run",
        *(f"{mark:g} h" for mark in marks),
        "end",
        "a doubling gives",
        *(f"{goal:.2f} at that pace" for goal in GOALS),
    ]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for name, history in named.items():
        found = points(history)
        *_, end = found
        gained, at_one_hour = pace(history)
        cells = [
            f"`{name}`",
            *(_pair(found.get(mark)) for mark in marks),
            f"{_pair(found[end])} ({end:.1f} h)",
            f"{gained:+.3f}",
            *(_hours(gained, at_one_hour, goal) for goal in GOALS),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _pair(one: tuple[float, float] | None) -> str:
    return f"{one[0]:.3f} / {one[1]:.3f}" if one else "-"


def _hours(gained: float, at_one_hour: float, goal: float) -> str:
    return f"{2 ** ((goal - at_one_hour) / gained):,.0f} h" if gained > 0 else "never"


def main(words: list[str] | None = None) -> None:
    names = sys.argv[1:] if words is None else words
    if not names:
        sys.exit(__doc__)
    named: dict[str, Sequence[EpochRecord]] = {}
    for name in names:
        try:
            history = runs.history(Path(name))
        except BrainsegError as error:
            sys.exit(f"learning_curve: {error}")
        if len(history) < 4:
            sys.exit(f"learning_curve: {name} has {len(history)} epochs; at least 4 are needed")
        named[Path(name).name] = history
    print(card.replace("learning-curve", table(named), DOC))


if __name__ == "__main__":
    main()
