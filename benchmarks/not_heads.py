"""Pictures that are no head MRI, for measuring the gate: drawn here, or carried by scikit-image.

Nobody's scans of other organs are copied: chest, hand and knee are painted from ellipses and noise
in the greys of an X-ray or MRI, which is enough to ask whether the gate goes by more than "a bright
thing on black".
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from brainseg.types import ByteArray, FloatArray

SIDE = 256
PHOTOGRAPHS = (
    *("astronaut.png", "brick.png", "camera.png", "cell.png", "chelsea.png", "coffee.png"),
    *("coins.png", "grass.png", "gravel.png", "hubble_deep_field.jpg", "ihc.png", "page.png"),
    *("microaneurysms.png", "moon.png", "motorcycle_left.png", "retina.jpg", "rocket.jpg"),
    *("text.png", "horse.png", "color.png"),
)


def photographs() -> dict[str, FloatArray]:
    """Return the pictures of scikit-image's own data folder as (H, W) luminance by name."""
    import skimage.data

    folder = Path(skimage.data.__file__).parent
    found = {}
    for name in PHOTOGRAPHS:
        picture = cv2.imread(str(folder / name), cv2.IMREAD_GRAYSCALE)
        if picture is not None:
            found[name.partition(".")[0]] = picture.astype(np.float32)
    return found


def _canvas(grey: int = 0) -> ByteArray:
    return np.full((SIDE, SIDE), grey, np.uint8)


def _ellipse(
    image: ByteArray, centre: tuple[int, int], axes: tuple[int, int], value: float, angle: int = 0
) -> None:
    cv2.ellipse(image, centre, axes, angle, 0, 360, value, -1)


def _finished(image: ByteArray, random: np.random.Generator, noise: float = 4.0) -> FloatArray:
    smooth = cv2.GaussianBlur(image.astype(np.float32), (0, 0), 1.6)
    return np.clip(smooth + random.normal(0, noise, smooth.shape), 0, 255).astype(np.float32)


def chest(random: np.random.Generator) -> FloatArray:
    """Paint a chest X-ray: bright flanks, two dark lungs with ribs across, a heart."""
    image = _canvas(150)
    shift = int(random.integers(-8, 9))
    for side in (-1, 1):
        _ellipse(image, (128 + side * 52 + shift, 130), (38, 82), 55, side * 6)
    for row in range(50, 220, int(random.integers(18, 26))):
        for side in (-1, 1):
            start, stop = (200, 330) if side > 0 else (210, 340)
            centre = (128 + side * 40 + shift, row + 30)
            cv2.ellipse(image, centre, (62, 34), 0, start, stop, 120, 3)
    _ellipse(image, (140 + shift, 165), (38, 46), 190, 25)
    image[:, 122 + shift : 134 + shift] += 45
    _ellipse(image, (128 + shift, 262), (120, 50), 200)
    return _finished(image, random)


def hand(random: np.random.Generator) -> FloatArray:
    """Paint a hand X-ray: five fingers of bones in soft tissue on black."""
    image = _canvas()
    wrist = np.array([128, 205])
    for finger, angle in enumerate(np.deg2rad([-62, -22, -4, 14, 33])):
        reach = (105, 150, 165, 155, 125)[finger] + int(random.integers(-8, 9))
        tip = wrist + reach * np.array([np.sin(angle), -np.cos(angle)])
        cv2.line(image, wrist.tolist(), tip.astype(int).tolist(), 70.0, 24)
    _ellipse(image, (128, 195), (48, 42), 75)
    for finger, angle in enumerate(np.deg2rad([-62, -22, -4, 14, 33])):
        direction = np.array([np.sin(angle), -np.cos(angle)])
        for start, stop in ((25, 70), (74, 100), (104, 126), (130, 144)):
            if stop < (105, 150, 165, 155, 125)[finger]:
                ends = [(wrist + at * direction).astype(int).tolist() for at in (start, stop)]
                cv2.line(image, ends[0], ends[1], 190.0, 9)
    cv2.rectangle(image, (104, 215), (152, 255), 140, -1)
    return _finished(image, random)


