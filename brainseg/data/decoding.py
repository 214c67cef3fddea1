"""Decode uploads apart from the server: as ``readers``, in a process with limits.

The server looks at the sizes and the first bytes; everything that parses runs elsewhere
(``isolation``), so that no file can crash, hang or fill the server.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from brainseg.data import isolation, readers
from brainseg.data.formats import limits
from brainseg.data.isolation import prepare
from brainseg.errors import ChoiceNeeded, ScanError
from brainseg.types import Volume

__all__ = ["ChoiceNeeded", "prepare", "read_limited"]


def read_limited(files: Sequence[tuple[str, bytes]], *, volume_index: int | None = None) -> Volume:
    """Decode one file of any kind, or the files of one DICOM series, in a limited process.

    Several threads may call this at once; two files are decoded at a time, the others wait.

    Args:
        files: (name, bytes) pairs. A name is only shown, never trusted.
        volume_index: which volume, from 0, where the files hold several.

    Raises:
        ChoiceNeeded: the files hold several volumes and ``volume_index`` is None.
        ScanError: as ``readers.read_series``; or decoding crashed or ran into a limit.
    """
    readers.probe(files)
    source = readers.source_of(files)
    fields = {"names": [name for name, _ in files], "volume_index": volume_index}
    answer = isolation.run("read", source, fields, [data for _, data in files])
    try:
        return _volume(answer, source)
    except (LookupError, TypeError, ValueError, ScanError) as error:
        raise ScanError(f"{source}: its decoder gave an answer that makes no sense") from error


def _volume(answer: isolation.Message, source: str) -> Volume:
    """Build the volume; the answer is checked, for the other process had foreign bytes in it."""
    facts = answer.fields
    depth, height, width = (int(size) for size in facts["shape"])
    limits.check_stack(depth, height, width)
    voxels = np.frombuffer(answer.blobs[0], dtype="<f4").reshape(depth, height, width)
    truth = None
    if len(answer.blobs) > 1:
        truth = np.frombuffer(answer.blobs[1], dtype=np.bool_).reshape(voxels.shape)
    affine, patient, grid = facts["affine"], facts["patient"], facts["geometry_from"]
    return Volume(
        voxels=voxels,
        spacing_mm=_numbers(facts["spacing_mm"], 3),
        source=source,
        affine=None if affine is None else np.array(affine, dtype=np.float64).reshape(4, 4),
        coloured=bool(facts["coloured"]),
        window=_numbers(facts["window"], 2),
        truth=truth,
        patient=None if patient is None else str(patient)[:64],
        geometry_from=grid if grid in ("NIfTI", "DICOM") else None,
        lacks=tuple(str(name) for name in facts["lacks"]),
    )


def _numbers(values: Any, count: int) -> Any:
    """Return ``count`` floats as a tuple, or None."""
    if values is None:
        return None
    numbers = tuple(float(value) for value in values)
    if len(numbers) != count:
        raise ValueError(values)
    return numbers
