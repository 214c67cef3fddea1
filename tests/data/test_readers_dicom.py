from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import FileDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    HTJ2K,
    MPEG2MPML,
    DeflatedExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
    generate_uid,
)

from brainseg.data import readers
from brainseg.data.formats import limits
from brainseg.errors import ChoiceNeeded, ScanError
from brainseg.types import Volume
from tests.data.scan_files import dataset, dicom, enhanced, series, stored


def read(pixels: np.ndarray, **fields: object) -> Volume:
    return readers.read(dicom(pixels, **fields), "x.dcm")


@pytest.fixture
def ramp() -> np.ndarray:
    return (np.arange(15 * 20, dtype=np.uint16) * 13).reshape(15, 20)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "uint32", "int32"])
def test_every_width_and_sign_is_read(dtype: str) -> None:
    low = -900 if dtype.startswith("i") else 0
    values = np.linspace(low, 250, 99).astype(dtype).reshape(9, 11)
    assert np.array_equal(read(values).slice(0).pixels, values)


def test_slope_and_intercept_are_applied(ramp: np.ndarray) -> None:
    volume = read(ramp, RescaleSlope="2.5", RescaleIntercept="-1024")
    assert np.array_equal(volume.voxels[0], ramp * np.float32(2.5) - 1024)


def test_monochrome1_is_inverted_so_that_dark_is_low(ramp: np.ndarray) -> None:
    volume = read(ramp, PhotometricInterpretation="MONOCHROME1", BitsStored=12, HighBit=11)
    assert np.array_equal(volume.voxels[0], 4095 - ramp.astype(np.float32))
    signed = (ramp.astype(np.int32) - 2000).astype(np.int16)
    inverted = read(signed, PhotometricInterpretation="MONOCHROME1").voxels[0]
    assert np.array_equal(inverted, -1 - signed.astype(np.float32))


def test_a_display_window_is_not_applied(ramp: np.ndarray) -> None:
    assert np.array_equal(read(ramp, WindowCenter="10", WindowWidth="5").voxels[0], ramp)


def test_spacing_is_kept_and_never_invented(ramp: np.ndarray) -> None:
    assert read(ramp).spacing_mm is None
    known = read(ramp, PixelSpacing=[0.5, 0.75], SliceThickness="4")
    assert known.spacing_mm == (4.0, 0.5, 0.75)
    assert known.slice(0).spacing_mm == (0.5, 0.75)
    flat = read(ramp, PixelSpacing=[0.5, 0.75])
    assert flat.spacing_mm is not None
    assert np.isnan(flat.spacing_mm[0])
    assert flat.slice(0).spacing_mm == (0.5, 0.75)
    assert read(ramp, PixelSpacing=[0, 0.75]).spacing_mm is None


def test_colour_becomes_luminance() -> None:
    rgb = np.zeros((6, 6, 3), np.uint8)
    rgb[..., 1] = 200
    fields = {"PhotometricInterpretation": "RGB", "SamplesPerPixel": 3, "PlanarConfiguration": 0}
    data = dicom(rgb[..., 0], **fields, PixelData=rgb.tobytes())
    assert readers.read(data, "x").voxels == pytest.approx(200 * 0.587)


def test_a_series_is_sorted_by_place_and_not_by_name_or_number() -> None:
    volume = readers.read_series(series())
    assert volume.voxels[:, 0, 0].tolist() == [0, 1, 2, 3, 4]
    assert volume.spacing_mm == pytest.approx((3.0, 0.5, 0.75))
    assert volume.source == "0.dcm and 4 more"


def test_a_series_without_places_is_sorted_by_instance_number() -> None:
    volume = readers.read_series(series(ImagePositionPatient=None))
    assert volume.voxels[:, 0, 0].tolist() == [4, 3, 2, 1, 0]


def test_a_zip_of_a_series_is_read_and_its_index_and_notes_are_not() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../README.txt", "notes")
        archive.writestr("DICOMDIR", bytes(128) + b"DICM....1.2.840.10008.1.3.10")
        for name, data in series():
            archive.writestr(f"series/{name}", data)
    volume = readers.read(buffer.getvalue(), "study.zip")
    assert volume.voxels[:, 0, 0].tolist() == [0, 1, 2, 3, 4]
    assert volume.source == "study.zip"