def knee(random: np.random.Generator) -> FloatArray:
    """Paint a sagittal knee MRI: two bright bones, a joint, darker muscle and bright fat."""
    image = _canvas()
    cv2.rectangle(image, (60, 0), (200, 255), 190, -1)
    cv2.rectangle(image, (74, 0), (188, 255), 80, -1)
    for top, bottom in ((-30, 118), (138, 290)):
        cv2.rectangle(image, (96, top), (164, bottom), 170, -1)
    _ellipse(image, (130, 100), (46, 28), 175)
    _ellipse(image, (130, 152), (46, 20), 165)
    _ellipse(image, (72, 95), (12, 28), 160)
    cv2.line(image, (84, 126), (176, 128), 30.0, 5)
    return _finished(image, random, 7)


def abdomen(random: np.random.Generator) -> FloatArray:
    """Paint an axial abdominal slice: a wide ellipse with liver, kidneys, spine and gas."""
    image = _canvas()
    _ellipse(image, (128, 128), (122, 86), 120)
    _ellipse(image, (128, 128), (108, 72), 70)
    _ellipse(image, (82, 112), (52, 46), 120, -20)
    _ellipse(image, (178, 100), (30, 24), 105)
    for column in (84, 172):
        _ellipse(image, (column, 158), (18, 24), 150)
    _ellipse(image, (128, 172), (18, 18), 180)
    for _ in range(6):
        place = (int(random.integers(95, 170)), int(random.integers(90, 140)))
        _ellipse(image, place, (9, 7), float(random.integers(10, 90)))
    return _finished(image, random, 6)


def text(random: np.random.Generator) -> FloatArray:
    """Write lines of letters, black on white."""
    image = _canvas(255)
    letters = ["the", "quick", "brown", "fox", "jumps", "over", "lazy", "dogs", "0123456789"]
    for row in range(18, SIDE, 16):
        words = " ".join(random.choice(letters, 5))
        cv2.putText(image, words, (6, row), cv2.FONT_HERSHEY_SIMPLEX, 0.4, 0, 1, cv2.LINE_AA)
    return image.astype(np.float32)


def screenshot(random: np.random.Generator) -> FloatArray:
    """Draw a window: a dark side bar, cards, buttons and a little text."""
    image = _canvas(245)
    image[:, :60] = 40
    image[:18] = 90
    for row in range(30, 240, 52):
        for column in (72, 164):
            cv2.rectangle(image, (column, row), (column + 82, row + 42), 255, -1)
            cv2.rectangle(image, (column, row), (column + 82, row + 42), 200, 1)
            grey = int(random.integers(60, 200))
            cv2.rectangle(image, (column + 6, row + 24), (column + 40, row + 36), grey, -1)
            cv2.putText(image, "Title", (column + 6, row + 16), 0, 0.4, 30, 1, cv2.LINE_AA)
    return image.astype(np.float32)


def white_noise(random: np.random.Generator) -> FloatArray:
    """Return independent values."""
    return random.normal(128, 40, (SIDE, SIDE)).astype(np.float32)


def cloud(random: np.random.Generator) -> FloatArray:
    """Return noise of natural images' spectrum, 1/f."""
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(SIDE), np.fft.fftfreq(SIDE)))
    frequency[0, 0] = np.inf
    phases = np.exp(2j * np.pi * random.random((SIDE, SIDE)))
    return np.fft.ifft2(phases / frequency).real.astype(np.float32)


def gradient(random: np.random.Generator) -> FloatArray:
    """Return a ramp in a random direction."""
    angle = random.uniform(0, 2 * np.pi)
    columns, rows = np.meshgrid(np.linspace(-1, 1, SIDE), np.linspace(-1, 1, SIDE))
    return (columns * np.cos(angle) + rows * np.sin(angle)).astype(np.float32)


def checkerboard(random: np.random.Generator) -> FloatArray:
    """Return squares of a random side."""
    side = int(random.integers(4, 40))
    rows, columns = np.indices((SIDE, SIDE)) // side
    return ((rows + columns) % 2 * 255).astype(np.float32)


def disc(random: np.random.Generator) -> FloatArray:
    """Return a bright ellipse on black and nothing in it: a head's outline without a head."""
    image = _canvas()
    axes = (int(random.integers(60, 100)), int(random.integers(70, 115)))
    _ellipse(image, (128, 128), axes, 160)
    return _finished(image, random)


PAINTED: dict[str, Callable[[np.random.Generator], FloatArray]] = {
    "chest X-ray, painted": chest,
    "hand X-ray, painted": hand,
    "knee MRI, painted": knee,
    "abdomen, painted": abdomen,
    "text": text,
    "screenshot": screenshot,
    "white noise": white_noise,
    "1/f noise": cloud,
    "gradient": gradient,
    "checkerboard": checkerboard,
    "plain ellipse": disc,
}
