"""How large a scan may be. Checked on what the header says, before anything is decoded.

Measured on naive decoders: a 3 kB JPEG cost 2.3 GB, a 2 MB NIfTI 6.6 GB and 90 seconds.
"""

from __future__ import annotations

from brainseg.errors import ScanError

FILE_BYTES = 2**30
SIDE = 16_384
PIXELS = 40_000_000
FRAMES = 2048
VOXELS = 2**27  # half a GiB of float32; reading costs up to twice that for a moment
VOLUME_SIDE = 2048
NOTHING = "it holds no pixels"


def check_image(height: int, width: int) -> None:
    """Refuse a picture that is empty or larger than a scan can be.

    Raises:
        ScanError: the height, the width or their product is out of range.
    """
    if height < 1 or width < 1:
        raise ScanError(NOTHING)
    if max(height, width) > SIDE or height * width > PIXELS:
        raise ScanError(
            f"it has {width} x {height} pixels; at most {SIDE} a side and "
            f"{PIXELS // 1_000_000} million in all can be read"
        )


def check_stack(depth: int, height: int, width: int) -> None:
    """Refuse a stack of slices that is empty or larger than a scan can be.

    Raises:
        ScanError: the depth, a slice or the whole is out of range.
    """
    check_image(height, width)
    if depth < 1:
        raise ScanError(NOTHING)
    if depth > FRAMES or depth * height * width > VOXELS:
        raise ScanError(
            f"it has {depth} slices of {width} x {height}; at most {FRAMES} slices and "
            f"{VOXELS // 2**20} million values in all can be read"
        )
