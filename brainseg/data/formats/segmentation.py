"""A DICOM Segmentation that refers to the images it was made from, as other viewers open it.

Built by highdicom from the sources' own headers; one segment, "Neoplasm", made by an algorithm.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from brainseg import __version__
from brainseg.data.formats import dicom
from brainseg.data.formats.dicom_frame import Frame, numbers
from brainseg.errors import ScanError
from brainseg.types import BoolArray

_MAY_BE_EMPTY = (
    *("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber"),
    *("StudyID", "StudyDate", "StudyTime", "ReferringPhysicianName"),
)
_SEXES = ("M", "F", "O", "")
_SERIES_NUMBER = 900  # far from those that scanners give


def write(
    sources: Sequence[bytes], mask: BoolArray, *, model: str, volume_index: int | None = None,
    corrected: bool = False,
) -> bytes:  # fmt: skip
    """Return a DICOM Segmentation of ``mask`` (D, H, W), in the order of ``dicom.read``.

    It says that an algorithm made it; where it was ``corrected`` by hand, with somebody's help.

    Raises:
        ChoiceNeeded: as ``dicom.read``.
        ScanError: the mask has another shape, or the images lack what a Segmentation must repeat.
    """
    frames = dicom.choose(sources, volume_index)
    needed = (len(frames), frames[0].rows, frames[0].columns)
    if mask.shape != needed:
        raise ScanError(f"the mask has shape {mask.shape}, the images {needed}; give one that fits")
    parts = list({id(frame.part): frame.part for frame in frames}.values())
    _check(parts, frames)
    for part in parts:
        _complete(part, frames)
    kind = "SEMIAUTOMATIC" if corrected else "AUTOMATIC"
    found = _segmentation(parts, _as_stored(mask, parts, frames), model, kind)
    file = io.BytesIO()
    found.save_as(file)
    return file.getvalue()


def _check(parts: list[Any], frames: list[Frame]) -> None:
    missing = dicom.lacking(frames)
    if missing:
        raise ScanError(
            "a DICOM Segmentation cannot refer to these images, for their headers lack "
            f"{', '.join(missing)}; export the mask as PNG or NIfTI instead"
        )
    frames_in_all = sum(int(part.get("NumberOfFrames") or 1) for part in parts)
    if len(parts) > 1 and frames_in_all > len(parts):
        raise ScanError(
            "a DICOM Segmentation refers to single-frame images or to one multi-frame image, and "
            f"these are {len(parts)} multi-frame ones; export the mask as PNG instead"
        )


def _complete(part: Any, frames: list[Frame]) -> None:
    """Give a source, of which this is our own copy, what highdicom copies from it."""
    for name in _MAY_BE_EMPTY:
        if part.get(name) is None:
            setattr(part, name, "")
    if str(part.PatientSex) not in _SEXES:
        part.PatientSex = ""
    if "PerFrameFunctionalGroupsSequence" not in part:
        _measure(part, frames)
        part.ImageOrientationPatient = frames[0].part.ImageOrientationPatient  # but for rounding
        return
    shared = part.SharedFunctionalGroupsSequence[0]
    own = part.PerFrameFunctionalGroupsSequence[frames[0].index]
    for name in ("PixelMeasuresSequence", "PlaneOrientationSequence"):
        if name not in shared:  # told frame by frame
            setattr(shared, name, own[name].value)
    _measure(shared.PixelMeasuresSequence[0], frames)


def _measure(place: Any, frames: list[Frame]) -> None:
    """Set thickness and distance of the slices: a scan may be only some slices of a series.

    A thickness that no file tells is the distance of the slices.
    """
    from pydicom.valuerep import DS

    spacing, affine = dicom.geometry(frames)
    assert spacing is not None  # checked
    thickness = numbers(place.get("SliceThickness"), 1)
    if thickness is None or thickness[0] <= 0:
        place.SliceThickness = DS(spacing[0], auto_format=True)
    if len(frames) > 1 and affine is not None:
        place.SpacingBetweenSlices = DS(spacing[0], auto_format=True)


def _as_stored(mask: BoolArray, parts: list[Any], frames: list[Frame]) -> BoolArray:
    """Return the slices of the mask in the order of the source's files, or of its frames."""
    if len(parts) == len(frames):
        return mask
    stored = np.zeros((int(parts[0].NumberOfFrames), *mask.shape[1:]), dtype=np.bool_)
    for place, frame in enumerate(frames):
        stored[frame.index] = mask[place]
    return stored


def _segmentation(parts: list[Any], mask: BoolArray, model: str, kind: str) -> Any:
    from highdicom.content import AlgorithmIdentificationSequence
    from highdicom.seg import Segmentation, SegmentDescription
    from pydicom.sr.codedict import codes
    from pydicom.uid import generate_uid

    name = model[:64] or "brainseg"
    segment = SegmentDescription(
        segment_number=1,
        segment_label="Tumour",
        segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
        segmented_property_type=codes.SCT.Neoplasm,
        algorithm_type=kind,
        algorithm_identification=AlgorithmIdentificationSequence(
            name=name, family=codes.DCM.ArtificialIntelligence, version=__version__
        ),
    )
    return Segmentation(
        source_images=parts,
        pixel_array=mask.astype(np.uint8),
        segmentation_type="BINARY",
        segment_descriptions=[segment],
        series_instance_uid=generate_uid(),
        series_number=_SERIES_NUMBER,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="brainseg",
        manufacturer_model_name=name,
        software_versions=__version__,
        device_serial_number="0",
        series_description="Tumour, for research and teaching only",
        omit_empty_frames=bool(mask.any()),
    )
