"""Two classical saliency maps, computed from the grey values of one image and nothing else.

They say where an image stands out, not where a tumour is. Images are (H, W) of any real values;
maps are (H, W) float32 in 0..1, divided by their own maximum; a flat image gives zeros.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from brainseg.types import FloatArray

METHODS = ("spectral residual", "fine-grained static saliency")
_SPECTRUM_SIDE = 64  # the side the spectral residual was defined at
_SURROUNDS_PX = (12, 24, 28, 48, 56, 112)  # half sides; the method's neighbourhoods


def spectral_residual(image: FloatArray) -> FloatArray:
    """Return what the log spectrum of an image has beyond its local average.

    Method: X. Hou and L. Zhang, "Saliency detection: a spectral residual approach", CVPR 2007;
    at 64 x 64 with their 3 x 3 average and a Gaussian of 2.5 px, enlarged to the image's size.
    """
    image = np.asarray(image, dtype=np.float32)
    if _flat(image):
        return np.zeros_like(image)
    small = cv2.resize(image, (_SPECTRUM_SIDE, _SPECTRUM_SIDE), interpolation=cv2.INTER_AREA)
    spectrum = np.fft.fft2(small)
    log_amplitude = np.log(np.abs(spectrum) + 1e-6)
    residual = log_amplitude - cv2.blur(log_amplitude, (3, 3), borderType=cv2.BORDER_WRAP)
    back = np.fft.ifft2(np.exp(residual + 1j * np.angle(spectrum)))
    energy = cv2.GaussianBlur((np.abs(back) ** 2).astype(np.float32), (0, 0), 2.5)
    height, width = image.shape
    return _unit(cv2.resize(energy, (width, height), interpolation=cv2.INTER_CUBIC))


def fine_grained(image: FloatArray) -> FloatArray:
    """Return how much each pixel differs from the mean of its surroundings, over six scales.

    Method: S. Montabone and A. Soto, "Human detection using a mobile platform and novel features
    derived from a visual saliency mechanism", Image and Vision Computing 28 (2010): on-centre and
    off-centre differences against square surrounds. (They read the means off an integral image;
    a running box sum gives the same numbers.)
    """
    image = np.asarray(image, dtype=np.float32)
    if _flat(image):
        return np.zeros_like(image)
    on_off = np.zeros((2, *image.shape), dtype=np.float32)
    for half in _SURROUNDS_PX:
        difference = image - _surround(image, half)
        on_off[0] += np.maximum(difference, 0.0)
        on_off[1] += np.maximum(-difference, 0.0)
    return _unit(on_off[0] + on_off[1])


def _surround(image: FloatArray, half: int) -> FloatArray:
    """Mean of the square of side ``2 * half + 1`` around each pixel, without the pixel itself.

    The square is cut at the image's border.
    """
    side = (2 * half + 1, 2 * half + 1)
    border = cv2.BORDER_CONSTANT  # of zeros
    box = cv2.boxFilter(image, cv2.CV_64F, side, normalize=False, borderType=border)
    rows, columns = (_covered(length, half) for length in image.shape)
    count = np.outer(rows, columns)
    return np.asarray((box - image) / np.maximum(count - 1, 1), dtype=np.float32)


def _covered(length: int, half: int) -> NDArray[np.int_]:
    place = np.arange(length)
    return np.minimum(place + half + 1, length) - np.maximum(place - half, 0)


def _flat(image: FloatArray) -> bool:
    return image.size == 0 or bool(image.max() <= image.min())


def _unit(values: FloatArray) -> FloatArray:
    positive = np.maximum(values, 0.0)
    return np.asarray(positive / positive.max(), dtype=np.float32)
