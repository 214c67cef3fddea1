"""What more hours of the same training gave: validation and training Dice by time.

    python -m benchmarks.learning_curve RUN [RUN ...]

Reads the epochs of runs and writes the table of docs/ABLATIONS.md: at each doubling of the hours
the Dice of the epoch that had just ended, on the validation slices and on the training slices as
augmented, then the best epoch and the last.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import card
from brainseg import runs
from brainseg.errors import RunError
from brainseg.types import EpochRecord

DOC = card.CARD.with_name("ABLATIONS.md")
_FIRST_MARK, _HOUR = 0.125, 3600.0


def points(history: Sequence[EpochRecord]) -> dict[float, EpochRecord]:
    """Return hours, doubled and doubled while the run lasted, to the newest epoch by then."""
    found = {}
    mark = _FIRST_MARK
    while mark * _HOUR < history[-1].elapsed:
        by_then = [record for record in history if record.elapsed <= mark * _HOUR]
        if by_then:
            found[mark] = by_then[-1]
        mark *= 2
    return found


def table(named: dict[str, Sequence[EpochRecord]]) -> str:
    """One line a run."""
    marks = sorted({mark for history in named.values() for mark in points(history)})
    head = ["run", *(f"{mark:g} h" for mark in marks), "best epoch", "last epoch"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for name, history in named.items():
        found = points(history)
        best = max(history, key=lambda record: record.val_dice)
        cells = [
            f"`{name}`",
            *(_pair(found[mark]) if mark in found else "-" for mark in marks),
            *(_when(one) for one in (best, history[-1])),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _pair(one: EpochRecord) -> str:
    return f"{one.val_dice:.3f} / {one.dice:.3f}"


def _when(one: EpochRecord) -> str:
    return f"{_pair(one)} ({one.epoch}, {one.elapsed / _HOUR:.1f} h)"


def main(words: list[str] | None = None) -> None:
    names = sys.argv[1:] if words is None else words
    if not names:
        sys.exit(__doc__)
    try:
        named = {Path(name).name: runs.history(Path(name)) for name in names}
    except RunError as error:
        sys.exit(f"learning_curve: {error}")
    if empty := [name for name, history in named.items() if not history]:
        sys.exit(f"learning_curve: {', '.join(empty)} has no epoch yet")
    print(card.replace("learning-curve", table(named), DOC))


if __name__ == "__main__":
    main()
