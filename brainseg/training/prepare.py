"""From a configuration to arrays, split and first weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np

from brainseg import networks, orientation
from brainseg.data.cache import build_cache
from brainseg.data.catalog import Orientation
from brainseg.errors import ConfigError, DataError
from brainseg.preprocess import with_channels
from brainseg.training.fit import PREVIEWS, Data
from brainseg.training.planning import open_data
from brainseg.training.recipes import RunConfig
from brainseg.types import ByteArray, Split

_TOGETHER = 256  # slices whose orientation is told at once: bounds the memory


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prepared:
    """The arrays of a run, and whether its slices still lie transposed in them."""

    data: Data
    transposed: bool


def load_data(
    config: RunConfig, split: Split, progress: Callable[[int, int], None] | None = None
) -> Prepared:
    """Build or open the array caches and find the rows of each part.

    Augmentation wants upright slices (it knows which way up heads usually are), and where the run
    is ``upright`` they are turned as they will be for a prediction; with neither they stay as the
    files have them, as the source document trained.

    Raises:
        DataError: the folder does not hold a slice of the split any more.
    """
    opened = open_data(config.data, config.tumour_free)
    caches = [
        build_cache(
            catalog,
            side=config.size,
            saliency=config.saliency,
            contrast=config.contrast,
            progress=progress,
        )
        for catalog in opened
    ]
    row_of: dict[int, int] = {}
    for cache in caches:
        row_of |= {number: len(row_of) + i for i, number in enumerate(cache.numbers)}
    missing = sorted(set(split.train + split.val) - set(row_of))
    if missing:
        raise DataError(f"{config.data} does not hold slice {missing[0]} of this run any more")
    turn = config.upright or config.augment != "none"
    origins: list[Orientation] = [c.orientation if turn else "upright" for c in opened]
    images = _joined([_turned(c.images, o) for c, o in zip(caches, origins, strict=True)])
    masks = _joined([_turned(c.masks, o) for c, o in zip(caches, origins, strict=True)])
    if config.upright:
        images, masks = _as_predicted(images, masks)
    train = tuple(row_of[n] for n in split.train)
    if not any(masks[row_of[n]].any() for n in split.val):
        raise DataError(
            f"none of the {len(split.val)} validation slices has a tumour, so no epoch could be "
            "judged: take a larger validation share (--val-fraction) or another --seed"
        )
    val = _previews_first([row_of[n] for n in split.val], masks)
    data = Data(images=images, masks=masks, train=train, val=val)
    transposed = opened[0].orientation == "transposed" and not turn
    return Prepared(data=data, transposed=transposed)


def _turned(stack: ByteArray, origin: Orientation) -> ByteArray:
    return np.swapaxes(stack, 1, 2) if origin == "transposed" else stack


def _as_predicted(images: ByteArray, masks: ByteArray) -> tuple[ByteArray, ByteArray]:
    """Turn the slices that ``brainseg.orientation`` takes for turned ones."""
    found = []
    for first in range(0, len(images), _TOGETHER):
        part = images[first : first + _TOGETHER] / np.float32(255)
        found.append(orientation.quarter_turns(with_channels(part)))
    turns = np.concatenate(found)
    return orientation.turned(images, -turns), orientation.turned(masks, -turns)


def _joined(stacks: list[ByteArray]) -> ByteArray:
    return stacks[0] if len(stacks) == 1 else np.concatenate(stacks)


def _previews_first(rows: list[int], masks: np.ndarray) -> tuple[int, ...]:
    """Put a few slices with large tumours, spread over the list, in front for the previews."""
    with_tumour = [row for row in rows if masks[row].any()]
    step = max(1, len(with_tumour) // PREVIEWS)
    shown = with_tumour[::step][:PREVIEWS]
    return (*shown, *(row for row in rows if row not in set(shown)))


def start_weights(model: keras.Model, initial: str) -> None:
    """Load the weights of a named network or run into ``model``, which may have another size.

    Raises:
        ConfigError: it is another architecture.
    """
    folder = networks.find_network(initial)
    with np.load(folder / "weights.npz", allow_pickle=False) as archive:
        arrays = [archive[name] for name in sorted(archive.files)]
    shapes = [tuple(v.shape) for v in model.variables]
    if [a.shape for a in arrays] != shapes:
        raise ConfigError(
            f"the weights of {initial!r} do not fit: same model, base, depth and maps?"
        )
    for variable, array in zip(model.variables, arrays, strict=True):
        variable.assign(array)
