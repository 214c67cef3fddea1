"""OpenVINO without its telemetry: import ``openvino`` from here and from nowhere else.

``import openvino`` brings a conversion tool that reports every import to its maker and leaves an
id under ``~/intel``. Where the package ``openvino_telemetry`` cannot be imported the tool falls
back to its own stub that does nothing; so we make it impossible to import. ``None`` in
``sys.modules`` is Python's documented way to do that.
"""

from __future__ import annotations

import sys

sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino  # type: ignore[import-untyped] # noqa: E402  (after the line above, or it reports home)

__all__ = ["openvino"]
