from __future__ import annotations

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from brainseg.data import readers
from brainseg.errors import ScanError
from tests.hostile.corpus import png_of


def saved(image: Image.Image, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=format, **options)
    return buffer.getvalue()


def pixels(data: bytes) -> np.ndarray:
    volume = readers.read(data, "scan")
    assert volume.depth == 1
    assert volume.voxels.dtype == np.float32
    assert volume.spacing_mm is None
    return volume.slice(0).pixels


@pytest.fixture
def ramp8() -> np.ndarray:
    return np.arange(12 * 20, dtype=np.uint8).reshape(12, 20)


@pytest.fixture
def ramp16() -> np.ndarray:
    return (np.arange(12 * 20, dtype=np.uint16) * 17).reshape(12, 20)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, depth: int, colour: int, rows: bytes) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = (chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize("format", ["PNG", "BMP", "TIFF", "WEBP"])
def test_8_bit_grey_keeps_its_values(ramp8: np.ndarray, format: str) -> None:
    options = {"lossless": True} if format == "WEBP" else {}
    assert np.array_equal(pixels(saved(Image.fromarray(ramp8), format, **options)), ramp8)


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_16_bit_grey_stays_16_bit(ramp16: np.ndarray, format: str) -> None:
    assert np.array_equal(pixels(saved(Image.fromarray(ramp16), format)), ramp16)


def test_big_endian_16_bit_tiff(ramp16: np.ndarray) -> None:
    values = ramp16.astype(">u2")
    tags = [(256, 20), (257, 12), (258, 16), (259, 1), (262, 1), (273, 200), (277, 1), (279, 480)]
    entries = b"".join(struct.pack(">HHIHH", tag, 3, 1, value, 0) for tag, value in tags)
    data = b"MM\0*" + struct.pack(">IH", 8, len(tags)) + entries + bytes(4)
    data += bytes(200 - len(data)) + values.tobytes()
    assert np.array_equal(pixels(data), ramp16)


@pytest.mark.parametrize(("depth", "rows"), [(1, b"\0\x50"), (2, b"\0\x11"), (4, b"\0\x0f\x0f")])
def test_png_of_few_bits_spans_black_to_white(depth: int, rows: bytes) -> None:
    found = pixels(png(4, 1, depth, 0, rows))
    expected = {1: [0, 255, 0, 255], 2: [0, 85, 0, 85], 4: [0, 255, 0, 255]}[depth]
    assert found[0].tolist() == expected


def test_a_palette_gives_its_colours_not_its_indices(ramp8: np.ndarray) -> None:
    image = Image.fromarray(np.array([[0, 1]], np.uint8)).convert("P")
    image.putpalette([200, 200, 200, 10, 10, 10])
    assert pixels(saved(image, "PNG")).tolist() == [[200, 10]]


def test_equal_channels_give_exactly_the_grey(ramp8: np.ndarray) -> None:
    assert np.array_equal(pixels(saved(Image.fromarray(np.dstack([ramp8] * 3)), "PNG")), ramp8)


def test_colour_becomes_luminance() -> None:
    image = Image.fromarray(np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8))
    assert pixels(saved(image, "PNG"))[0] == pytest.approx([76.245, 149.685, 29.07])


def test_what_is_transparent_is_black() -> None:
    image = Image.fromarray(np.array([[[255] * 3 + [0], [90] * 3 + [255]]], np.uint8))
    assert pixels(saved(image, "PNG")).tolist() == [[0, 90]]
    grey = Image.fromarray(np.array([[[255, 0], [90, 255]]], np.uint8))
    assert grey.mode == "LA"
    assert pixels(saved(grey, "PNG")).tolist() == [[0, 90]]


@pytest.mark.parametrize("extension", [".png", ".tiff"])
def test_16_bit_colour_is_not_cut_to_8_bits(ramp16: np.ndarray, extension: str) -> None:
    _, data = cv2.imencode(extension, np.dstack([ramp16] * 3))
    assert np.array_equal(pixels(data.tobytes()), ramp16)


@pytest.mark.parametrize("channels", [2, 4])
def test_16_bit_transparency_is_black(channels: int) -> None:
    shades = [[50_000] * (channels - 1) + [opaque] for opaque in (65_535, 0)]
    rows = b"\0" + np.array(shades, ">u2").tobytes()
    found = pixels(png(2, 1, 16, {2: 4, 4: 6}[channels], rows))
    assert found[0] == pytest.approx([50_000, 0])


def test_an_interlaced_png_is_read(ramp8: np.ndarray) -> None:
    passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2),
              (1, 0, 2, 1))  # fmt: skip
    rows = b"".join(
        b"\0" + row.tobytes()
        for top, left, down, right in passes
        for row in ramp8[top::down, left::right]
    )
    data = bytearray(png(20, 12, 8, 0, rows))
    data[28] = 1
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    assert np.array_equal(pixels(bytes(data)), ramp8)


def test_a_photograph_is_coloured_and_a_scan_with_a_mark_is_not(ramp8: np.ndarray) -> None:
    photo = np.dstack([ramp8, ramp8[::-1], ramp8[:, ::-1]])
    assert readers.read(saved(Image.fromarray(photo), "PNG"), "x").coloured
    scan = np.dstack([ramp8] * 3)
    scan[0, :2] = (255, 0, 0)
    for format in ("PNG", "JPEG", "TIFF", "WEBP", "BMP"):
        assert not readers.read(saved(Image.fromarray(scan), format), "x").coloured
    assert readers.read(saved(Image.fromarray(photo), "PNG"), "x").slice(0).coloured


