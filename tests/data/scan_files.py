"""Scans as files, made in memory for the tests of readers and masks."""

from __future__ import annotations

import gzip
import io

import nibabel as nib
import numpy as np
from PIL import Image
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import EnhancedMRImageStorage, ExplicitVRLittleEndian, MRImageStorage, generate_uid

SERIES, STUDY, FRAME_OF_REFERENCE = generate_uid(), generate_uid(), generate_uid()
AXIAL = [1, 0, 0, 0, 1, 0]


def picture(pixels: np.ndarray, format: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format, **options)
    return buffer.getvalue()


def nifti(values: np.ndarray, affine: np.ndarray, kind: type = nib.Nifti1Image) -> bytes:
    return gzip.compress(kind(values, affine).to_bytes(), mtime=0)


def dataset(pixels: np.ndarray, **fields: object) -> FileDataset:
    """A DICOM image of (H, W) or (frames, H, W) grey values, with any further elements."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = MRImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    ds.SOPClassUID, ds.SOPInstanceUID = MRImageStorage, meta.MediaStorageSOPInstanceUID
    ds.SeriesInstanceUID, ds.Modality = SERIES, "MR"
    ds.Rows, ds.Columns = pixels.shape[-2:]
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated = ds.BitsStored = 8 * pixels.dtype.itemsize
    ds.HighBit = ds.BitsStored - 1
    ds.PixelRepresentation = int(pixels.dtype.kind == "i")
    if pixels.ndim == 3:
        ds.NumberOfFrames = len(pixels)
    ds.PixelData = pixels.tobytes() + b"\0" * (pixels.nbytes % 2)
    for name, value in fields.items():
        setattr(ds, name, value)
    return ds


def stored(ds: FileDataset) -> bytes:
    buffer = io.BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def dicom(pixels: np.ndarray, **fields: object) -> bytes:
    return stored(dataset(pixels, **fields))


def series(count: int = 5, **fields: object) -> list[tuple[str, bytes]]:
    """Slices 3 mm apart whose value is their place, in an order that no name tells."""
    files = []
    for place in range(count):
        values = np.full((6, 8), place, np.uint16)
        where = {
            "ImagePositionPatient": [-10, -20, 3.0 * place],
            "ImageOrientationPatient": AXIAL,
            "PixelSpacing": [0.5, 0.75],
            "InstanceNumber": count - place,
        }
        files.append((f"{(place * 3) % 10}.dcm", dicom(values, **{**where, **fields})))
    return sorted(files)


def group(**sequences: Dataset) -> Dataset:
    """A functional group: each keyword a sequence of one item."""
    item = Dataset()
    for name, inner in sequences.items():
        setattr(item, name, [inner])
    return item


def values(**fields: object) -> Dataset:
    item = Dataset()
    for name, value in fields.items():
        setattr(item, name, value)
    return item


def enhanced(order: tuple[int, ...], size: tuple[int, int] = (4, 4), **fields: object) -> bytes:
    """An enhanced image whose frames lie at these places, each with its place as its values."""
    frames = np.stack([np.full(size, place, np.uint16) for place in order])
    shared = group(
        PixelMeasuresSequence=values(PixelSpacing=[0.5, 0.5], SliceThickness="4"),
        PlaneOrientationSequence=values(ImageOrientationPatient=AXIAL),
    )
    own = [
        group(
            FrameContentSequence=values(DimensionIndexValues=[1, place + 1]),
            PlanePositionSequence=values(ImagePositionPatient=[0, 0, 5.0 * place]),
            PixelValueTransformationSequence=values(RescaleSlope=10 + place, RescaleIntercept=0),
        )
        for place in order
    ]
    ds = dataset(
        frames,
        SharedFunctionalGroupsSequence=[shared],
        PerFrameFunctionalGroupsSequence=own,
        SOPClassUID=EnhancedMRImageStorage,
        **fields,
    )
    ds.file_meta.MediaStorageSOPClassUID = EnhancedMRImageStorage
    return stored(ds)
