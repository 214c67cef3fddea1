"""The pixels of a whole dataset as two memory-mapped arrays, made once and shared by everyone.

``images.npy`` and ``masks.npy`` are (N, side, side) uint8 files read through the page cache, so
that a training holds only the slices of its batch; images with saliency maps are
(N, side, side, C), in folders of their own. They are written to a side folder by several
threads (decoding releases the interpreter lock) and renamed when complete.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import tempfile
import time
from bisect import bisect_left
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from brainseg import paths
from brainseg.data.catalog import Catalog
from brainseg.data.pixels import read_pair
from brainseg.errors import DataError, ScanError
from brainseg.preprocess import network_input, standardise_mask
from brainseg.types import PREPROCESSING, SALIENCY_INPUTS, BoolArray, ByteArray, Sample, Scan

SCHEMA = 1
STALE_SECONDS = 24 * 3600
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ArrayCache:
    """Every sample of a catalog as network-ready arrays, in the order of ``numbers``."""

    images: ByteArray  # (N, side, side), with maps (N, side, side, C); 255 = 1.0
    masks: ByteArray  # (N, side, side), 0 or 1; zeros where the truth is unknown
    numbers: tuple[int, ...]
    has_truth: BoolArray  # (N,)
    folder: Path

    def index(self, number: int) -> int:
        """Return the row of a sample.

        Raises:
            DataError: the cache holds no such sample.
        """
        place = bisect_left(self.numbers, number)
        if place < len(self.numbers) and self.numbers[place] == number:
            return place
        raise DataError(f"slice {number} is not among the {len(self.numbers)} cached slices")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """Which arrays: a dataset's, at a side, with the maps of a choice beside every scan."""

    catalog: Catalog
    side: int
    saliency: str
    contrast: str

    @property
    def folder(self) -> Path:
        """Where they lie: plain ones where they always did."""
        maps = "" if self.saliency == "none" else f"-maps-{self.saliency}"
        spread = "" if self.contrast == "linear" else f"-{self.contrast}"
        return paths.cache() / f"arrays-{self.catalog.digest}-{self.side}{maps}{spread}"

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the masks, and of plain images."""
        return (len(self.catalog.samples), self.side, self.side)

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape of the images, with a last axis where there are maps."""
        maps = len(SALIENCY_INPUTS[self.saliency])
        return (*self.shape, 1 + maps) if maps else self.shape

    @property
    def meta(self) -> dict[str, Any]:
        """What ``meta.json`` says."""
        plain = {
            "schema": SCHEMA,
            "digest": self.catalog.digest,
            "side": self.side,
            "count": len(self.catalog.samples),
            "preprocessing": PREPROCESSING,
        }
        choices = {"saliency": (self.saliency, "none"), "contrast": (self.contrast, "linear")}
        return plain | {name: own for name, (own, usual) in choices.items() if own != usual}


def build_cache(
    catalog: Catalog,
    *,
    side: int = 256,
    saliency: str = "none",
    contrast: str = "linear",
    progress: Progress | None = None,
) -> ArrayCache:
    """Return the arrays of a catalog at ``side`` x ``side``, made now unless they exist already.

    ``saliency`` names the maps that follow each scan as further channels; a slice that lacks one
    gets a black map. ``contrast`` is one of ``types.CONTRASTS``. ``progress(done, total)`` is
    called from this thread. Memory stays at a few slices per thread.

    Raises:
        DataError: a file cannot be read, an image and its mask differ in size, or no disk space.
    """
    wanted = _Wanted(catalog=catalog, side=side, saliency=saliency, contrast=contrast)
    ready = _open(wanted)
    if ready is None:
        _make(wanted, progress)
        ready = _open(wanted)
    if ready is None:
        raise DataError(f"the cache {wanted.folder} vanished while it was made; try again")
    if progress is not None:
        progress(len(catalog.samples), len(catalog.samples))
    return ready


