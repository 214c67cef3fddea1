"""The guided tour of the Learn screen, one lesson a module, in the order of the source document.

Each ``draw(chosen)`` draws itself for the chosen slice and owns its widgets (``learn.*``).
"""

from __future__ import annotations

from collections.abc import Callable

from ui.lessons import (
    blocks,
    folders,
    loss,
    numbers,
    problem,
    results,
    scores,
    standing_out,
    steps,
    stopping,
    trained,
)
from ui.lessons.chosen import Chosen

TOUR: dict[str, Callable[[Chosen], None]] = {
    "The problem": problem.draw,
    "The four folders": folders.draw,
    "A mask is numbers": numbers.draw,
    "Preprocessing": steps.draw,
    "Saliency maps": standing_out.draw,
    "The networks": blocks.draw,
    "Why Dice": loss.draw,
    "Early stopping": stopping.draw,
    "Training statistics": trained.draw,
    "Evaluation": scores.draw,
    "Results": results.draw,
}
