"""Two generations of everything a run needs to go on, committed so that a kill never costs both.

Order of a commit: finite?, temporary file, fsync, SHA-256, rename, pointer (temporary, fsync,
rename), folder fsync, then delete what is older than the previous generation. Every generation
carries its state, so that even without a pointer nothing is lost.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from brainseg import files
from brainseg.errors import RunError

Arrays = Mapping[str, NDArray[Any]]
LATEST, BEST = "LATEST.json", "BEST.json"
_SPARE_BYTES = 200 * 2**20
_STATE = "state"  # the array that holds the state, as JSON


class DivergedError(RunError):
    """A weight or the loss is not finite."""


class DiskFullError(RunError):
    """There is no room for a checkpoint."""


def check_finite(arrays: Arrays) -> None:
    """Raise DivergedError where a floating-point array holds NaN or infinity."""
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise DivergedError(f"diverged: {name} is not finite any more")


def check_room(folder: Path, bytes_needed: int) -> None:
    """Raise DiskFullError unless three times ``bytes_needed`` and a reserve are free."""
    free = shutil.disk_usage(folder).free
    if free < 3 * bytes_needed + _SPARE_BYTES:
        raise DiskFullError(
            f"disk full: {free / 2**20:.0f} MB are free in {folder}, a checkpoint needs "
            f"{(3 * bytes_needed + _SPARE_BYTES) / 2**20:.0f} MB"
        )


def commit(folder: Path, arrays: Arrays, state: Mapping[str, Any], *, pointer: str) -> None:
    """Write one generation and make ``pointer`` (LATEST or BEST) name it, keeping the one before.

    Raises:
        DivergedError: an array is not finite; nothing is written.
        DiskFullError: too little room; nothing is written.
    """
    check_finite(arrays)
    folder.mkdir(exist_ok=True)
    check_room(folder, sum(array.nbytes for array in arrays.values()))
    name = _new_name(folder, pointer, state)

    told = np.frombuffer(json.dumps(dict(state)).encode(), np.uint8)
    whole: dict[str, Any] = {**arrays, _STATE: told}

    def write(file: BinaryIO) -> None:
        np.savez(file, **whole)

    files.write_atomically(folder / name, write)
    previous = _newest_intact(folder, pointer, besides=name)
    entry = {"file": name, "sha256": files.sha256(folder / name), "state": dict(state)}
    kept = [entry, *previous]
    files.write_json(folder / pointer, kept)
    names = {one["file"] for one in kept}
    for path in _stored(folder, pointer):
        if path.name not in names:
            path.unlink(missing_ok=True)


def _newest_intact(folder: Path, pointer: str, *, besides: str) -> list[dict[str, Any]]:
    """Return the entry of the generation to fall back to; after a fallback that is not the last."""
    for path, entry in _candidates(folder, pointer):
        if path.name == besides or not path.is_file():
            continue
        digest = files.sha256(path)
        if entry is not None and digest == entry.get("sha256"):
            return [entry]
        if entry is None and (read := _read(path)) is not None and read[1]:
            return [{"file": path.name, "sha256": digest, "state": read[1]}]
    return []


def _new_name(folder: Path, pointer: str, state: Mapping[str, Any]) -> str:
    """Return a name that no generation has: the same batch may be saved again after a resume."""
    place = f"{_stem(pointer)}-{state['epoch']:05d}-{state['batch']:06d}"
    there = folder.glob(f"{place}-[0-9][0-9][0-9][0-9].npz")
    number = max((int(path.stem[-4:]) for path in there), default=0) + 1
    return f"{place}-{number:04d}.npz"


def _stem(pointer: str) -> str:
    return pointer.partition(".")[0].lower()


def _generations(folder: Path, pointer: str) -> list[dict[str, Any]]:
    with contextlib.suppress(OSError, ValueError):
        entries = json.loads((folder / pointer).read_text())
        if isinstance(entries, list):
            return [e for e in entries if isinstance(e, dict) and isinstance(e.get("file"), str)]
    return []


def load(folder: Path, pointer: str = LATEST) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Return arrays and state of the newest intact generation.

    Raises:
        RunError: no generation is intact.
    """
    for path, entry in _candidates(folder, pointer):
        if entry is not None and (not path.is_file() or files.sha256(path) != entry.get("sha256")):
            print(f"checkpoint {path.name} is damaged or missing; trying the one before")
            continue
        read = _read(path)
        state = read and (read[1] or (entry or {}).get("state"))
        if not read or not state:
            print(f"checkpoint {path.name} cannot be read; trying the one before")
            continue
        if entry is None:
            print(f"{pointer} is damaged or missing; going on from {path.name}")
        check_finite(read[0])
        return read[0], state
    raise RunError(f"no intact checkpoint in {folder}")


def _read(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]] | None:
    """Return arrays and state of one file, None where it is damaged.

    Checkpoints of 0.1 have their state in the pointer alone: here it is empty.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        told = arrays.pop(_STATE, None)
        return arrays, {} if told is None else json.loads(bytes(told))
    except (OSError, ValueError, TypeError, zipfile.BadZipFile, zlib.error):
        return None


def _candidates(folder: Path, pointer: str) -> Iterator[tuple[Path, dict[str, Any] | None]]:
    """Yield what the pointer names, then what else lies there (without an entry), newest first."""
    named = [(folder / Path(entry["file"]).name, entry) for entry in _generations(folder, pointer)]
    yield from named
    others = set(_stored(folder, pointer)) - {path for path, _ in named}
    for path in sorted(others, key=lambda path: path.stem, reverse=True):
        yield path, None


def _stored(folder: Path, pointer: str) -> list[Path]:
    return list(folder.glob(f"{_stem(pointer)}-*.npz"))


def epoch_of(folder: Path, pointer: str) -> int | None:
    """Return the epoch of the newest generation, or None where there is none."""
    entries = _generations(folder, pointer)
    return int(entries[0]["state"]["epoch"]) if entries and "state" in entries[0] else None


def exists(folder: Path, pointer: str = LATEST) -> bool:
    """Whether there is any generation, intact or not."""
    return bool(_generations(folder, pointer) or _stored(folder, pointer))
