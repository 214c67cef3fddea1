"""The other process of ``isolation``: imports the decoders, waits, does one job, and leaves.

Run as ``python -P -m brainseg.data.isolated``; it reads one message from stdin and answers on
stdout. Whatever else writes to stdout is sent elsewhere.
"""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Callable
from typing import Any

import numpy as np

from brainseg.data import isolation
from brainseg.data.isolation import Message
from brainseg.errors import ChoiceNeeded, ScanError
from brainseg.types import BoolArray

_MOST_BYTES = 2**31
_NO_MEMORY = "it needs more memory to decode than a scan may; give a smaller one"
_ODD = "the headers of the source are damaged or odd; export the mask as PNG instead"
Answer = tuple[dict[str, Any], list[Any]]


def read(request: Message) -> Answer:
    """Decode files to a volume: its facts as fields; voxels and the truth, if any, as blobs."""
    from brainseg.data import readers

    fields = request.fields
    files = list(zip(fields["names"], request.blobs, strict=True))
    volume = readers.read_series(files, volume_index=fields["volume_index"])
    facts = {
        "shape": volume.voxels.shape,
        "spacing_mm": volume.spacing_mm,
        "affine": None if volume.affine is None else volume.affine.tolist(),
        "coloured": volume.coloured,
        "window": volume.window,
        "patient": volume.patient,
        "geometry_from": volume.geometry_from,
        "lacks": volume.lacks,
    }
    voxels = np.ascontiguousarray(volume.voxels, dtype="<f4")
    return facts, [voxels, *([] if volume.truth is None else [volume.truth])]


def nifti_mask(request: Message) -> Answer:
    """Write a mask on the grid of a NIfTI source."""
    from brainseg.data import readers
    from brainseg.data.formats import nifti_mask

    mask, (source,) = _mask(request)
    found = readers.nifti_file(source)
    if found is None:
        raise ScanError("the source is no NIfTI file; export the mask as PNG instead")
    return {}, [nifti_mask.write(found, mask)]


def dicom_seg(request: Message) -> Answer:
    """Write a mask as a DICOM Segmentation of its sources."""
    from brainseg.data import readers
    from brainseg.data.formats import segmentation

    mask, sources = _mask(request)
    files = readers.dicom_files(sources)
    if not files:
        raise ScanError("the source is no DICOM image; export the mask as PNG instead")
    how = {name: request.fields[name] for name in ("model", "volume_index", "corrected")}
    return {}, [segmentation.write(files, mask, **how)]


def _mask(request: Message) -> tuple[BoolArray, list[bytes]]:
    packed, *sources = request.blobs
    shape = tuple(request.fields["shape"])
    bits = np.unpackbits(np.frombuffer(packed, np.uint8), count=int(np.prod(shape)))
    return bits.astype(np.bool_).reshape(shape), sources


JOBS: dict[str, Callable[[Message], Answer]] = {
    "read": read,
    "nifti_mask": nifti_mask,
    "dicom_seg": dicom_seg,
}


def main() -> None:
    """Wait for one request, answer it, leave."""
    isolation.limit_this_process()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which closes the pipe
    source, answers = os.fdopen(0, "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if not select.select([source], [], [], 0)[0]:  # nobody waits yet
        _import_decoders()
    try:
        request = isolation.receive(source, _MOST_BYTES)
    except (EOFError, ValueError):  # the server has gone
        return
    signal.alarm(isolation.WALL_SECONDS)  # even where the server has gone meanwhile
    fields, blobs = answer(request)
    isolation.send(answers, fields, blobs)
    os._exit(0)  # at once: the server waits, and there is nothing here to put away


def answer(request: Message) -> Answer:
    """Do the job; a refusal is an answer too."""
    try:
        return JOBS[request.fields["job"]](request)
    except ChoiceNeeded as choice:
        return {"refused": str(choice), "count": choice.count, "labels": choice.labels}, []
    except ScanError as error:
        return {"refused": str(error)}, []
    except MemoryError:
        return {"refused": _NO_MEMORY}, []
    except Exception:  # a writer met a header that its author did not think of
        return {"refused": _ODD}, []


def _import_decoders() -> None:
    """Import what decoding needs, while nobody waits for it."""
    import h5py  # noqa: F401
    import imagecodecs  # noqa: F401
    import nibabel  # noqa: F401
    import PIL.Image
    import pydicom.pixels  # noqa: F401
    import tifffile  # noqa: F401

    import brainseg.data.readers  # noqa: F401

    PIL.Image.init()


if __name__ == "__main__":
    main()
