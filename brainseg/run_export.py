"""A run to take away: its history as CSV, its folder as a zip."""

from __future__ import annotations

import csv
import io
import os
import shutil
import tempfile
import time
import zipfile
from contextlib import ExitStack, suppress
from dataclasses import asdict, fields
from pathlib import Path
from typing import BinaryIO

from brainseg import runs
from brainseg.errors import RunError
from brainseg.types import EpochRecord

_PACKED = {".webp", ".npz", ".bin"}  # compressing these again costs time and gains nothing
_PRIVATE = {"lock", "stop", "heartbeat", "process.json", "progress"}  # of this machine only
_ZIP_TIMES = (1980, 1, 1, 0, 0, 0), (2107, 12, 31, 23, 59, 58)  # the first and last it can tell
_TRIES = 20


def history_csv(run: Path) -> str:
    """Return one line an epoch with every number that was recorded."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(EpochRecord)])
    writer.writeheader()
    writer.writerows(asdict(record) for record in runs.history(run))
    return text.getvalue()


def zip_run(run: Path, *, checkpoints: bool = False) -> BinaryIO:
    """Pack a run folder into a temporary file and return it, open at its start.

    It is written file by file; closing the file frees it. ``checkpoints`` adds what resuming
    elsewhere needs: several times the network. A worker may go on meanwhile: what it replaces
    is left out, and of its checkpoints the packed one is whole.
    """
    with tempfile.NamedTemporaryFile(suffix=".zip") as packed, ExitStack() as held:
        saved = _opened_checkpoints(run, held) if checkpoints else []
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
            for path, file in saved:
                _pack(archive, run, path, file)
            for path in sorted(run.rglob("*")):
                if path.is_file() and not path.is_symlink() and not _is_left_out(run, path):
                    with suppress(FileNotFoundError), path.open("rb") as file:
                        _pack(archive, run, path, file)
        packed.flush()
        return Path(packed.name).open("rb")  # its name goes now, its bytes when it is closed


def _opened_checkpoints(run: Path, held: ExitStack) -> list[tuple[Path, BinaryIO]]:
    """Open all at once: those that a worker deletes meanwhile keep their bytes."""
    for _ in range(_TRIES):
        with suppress(FileNotFoundError):
            found = sorted((run / "checkpoint").glob("[!.]*"))
            return [(path, held.enter_context(path.open("rb"))) for path in found]
    raise RunError(f"run {run.name} saves too often to be packed now: stop it first, or try again")


def _pack(archive: zipfile.ZipFile, run: Path, path: Path, file: BinaryIO) -> None:
    first, last = _ZIP_TIMES
    written = min(max(time.localtime(os.fstat(file.fileno()).st_mtime)[:6], first), last)
    entry = zipfile.ZipInfo(str(Path(run.name) / path.relative_to(run)), written)
    entry.compress_type = zipfile.ZIP_STORED if path.suffix in _PACKED else zipfile.ZIP_DEFLATED
    with archive.open(entry, "w", force_zip64=True) as packed:
        shutil.copyfileobj(file, packed)


def _is_left_out(run: Path, path: Path) -> bool:
    inside = path.relative_to(run).parts
    return any(part.startswith(".") for part in inside) or inside[0] in {*_PRIVATE, "checkpoint"}
