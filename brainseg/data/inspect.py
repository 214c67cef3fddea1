"""Decode every file of a catalog and name what cannot be used."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from brainseg.data.layout import Problem
from brainseg.data.pixels import read_image, read_mask, read_saliency
from brainseg.errors import DataError
from brainseg.types import Sample

if TYPE_CHECKING:
    from brainseg.data.catalog import Catalog

Progress = Callable[[int, int], None]


def inspect(catalog: Catalog, progress: Progress | None = None) -> tuple[Problem, ...]:
    """Decode every file and return the index's problems with those found in the pixels."""
    total = len(catalog.samples)
    found = list(catalog.problems)
    pool = ThreadPoolExecutor(max_workers=min(8, 2 * (os.cpu_count() or 1)))
    try:
        for done, problems in enumerate(pool.map(_inspect_sample, catalog.samples), start=1):
            found += problems
            if progress is not None and (done % 16 == 0 or done == total):
                progress(done, total)
    finally:
        pool.shutdown(cancel_futures=True)
    return tuple(found)


def _inspect_sample(sample: Sample) -> list[Problem]:
    problems: list[Problem] = []
    try:
        image = read_image(sample)
    except DataError as fault:
        return [Problem(kind="unreadable", path=sample.image, detail=str(fault))]
    size = f"{image.shape[1]}x{image.shape[0]}"
    if image.min() == image.max():
        detail = f"every pixel has the value {image.min():g}"
        problems.append(Problem(kind="flat image", path=sample.image, detail=detail))
    for path, read in (
        (sample.mask, lambda: read_mask(sample)),
        (sample.saliency[0], lambda: read_saliency(sample, 1)),
        (sample.saliency[1], lambda: read_saliency(sample, 2)),
    ):
        if path is None:
            continue
        try:
            pixels = read()
        except DataError as fault:
            problems.append(Problem(kind="unreadable", path=path, detail=str(fault)))
            continue
        if path == sample.mask and pixels is not None and not pixels.any():
            detail = "no pixel is above half of its range, though a tumour is expected"
            if sample.tumour != "none":
                problems.append(Problem(kind="empty mask", path=path, detail=detail))
        if pixels is not None and pixels.shape != image.shape:
            detail = f"{pixels.shape[1]}x{pixels.shape[0]}, but {sample.image.name} is {size}"
            problems.append(Problem(kind="size mismatch", path=path, detail=detail))
    return problems
