from __future__ import annotations

import io

import h5py
import numpy as np
import pytest

from brainseg.data import readers
from brainseg.errors import ScanError


def mat(build: object, userblock: int = 512) -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", userblock_size=userblock) as file:
        build(file)  # type: ignore[operator]
    data = bytearray(buffer.getvalue())
    if userblock:
        data[:20] = b"MATLAB 7.3 MAT-file "
    return bytes(data)


@pytest.fixture
def image() -> np.ndarray:
    return np.arange(30 * 40, dtype=np.int16).reshape(30, 40)


@pytest.mark.parametrize("userblock", [0, 512])
@pytest.mark.parametrize("place", ["cjdata/image", "image"])
def test_the_image_comes_upright(image: np.ndarray, place: str, userblock: int) -> None:
    data = mat(lambda file: file.create_dataset(place, data=image.T, compression="gzip"), userblock)
    volume = readers.read(data, "1.mat")
    assert np.array_equal(volume.slice(0).pixels, image)
    assert volume.spacing_mm is None


def test_the_true_mask_and_the_patient_come_along(image: np.ndarray) -> None:
    def build(file: h5py.File) -> None:
        file.create_dataset("cjdata/image", data=image.T)
        file.create_dataset("cjdata/tumorMask", data=(image.T > 600).astype("u1"))
        file.create_dataset("cjdata/PID", data=np.array([[ord(c)] for c in "MR017260F"], "u2"))

    volume = readers.read(mat(build), "1.mat")
    assert volume.truth is not None
    assert np.array_equal(volume.truth[0], image > 600)
    assert volume.patient == "MR017260F"


def test_a_mask_of_another_size_is_refused_and_an_odd_patient_is_unknown(
    image: np.ndarray,
) -> None:
    def build(file: h5py.File) -> None:
        file.create_dataset("cjdata/image", data=image.T)
        file.create_dataset("cjdata/PID", data=np.array([[7], [10]], "u2"))

    assert readers.read(mat(build), "1.mat").patient is None

    def misfit(file: h5py.File) -> None:
        build(file)
        file.create_dataset("cjdata/tumorMask", data=np.eye(3, dtype="u1"))

    with pytest.raises(ScanError, match="tumorMask has shape"):
        readers.read(mat(misfit), "1.mat")


def test_an_image_that_is_announced_and_not_there_is_refused() -> None:
    with pytest.raises(ScanError, match="holds no values"):
        readers.read(mat(lambda f: f.create_dataset("image", (99, 99), "f4", chunks=True)), "1.mat")


def test_a_file_without_an_image_says_what_is_needed() -> None:
    with pytest.raises(ScanError, match="cjdata/image"):
        readers.read(mat(lambda file: file.create_dataset("other", data=np.eye(3))), "x.mat")


@pytest.mark.parametrize("link", [h5py.ExternalLink("/etc/passwd", "/"), h5py.SoftLink("/other")])
def test_links_are_not_followed(link: object) -> None:
    def build(file: h5py.File) -> None:
        file.create_dataset("other", data=np.eye(3))
        file["image"] = link

    with pytest.raises(ScanError, match="holds no image"):
        readers.read(mat(build), "x.mat")


def test_external_data_are_not_read(tmp_path: object) -> None:
    def build(file: h5py.File) -> None:
        outside = [("/etc/hostname", 0, h5py.h5f.UNLIMITED)]
        file.create_dataset("image", (4, 4), "u1", external=outside)

    with pytest.raises(ScanError, match="not stored plainly"):
        readers.read(mat(build), "x.mat")


def test_a_huge_or_odd_image_is_refused() -> None:
    def huge(file: h5py.File) -> None:
        file.create_dataset("image", (20_000, 20_000), "f8", chunks=(100, 100))

    with pytest.raises(ScanError, match="20000 x 20000"):
        readers.read(mat(huge), "x.mat")
    with pytest.raises(ScanError, match="shape"):
        readers.read(mat(lambda f: f.create_dataset("image", data=np.zeros((3, 4, 5)))), "x.mat")
    with pytest.raises(ScanError, match="shape"):
        readers.read(mat(lambda f: f.create_dataset("image", data=b"text")), "x.mat")


def test_a_file_cut_short_is_refused(image: np.ndarray) -> None:
    data = mat(lambda file: file.create_dataset("image", data=image, compression="gzip"))
    for keep in (600, len(data) // 2, len(data) - 100):
        with pytest.raises(ScanError, match=r"x\.mat: "):
            readers.read(data[:keep], "x.mat")
