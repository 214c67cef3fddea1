"""How a benchmark of many trainings ends: whatever stops it, the same command goes on."""

from __future__ import annotations

import sys
from collections.abc import Callable

from brainseg.errors import BrainsegError


def leave(name: str, main: Callable[[], None]) -> None:
    """Run ``main`` and leave with one sentence where it fails or is interrupted."""
    try:
        main()
    except BrainsegError as error:
        sys.exit(f"{name}: {error}")
    except KeyboardInterrupt:
        sys.exit(f"{name}: stopped; the same command goes on")
