"""The pixels of a whole dataset as two memory-mapped arrays, made once and shared by everyone.

``images.npy`` and ``masks.npy`` are (N, side, side) uint8 files read through the page cache, so
that a training holds only the slices of its batch. They are written to a side folder by several
threads (decoding releases the interpreter lock) and renamed when complete.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from bisect import bisect_left
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from brainseg import paths
from brainseg.data.catalog import Catalog
from brainseg.data.pixels import read_image, read_mask
from brainseg.errors import DataError, ScanError
from brainseg.preprocess import standardise, standardise_mask
from brainseg.types import BoolArray, ByteArray, Sample

SCHEMA = 1
STALE_SECONDS = 24 * 3600
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ArrayCache:
    """Every sample of a catalog as network-ready arrays, in the order of ``numbers``."""

    images: ByteArray  # (N, side, side), 255 = 1.0
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


def build_cache(
    catalog: Catalog, *, side: int = 256, progress: Progress | None = None
) -> ArrayCache:
    """Return the arrays of a catalog at ``side`` x ``side``, made now unless they exist already.

    ``progress(done, total)`` is called from this thread. Memory stays at a few slices per thread.

    Raises:
        DataError: a file cannot be read, an image and its mask differ in size, or no disk space.
    """
    folder = paths.cache() / f"arrays-{catalog.digest}-{side}"
    ready = _open(folder, catalog, side)
    if ready is None:
        _make(folder, catalog, side, progress)
        ready = _open(folder, catalog, side)
    if ready is None:
        raise DataError(f"the cache {folder} vanished while it was made; try again")
    if progress is not None:
        progress(len(catalog.samples), len(catalog.samples))
    return ready


def _open(folder: Path, catalog: Catalog, side: int) -> ArrayCache | None:
    """Return a complete cache, or None where there is none or it is damaged."""
    try:
        meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        images = np.load(folder / "images.npy", mmap_mode="r", allow_pickle=False)
        masks = np.load(folder / "masks.npy", mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    numbers = [sample.number for sample in catalog.samples]
    shape = (len(numbers), side, side)
    sound = isinstance(meta, dict) and meta == _meta(catalog, side)
    if not sound or images.shape != shape or masks.shape != shape:
        return None
    truth = np.array([sample.has_truth for sample in catalog.samples], dtype=bool)
    return ArrayCache(
        images=images, masks=masks, numbers=tuple(numbers), has_truth=truth, folder=folder
    )


def _meta(catalog: Catalog, side: int) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "digest": catalog.digest,
        "side": side,
        "count": len(catalog.samples),
        "preprocessing": "minmax-pad-v1",
    }


def _make(folder: Path, catalog: Catalog, side: int, progress: Progress | None) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _sweep(folder.parent)
        _check_space(folder.parent, 2 * len(catalog.samples) * side * side)
        work = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            _fill(work, catalog, side, progress)
            (work / "meta.json").write_text(json.dumps(_meta(catalog, side)), encoding="utf-8")
            _publish(work, folder, catalog, side)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    except OSError as fault:
        reason = fault.strerror or str(fault)
        raise DataError(f"the cache {folder} cannot be written: {reason}") from None


def _fill(work: Path, catalog: Catalog, side: int, progress: Progress | None) -> None:
    shape = (len(catalog.samples), side, side)
    images, masks = (
        np.lib.format.open_memmap(work / name, mode="w+", dtype=np.uint8, shape=shape)
        for name in ("images.npy", "masks.npy")
    )

    def one(place: int) -> None:
        images[place], masks[place] = _arrays(catalog.samples[place], side)

    pool = ThreadPoolExecutor(max_workers=min(8, 2 * (os.cpu_count() or 1)))
    try:
        for done, _ in enumerate(pool.map(one, range(shape[0])), start=1):
            if progress is not None and (done % 16 == 0 or done == shape[0]):
                progress(done, shape[0])
    finally:
        pool.shutdown(cancel_futures=True)
    images.flush()
    masks.flush()


def _arrays(sample: Sample, side: int) -> tuple[ByteArray, ByteArray]:
    pixels = read_image(sample)
    try:
        image, _ = standardise(pixels, side)
    except ScanError as fault:
        raise DataError(f"{sample.image} cannot be used: {fault}") from None
    stored = np.rint(image[..., 0] * 255).astype(np.uint8)
    if sample.mask is None:
        return stored, np.zeros((side, side), dtype=np.uint8)
    mask = read_mask(sample)
    if mask is None or mask.shape != pixels.shape:
        got = "unreadable" if mask is None else f"{mask.shape[1]}x{mask.shape[0]}"
        raise DataError(
            f"{sample.mask} is {got} but its image is {pixels.shape[1]}x{pixels.shape[0]}; "
            "both must have one size: mend or remove the pair"
        )
    return stored, standardise_mask(mask, side).astype(np.uint8)


def _publish(work: Path, folder: Path, catalog: Catalog, side: int) -> None:
    """Rename the finished side folder; keep what another process finished first."""
    if _open(folder, catalog, side) is not None:
        return
    shutil.rmtree(folder, ignore_errors=True)
    try:
        work.rename(folder)
    except OSError:
        if _open(folder, catalog, side) is None:
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
