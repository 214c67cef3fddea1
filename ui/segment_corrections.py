"""Masks corrected by hand: what the browser sends back, checked, and kept for the session."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import streamlit as st

from brainseg.types import BoolArray
from ui import pictures

_KEPT = "segment.corrected"
_SCENES = 4  # studies whose corrections are kept in a session
_MOST = 512  # corrected masks of one study


def keep(scene: str, sent: Any) -> dict[str, str]:
    """Remember what the browser sent for this study, and return what is known for it, packed."""
    kept: dict[str, dict[str, str]] = st.session_state.setdefault(_KEPT, {})
    if isinstance(sent, Mapping) and sent.get("scene") == scene:
        masks = sent.get("masks")
        kept.pop(scene, None)
        kept[scene] = dict(masks) if isinstance(masks, Mapping) else {}
        for old in list(kept)[:-_SCENES]:
            del kept[old]
    return kept.get(scene, {})


def unpack(
    packed: Mapping[str, str], labels: Sequence[str], shape: tuple[int, int, int]
) -> dict[tuple[str, int], BoolArray]:
    """Return the corrected masks (H, W) by network and slice; what does not fit is left out.

    Args:
        packed: deflated bytes of 0 and 1 in base64, by ``"label|slice"``.
        labels: networks that are shown.
        shape: (D, H, W) of the study.
    """
    found = {}
    for key, text in list(packed.items())[:_MOST]:
        label, _, index = str(key).rpartition("|")
        if label not in labels or not index.isdecimal() or int(index) >= shape[0]:
            continue
        mask = _mask(text, shape[1:])
        if mask is not None:
            found[(label, int(index))] = mask
    return found


def _mask(text: str, shape: tuple[int, int]) -> BoolArray | None:
    height, width = pictures.drawn_shape(shape)
    try:
        inflater = zlib.decompressobj()
        data = inflater.decompress(base64.b64decode(text, validate=True), height * width + 1)
    except (binascii.Error, zlib.error, ValueError, TypeError):
        return None
    if len(data) != height * width:
        return None
    drawn = np.frombuffer(data, dtype=np.uint8).reshape(height, width)
    if (height, width) != shape:
        drawn = cv2.resize(drawn, (shape[1], shape[0]), interpolation=cv2.INTER_NEAREST)
    return np.asarray(drawn > 0)