def _open(wanted: _Wanted) -> ArrayCache | None:
    """Return a complete cache, or None where there is none or it is damaged."""
    folder, samples = wanted.folder, wanted.catalog.samples
    try:
        meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        images = np.load(folder / "images.npy", mmap_mode="r", allow_pickle=False)
        masks = np.load(folder / "masks.npy", mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    sound = isinstance(meta, dict) and meta == wanted.meta
    if not sound or images.shape != wanted.image_shape or masks.shape != wanted.shape:
        return None
    truth = np.array([sample.has_truth for sample in samples], dtype=bool)
    numbers = tuple(sample.number for sample in samples)
    return ArrayCache(images=images, masks=masks, numbers=numbers, has_truth=truth, folder=folder)


def _make(wanted: _Wanted, progress: Progress | None) -> None:
    folder = wanted.folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _sweep(folder.parent)
        _check_space(folder.parent, math.prod(wanted.image_shape) + math.prod(wanted.shape))
        work = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            _fill(work, wanted, progress)
            (work / "meta.json").write_text(json.dumps(wanted.meta), encoding="utf-8")
            _publish(work, wanted)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    except OSError as fault:
        reason = fault.strerror or str(fault)
        raise DataError(f"the cache {folder} cannot be written: {reason}") from None


def _fill(work: Path, wanted: _Wanted, progress: Progress | None) -> None:
    images, masks = (
        np.lib.format.open_memmap(work / name, mode="w+", dtype=np.uint8, shape=shape)
        for name, shape in (("images.npy", wanted.image_shape), ("masks.npy", wanted.shape))
    )
    samples, total = wanted.catalog.samples, wanted.shape[0]

    def one(place: int) -> None:
        images[place], masks[place] = _arrays(samples[place], wanted)

    pool = ThreadPoolExecutor(max_workers=min(8, 2 * (os.cpu_count() or 1)))
    try:
        for done, _ in enumerate(pool.map(one, range(total)), start=1):
            if progress is not None and (done % 16 == 0 or done == total):
                progress(done, total)
    finally:
        pool.shutdown(cancel_futures=True)
    images.flush()
    masks.flush()


def _arrays(sample: Sample, wanted: _Wanted) -> tuple[ByteArray, ByteArray]:
    side, saliency = wanted.side, wanted.saliency
    scan, mask = read_pair(sample, saliency)
    try:
        image, _ = network_input(_with_every_map(scan, saliency), side, saliency, wanted.contrast)
    except ScanError as fault:
        raise DataError(f"{sample.image} cannot be used: {fault}") from None
    stored = np.rint((image if saliency != "none" else image[..., 0]) * 255).astype(np.uint8)
    if mask is None:
        return stored, np.zeros((side, side), dtype=np.uint8)
    return stored, standardise_mask(mask, side).astype(np.uint8)


def _with_every_map(scan: Scan, saliency: str) -> Scan:
    """Put black in place of a map that is missing: no such slice is trained on."""
    first, second = (
        np.zeros_like(scan.pixels) if values is None and which in SALIENCY_INPUTS[saliency]
        else values
        for which, values in enumerate(scan.saliency, start=1)
    )  # fmt: skip
    return replace(scan, saliency=(first, second))


def _publish(work: Path, wanted: _Wanted) -> None:
    """Rename the finished side folder; keep what another process finished first."""
    if _open(wanted) is not None:
        return
    shutil.rmtree(wanted.folder, ignore_errors=True)
    try:
        work.rename(wanted.folder)
    except OSError:
        if _open(wanted) is None:
            raise


def _check_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < 1.1 * needed:
        raise DataError(
            f"the array cache needs {needed / 1e6:.0f} MB in {folder} and only "
            f"{free / 1e6:.0f} MB are free; free some space"
        )


def _sweep(folder: Path) -> None:
    """Remove side folders that a killed process left behind a day ago or more."""
    for left in folder.glob(".arrays-*"):
        if time.time() - left.stat().st_mtime > STALE_SECONDS:
            shutil.rmtree(left, ignore_errors=True)
