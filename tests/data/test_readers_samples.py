"""What lies in pydicom, nibabel and scikit-image: all of it is read rightly or refused rightly."""

from __future__ import annotations

import re
import warnings
from importlib.util import find_spec
from pathlib import Path

import cv2
import nibabel as nib
import numpy as np
import pydicom
import pytest
from pydicom.pixels import apply_modality_lut

from brainseg.data import readers
from brainseg.errors import ChoiceNeeded, ScanError

REFUSED = {  # of the names that match, the sentence that is right
    r"\.(txt|md|dump|icc|gii|bz2|trk|tck|bin|BRIK|REC|v|npy|npz|gif|dat|mgz|nc)$": "this is",
    r"\.(HEAD|PAR|annot|opts|tsv|csv|mgh|v|vmr|vtk|pial|label|m|out|proto)$": "this is",
    r"\.hdr$|nifti.\.hdr": r"this is a file of unknown|half of a \.hdr/\.img pair",
    r"\.(dcm|bin|gii|BRIK)\.gz$|zipMR|\.mgz$": "gzip file without a NIfTI volume",
    r"\.mnc$": "no image named|unknown format",
    r"DICOMDIR": "list of images|without an image",
    r"TINY_ALPHA|palettes|charset|rtplan|report|SR|waveform|priv_SQ|UN_seq|csa": "image|pixels",
    r"no_meta_group|dicomdirtests|README": "image|text",
    r"NoMeta|no_meta|rtstruct": "without the header of a file|unknown format",
    r"meta_missing": "how the pixels are stored",
    r"liver": "mask of 1 bit",
    r"badVR": "no number where NumberOfFrames",
    r"truncated": "announces",
    r"sequence-delimiter": "compressed pixels",
    r"4d|nifti2|functional|dconn": "volumes; choose one",
    r"resampled": "not finite",
    r"py\.typed": "empty file",
}  # fmt: skip


def files_of(package: str, *folders: str) -> list[Path]:
    found = find_spec(package)
    assert found is not None
    assert found.origin is not None
    root = Path(found.origin).parent
    inside = [path for folder in folders for path in sorted((root / folder).rglob("*"))]
    skipped = {".py", ".pyc", ".pyi", ".xml", ".json"}
    return [p for p in inside if p.is_file() and p.suffix not in skipped and p.name[0] != "."]


SAMPLES = [
    *files_of("pydicom", "data"),
    *files_of("nibabel", "tests/data", "nicom/tests/data", "gifti/tests/data"),
    *files_of("skimage", "data"),
]


def test_every_sample_is_read_or_refused_with_a_sentence_that_is_right() -> None:
    read, refused = 0, {}
    for path in SAMPLES:
        try:
            volume = readers.read_file(path)
        except ScanError as error:
            refused[path] = str(error)
        else:
            assert np.isfinite(volume.voxels).all()
            read += 1
    for path, sentence in refused.items():
        right = [text for name, text in REFUSED.items() if re.search(name, str(path))]
        assert any(re.search(text, sentence) for text in right), (path, sentence)
    assert read > 100


def greys() -> list[Path]:
    found = []
    for path in files_of("pydicom", "data"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                ds = pydicom.dcmread(path)
            except Exception:
                continue
        if "PixelData" in ds and ds.get("PhotometricInterpretation") == "MONOCHROME2":
            found.append(path)
    return found


@pytest.mark.filterwarnings("ignore")
def test_grey_dicom_samples_have_the_values_that_pydicom_gives() -> None:
    compared = 0
    for path in greys():
        try:
            found = readers.read_file(path).voxels
            ds = pydicom.dcmread(path)
            expected = apply_modality_lut(ds.pixel_array, ds)
        except (ScanError, RuntimeError, NotImplementedError, ValueError):
            continue  # refused (see above), or of a kind that pydicom alone cannot decode
        assert np.allclose(found, expected.reshape(found.shape), rtol=1e-5, atol=1e-3), path
        compared += 1
    assert compared > 60


def test_one_image_in_eight_encodings_is_one_image() -> None:
    (folder,) = {path.parent for path in SAMPLES if path.name == "MR_small.dcm"}
    plain = readers.read_file(folder / "MR_small.dcm").voxels
    for kind in ("bigendian", "implicit", "expb", "RLE", "jp2klossless", "jpeg_ls_lossless",
                 "padded"):  # fmt: skip
        found = readers.read_file(folder / f"MR_small_{kind}.dcm").voxels
        assert np.array_equal(found, plain), kind


def test_lossless_and_12_bit_jpeg_and_jpeg_ls_are_read() -> None:
    (folder,) = {path.parent for path in SAMPLES if path.name == "MR_small.dcm"}
    lossless = readers.read_file(folder / "SC_rgb_jpeg_gdcm.dcm")
    runs = readers.read_file(folder / "SC_rgb_rle.dcm")
    assert np.array_equal(lossless.voxels, runs.voxels)
    assert lossless.coloured
    deep = readers.read_file(folder / "JPEG-lossy.dcm").voxels
    assert deep.shape == (1, 1024, 256)
    assert deep.max() == 264
    assert readers.read_file(folder / "JPEGLSNearLossless_16.dcm").voxels.max() == 65535


def test_nifti_samples_have_the_values_and_places_that_nibabel_gives() -> None:
    compared = 0
    for path in SAMPLES:
        if not path.name.endswith((".nii", ".nii.gz")) or "dconn" in path.name:
            continue
        image = nib.load(path)
        try:
            volume = readers.read_file(path)
            values = image.get_fdata(dtype=np.float32)
        except ChoiceNeeded as choice:
            volume = readers.read_file(path, volume_index=choice.count - 1)
            values = image.get_fdata(dtype=np.float32)[..., choice.count - 1]
        except ScanError:
            continue
        values = values.reshape(image.shape[:3])
        rng = np.random.default_rng(0)
        for _ in range(50):
            shown = rng.integers(0, volume.voxels.shape)
            assert volume.affine is not None
            place = volume.affine @ [*shown, 1]
            stored = np.rint(np.linalg.solve(image.affine, place))[:3].astype(int)
            assert volume.voxels[tuple(shown)] == pytest.approx(values[tuple(stored)], rel=1e-5)
        compared += 1
    assert compared >= 6


def test_pictures_have_the_values_that_opencv_gives() -> None:
    compared = 0
    for path in SAMPLES:
        if path.suffix != ".png" or "motorcycle" in path.name:
            continue
        pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if pixels.ndim == 2:
            assert np.array_equal(readers.read_file(path).voxels[0], pixels), path.name
            compared += 1
    assert compared > 8


def test_photographs_are_coloured_and_scans_are_not() -> None:
    by_name = {path.name: path for path in SAMPLES}
    for name in ("astronaut.png", "coffee.png", "chelsea.png", "retina.jpg", "rocket.jpg"):
        assert readers.read_file(by_name[name]).coloured, name
    for name in ("camera.png", "phantom.png", "brick.png", "MR_small.dcm", "anatomical.nii"):
        assert not readers.read_file(by_name[name]).coloured, name
