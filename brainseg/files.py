"""Writing files so that a reader or a power cut never meets half of one."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, BinaryIO

from brainseg import liveness

_number = itertools.count()  # of the temporary files of this process: threads share its pid


def sync(path: Path) -> None:
    """Make what a file holds durable, or the renames in a folder."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_atomically(path: Path, write: Callable[[BinaryIO], None]) -> None:
    """Let ``write`` fill a temporary file beside ``path``, flush it to disk and rename it."""
    temporary = path.with_name(f".{path.name}.{next(_number)}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync(path.parent)


def sweep(folder: Path) -> None:
    """Remove what writers that were killed left half-written in ``folder`` and below it.

    One that nobody has waited for yet (a zombie) counts as killed.
    """
    for path in list(folder.rglob(".*.tmp")):
        writer = path.name.split(".")[-2]
        if not (writer.isdigit() and liveness.identify(int(writer))):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write ``data`` atomically."""

    def write(file: BinaryIO) -> None:
        file.write(data)

    write_atomically(path, write)


def write_text(path: Path, text: str) -> Path:
    """Write ``text`` atomically in UTF-8 and return the path."""
    write_bytes(path, text.encode())
    return path


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON, atomically."""
    write_text(path, json.dumps(value, indent=1) + "\n")


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def write_sums(path: Path, names: Iterable[str]) -> Path:
    """Write the SHA-256 of files beside ``path``, in the format of ``sha256sum``."""
    lines = [f"{sha256(path.with_name(name))}  {name}\n" for name in names]
    return write_text(path, "".join(lines))
