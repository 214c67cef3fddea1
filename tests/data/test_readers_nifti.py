from __future__ import annotations

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from nibabel import orientations

from brainseg.data import readers
from brainseg.errors import ChoiceNeeded, ScanError
from brainseg.types import Volume

R, A, S = 20, 24, 6  # voxels to the patient's right-left, posterior-anterior, inferior-superior
NOSE, LEFT_EAR = 100, 120


def packed(values: np.ndarray, affine: np.ndarray, kind: type = nib.Nifti1Image) -> bytes:
    return gzip.compress(kind(values, affine).to_bytes(), mtime=0)


def head(dtype: str = "int16") -> np.ndarray:
    """A head in RAS order with one bright voxel at the nose and another at the left ear."""
    values = np.arange(R * A * S).reshape(R, A, S).astype(dtype) % 50
    values[R // 2, A - 1, 2] = NOSE  # nose: most anterior
    values[0, A // 2, 2] = LEFT_EAR  # left ear: x grows to the patient's right
    return values


def affine(*spacing: float) -> np.ndarray:
    """RAS+ affine: x grows to the patient's right, so index 0 is the patient's left."""
    return np.diag([*spacing, 1.0])


def reoriented(code: str, spacing: tuple[float, float, float]) -> bytes:
    """Store the same head with its axes in another order and direction."""
    image = nib.Nifti1Image(head(), affine(*spacing))
    target = orientations.axcodes2ornt(code)
    return gzip.compress(
        image.as_reoriented(
            orientations.ornt_transform(orientations.io_orientation(image.affine), target)
        ).to_bytes(),
        mtime=0,
    )


def find(volume: Volume, value: int) -> tuple[int, int, int]:
    (place,) = np.argwhere(volume.voxels == value)
    return tuple(int(n) for n in place)  # type: ignore[return-value]


@pytest.mark.parametrize("code", ["RAS", "LAS", "LPS", "RPI", "ASR", "SRA", "PIL", "IRP"])
def test_axial_slices_have_the_nose_up_and_the_left_ear_right(code: str) -> None:
    volume = readers.read(reoriented(code, (0.9, 0.8, 5.0)), "head.nii.gz")
    assert volume.voxels.shape == (S, A, R)
    assert volume.spacing_mm == pytest.approx((5.0, 0.8, 0.9))
    assert find(volume, NOSE) == (2, 0, R - 1 - R // 2)
    assert find(volume, LEFT_EAR) == (2, A - 1 - A // 2, R - 1)


def test_coronal_slices_have_the_crown_up_and_the_left_ear_right() -> None:
    volume = readers.read(reoriented("LPS", (0.9, 5.0, 0.8)), "x")
    assert volume.voxels.shape == (A, S, R)
    assert volume.spacing_mm == pytest.approx((5.0, 0.8, 0.9))
    assert find(volume, LEFT_EAR) == (A // 2, S - 1 - 2, R - 1)


def test_sagittal_slices_have_the_crown_up_and_the_nose_left() -> None:
    volume = readers.read(reoriented("LPS", (5.0, 0.9, 0.8)), "x")
    assert volume.voxels.shape == (R, S, A)
    assert volume.spacing_mm == pytest.approx((5.0, 0.8, 0.9))
    assert find(volume, NOSE) == (R // 2, S - 1 - 2, 0)


@pytest.mark.parametrize("code", ["RAS", "LPI", "SAR", "PIR"])
@pytest.mark.parametrize("spacing", [(0.9, 0.8, 5.0), (0.9, 5.0, 0.8), (5.0, 0.9, 0.8)])
def test_the_affine_takes_each_shown_voxel_to_its_place(
    code: str, spacing: tuple[float, float, float]
) -> None:
    data = reoriented(code, spacing)
    volume = readers.read(data, "x")
    image = nib.Nifti1Image.from_bytes(gzip.decompress(data))
    for value in (NOSE, LEFT_EAR):
        (stored,) = np.argwhere(np.asarray(image.dataobj) == value)
        assert volume.affine is not None
        assert volume.affine @ [*find(volume, value), 1] == pytest.approx(
            image.affine @ [*stored, 1]
        )


def test_equal_spacing_gives_axial_slices() -> None:
    assert readers.read(reoriented("RAS", (1.0, 1.0, 1.0)), "x").voxels.shape == (S, A, R)


def test_an_oblique_stack_keeps_the_values_and_the_spacing() -> None:
    angle = np.deg2rad(15)
    turn = np.eye(4)
    turn[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    volume = readers.read(packed(head(), turn @ affine(0.9, 0.8, 5.0)), "x")
    assert volume.voxels.shape == (S, A, R)
    assert volume.spacing_mm == pytest.approx((5.0, 0.8, 0.9), rel=1e-5)


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "float32", "float64"])
def test_every_real_type_is_read_packed_and_plain(dtype: str, kind: type) -> None:
    values = head(dtype)
    data = kind(values, affine(1, 1, 2)).to_bytes()
    volume = readers.read(data, "x.nii")
    assert np.array_equal(volume.voxels, values[::-1, ::-1].transpose(2, 1, 0))
    again = readers.read(gzip.compress(data), "x.nii.gz")
    assert np.array_equal(again.voxels, volume.voxels)


def test_slope_and_intercept_are_applied() -> None:
    image = nib.Nifti1Image(head(), affine(1, 1, 2))
    image.header.set_slope_inter(0.5, -7)
    data = bytearray(image.to_bytes())
    data[112:120] = np.array([0.5, -7], "<f4").tobytes()
    volume = readers.read(bytes(data), "x")
    assert np.array_equal(volume.voxels, head()[::-1, ::-1].transpose(2, 1, 0) * 0.5 - 7)


def test_big_endian_files_are_read() -> None:
    header = nib.Nifti1Header(endianness=">")
    header.set_data_dtype(">i2")
    image = nib.Nifti1Image(head(">i2"), affine(1, 1, 2), header)
    assert np.array_equal(
        readers.read(image.to_bytes(), "x").voxels, head()[::-1, ::-1].transpose(2, 1, 0)
    )


def test_metres_and_micrometres_become_millimetres() -> None:
    image = nib.Nifti1Image(head(), affine(500, 500, 2000))
    image.header.set_xyzt_units("micron")
    assert readers.read(image.to_bytes(), "x").spacing_mm == pytest.approx((2.0, 0.5, 0.5))


def test_one_slice_is_a_volume_of_depth_one() -> None:
    data = nib.Nifti1Image(head()[:, :, :1], affine(1, 1, 1)).to_bytes()
    assert readers.read(data, "x").voxels.shape == (1, A, R)


def test_a_single_fourth_volume_is_read_and_several_are_asked_about() -> None:
    one = nib.Nifti1Image(head()[..., np.newaxis], affine(1, 1, 2)).to_bytes()
    assert readers.read(one, "x").voxels.shape == (S, A, R)
    several = nib.Nifti1Image(np.repeat(head()[..., np.newaxis], 3, 3), affine(1, 1, 2)).to_bytes()
    with pytest.raises(ChoiceNeeded, match="holds 3 volumes") as choice:
        readers.read(several, "x")
    assert choice.value.count == 3
    for data in (several, gzip.compress(several)):
        assert np.array_equal(
            readers.read(data, "x", volume_index=2).voxels, readers.read(one, "x").voxels
        )
        with pytest.raises(ScanError, match="no volume 4"):
            readers.read(data, "x", volume_index=3)


def test_values_that_are_not_finite_are_refused() -> None:
    values = head("float32")
    values[0, 0, 0] = np.inf
    with pytest.raises(ScanError, match="not finite"):
        readers.read(packed(values, affine(1, 1, 2)), "x")


def test_a_display_range_is_told_and_not_applied() -> None:
    image = nib.Nifti1Image(head(), affine(1, 1, 2))
    image.header["cal_min"], image.header["cal_max"] = 5, 40
    volume = readers.read(image.to_bytes(), "x")
    assert volume.window == (5, 40)
    assert volume.voxels.max() == LEFT_EAR


def test_colour_and_complex_are_refused() -> None:
    with pytest.raises(ScanError, match="real grey values"):
        readers.read(packed(head().astype(np.complex64), affine(1, 1, 2)), "x")
    colour = np.zeros((4, 4, 4), np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")]))
    with pytest.raises(ScanError, match="real grey values"):
        readers.read(packed(colour, affine(1, 1, 2)), "x")


def test_no_flipped_bit_in_gzip_is_accepted_with_changed_voxels() -> None:
    values = np.random.default_rng(0).integers(0, 4000, (R, A, S)).astype(np.int16)
    data = packed(values, affine(1, 1, 2))
    expected = readers.read(data, "x")
    rng = np.random.default_rng(1)
    refused = 0
    for bit in rng.choice(8 * len(data), 200, replace=False):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << (bit % 8)
        try:
            volume = readers.read(bytes(damaged), "x")
        except ScanError:
            refused += 1
        else:
            assert np.array_equal(volume.voxels, expected.voxels)
            assert volume.spacing_mm == expected.spacing_mm
    assert refused > 190


@pytest.mark.parametrize("plain", [True, False])
def test_a_file_cut_short_is_refused(plain: bool) -> None:
    data = nib.Nifti1Image(head(), affine(1, 1, 2)).to_bytes()
    data = data if plain else gzip.compress(data)
    for keep in (20, 200, len(data) // 2, len(data) - 4):
        with pytest.raises(ScanError, match="x: "):
            readers.read(data[:keep], "x")


def patched(**fields: object) -> bytes:
    image = nib.Nifti1Image(head(), affine(1, 1, 2))
    header = image.header.copy()
    raw = bytearray(image.to_bytes())
    header["magic"] = b"n+1"
    header["vox_offset"] = 352
    for name, value in fields.items():
        header[name] = value
    raw[:348] = header.binaryblock
    return bytes(raw)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"dim": [3, 1200, 1200, 1200, 1, 1, 1, 1]}, "voxels"),
        ({"dim": [3, 30_000, 2, 2, 1, 1, 1, 1]}, "2048 a side"),
        ({"dim": [3, -5, 2, 2, 1, 1, 1, 1]}, "no pixels"),
        ({"dim": [3, 0, 2, 2, 1, 1, 1, 1]}, "no pixels"),
        ({"dim": [1, 10, 1, 1, 1, 1, 1, 1]}, "1 dimensions"),
        ({"dim": [7, 9, 9, 9, 32767, 32767, 32767, 32767]}, "volumes"),
        ({"dim": [3, 100, 100, 100, 1, 1, 1, 1]}, "cut short"),
        ({"vox_offset": 4}, "inside itself"),
        ({"vox_offset": np.nan}, "inside itself"),
        ({"datatype": 77}, "unknown type"),
        ({"magic": b"ni1"}, r"\.hdr/\.img"),
        ({"srow_x": [0, 0, 0, 0]}, "voxel sizes"),
        ({"srow_x": [np.nan, 0, 0, 0]}, "voxel sizes"),
        ({"srow_y": [1, 1e-9, 0, 0]}, "voxel sizes|inverted"),
    ],
)
@pytest.mark.parametrize("plain", [True, False])
def test_hostile_headers_are_refused(fields: dict, words: str, plain: bool) -> None:
    data = patched(**fields)
    with pytest.raises(ScanError, match=words):
        readers.read(data if plain else gzip.compress(data), "x")


def test_a_gzip_bomb_stops_at_what_its_header_announces() -> None:
    with pytest.raises(ScanError, match="more than its header announces"):
        readers.read(gzip.compress(patched() + bytes(60_000_000)), "x")


def test_gzip_in_several_members_is_read() -> None:
    data = nib.Nifti1Image(head(), affine(1, 1, 2)).to_bytes()
    whole = readers.read(data, "x")
    members = b"".join(gzip.compress(data[i : i + 1500]) for i in range(0, len(data), 1500))
    assert np.array_equal(readers.read(members, "x").voxels, whole.voxels)
    with pytest.raises(ScanError, match="follows the end"):
        readers.read(members + b"junk", "x")


@pytest.mark.real_data
def test_a_clinical_volume_is_upright(real_data: Path) -> None:
    path = real_data / "scans" / "tcga_fg_6692_t1c.nii.gz"
    volume = readers.read_file(path)
    assert volume.voxels.shape == (26, 224, 256)
    assert volume.spacing_mm == pytest.approx((5.5, 0.898, 0.898), rel=1e-3)
    assert volume.source == path.name
    canonical = nib.as_closest_canonical(nib.load(path)).get_fdata(dtype=np.float32)
    assert np.array_equal(volume.voxels[13], canonical[::-1, ::-1, 13].T)
