from __future__ import annotations

import io

import numpy as np
import pytest
import tifffile

from brainseg.data import readers
from brainseg.errors import ScanError


def tiff(pixels: np.ndarray, **options: object) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, **options)
    return buffer.getvalue()


def read(pixels: np.ndarray, **options: object) -> np.ndarray:
    return readers.read(tiff(pixels, **options), "a.tif").voxels


@pytest.fixture
def ramp() -> np.ndarray:
    return np.arange(40 * 56).reshape(40, 56)


@pytest.mark.parametrize(
    "dtype",
    ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float16", "float32", "float64"],
)
@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("bigtiff", [False, True])
def test_every_type_of_number_keeps_its_values(
    ramp: np.ndarray, dtype: str, byteorder: str, bigtiff: bool
) -> None:
    values = (ramp % 100).astype(dtype)
    assert np.array_equal(read(values, byteorder=byteorder, bigtiff=bigtiff)[0], values)


@pytest.mark.parametrize("compression", [None, "zlib", "lzw", "packbits", "zstd", "lzma"])
@pytest.mark.parametrize("tile", [None, (16, 32)])
def test_strips_and_tiles_of_every_packing_are_read(
    ramp: np.ndarray, compression: str | None, tile: tuple[int, int] | None
) -> None:
    values = ramp.astype(np.uint16) * 20
    assert np.array_equal(read(values, compression=compression, tile=tile)[0], values)


def test_white_is_zero_is_turned_round(ramp: np.ndarray) -> None:
    values = (ramp % 250).astype(np.uint8)
    assert np.array_equal(read(values, photometric="miniswhite")[0], 255 - values.astype(float))


def test_one_bit_a_pixel_is_black_and_white(ramp: np.ndarray) -> None:
    values = ramp % 3 == 0
    assert np.array_equal(read(values, photometric="minisblack")[0] > 0, values)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("planarconfig", ["contig", "separate"])
def test_colour_becomes_luminance_and_is_noted(
    ramp: np.ndarray, dtype: str, planarconfig: str
) -> None:
    full = 1 if dtype == "float32" else np.iinfo(dtype).max
    red, black = np.full((40, 56), full, dtype), np.zeros((40, 56), dtype)
    channels = np.stack([red, black, black], axis=-1)
    stored = channels if planarconfig == "contig" else np.moveaxis(channels, -1, 0)
    data = tiff(stored, photometric="rgb", planarconfig=planarconfig)
    volume = readers.read(data, "a.tif")
    assert volume.voxels == pytest.approx(full * 0.299, rel=1e-4)
    assert volume.coloured


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_cmyk_is_ink_on_white(dtype: str) -> None:
    full = np.iinfo(dtype).max
    inks = np.zeros((4, 4, 4), dtype)
    inks[1, :, 3] = full  # black ink
    inks[2, :, 0] = full  # cyan
    found = read(inks, photometric="separated")[0]
    assert found[:, 0] / full == pytest.approx([1, 0, 1 - 0.299, 1], abs=1e-3)


def test_a_palette_gives_its_colours() -> None:
    colormap = np.zeros((3, 256), np.uint16)
    colormap[:, 7] = 40_000
    indices = np.full((6, 6), 7, np.uint8)
    data = tiff(indices, photometric="palette", colormap=colormap)
    assert readers.read(data, "a.tif").voxels == pytest.approx(40_000 / 257)


def test_jpeg_in_tiff_is_read() -> None:
    smooth = np.add.outer(np.arange(64), np.arange(64)).astype(np.uint8)
    for pixels in (smooth, np.dstack([smooth] * 3)):
        assert np.abs(read(pixels, compression="jpeg")[0] - smooth).max() < 6


def test_pages_are_slices_and_other_sizes_are_refused(ramp: np.ndarray) -> None:
    pages = np.stack([ramp, ramp + 1, ramp + 2]).astype(np.uint16)
    assert np.array_equal(read(pages, photometric="minisblack"), pages)
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        writer.write(pages[0])
        writer.write(pages[1, :5])
    with pytest.raises(ScanError, match="pages differ in size"):
        readers.read(buffer.getvalue(), "a.tif")


def test_more_pages_than_the_limit_are_refused() -> None:
    pages = np.zeros((2100, 4, 4), np.uint8)
    with pytest.raises(ScanError, match="2048 slices"):
        read(pages, photometric="minisblack")


def test_complex_numbers_and_many_channels_are_refused() -> None:
    with pytest.raises(ScanError, match="kind of number"):
        read(np.zeros((4, 4), np.complex64))
    with pytest.raises(ScanError, match="9 channels"):
        read(np.zeros((4, 4, 9), np.uint8), photometric="minisblack", planarconfig="contig")
