from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

import cv2
import highdicom
import nibabel as nib
import numpy as np
import pydicom
import pytest
from nibabel import orientations

from brainseg.data import isolated, isolation, masks, readers
from brainseg.errors import ScanError
from tests.data.scan_files import (
    FRAME_OF_REFERENCE,
    STUDY,
    dicom,
    enhanced,
    nifti,
    picture,
    series,
)

STUDY_FIELDS = {"StudyInstanceUID": STUDY, "FrameOfReferenceUID": FRAME_OF_REFERENCE}


def ours(found: highdicom.seg.Segmentation) -> np.ndarray:
    """The mask as highdicom puts it together in space: its slices run against the normal."""
    return found.get_volume(combine_segments=True).array[::-1].astype(bool)


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write masks here: what is written does not depend on where, and processes take time."""

    def run(job: str, subject: str, fields: dict, blobs: list) -> isolation.Message:
        request = isolation.Message({**fields, "job": job}, [bytes(blob) for blob in blobs])
        return isolation.checked(isolation.Message(*isolated.answer(request)))

    monkeypatch.setattr(isolation, "run", run)


def a_mask(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(shape) > 0.7


def opened(data: bytes) -> nib.Nifti1Image:
    raw = gzip.decompress(data)
    kind = nib.Nifti1Image if raw[344:347] == b"n+1" else nib.Nifti2Image
    return kind.from_bytes(raw)


def segmentation(data: bytes) -> highdicom.seg.Segmentation:
    return highdicom.seg.segread(io.BytesIO(data))


def test_a_png_mask_is_grey_in_its_own_size() -> None:
    mask = a_mask((7, 5))
    found = cv2.imdecode(np.frombuffer(masks.png_mask(mask), np.uint8), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(found, mask * np.uint8(255))
    for shape in ((2, 7, 5), (0, 3)):
        with pytest.raises(ScanError, match="shape"):
            masks.png_mask(np.zeros(shape, dtype=bool))


@pytest.mark.usefixtures("in_this_process")
@pytest.mark.parametrize(
    ("code", "spacing"),
    [("RAS", (0.9, 0.8, 5.0)), ("LPI", (5.0, 0.9, 0.8)), ("SAL", (0.8, 5.0, 0.9))],
)
@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("plain", [True, False])
def test_a_nifti_mask_lies_on_the_source_whatever_its_axes(
    code: str, spacing: tuple[float, float, float], kind: type, plain: bool
) -> None:
    values = np.random.default_rng(1).integers(0, 900, (6, 7, 8)).astype(np.int16)
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = (-3, 5, 11)
    turn = orientations.ornt_transform(
        orientations.axcodes2ornt("RAS"), orientations.axcodes2ornt(code)
    )
    image = kind(values, affine).as_reoriented(turn)
    source = image.to_bytes() if plain else gzip.compress(image.to_bytes())
    shown = readers.read(source, "x").voxels > 450
    found = opened(masks.nifti_mask(source, shown))
    assert type(found) is kind
    assert np.array_equal(np.asarray(found.dataobj), np.asarray(image.dataobj) > 450)
    assert np.array_equal(found.affine, kind.from_bytes(image.to_bytes()).affine)
    assert found.header.get_data_dtype() == np.uint8
    again = readers.read(masks.nifti_mask(source, shown), "mask.nii.gz")
    assert np.array_equal(again.voxels, shown)


@pytest.mark.usefixtures("in_this_process")
def test_an_oblique_qform_alone_is_kept_to_the_bit() -> None:
    image = nib.Nifti1Image(np.zeros((5, 6, 7), np.int16), None)
    angle = np.deg2rad(12)
    turn = np.eye(4)
    turn[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    image.set_qform(turn @ np.diag([-0.9, 0.9, 5.5, 1]), code=1)
    image.set_sform(None, code=0)
    source = nib.Nifti1Image(np.zeros((5, 6, 7), np.int16), None, image.header).to_bytes()
    found = opened(masks.nifti_mask(source, a_mask((7, 6, 5))))
    assert np.array_equal(found.affine, nib.Nifti1Image.from_bytes(source).affine)
    assert int(found.header["qform_code"]) == 1
    assert int(found.header["sform_code"]) == 0


@pytest.mark.usefixtures("in_this_process")
def test_a_nifti_file_in_a_zip_gets_its_mask_on_the_same_grid() -> None:
    source = nifti(np.zeros((5, 4, 3), np.int16), np.diag([2.0, 1, 5, 1]))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("scan.nii.gz", source)
    volume = readers.read(packed.getvalue(), "scan.zip")
    assert volume.geometry_from == "NIfTI"
    mask = a_mask(volume.voxels.shape)
    assert masks.nifti_mask(packed.getvalue(), mask) == masks.nifti_mask(source, mask)


@pytest.mark.usefixtures("in_this_process")
def test_of_a_4_d_source_the_mask_is_one_volume() -> None:
    values = np.zeros((5, 6, 7, 3), np.float32)
    mask = a_mask((7, 6, 5))
    found = opened(masks.nifti_mask(nifti(values, np.diag([1, 1, 3, 1.0])), mask))
    assert found.shape == (5, 6, 7)
    assert np.array_equal(np.asarray(found.dataobj), mask[:, ::-1, ::-1].transpose(2, 1, 0))


@pytest.mark.usefixtures("in_this_process")
def test_no_text_of_the_source_goes_into_the_mask() -> None:
    image = nib.Nifti1Image(np.zeros((4, 4, 4), np.int16), np.eye(4))
    image.header["descrip"] = b"a patient's name"
    image.header["db_name"] = b"a name"
    found = gzip.decompress(masks.nifti_mask(image.to_bytes(), np.ones((4, 4, 4), bool)))
    assert b"name" not in found


@pytest.mark.usefixtures("in_this_process")
def test_a_mask_of_another_shape_or_source_is_refused() -> None:
    source = nifti(np.zeros((4, 5, 6), np.int16), np.eye(4))
    with pytest.raises(ScanError, match="give one that fits"):
        masks.nifti_mask(source, np.ones((4, 5, 6), bool))
    for data in (b"", picture(np.eye(3, dtype=np.uint8)), source[:30]):
        with pytest.raises(ScanError):
            masks.nifti_mask(data, np.ones((6, 5, 4), bool))


@pytest.mark.usefixtures("in_this_process")
def test_a_dicom_segmentation_refers_to_each_slice_of_the_series() -> None:
    files = series(5, **STUDY_FIELDS)
    volume = readers.read_series(files)
    mask = a_mask(volume.voxels.shape)
    mask[1] = False
    found = segmentation(masks.dicom_seg([data for _, data in files], mask, model="resunet"))
    by_place = sorted(
        (pydicom.dcmread(io.BytesIO(data)) for _, data in files),
        key=lambda ds: ds.ImagePositionPatient[2],
    )
    pixels = found.get_pixels_by_source_instance(
        [ds.SOPInstanceUID for ds in by_place], ignore_spatial_locations=True,
        assert_missing_frames_are_empty=True, combine_segments=True,
    )  # fmt: skip
    assert np.array_equal(pixels.astype(bool), mask)
    assert found.StudyInstanceUID == STUDY
    assert found.FrameOfReferenceUID == FRAME_OF_REFERENCE
    assert len(found.SegmentSequence) == 1
    algorithm = found.SegmentSequence[0].SegmentationAlgorithmIdentificationSequence[0]
    assert algorithm.AlgorithmName == "resunet"
    assert found.SegmentSequence[0].SegmentAlgorithmType == "AUTOMATIC"
    sources = [data for _, data in files]
    by_hand = segmentation(masks.dicom_seg(sources, mask, model="resunet", corrected=True))
    assert by_hand.SegmentSequence[0].SegmentAlgorithmType == "SEMIAUTOMATIC"


@pytest.mark.usefixtures("in_this_process")
def test_a_dicom_segmentation_is_read_by_pydicom_and_lies_where_the_slices_lie() -> None:
    files = series(4, **STUDY_FIELDS)
    mask = a_mask((4, 6, 8))
    found = pydicom.dcmread(
        io.BytesIO(masks.dicom_seg([data for _, data in files], mask, model="unet"))
    )
    assert found.Modality == "SEG"
    places = [
        float(item.PlanePositionSequence[0].ImagePositionPatient[2])
        for item in found.PerFrameFunctionalGroupsSequence
    ]
    order = np.argsort(places)
    assert np.array_equal(found.pixel_array[order].astype(bool), mask)
    assert np.array(places)[order].tolist() == [0, 3, 6, 9]


@pytest.mark.usefixtures("in_this_process")
def test_a_zip_of_the_series_gives_the_same_segmentation() -> None:
    files = series(3, **STUDY_FIELDS)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files:
            archive.writestr(name, data)
    mask = a_mask((3, 6, 8))
    found = segmentation(masks.dicom_seg([buffer.getvalue()], mask, model="unet"))
    assert np.array_equal(ours(found), mask)


@pytest.mark.usefixtures("in_this_process")
def test_frames_of_an_enhanced_image_keep_their_mask() -> None:
    source = enhanced((2, 0, 1), **STUDY_FIELDS)
    volume = readers.read(source, "x")
    assert volume.voxels[:, 0, 0].tolist() == [0, 11, 24]
    mask = a_mask(volume.voxels.shape)
    found = segmentation(masks.dicom_seg([source], mask, model="unet"))
    uid = pydicom.dcmread(io.BytesIO(source)).SOPInstanceUID
    pixels = found.get_pixels_by_source_frame(
        uid, [2, 3, 1], ignore_spatial_locations=True, combine_segments=True,
        assert_missing_frames_are_empty=True,
    )  # fmt: skip
    assert np.array_equal(pixels.astype(bool), mask)


@pytest.mark.usefixtures("in_this_process")
def test_an_empty_mask_is_a_segmentation_without_a_tumour() -> None:
    files = series(2, **STUDY_FIELDS)
    data = masks.dicom_seg([data for _, data in files], np.zeros((2, 6, 8), bool), model="unet")
    assert not pydicom.dcmread(io.BytesIO(data)).pixel_array.any()


@pytest.mark.usefixtures("in_this_process")
def test_what_a_segmentation_needs_and_lacks_is_named() -> None:
    mask = np.ones((1, 6, 8), bool)
    plain = dicom(np.zeros((6, 8), np.uint16))
    with pytest.raises(ScanError, match="lack FrameOfReferenceUID, ImageOrientationPatient"):
        masks.dicom_seg([plain], mask, model="unet")
    assert readers.read(plain, "x").lacks[0] == "FrameOfReferenceUID"
    assert readers.read_series(series(2, **STUDY_FIELDS)).lacks == ()
    with pytest.raises(ScanError, match="no DICOM image"):
        masks.dicom_seg([picture(np.eye(8, dtype=np.uint8))], mask, model="unet")
    files = [data for _, data in series(2, **STUDY_FIELDS)]
    with pytest.raises(ScanError, match="give one that fits"):
        masks.dicom_seg(files, mask, model="unet")


@pytest.mark.real_data
def test_a_real_volume_and_a_real_series_come_back_exactly(real_data: Path) -> None:
    path = real_data / "scans" / "tcga_fg_6692_t1c.nii.gz"
    volume = readers.read_file(path)
    mask = volume.voxels > np.quantile(volume.voxels, 0.98)
    found = opened(masks.nifti_mask(path.read_bytes(), mask))
    source = nib.load(path)
    assert np.array_equal(found.affine, source.affine)
    level = np.quantile(volume.voxels, 0.98)
    assert np.array_equal(np.asarray(found.dataobj), source.get_fdata(dtype=np.float32) > level)

    folder = sorted((real_data / "scans" / "t1_dicom_series").iterdir())
    shown = readers.read_file(folder[0].parent)
    mask = shown.voxels > np.quantile(shown.voxels, 0.98)
    data = masks.dicom_seg([path.read_bytes() for path in folder], mask, model="unet")
    again = segmentation(data)
    assert np.array_equal(ours(again), mask)
    assert np.allclose(again.get_volume().spacing, shown.spacing_mm, rtol=1e-3)
