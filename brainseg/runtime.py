"""OpenVINO without its telemetry, opened once: import ``openvino`` from here and nowhere else.

``import openvino`` brings a conversion tool that reports every import to its maker and leaves an
id under ``~/intel``. Where the package ``openvino_telemetry`` cannot be imported the tool falls
back to its own stub that does nothing; so we make it impossible to import. ``None`` in
``sys.modules`` is Python's documented way to do that.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import Any

sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino  # type: ignore[import-untyped] # noqa: E402  (after the line above, or it reports home)

__all__ = ["core", "openvino"]


@lru_cache(maxsize=1)
def core() -> Any:
    """Return the one ``openvino.Core`` of this process.

    Every Core gives the thread that first compiles with it a stack for signals, and takes it away
    when it goes (OpenVINO #11894). Two that go in the wrong order leave the thread on a stack that
    is gone, and the next signal, such as Ctrl-C, ends the process with a segmentation fault.
    """
    return openvino.Core()
