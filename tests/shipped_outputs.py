"""What the shipped networks answer to three synthetic slices, stored beside this file.

After replacing a network: ``python -m tests.shipped_outputs`` writes the answers of the new one.
"""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from brainseg import networks
from brainseg.inference import load
from brainseg.types import FloatArray, Scan

STORED = Path(__file__).with_suffix(".json")
CELLS = 8  # an answer is kept as the means of 8 x 8 cells
TOLERANCE = 1e-3  # processors round differently; another network differs by far more


def slices() -> dict[str, Scan]:
    """Three heads with a bright mass, drawn without a random number: square, 12-bit, not square."""
    return {
        "square": Scan(pixels=_head(256, 256, (150, 100), 22)),
        "12 bit": Scan(pixels=_head(200, 200, (75, 120), 14) * 16),
        "wide": Scan(pixels=_head(180, 240, (90, 150), 18)),
    }


def _head(height: int, width: int, mass: tuple[int, int], radius: int) -> FloatArray:
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    across = np.hypot((rows - height / 2) / (0.46 * height), (columns - width / 2) / (0.38 * width))
    head = np.where(across < 1, 90.0, 3.0)
    head += np.where((across > 0.93) & (across < 1), 110.0, 0.0)  # scalp
    head -= np.where((across > 0.86) & (across < 0.93), 75.0, 0.0)  # skull
    head += np.where(across < 0.86, 8 * np.sin(rows / 5) * np.cos(columns / 7), 0.0)
    ventricle = np.hypot(rows - height / 2, (columns - width / 2) / 0.4)
    head -= np.where(ventricle < height / 10, 55.0, 0.0)
    away = np.hypot(rows - mass[0], columns - mass[1])
    head += 60 * (1 - np.tanh((away - radius) / 3))  # a bright disc with a soft rim
    return np.asarray(cv2.GaussianBlur(head.astype(np.float32), (0, 0), 1.0))


def answers(name: str) -> dict[str, list[list[float]]]:
    """The mean probability of each cell of each slice."""
    segmenter = load(name)
    found = {}
    for title, scan in slices().items():
        probability = segmenter.predict(scan).probability
        cells = cv2.resize(probability, (CELLS, CELLS), interpolation=cv2.INTER_AREA)
        found[title] = np.round(cells, 5).tolist()
    return found


if __name__ == "__main__":
    kept = {
        name: {"fingerprint": networks.fingerprint(name), "answers": answers(name)}
        for name in networks.ARCHITECTURES
    }
    STORED.write_text(json.dumps(kept) + "\n")
    for name, entry in kept.items():
        print(name, {title: np.max(cells) for title, cells in entry["answers"].items()})
