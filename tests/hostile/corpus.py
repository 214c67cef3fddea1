"""Files that a stranger may upload, by class: each is to give a picture or one sentence.

``cases()`` makes one or a few of every class, cheaply; ``bombs()`` those that cost a naive decoder
gigabytes; ``mutations()`` damages valid files at random.
"""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import h5py
import nibabel as nib
import numpy as np
import tifffile
from PIL import Image
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEGBaseline8Bit, RLELossless

from tests.data.scan_files import dataset, dicom, enhanced, nifti, picture, series, stored

_MEGABYTE = bytes(1 << 20)
READ, REFUSED, EITHER = "read", "refused", "either"


class Case(NamedTuple):
    """Files uploaded together, their class, and what may come of them."""

    kind: str
    files: list[tuple[str, bytes]]
    outcome: str = REFUSED


def noise(height: int = 40, width: int = 48, dtype: str = "uint8") -> np.ndarray:
    rng = np.random.default_rng(height * width)
    return rng.integers(0, np.iinfo(dtype).max, (height, width)).astype(dtype)


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def tiff(pixels: np.ndarray, **options: object) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, **options)
    return buffer.getvalue()


def matlab(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", userblock_size=512) as file:
        file.create_dataset("cjdata/image", data=pixels.T, compression="gzip")
        file.create_dataset("cjdata/tumorMask", data=(pixels.T > 9000).astype("u1"))
        file.create_dataset("cjdata/PID", data=np.array([[ord(c)] for c in "100360"], "u2"))
    return buffer.getvalue()


def valid() -> dict[str, bytes]:
    """One small valid file of every kind."""
    grey, deep = noise(), noise(dtype="uint16")
    head = np.random.default_rng(0).integers(0, 900, (20, 24, 6)).astype(np.int16)
    rle = dataset(deep)
    rle.compress(RLELossless)
    packed = dataset(grey)
    packed.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    return {
        "grey.png": picture(grey),
        "deep.png": picture(deep),
        "colour.png": picture(np.dstack([grey, grey[::-1], grey[:, ::-1]])),
        "a.jpg": picture(grey, "JPEG"),
        "a.webp": picture(np.dstack([grey] * 3), "WEBP", lossless=True),
        "a.bmp": picture(grey, "BMP"),
        "tiles.tif": tiff(deep, tile=(16, 16), compression="zlib"),
        "float.tif": tiff(deep.astype(np.float32)),
        "stack.tif": tiff(np.stack([deep] * 3), photometric="minisblack"),
        "a.dcm": dicom(deep, PixelSpacing=[0.5, 0.5], WindowCenter="40", WindowWidth="80"),
        "enhanced.dcm": enhanced((2, 0, 1)),
        "rle.dcm": stored(rle),
        "deflated.dcm": stored(packed),
        "a.nii": nib.Nifti1Image(head, np.diag([1.0, 1, 5, 1])).to_bytes(),
        "a.nii.gz": nifti(head, np.diag([1.0, 1, 5, 1])),
        "two.nii.gz": nifti(head, np.diag([1.0, 1, 5, 1]), nib.Nifti2Image),
        "a.mat": matlab(deep),
        "series.zip": zipped(dict(series(4))),
    }


def cases() -> Iterator[Case]:
    """Every class but the bombs, each file small."""
    yield from _damaged()
    yield from _lying()
    yield from _not_finite()
    yield from _animated()
    yield from _polyglots()
    yield from _named()


def _damaged() -> Iterator[Case]:
    yield Case("empty", [("a.png", b"")])
    for name, data in valid().items():
        yield Case("valid", [(name, data)], READ)
        yield Case("wrong ending", [(f"{name}.exe", data)], READ)
        for part in (1, 8, 30, 60, 90, 99):
            cut = data[: max(1, len(data) * part // 100)]
            yield Case("truncated", [(name, cut)])
        yield Case("one byte short", [(name, data[:-1])], EITHER)
        yield Case("zeros after", [(name, data + bytes(4096))], EITHER)
        yield Case("head alone", [(name, data[:600] + bytes(len(data)))], EITHER)
    for text in (b"hello", b"<html><script>alert(1)</script>", b"%PDF-1.7\n", b"\x7fELF\x02\x01"):
        yield Case("no scan", [("scan.dcm", text)])
    two = [("a.png", picture(noise())), ("b.png", picture(noise()))]
    yield Case("several pictures", two)


def _lying() -> Iterator[Case]:
    data = bytearray(picture(noise(), "TIFF"))
    first = struct.unpack_from("<I", data, 4)[0]
    count = struct.unpack_from("<H", data, first)[0]
    for value in (0, 1, 2**16 - 1):
        for entry in range(count):
            lie = bytearray(data)
            struct.pack_into("<I", lie, first + 2 + 12 * entry + 8, value)
            yield Case("TIFF with a lying directory", [("a.tif", bytes(lie))], EITHER)
            lie = bytearray(data)
            struct.pack_into("<I", lie, first + 2 + 12 * entry + 4, 2**31)
            yield Case("TIFF with a lying directory", [("a.tif", bytes(lie))], EITHER)
    circle = bytearray(data)
    struct.pack_into("<I", circle, first + 2 + 12 * count, first)
    yield Case("TIFF with a lying directory", [("a.tif", bytes(circle))])
    deep = noise(dtype="uint16")
    for fields in (
        {"Rows": 2},
        {"Rows": 65_535, "Columns": 65_535},
        {"Columns": 0},
        {"NumberOfFrames": "2147483647"},
        {"NumberOfFrames": "-1"},
        {"BitsAllocated": 12},
        {"BitsAllocated": 1},
        {"SamplesPerPixel": 3},
        {"RescaleSlope": "0"},
        {"PhotometricInterpretation": "PALETTE COLOR"},
    ):
        yield Case("DICOM with a lying header", [("a.dcm", dicom(deep, **fields))])
    lies = dataset(noise())
    lies.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    yield Case("DICOM with a lying header", [("a.dcm", stored_as(lies, valid_jpeg(9)))])
    head = bytearray(valid()["a.nii"])
    for at, value in ((42, 30_000), (42, -4), (40, 9), (70, 1792), (70, 0)):
        lie = bytearray(head)
        struct.pack_into("<h", lie, at, value)
        yield Case("NIfTI with a lying header", [("a.nii", bytes(lie))])


def valid_jpeg(side: int) -> bytes:
    return picture(noise(side, side), "JPEG")


def stored_as(ds: object, frame: bytes) -> bytes:
    """Return a DICOM file whose only frame is these bytes."""
    from pydicom.encaps import encapsulate

    ds.PixelData = encapsulate([frame])  # type: ignore[attr-defined]
    ds["PixelData"].VR = "OB"  # type: ignore[index]
    return stored(ds)  # type: ignore[arg-type]


def _not_finite() -> Iterator[Case]:
    for value in (np.nan, np.inf, -np.inf):
        pixels = np.ones((9, 9), np.float32)
        pixels[4, 4] = value
        yield Case("NaN and infinity", [("a.tif", tiff(pixels))])
        yield Case("NaN and infinity", [("a.mat", matlab(pixels))])
        volume = np.ones((9, 9, 3), np.float32)
        volume[4, 4, 1] = value
        yield Case("NaN and infinity", [("a.nii.gz", nifti(volume, np.eye(4)))])
        affine = np.eye(4)
        affine[0, 0] = value
        image = bytearray(nib.Nifti1Image(np.ones((4, 4, 4), np.int16), np.eye(4)).to_bytes())
        struct.pack_into("<f", image, 280, value)
        yield Case("NaN and infinity", [("a.nii", bytes(image))])
    for slope in ("1e300", "nan", "inf"):
        data = dicom(noise(dtype="uint16"), RescaleSlope="1000000000", RescaleIntercept="0")
        data = data.replace(b"1000000000", slope.ljust(10).encode())
        yield Case("NaN and infinity", [("a.dcm", data)], EITHER)


def _animated() -> Iterator[Case]:
    frames = [Image.fromarray(noise()), Image.fromarray(noise()[::-1])]
    for format in ("GIF", "PNG", "WEBP"):
        buffer = io.BytesIO()
        frames[0].save(buffer, format, save_all=True, append_images=frames[1:])
        yield Case("animated", [(f"a.{format.lower()}", buffer.getvalue())])


def _polyglots() -> Iterator[Case]:
    found = valid()
    page = b"<html><script>alert(1)</script>"
    yield Case("polyglot", [("a.png", found["grey.png"] + found["series.zip"])], EITHER)
    yield Case("polyglot", [("a.jpg", found["a.jpg"] + page)], EITHER)
    yield Case("polyglot", [("a.zip", zipped({"a.html": page, "b.exe": b"MZ"}))])
    both = b"II*\0" + struct.pack("<I", 8) + found["a.dcm"][8:]
    yield Case("polyglot", [("a.tif", both)], READ)
    yield Case("polyglot", [("a.gz", gzip.compress(found["a.dcm"]))])
    yield Case("polyglot", [("a.gz", gzip.compress(gzip.compress(found["a.nii"])))])
    nested = zipped({"a.zip": zipped({"a.zip": found["series.zip"]})})
    yield Case("polyglot", [("a.zip", nested)])


NAMES = (
    "<img src=x onerror=alert(1)>.png",
    "../../../etc/passwd",
    "..\\..\\windows\\system32\\config",
    "/etc/shadow",
    "C:\\scans\\head.png",
    "a\0b.png",
    "a\nb\r\tc.png",
    "\u202egnp.exe",
    "🧠🩻.png",
    "x" * 300 + ".png",
    "$(reboot).png",
    "`id`.png",
    "[click](javascript:alert(1)).png",
    "**bold** _x_ ~~y~~ :smile: $x^2$.png",
    "",
    ".",
    "..",
    "CON",
    "a%2e%2e%2fb.png",
    "'; DROP TABLE scans; --.png",
)


def _named() -> Iterator[Case]:
    for name in NAMES:
        yield Case("hostile name", [(name, picture(noise()))], READ)
        yield Case("hostile name", [(name, b"no scan")])


def png_of(width: int, height: int, rows: int) -> bytes:
    """A PNG of black that announces this size and holds that many rows."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + crc

    packer, parts = zlib.compressobj(9), []
    for _ in range(rows):
        parts.append(packer.compress(bytes(width + 1)))
    body = b"".join(parts) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def deflated_zeros(size: int) -> bytes:
    """Raw deflate of so many zeros, whole MB: one MB packed once, and that as often as needed."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    once = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return once * (size >> 20) + b"\x03\0"


def gzipped_zeros(head: bytes, size: int) -> bytes:
    """A gzip, whole and with the right checksum, of ``head`` and so many zeros."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    start = packer.compress(head) + packer.flush(zlib.Z_FULL_FLUSH)
    crc = zlib.crc32(head)
    for _ in range(size >> 20):
        crc = zlib.crc32(_MEGABYTE, crc)
    end = struct.pack("<II", crc, (len(head) + (size >> 20 << 20)) & 0xFFFFFFFF)
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + start + deflated_zeros(size) + end


def _nifti_head(shape: tuple[int, ...], dtype: type = np.int16) -> bytes:
    header = nib.Nifti1Header()
    header.set_data_dtype(dtype)
    header.set_data_shape(shape)
    header["srow_x"], header["srow_y"], header["srow_z"] = np.eye(4)[:3]
    header["sform_code"], header["vox_offset"], header["magic"] = 1, 352, b"n+1"
    return header.binaryblock + bytes(4)


def _deflated_bomb(size: int) -> bytes:
    meta = dicom(noise(2, 2)).split(b"1.2.840.10008.1.2.1\0")[0]
    syntax = b"1.2.840.10008.1.2.1.99"
    return meta[:-2] + struct.pack("<H", len(syntax)) + syntax + deflated_zeros(size)


def _deep_png(side: int) -> bytes:
    """A black PNG of 16-bit colour with opacity."""
    data = bytearray(png_of(8 * side, side, side))
    struct.pack_into(">IIBB", data, 16, side, side, 16, 6)
    struct.pack_into(">I", data, 29, zlib.crc32(data[12:29]))
    return bytes(data)


def _inverted(side: int) -> bytes:
    found = dataset(np.zeros((side, side), np.uint16), PhotometricInterpretation="MONOCHROME1")
    found.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    return stored(found)


def _jpeg_of(side: int) -> bytes:
    data = bytearray(picture(noise(), "JPEG"))
    struct.pack_into(">HH", data, data.index(b"\xff\xc0") + 5, side, side)
    return bytes(data)


def bombs() -> Iterator[tuple[str, Callable[[], Case]]]:
    """Files that have cost naive decoders gigabytes or minutes; each made when it is asked for."""

    def case(kind: str, name: str, make: Callable[[], bytes], outcome: str = REFUSED):
        return kind, lambda: Case(kind, [(name, make())], outcome)

    yield case("PNG 50,000 x 50,000", "a.png", lambda: png_of(50_000, 50_000, 2_000))
    yield case("PNG 9,400 x 9,400", "a.png", lambda: png_of(9_400, 9_400, 9_400))
    yield case("PNG 6,300 x 6,300", "a.png", lambda: png_of(6_300, 6_300, 6_300), READ)
    yield case("PNG 6,300 x 6,300 of 8 bytes", "a.png", lambda: _deep_png(6_300))
    yield case("PNG 4,400 x 4,400 of 8 bytes", "a.png", lambda: _deep_png(4_400), READ)
    yield case("JPEG header 20,000 x 20,000", "a.jpg", lambda: _jpeg_of(20_000))
    yield case("JPEG header 6,000 x 6,000", "a.jpg", lambda: _jpeg_of(6_000))
    yield case(
        "TIFF 30,000 x 30,000", "a.tif",
        lambda: tiff(np.broadcast_to(np.uint8(0), (30_000, 30_000)), compression="zlib"),
    )  # fmt: skip
    yield case(
        "TIFF with tiles of 16,384", "a.tif",
        lambda: tiff(np.zeros((64, 64), np.uint8), compression="zlib", tile=(16_384, 16_384)),
    )  # fmt: skip
    yield case(
        "TIFF 6,300 x 6,300 of 32 bytes", "a.tif",
        lambda: tiff(np.broadcast_to(0.0, (6_300, 6_300, 4)), compression="zlib",
                     photometric="rgb"),
    )  # fmt: skip
    yield case(
        "TIFF 4,400 x 4,400 of doubles", "a.tif",
        lambda: tiff(np.broadcast_to(0.0, (2, 4_400, 4_400)), compression="zlib",
                     photometric="miniswhite"), READ,
    )  # fmt: skip
    yield case(
        "TIFF 4,400 x 4,400 of doubles, 6 pages", "a.tif",
        lambda: tiff(np.broadcast_to(0.0, (6, 4_400, 4_400)), compression="zlib"),
    )  # fmt: skip
    yield case("DICOM 6,300 x 6,300 inverted", "a.dcm", lambda: _inverted(6_300), READ)
    yield case("DICOM deflated, 2 GB of zeros", "a.dcm", lambda: _deflated_bomb(2 << 30))
    yield case("DICOM deflated, 200 MB of zeros", "a.dcm", lambda: _deflated_bomb(200 << 20))
    yield case(
        "DICOM of 10 million elements", "a.dcm",
        lambda: dicom(noise(2, 2))[:-4] + bytes(80_000_000),
    )  # fmt: skip
    yield case(
        "NIfTI 1,200 cubed in gzip", "a.nii.gz",
        lambda: gzipped_zeros(_nifti_head((1200, 1200, 1200), np.uint8), 1200**3),
    )  # fmt: skip
    yield case(
        "NIfTI of 1 GB in gzip", "a.nii.gz",
        lambda: gzipped_zeros(_nifti_head((512, 512, 500), np.float64), 1000 << 20),
    )  # fmt: skip
    yield case(
        "NIfTI of 500 MB in gzip", "a.nii.gz",
        lambda: gzipped_zeros(_nifti_head((512, 512, 250), np.float64), 500 << 20), READ,
    )  # fmt: skip
    yield case(
        "NIfTI small, then 2 GB of zeros", "a.nii.gz",
        lambda: gzipped_zeros(_nifti_head((4, 4, 4)), 2 << 30),
    )  # fmt: skip
    yield case("gzip of 2 GB of zeros", "a.nii.gz", lambda: gzipped_zeros(b"", 2 << 30))
    yield case("zip of 1 GB of zeros", "a.zip", lambda: zipped({"a.dcm": bytes(1 << 30)}))
    many = dict.fromkeys(map(str, range(20_000)), b"")
    yield case("zip of 20,000 files", "a.zip", lambda: zipped(many))
    yield case("MATLAB 16,000 x 16,000", "a.mat", lambda: _matlab_of(16_000, data=False))
    yield case("MATLAB 6,000 x 6,000 without data", "a.mat", lambda: _matlab_of(6_000, data=False))
    yield case("MATLAB 6,000 x 6,000 of zeros", "a.mat", lambda: _matlab_of(6_000, data=True), READ)


def _matlab_of(side: int, *, data: bool) -> bytes:
    """An image in one chunk, as large as its side says; without data there is none of it."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        options = {"chunks": (side, side), "compression": "gzip"}
        made = file.create_dataset("image", (side, side), "u1", **options)
        if data:
            made[...] = 0
    return buffer.getvalue()


def mutations(count: int, seed: int = 0) -> Iterator[Case]:
    """Valid files with flipped bits, overwritten words, or a piece cut out, doubled or swapped."""
    rng = np.random.default_rng(seed)
    found = list(valid().items())
    for index in range(count):
        name, data = found[index % len(found)]
        damaged = bytearray(data)
        for _ in range(int(rng.integers(1, 5))):
            end = min(len(damaged), 2000) if rng.random() < 0.7 else len(damaged)  # most in headers
            at = int(rng.integers(0, end))
            way = rng.integers(0, 4)
            if way == 0:
                damaged[at] ^= 1 << int(rng.integers(0, 8))
            elif way == 1:
                damaged[at : at + 4] = rng.choice([b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff"])
            elif way == 2:
                del damaged[at : at + int(rng.integers(1, 64))]
            else:
                damaged[at:at] = damaged[at : at + int(rng.integers(1, 64))]
        yield Case("mutation", [(name, bytes(damaged))], EITHER)