def test_16_bit_red_is_red() -> None:
    bgr = np.zeros((4, 4, 3), np.uint16)
    bgr[..., 2] = 60000
    _, data = cv2.imencode(".png", bgr)
    assert pixels(data.tobytes()) == pytest.approx(60000 * 0.299)


def test_float_tiff_keeps_fractions() -> None:
    values = np.linspace(-3.5, 9.25, 30, dtype=np.float32).reshape(5, 6)
    assert np.array_equal(pixels(saved(Image.fromarray(values), "TIFF")), values)


def test_32_bit_tiff() -> None:
    values = np.array([[0, 70_000, 2_000_000]], dtype=np.int32)
    assert pixels(saved(Image.fromarray(values), "TIFF")).tolist() == values.tolist()


def test_a_float_tiff_that_is_not_finite_is_refused() -> None:
    values = np.array([[0.0, np.nan]], dtype=np.float32)
    with pytest.raises(ScanError, match="not finite"):
        pixels(saved(Image.fromarray(values), "TIFF"))


def test_pages_of_a_tiff_are_slices(ramp16: np.ndarray) -> None:
    pages = [Image.fromarray(ramp16 + step) for step in range(4)]
    data = saved(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    volume = readers.read(data, "stack.tif")
    assert volume.depth == 4
    for step in range(4):
        assert np.array_equal(volume.slice(step).pixels, ramp16 + step)


def test_pages_of_different_size_are_refused(ramp8: np.ndarray) -> None:
    pages = [Image.fromarray(ramp8), Image.fromarray(ramp8[:5])]
    data = saved(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    with pytest.raises(ScanError, match="pages differ in size"):
        readers.read(data, "x")


def test_a_circle_of_tiff_pages_is_refused(ramp8: np.ndarray) -> None:
    data = bytearray(saved(Image.fromarray(ramp8), "TIFF"))
    first = struct.unpack_from("<I", data, 4)[0]
    entries = struct.unpack_from("<H", data, first)[0]
    struct.pack_into("<I", data, first + 2 + 12 * entries, first)
    with pytest.raises(ScanError, match="list of pages"):
        readers.read(bytes(data), "x")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_the_exif_orientation_is_applied(format: str, orientation: int) -> None:
    upright = np.zeros((16, 32), np.uint8)
    upright[:8, :8] = 255
    upright[8:, 24:] = 120
    store = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.T,
        6: lambda a: np.rot90(a, 1),
        7: lambda a: a[::-1, ::-1].T,
        8: lambda a: np.rot90(a, -1),
    }[orientation]
    exif = Image.Exif()
    exif[274] = orientation
    image = Image.fromarray(np.ascontiguousarray(store(upright)))
    found = pixels(saved(image, format, exif=exif))
    assert found.shape == upright.shape
    assert np.abs(found - upright).mean() < 8


def test_jpeg_in_cmyk_is_read() -> None:
    image = Image.fromarray(np.full((16, 16, 3), 180, np.uint8)).convert("CMYK")
    assert pixels(saved(image, "JPEG")).mean() == pytest.approx(180, abs=3)


@pytest.mark.parametrize("format", ["PNG", "WEBP"])
def test_an_animation_is_refused(ramp8: np.ndarray, format: str) -> None:
    frames = [Image.fromarray(ramp8), Image.fromarray(255 - ramp8)]
    data = saved(frames[0], format, save_all=True, append_images=frames[1:])
    with pytest.raises(ScanError, match="animation"):
        readers.read(data, "x")


@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF", "WEBP", "BMP"])
def test_a_file_cut_short_anywhere_is_refused(format: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)
    data = saved(Image.fromarray(noise), format)
    for keep in (12, 30, len(data) // 3, len(data) // 2, len(data) - 30):
        with pytest.raises(ScanError, match="x: "):
            readers.read(data[:keep], "x")


def test_no_flipped_bit_in_a_png_changes_a_value() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (32, 32), dtype=np.uint8)
    data = saved(Image.fromarray(noise), "PNG")
    refused = 0
    for bit in np.random.default_rng(2).choice(8 * len(data), 300, replace=False):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << (bit % 8)
        try:
            assert np.array_equal(pixels(bytes(damaged)), noise)
        except ScanError:
            refused += 1
    assert refused > 280  # all but those in the length and checksum of the empty last chunk


@pytest.mark.parametrize("side", [9_000, 20_000, 2_000_000_000])
def test_a_png_that_announces_too_much_is_refused_before_decoding(side: int) -> None:
    with pytest.raises(ScanError, match=r"pixels|damaged"):
        readers.read(png(side, side, 8, 0, b"\0"), "x")


def test_a_jpeg_that_announces_too_much_is_refused() -> None:
    data = bytearray(saved(Image.new("L", (8, 8)), "JPEG"))
    frame = data.index(b"\xff\xc0")
    struct.pack_into(">HH", data, frame + 5, 12_000, 12_000)
    with pytest.raises(ScanError, match="12000 x 12000 pixels"):
        readers.read(bytes(data), "x")


def test_a_png_whose_rows_are_not_all_there_is_refused_though_its_chunks_are_whole() -> None:
    assert readers.read(png_of(64, 64, 64), "x").voxels.shape == (1, 64, 64)
    with pytest.raises(ScanError, match="cut short"):
        readers.read(png_of(64, 64, 30), "x")