def test_a_folder_is_read_as_a_series(tmp_path: Path) -> None:
    for name, data in series():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "notes.txt").write_text("notes")
    assert readers.read_file(tmp_path).depth == 5


def test_the_same_file_twice_counts_once() -> None:
    files = series(3)
    assert readers.read_series([*files, ("copy.dcm", files[0][1])]).depth == 3


def test_mixed_files_are_refused_with_the_reason() -> None:
    cases = [
        ({"SeriesInstanceUID": generate_uid()}, "2 different series"),
        ({"ImageOrientationPatient": [0, 1, 0, 0, 0, -1]}, "different directions"),
        ({"ImagePositionPatient": [-10, -20, 3.0]}, "same place"),
    ]
    for fields, words in cases:
        other = series(1, **fields)
        with pytest.raises(ScanError, match=words):
            readers.read_series([*series(3), *other])
    with pytest.raises(ScanError, match="differ in size"):
        readers.read_series([*series(2), ("z", dicom(np.zeros((4, 4), np.uint16)))])


def test_frames_are_slices(ramp: np.ndarray) -> None:
    frames = np.stack([ramp, ramp + 1, ramp + 2])
    volume = read(frames, PixelSpacing=[1, 1], SpacingBetweenSlices="2")
    assert np.array_equal(volume.voxels, frames)
    assert volume.spacing_mm == (2.0, 1.0, 1.0)


def test_an_enhanced_image_is_sorted_and_scaled_frame_by_frame() -> None:
    volume = readers.read(enhanced((2, 0, 1)), "x")
    assert volume.voxels[:, 0, 0].tolist() == [0, 11, 24]
    assert volume.spacing_mm == (5.0, 0.5, 0.5)
    assert volume.affine is not None
    assert np.allclose(volume.affine @ [1, 0, 0, 1], [0, 0, 5, 1])


def test_a_slice_in_space_takes_the_marked_pixel_to_its_place() -> None:
    angle = np.deg2rad(20)
    column = [np.cos(angle), np.sin(angle), 0]  # where the column index grows, in LPS
    row = [-np.sin(angle), np.cos(angle), 0]
    first = np.array([-100.0, -80.0, 30.0])
    files = [
        (str(place), dicom(np.zeros((9, 7), np.uint16), ImageOrientationPatient=column + row,
                           ImagePositionPatient=[-100.0, -80.0, 30.0 + 4.0 * place],
                           PixelSpacing=[0.5, 0.75]))
        for place in (2, 0, 1)
    ]  # fmt: skip
    volume = readers.read_series(files)
    assert volume.affine is not None
    for index in ((0, 0, 0), (2, 8, 6), (1, 3, 5)):
        lps = first + np.array(column) * index[2] * 0.75 + np.array(row) * index[1] * 0.5
        lps[2] += 4.0 * index[0]
        ras = volume.affine @ [*index, 1]
        assert ras[:3] == pytest.approx([-lps[0], -lps[1], lps[2]])


def test_a_series_with_a_slice_missing_has_no_affine() -> None:
    files = [data for place, data in enumerate(series(5)) if place != 2]
    volume = readers.read_series(files)
    assert volume.depth == 4
    assert volume.affine is None


def test_several_series_are_several_volumes_with_names() -> None:
    files = [
        *series(4, SeriesDescription="T1 post", SeriesNumber="7"),
        *series(3, SeriesDescription="T2 <b>", SeriesInstanceUID=generate_uid()),
    ]
    with pytest.raises(ChoiceNeeded) as choice:
        readers.read_series(files)
    assert choice.value.count == 2
    assert choice.value.labels == ("T1 post, 4 slices, 8 x 6", "T2 _b_, 3 slices, 8 x 6")
    assert [readers.read_series(files, volume_index=n).depth for n in (0, 1)] == [4, 3]
    with pytest.raises(ScanError, match="no volume 3"):
        readers.read_series(files, volume_index=2)


def test_several_images_of_every_place_are_volumes_by_instance_number() -> None:
    files = [
        *series(3, InstanceNumber=1),
        *((f"late {name}", data) for name, data in series(3, InstanceNumber=2, RescaleSlope="10")),
    ]
    with pytest.raises(ChoiceNeeded, match="several images of the same place") as choice:
        readers.read_series(files)
    assert choice.value.count == 2
    late = readers.read_series(files, volume_index=1)
    assert late.voxels[:, 0, 0].tolist() == [0, 10, 20]


