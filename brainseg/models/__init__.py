"""UNet and ResUNet: one encoder-decoder skeleton, two kinds of unit."""

from __future__ import annotations

from brainseg.models.build import MODEL_NAMES, build

__all__ = ["MODEL_NAMES", "build"]
