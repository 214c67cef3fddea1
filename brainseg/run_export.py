"""A run to take away: its history as CSV, its folder as a zip."""

from __future__ import annotations

import csv
import io
import tempfile
import zipfile
from dataclasses import asdict, fields
from pathlib import Path
from typing import BinaryIO

from brainseg import runs
from brainseg.types import EpochRecord

_PACKED = {".webp", ".npz", ".bin"}  # compressing these again costs time and gains nothing
_PRIVATE = {"lock", "stop", "heartbeat", "process.json", "progress"}  # of this machine only


def history_csv(run: Path) -> str:
    """Return one line an epoch with every number that was recorded."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(EpochRecord)])
    writer.writeheader()
    writer.writerows(asdict(record) for record in runs.history(run))
    return text.getvalue()


def zip_run(run: Path, *, checkpoints: bool = False) -> BinaryIO:
    """Pack a run folder into a temporary file and return it, open at its start.

    It is written file by file, so memory stays flat however large the run; closing the file
    frees it. ``checkpoints`` adds what resuming elsewhere needs: several times the network.
    """
    with tempfile.NamedTemporaryFile(suffix=".zip") as packed:
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
            for path in sorted(run.rglob("*")):
                inside = path.relative_to(run)
                if not path.is_file() or path.is_symlink() or _is_left_out(inside, checkpoints):
                    continue
                how = zipfile.ZIP_STORED if path.suffix in _PACKED else zipfile.ZIP_DEFLATED
                archive.write(path, Path(run.name) / inside, compress_type=how)
        packed.flush()
        return Path(packed.name).open("rb")  # its name goes now, its bytes when it is closed


def _is_left_out(inside: Path, checkpoints: bool) -> bool:
    hidden = any(part.startswith(".") for part in inside.parts)
    return hidden or inside.parts[0] in _PRIVATE or (
        inside.parts[0] == "checkpoint" and not checkpoints
    )  # fmt: skip