def test_the_display_window_is_told_in_the_values_that_are_given(ramp: np.ndarray) -> None:
    window = {"WindowCenter": "100", "WindowWidth": "51"}
    assert read(ramp, **window).window == (74.5, 124.5)
    assert read(ramp, WindowCenter=["100", "7"], WindowWidth=["51", "9"]).window == (74.5, 124.5)
    assert read(ramp).window is None
    assert read(ramp, WindowCenter="100", WindowWidth="0").window is None
    inverted = {"PhotometricInterpretation": "MONOCHROME1", "BitsStored": 12, "HighBit": 11}
    assert read(ramp, **window, **inverted).window == (4095 - 124.5, 4095 - 74.5)
    scaled = read(ramp, **window, **inverted, RescaleSlope="2", RescaleIntercept="-10")
    # the modality's value m is shown as v = 2 * 4095 + 2 * -10 - m
    assert scaled.window == (8170 - 124.5, 8170 - 74.5)
    assert scaled.voxels.max() == 2 * 4095 - 10


def test_zeros_after_the_pixels_are_padding_and_more_than_that_is_not(ramp: np.ndarray) -> None:
    padded = read(ramp, PixelData=ramp.tobytes() + bytes(128))
    assert np.array_equal(padded.voxels[0], ramp)
    with pytest.raises(ScanError, match="announces"):
        read(ramp, PixelData=ramp.tobytes() + b"more")


def test_a_dicom_that_looks_like_a_tiff_is_a_dicom(ramp: np.ndarray) -> None:
    ds = dataset(ramp)
    ds.preamble = b"II*\0" + bytes(124)
    assert np.array_equal(readers.read(stored(ds), "x").voxels[0], ramp)


def framed(pixels: np.ndarray, syntax: str, frame: bytes) -> FileDataset:
    ds = dataset(pixels)
    ds.file_meta.TransferSyntaxUID = syntax
    ds.PixelData = encapsulate([frame])
    ds["PixelData"].VR = "OB"
    return ds


def packed(pixels: np.ndarray, syntax: str, format: str, **options: object) -> FileDataset:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format, **options)
    return framed(pixels, syntax, buffer.getvalue())


def test_compressed_pixels_are_read(ramp: np.ndarray) -> None:
    grey = (ramp // 16).astype(np.uint8)
    jpeg = readers.read(stored(packed(grey, JPEGBaseline8Bit, "JPEG", quality=100)), "x")
    assert np.abs(jpeg.voxels[0] - grey).max() < 5
    wavelet = packed(ramp, JPEG2000Lossless, "JPEG2000", irreversible=False)
    assert np.array_equal(readers.read(stored(wavelet), "x").voxels[0], ramp)
    runs = dataset(ramp)
    runs.compress(RLELossless)
    assert np.array_equal(readers.read(stored(runs), "x").voxels[0], ramp)


@pytest.mark.parametrize("syntax", [HTJ2KLossless, HTJ2KLosslessRPCL, HTJ2K])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16])
def test_high_throughput_jpeg_2000_is_read(ramp: np.ndarray, syntax: str, dtype: type) -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    values = (ramp // 16 - (40 if dtype is np.int16 else 0)).astype(dtype)
    found = readers.read(stored(framed(values, syntax, imagecodecs.htj2k_encode(values))), "x")
    assert np.array_equal(found.voxels[0], values)


def test_a_slice_of_many_bands_is_rescaled_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).integers(0, 4096, (31, 17)).astype(np.uint16)
    whole = read(values, PhotometricInterpretation="MONOCHROME1", RescaleSlope="0.37")
    monkeypatch.setattr("brainseg.data.formats.dicom._BAND_PIXELS", 40)
    banded = read(values, PhotometricInterpretation="MONOCHROME1", RescaleSlope="0.37")
    assert np.array_equal(whole.voxels, banded.voxels)
    assert np.array_equal(whole.voxels[0], ((65535 - values.astype(int)) * 0.37).astype("f4"))


