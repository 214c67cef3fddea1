"""The three tumour kinds of the demo dataset: where they sit, their shape and how they enhance.

Glioma: inside the white matter, irregular, a bright ring around a dark core, darker oedema around.
Meningioma: homogeneous, on the dura of the convexity or the falx, with a dural tail. Pituitary
adenoma: bright, from the sella upwards. Positions and lengths are mm in the template's space.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from brainseg.data.demo_anatomy import Points, Template, Texture, grid_points, grid_white
from brainseg.data.demo_head import cover, ellipsoid, over
from brainseg.types import FloatArray, Tumour


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lesion:
    """One tumour: a warped ball with its own enhancement."""

    kind: Tumour
    centre_mm: tuple[float, float, float]
    radii_mm: tuple[float, float, float]
    waves: FloatArray  # (K, 5): direction x, y, z (cycles per radius), phase, height
    grey: float
    rim_mm: float = 0.0
    oedema_mm: float = 0.0
    falx_side: float = 0.0  # -1 or 1: grows from the falx into that half only

    @property
    def radius_mm(self) -> float:
        """Mean radius."""
        return float(np.mean(self.radii_mm))


def draw_lesion(kind: Tumour, template: Template, rng: np.random.Generator) -> Lesion | None:
    """Draw a tumour of a kind, or None for "none"."""
    if kind == "glioma":
        return _glioma(template, rng)
    if kind == "meningioma":
        return _meningioma(template, rng)
    if kind == "pituitary":
        return _pituitary(rng)
    return None


def _waves(rng: np.random.Generator, count: int, height: float) -> FloatArray:
    direction = rng.normal(size=(count, 3))
    direction *= rng.uniform(1.2, 3.4, (count, 1)) / np.linalg.norm(
        direction, axis=1, keepdims=True
    )
    phase = rng.uniform(0, 2 * np.pi, (count, 1))
    heights = rng.uniform(0.4, 1.0, (count, 1)) * height
    return np.hstack([direction, phase, heights]).astype(np.float32)


def _pick(places: FloatArray, rng: np.random.Generator) -> tuple[float, float, float]:
    x, y, z = places[rng.integers(len(places))]
    return float(x), float(y), float(z)


def _radii(radius: float, rng: np.random.Generator, spread: float) -> tuple[float, float, float]:
    a, b, c = radius * np.exp(rng.normal(0.0, spread, 3))
    return float(a), float(b), float(c)


def _glioma(template: Template, rng: np.random.Generator) -> Lesion:
    radius = float(rng.uniform(13.0, 27.0))
    places = grid_points(grid_white(template) & (template.cavity < -8.0 - 0.6 * radius))
    places = places[(np.abs(places[:, 0]) > 8.0 + 0.6 * radius) & (places[:, 2] > -22.0)]
    return Lesion(
        kind="glioma",
        centre_mm=_pick(places, rng),
        radii_mm=_radii(radius, rng, 0.18),
        waves=_waves(rng, 8, 0.12),
        grey=float(rng.uniform(104, 132)),
        rim_mm=float(radius * rng.uniform(0.18, 0.42)),
        oedema_mm=float(rng.uniform(4.0, 14.0)),
    )


def _meningioma(template: Template, rng: np.random.Generator) -> Lesion:
    radius = float(rng.uniform(11.0, 25.0))
    lesion = Lesion(
        kind="meningioma",
        centre_mm=(0.0, 0.0, 0.0),
        radii_mm=_radii(radius, rng, 0.12),
        waves=_waves(rng, 6, 0.06),
        grey=float(rng.uniform(106, 128)),
    )
    if rng.uniform() < 0.3:
        side = float(rng.choice([-1.0, 1.0]))
        y, z = rng.uniform(-60, 45), rng.uniform(38, 52)
        centre = (side * 0.55 * radius, float(y), float(z))
        return replace(lesion, centre_mm=centre, falx_side=side)
    places = grid_points(np.abs(template.cavity + 0.5 * radius) < 1.0)
    upper = (places[:, 2] > 0.0) | ((places[:, 1] < -60.0) & (places[:, 2] > -40.0))
    return replace(lesion, centre_mm=_pick(places[upper], rng))


def _pituitary(rng: np.random.Generator) -> Lesion:
    radius = float(rng.uniform(9.0, 16.0))
    centre = (float(rng.normal(0, 1.5)), float(rng.normal(4, 1)), -37.0 + 0.75 * radius)
    return Lesion(
        kind="pituitary",
        centre_mm=centre,
        radii_mm=(radius, radius * 0.92, radius * float(rng.uniform(1.0, 1.25))),
        waves=_waves(rng, 4, 0.05),
        grey=float(rng.uniform(106, 128)),
    )


def distance_to(lesion: Lesion, points: Points, cavity: FloatArray) -> FloatArray:
    """Return the signed distance in mm to the tumour's surface, negative inside.

    Args:
        lesion: the tumour.
        points: x, y and z in mm, each (H, W).
        cavity: distance to the skull's inside at the points; the dura stops a meningioma.
    """
    found = ellipsoid(points, lesion.centre_mm, lesion.radii_mm)
    offsets = [(p - c) / lesion.radius_mm for p, c in zip(points, lesion.centre_mm, strict=True)]
    for x, y, z, phase, height in lesion.waves:
        wave = np.sin(x * offsets[0] + y * offsets[1] + z * offsets[2] + phase)
        found = found + lesion.radius_mm * height * wave
    if lesion.kind == "meningioma":
        found = np.maximum(found, cavity - 1.5)
    if lesion.falx_side:
        found = np.maximum(found, 0.6 - lesion.falx_side * points[0])
    return np.asarray(found, dtype=np.float32)


def pushed(lesion: Lesion, points: Points, cavity: FloatArray) -> Points:
    """Return where the tissue seen at the points came from: the tumour pushes it outwards."""
    offsets = [p - c for p, c in zip(points, lesion.centre_mm, strict=True)]
    reach = 1.7 * lesion.radius_mm
    squared = sum(o * o for o in offsets) / reach**2
    amount = 0.38 * np.exp(-squared) * np.clip(-cavity / 12.0, 0.0, 1.0)
    x, y, z = (p - amount * o for p, o in zip(points, offsets, strict=True))
    return x, y, z


def paint_lesion(
    image: FloatArray, lesion: Lesion, distance: FloatArray, cavity: FloatArray, texture: Texture
) -> None:
    """Paint the tumour and what it does to its surroundings over the head, in place."""
    if lesion.oedema_mm:
        reach = distance + 2.5 * texture.coarse
        halo = np.clip(1.0 - reach / lesion.oedema_mm, 0.0, 1.0) * cover(cavity + 3.0, 2.0)
        image *= 1.0 - 0.24 * halo
    if lesion.kind == "meningioma":
        tail = np.abs(cavity - 0.4) - 1.3 + np.clip(distance, 0.0, None) / 9.0
        over(image, cover(tail) * cover(distance - 10.0, 4.0), 0.95 * lesion.grey)
        cleft = cover(np.abs(distance - 0.8) - 0.6) * cover(cavity + 2.0)
        over(image, 0.5 * cleft, 36.0)
    ringed = lesion.rim_mm > 0
    fine, coarse = (0.08, 0.10) if ringed else (0.035, 0.04)
    body = lesion.grey * (1.0 + fine * texture.fine + coarse * texture.coarse)
    over(image, cover(distance, 2.4 if ringed else 1.2), np.asarray(body, dtype=np.float32))
    if ringed:
        uneven = np.clip(1.0 + 0.4 * texture.coarse + 0.06 * texture.fine, 0.5, 1.8)
        depth = np.asarray(distance + lesion.rim_mm * uneven, dtype=np.float32)
        core = 42.0 * (1.0 + 0.1 * texture.fine + 0.12 * texture.coarse)
        over(image, cover(depth, 2.4), np.asarray(core, dtype=np.float32))
