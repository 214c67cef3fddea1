"""One digest of what the files of some slices hold: a copy has the same, a change another."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from brainseg.errors import DataError
from brainseg.types import Sample


def contents(samples: Iterable[Sample], *, maps: Iterable[int] = ()) -> str:
    """Return the SHA-256 of numbers, images, masks and the saliency ``maps`` (1, 2) named.

    Names of folders and times of files do not count.

    Raises:
        DataError: a file cannot be read.
    """
    chosen, digest = tuple(maps), hashlib.sha256()
    for sample in samples:
        paths = (sample.image, sample.mask, *(sample.saliency[which - 1] for which in chosen))
        digest.update(f"{sample.number}:{len(paths)}:".encode())
        for path in paths:
            raw = b"" if path is None else _read(path)
            digest.update(f"{len(raw)}:".encode() + raw)
    return digest.hexdigest()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}; put it back") from error
