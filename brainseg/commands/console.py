"""What the verbs print with."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any


def print_json(value: Any) -> None:
    """Print ``value`` as JSON; what JSON does not know as its text."""
    print(json.dumps(value, indent=1, default=str))


def progress(what: str) -> Callable[[int, int], None]:
    """Return a callback that redraws one line on a terminal and is silent elsewhere."""

    def show(done: int, total: int) -> None:
        if sys.stderr.isatty():
            end = "\n" if done == total else ""
            print(f"\r{what} {done}/{total}", end=end, file=sys.stderr, flush=True)

    return show