def test_compressed_pixels_larger_than_the_header_says_are_not_unpacked(ramp: np.ndarray) -> None:
    ds = packed((ramp // 16).astype(np.uint8), JPEGBaseline8Bit, "JPEG")
    ds.Rows, ds.Columns = 4, 4
    with pytest.raises(ScanError, match="differ in size"):
        readers.read(stored(ds), "x")


def deflated(ds: FileDataset) -> bytes:
    ds.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    return stored(ds)


def test_a_deflated_file_is_read_and_a_bomb_is_not(
    ramp: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert np.array_equal(readers.read(deflated(dataset(ramp)), "x").voxels[0], ramp)
    monkeypatch.setenv("BRAINSEG_LIMIT_UNPACKED_BYTES", str(2**16))
    limits.current.cache_clear()
    bomb = deflated(dataset(np.zeros((300, 300), np.uint16)))
    with pytest.raises(ScanError, match="unpacks to more"):
        readers.read(bomb, "x")
    limits.current.cache_clear()


def test_a_syntax_for_films_is_refused(ramp: np.ndarray) -> None:
    ds = dataset(ramp)
    ds.file_meta.TransferSyntaxUID, ds.PixelData = MPEG2MPML, encapsulate([bytes(10)])
    ds["PixelData"].VR = "OB"
    with pytest.raises(ScanError, match="transfer syntax"):
        readers.read(stored(ds), "x")


def test_a_damaged_name_of_the_syntax_is_shown_without_what_it_took_along(ramp: np.ndarray) -> None:
    whole = stored(dataset(ramp))
    at = whole.index(b"1.2.840.10008.1.2.1")
    with pytest.raises(ScanError, match=r"transfer syntax \(\?\?2\.840") as refused:
        readers.read(whole[:at] + b"<\0" + whole[at + 2 :], "x")
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"Rows": 3}, "announces"),
        ({"Rows": 60_000, "Columns": 60_000}, "60000 x 60000"),
        ({"NumberOfFrames": 3}, "announces"),
        ({"NumberOfFrames": 5000}, "2048 slices"),
        ({"Rows": 0}, "no pixels"),
        ({"BitsAllocated": 64}, "bits a pixel"),
        ({"BitsAllocated": 1}, "mask of 1 bit"),
        ({"SamplesPerPixel": 4}, "bits a pixel"),
        ({"RescaleSlope": "0"}, "slope is 0"),
        ({"RescaleSlope": "1e300"}, "not finite"),
        ({"PixelData": b""}, "announces"),
    ],
)
def test_hostile_headers_are_refused(ramp: np.ndarray, fields: dict, words: str) -> None:
    with pytest.raises(ScanError, match=words):
        read(ramp, **fields)


def test_a_dicom_without_an_image_is_refused(ramp: np.ndarray) -> None:
    ds = dataset(ramp)
    del ds.PixelData
    with pytest.raises(ScanError, match="without an image"):
        readers.read(stored(ds), "report.dcm")


def test_a_file_cut_short_is_refused(ramp: np.ndarray) -> None:
    data = dicom(ramp)
    for keep in (132, 150, 300, len(data) // 2, len(data) - 10):
        with pytest.raises(ScanError, match="x: "):
            readers.read(data[:keep], "x")


def test_200_flipped_bits_give_a_volume_or_a_typed_refusal(ramp: np.ndarray) -> None:
    data = dicom(ramp, PixelSpacing=[1, 1], ImagePositionPatient=[0, 0, 0])
    for bit in np.random.default_rng(0).choice(8 * (len(data) - ramp.nbytes), 200, replace=False):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << (bit % 8)
        try:
            assert np.isfinite(readers.read(bytes(damaged), "x").voxels).all()
        except ScanError as error:
            assert str(error).startswith("x: ")  # noqa: PT017


@pytest.mark.real_data
def test_a_real_series_is_in_order(real_data: Path) -> None:
    folder = real_data / "scans" / "t1_dicom_series"
    volume = readers.read_file(folder)
    assert volume.voxels.shape == (10, 384, 274)
    assert volume.spacing_mm == pytest.approx((5.333, 0.667, 0.700), rel=1e-3)
    for index, path in enumerate(sorted(folder.iterdir())):
        assert np.array_equal(volume.voxels[index], pydicom.dcmread(path).pixel_array)
