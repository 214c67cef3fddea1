"""How large a scan may be: settings with defaults, checked on what a header says.

Nothing is decoded before these hold. Measured on naive decoders: a 3 kB JPEG cost 2.3 GB, a 2 MB
NIfTI 6.6 GB and 90 seconds. Each setting can be given as an environment variable, for example
``BRAINSEG_LIMIT_SIDE=20000``; docs/FORMATS.md lists them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from functools import lru_cache

from brainseg.errors import ConfigError, ScanError

NOTHING = "it holds no pixels"
_PREFIX = "BRAINSEG_LIMIT_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The largest of everything that is read."""

    upload_files: int = 512  # given together as one scan
    upload_bytes: int = 100 * 2**20  # of those together
    session_files: int = 5_000  # uploaded in one session
    session_bytes: int = 2 * 2**30
    file_bytes: int = 2**30  # a file as it is stored, also in the library and command line
    unpacked_bytes: int = 2**29  # what a compressed file, a stack or an archive may unpack to
    unpacked_ratio: int = 200  # of a zip member to its packed size
    side: int = 16_384  # pixels of a picture or slice
    pixels: int = 40_000_000  # of a picture or slice
    decoded_bytes: int = 160_000_000  # of a picture or slice as its decoder gives it
    slices: int = 2048  # pages, frames or files
    volume_side: int = 2048  # voxels of a NIfTI volume along each axis
    voxels: int = 2**27  # half a GiB of float32


@lru_cache(maxsize=1)
def current() -> Limits:
    """Return the limits of this process: the defaults, and what the environment says.

    Raises:
        ConfigError: a variable is no positive whole number.
    """
    given = {
        field.name: os.environ[_PREFIX + field.name.upper()]
        for field in fields(Limits)
        if os.environ.get(_PREFIX + field.name.upper())
    }
    for name, text in given.items():
        if not (text.isascii() and text.isdigit() and int(text) > 0):
            raise ConfigError(f"{_PREFIX}{name.upper()} is {text!r}; give a positive whole number")
    return Limits(**{name: int(text) for name, text in given.items()})


def check_image(height: int, width: int, pixel_bytes: int = 1) -> None:
    """Refuse a picture that is empty or larger than a scan can be.

    Args:
        height: rows.
        width: columns.
        pixel_bytes: what its decoder needs for a pixel.

    Raises:
        ScanError: the height, the width or their product is out of range.
    """
    most = current()
    if height < 1 or width < 1:
        raise ScanError(NOTHING)
    if max(height, width) > most.side or height * width > most.pixels:
        raise ScanError(
            f"it has {width} x {height} pixels; at most {most.side} a side and "
            f"{most.pixels / 1e6:.4g} million in all can be read"
        )
    if height * width * pixel_bytes > most.decoded_bytes:
        raise ScanError(
            f"it has {width} x {height} pixels of {pixel_bytes} bytes; at most "
            f"{most.decoded_bytes / 1e6:.4g} MB of them can be read, so give it with fewer"
        )


def check_stack(depth: int, height: int, width: int, pixel_bytes: int = 1) -> None:
    """Refuse a stack of slices that is empty or larger than a scan can be.

    Raises:
        ScanError: the depth, a slice or the whole is out of range.
    """
    most = current()
    check_image(height, width, pixel_bytes)
    if depth < 1:
        raise ScanError(NOTHING)
    if depth > most.slices or depth * height * width > most.voxels:
        raise ScanError(
            f"it has {depth} slices of {width} x {height}; at most {most.slices} slices and "
            f"{most.voxels / 1e6:.4g} million values in all can be read"
        )
    if depth * height * width * pixel_bytes > most.unpacked_bytes:
        raise ScanError(
            f"it has {depth} slices of {width} x {height} pixels of {pixel_bytes} bytes; at most "
            f"{most.unpacked_bytes // 2**20} MB in all can be read, so give fewer slices"
        )
