"""The slices of a volume on their way to the browser: in bundles that do not change, sent once."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from brainseg.types import BoolArray, ByteArray, FloatArray
from ui import pictures

BUNDLE_PIXELS = 2**20  # of raw values in one message; probabilities are mostly zero and pack well
LEVELS_A_BUNDLE = 16
WHOLE_PIXELS = 32 * 2**20  # raw values are sent whole up to this size, else around the slice
AROUND = 12  # slices on either side that are sent of a larger one
_FOLDER = Path(__file__).parent


def source(*names: str) -> str:
    """Return the text of files beside this one, one after the other."""
    return "\n".join((_FOLDER / name).read_text(encoding="utf-8") for name in names)


_mount = st.components.v2.component(
    "brainseg_slices", js=source("pixels.js", "slices.js", "bringer.js")
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StackLayer:
    """What one network says of every slice, as far as it is known."""

    name: str
    colour: str
    source: str  # identity of the network: another one brings its slices anew
    levels: ByteArray  # (D, H, W), as ``pictures.quantise`` gives them
    known: BoolArray  # (D,)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stack:
    """A volume as the viewer moves through it."""

    index: int  # the slice to start from, from 0
    values: FloatArray  # (D, H, W)
    scale: Mapping[str, Any]  # ``pictures.value_scale`` of the values
    layers: Sequence[StackLayer] = ()
    extra: Sequence[Mapping[str, Any]] = field(default_factory=tuple)  # layers of one slice only

    def data(self) -> dict[str, Any]:
        """Return what the viewer is told of the volume; the slices come with ``bring``."""
        depth, height, width = self.values.shape
        drawn = pictures.drawn_shape((height, width))
        sent = [
            {"id": one.name, "name": one.name, "colour": one.colour, "kind": "probability",
             "source": one.source}
            for one in self.layers
        ]  # fmt: skip
        value = {"id": "value", "name": "value", "kind": "value", "source": "value", **self.scale}
        return {
            "layers": [*sent, *self.extra, value], "shape": [width, height],
            "drawn": [drawn[1], drawn[0]], "stack": {"depth": depth, "index": self.index},
        }  # fmt: skip


def bring(key: str, scene: str, stack: Stack) -> None:
    """Send the slices: of a very large volume the raw values around the slice, else everything."""
    depth, height, width = stack.values.shape
    drawn = int(np.prod(pictures.drawn_shape((height, width))))
    near = range(depth)
    if depth * drawn > WHOLE_PIXELS:
        near = range(max(0, stack.index - AROUND), min(depth, stack.index + AROUND + 1))
    with st.container(gap=None):
        for part in _bundles(near, depth, max(1, BUNDLE_PIXELS // drawn)):
            data = _values(scene, tuple(part), stack.values, stack.scale)
            _mount(key=f"{key}.value.{part[0]}", data=data)
        for layer in stack.layers:
            for part in _bundles(range(depth), depth, LEVELS_A_BUNDLE):
                known = tuple(index for index in part if layer.known[index])
                if known:
                    data = _levels(scene, layer.source, known, layer.levels)
                    _mount(key=f"{key}.{layer.name}.{part[0]}", data=data)


def _bundles(near: range, depth: int, size: int) -> list[range]:
    """Cut slices into parts with fixed borders, so that a part is the same message every time."""
    places = sorted({index // size for index in near})
    return [range(place * size, min(depth, (place + 1) * size)) for place in places]


@st.cache_data(max_entries=64, show_spinner=False)
def _values(
    scene: str, part: tuple[int, ...], _values: FloatArray, _scale: Mapping[str, Any]
) -> dict[str, Any]:
    slices = {str(i): pictures.pack(pictures.scaled(_values[i], _scale), effort=2) for i in part}
    return {"scene": scene, "source": "value", "slices": slices, "counts": None}


@st.cache_data(max_entries=64, show_spinner=False)
def _levels(scene: str, source: str, part: tuple[int, ...], _levels: ByteArray) -> dict[str, Any]:
    table = np.array([pictures.counts(_levels[i]) for i in part], dtype="<u4")
    slices = {str(i): pictures.pack(_levels[i], effort=6) for i in part}
    counts = base64.b64encode(zlib.compress(table.tobytes(), 6)).decode()
    return {"scene": scene, "source": source, "slices": slices, "counts": counts}
