"""Everything the Dataset screen shows of all slices at once, from one pass over the files.

Thumbnails, estimated planes, tumour sizes and positions, grey values inside and outside. Made once
by several threads, kept under the digest of the catalog, read back in milliseconds.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from brainseg import paths
from brainseg.data import planes
from brainseg.data.catalog import Catalog, read_image, read_mask, upright
from brainseg.data.planes import PLANES, Plane
from brainseg.data.thumbnails import thumbnail
from brainseg.errors import BrainsegError, DataError
from brainseg.types import BoolArray, ByteArray, FloatArray, Sample

SCHEMA = 1
GRID = 32  # cells a side of the maps over the head
LEVELS = 32  # bins of the grey values, 8 of 0..255 in each
_NOT_READ = len(PLANES)
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Survey:
    """What was seen of N slices, in the order of ``numbers``; of an unreadable one nothing.

    A slice without known mask has area -1; without a tumour its share is 0 and its centre NaN.
    """

    numbers: NDArray[np.int64]  # (N,)
    plane: ByteArray  # (N,) place in PLANES, or their number where the image cannot be read
    area_px: NDArray[np.int64]  # (N,) of the true mask, in pixels of the file
    share: FloatArray  # (N,) of the slice that the true mask covers, NaN where unknown
    centre: FloatArray  # (N, 2) of the true mask, as (row, column) in the head's box, 0..1
    inside: NDArray[np.int32]  # (N, LEVELS) pixels of the tumour by grey value, at 256 pixels
    outside: NDArray[np.int32]  # (N, LEVELS) pixels of the head outside it
    covered: ByteArray  # (N, GRID, GRID) how much of a cell of the head's box is tumour, 255 = all
    head: ByteArray  # (N, GRID, GRID) grey values of the head's box
    ends: NDArray[np.int64]  # (N + 1,) where thumbnails begin and end in ``pictures``
    pictures: ByteArray  # the thumbnails, one after the other

    def planes(self) -> dict[int, Plane]:
        """Return the estimated plane of every slice whose image can be read, by number."""
        listed = zip(self.numbers.tolist(), self.plane.tolist(), strict=True)
        return {number: PLANES[place] for number, place in listed if place != _NOT_READ}

    def picture(self, place: int) -> bytes | None:
        """Return the thumbnail of a slice by its place, None where its image cannot be read."""
        data = self.pictures[self.ends[place] : self.ends[place + 1]].tobytes()
        return data or None


class _Seen(NamedTuple):
    plane: int = _NOT_READ
    area_px: int = -1
    share: float = np.nan
    centre: tuple[float, float] = (np.nan, np.nan)
    inside: Any = 0
    outside: Any = 0
    covered: Any = 0
    head: Any = 0
    picture: bytes = b""


def load(catalog: Catalog) -> Survey | None:
    """Return the survey of a catalog if it was made before and is whole."""
    folder = folder_of(catalog)
    try:
        with np.load(folder / "survey.npz", allow_pickle=False) as kept:
            fields = {name: kept[name] for name in kept.files}
        pictures = np.fromfile(folder / "thumbnails.bin", dtype=np.uint8)
        survey = Survey(pictures=pictures, **fields)
    except (OSError, ValueError, EOFError, TypeError, KeyError):
        return None
    whole = survey.numbers.tolist() == [sample.number for sample in catalog.samples]
    return survey if whole and pictures.size == survey.ends[-1] else None


def make(catalog: Catalog, progress: Progress | None = None) -> Survey:
    """Return the survey of a catalog, made now unless it exists.

    ``progress(done, total)`` is called from this thread.

    Raises:
        DataError: it cannot be written.
    """
    ready = load(catalog)
    if ready is not None:
        return ready
    made = _collected(catalog, _look_at_all(catalog, progress))
    try:
        _keep(folder_of(catalog), made)
    except OSError as fault:
        raise DataError(
            f"the survey of {catalog.name} cannot be written to {paths.cache()} "
            f"({fault.strerror or fault}); free some space or set BRAINSEG_HOME"
        ) from None
    return made


def folder_of(catalog: Catalog) -> Path:
    """Return where the survey of a catalog lies once it is made."""
    return paths.cache() / f"survey-{catalog.digest}-{SCHEMA}"


def _look_at_all(catalog: Catalog, progress: Progress | None) -> list[_Seen]:
    total = len(catalog.samples)
    seen: list[_Seen] = []
    pool = ThreadPoolExecutor(max_workers=min(8, 2 * (os.cpu_count() or 1)))
    try:
        for one in pool.map(lambda sample: look_at(sample, catalog), catalog.samples):
            seen.append(one)
            if progress is not None and (len(seen) % 16 == 0 or len(seen) == total):
                progress(len(seen), total)
    finally:
        pool.shutdown(cancel_futures=True)
    return seen


def look_at(sample: Sample, catalog: Catalog) -> _Seen:
    """Return what is seen of one slice; a mask that does not fit its image counts as unknown."""
    try:
        image = upright(read_image(sample), catalog)
        head = planes.find_head(image)
    except BrainsegError:
        return _Seen()
    try:
        mask = read_mask(sample)
    except BrainsegError:
        mask = None
    truth = None if mask is None else upright(mask, catalog)
    if truth is None or truth.shape != image.shape:
        return _without_truth(image, head)
    return _with_truth(image, truth, head)


def _without_truth(image: FloatArray, head: planes.Head) -> _Seen:
    return _Seen(
        plane=PLANES.index(planes.of_head(head)),
        outside=_levels(head.grey[head.bright]),
        head=_gridded(head.grey, head),
        picture=thumbnail(image, None),
    )


def _with_truth(image: FloatArray, truth: BoolArray, head: planes.Head) -> _Seen:
    size = head.grey.shape[::-1]
    part = cv2.resize(truth.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    small = part >= 0.5
    return _without_truth(image, head)._replace(
        area_px=int(truth.sum()),
        share=float(truth.mean()),
        centre=_centre(truth, head),
        inside=_levels(head.grey[small]),
        outside=_levels(head.grey[head.bright & ~small]),
        covered=_gridded(part * 255.0, head),
        picture=thumbnail(image, truth),
    )


def _centre(truth: BoolArray, head: planes.Head) -> tuple[float, float]:
    """Return the centre of mass as fractions of the head's box; NaN without tumour or head."""
    places = np.nonzero(truth)
    if not places[0].size or not head.found:
        return (np.nan, np.nan)
    found = []
    for axis, box in ((0, head.rows), (1, head.columns)):
        middle = (float(places[axis].mean()) + 0.5) / truth.shape[axis] * head.grey.shape[axis]
        found.append((middle - box.start) / (box.stop - box.start))
    return (min(1.0, max(0.0, found[0])), min(1.0, max(0.0, found[1])))


def _levels(values: FloatArray) -> NDArray[np.int32]:
    bins = np.minimum(values * (LEVELS / 256.0), LEVELS - 1).astype(np.intp)
    return np.bincount(bins, minlength=LEVELS).astype(np.int32)


def _gridded(values: FloatArray, head: planes.Head) -> ByteArray:
    if not head.found:
        return np.zeros((GRID, GRID), dtype=np.uint8)
    box = values[head.rows, head.columns]
    grid = cv2.resize(box, (GRID, GRID), interpolation=cv2.INTER_AREA)
    return np.asarray(np.rint(np.clip(grid, 0.0, 255.0)), dtype=np.uint8)


def _collected(catalog: Catalog, seen: list[_Seen]) -> Survey:
    count = len(seen)
    pictures = b"".join(one.picture for one in seen)

    def stacked(values: Iterable[Any], shape: tuple[int, ...], kind: Any) -> Any:
        array = np.zeros((count, *shape), dtype=kind)
        for place, value in enumerate(values):
            array[place] = value
        return array

    return Survey(
        numbers=np.array([sample.number for sample in catalog.samples], dtype=np.int64),
        plane=stacked((one.plane for one in seen), (), np.uint8),
        area_px=stacked((one.area_px for one in seen), (), np.int64),
        share=stacked((one.share for one in seen), (), np.float32),
        centre=stacked((one.centre for one in seen), (2,), np.float32),
        inside=stacked((one.inside for one in seen), (LEVELS,), np.int32),
        outside=stacked((one.outside for one in seen), (LEVELS,), np.int32),
        covered=stacked((one.covered for one in seen), (GRID, GRID), np.uint8),
        head=stacked((one.head for one in seen), (GRID, GRID), np.uint8),
        ends=np.cumsum([0, *(len(one.picture) for one in seen)], dtype=np.int64),
        pictures=np.frombuffer(pictures, dtype=np.uint8),
    )


def _keep(folder: Path, survey: Survey) -> None:
    """Write to a side folder and rename: a reader finds the survey whole or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    fields = {name: getattr(survey, name) for name in Survey.__slots__ if name != "pictures"}
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as beside:
        work = Path(beside) / "made"
        work.mkdir()
        np.savez_compressed(work / "survey.npz", **fields)
        survey.pictures.tofile(work / "thumbnails.bin")
        shutil.rmtree(folder, ignore_errors=True)
        work.rename(folder)
