"""Paint the head of the demo dataset: layers from the skin inwards, each over the one before."""

from __future__ import annotations

import numpy as np

from brainseg.data.demo_anatomy import Look, Points, Template, Texture, sample
from brainseg.types import FloatArray

# centre (x, y, z) and radii in mm, grey level, part of the fibre texture; x > 0 is painted on
# both sides. Read off a head atlas by eye: believable to look at, not a model of anyone.
_Organ = tuple[tuple[float, float, float], tuple[float, float, float], float, float]
_FACE: tuple[_Organ, ...] = (
    ((40, 60, -78), (16, 16, 26), 125, 0.5),  # cheek fat
    ((56, 16, -88), (8, 19, 26), 72, 0.6),  # masseter
    ((47, 10, -84), (5, 16, 28), 24, 0.0),  # mandible, ramus
    ((47, 10, -84), (2, 13, 25), 110, 0.2),
    ((22, 20, -92), (12, 14, 16), 70, 0.4),  # pterygoid muscles
    ((0, 70, -128), (24, 15, 11), 26, 0.0),  # chin
    ((0, 70, -128), (20, 11, 8), 120, 0.3),
    ((0, 50, -104), (25, 34, 19), 84, 0.4),  # tongue
    ((0, 84, -94), (22, 5, 13), 22, 0.2),  # teeth
    ((0, 60, -81), (24, 32, 3.5), 28, 0.0),  # palate
    ((29, 50, -66), (15, 18, 17), 7, 0.0),  # maxillary sinus
    ((7, 60, -60), (7, 32, 19), 9, 0.0),  # nasal cavity
    ((9, 56, -68), (3.5, 24, 4.5), 140, 0.4),  # turbinates
    ((8, 54, -54), (2.5, 20, 3.5), 125, 0.4),
    ((0, 60, -60), (1.4, 32, 19), 110, 0.3),  # septum
    ((29, 50, -36), (17, 30, 16), 190, 0.15),  # orbital fat
    ((20, 48, -37), (2.5, 17, 5), 105, 0.2),  # rectus muscles
    ((42, 48, -37), (2.5, 17, 5), 105, 0.2),
    ((31, 48, -25), (5, 17, 2), 105, 0.2),
    ((31, 48, -48), (5, 17, 2), 105, 0.2),
    ((24, 38, -35), (3, 22, 3), 78, 0.0),  # optic nerve
    ((32, 63, -36), (13, 13, 13), 95, 0.0),  # globe
    ((32, 63, -36), (11.6, 11.6, 11.6), 30, 0.0),
    ((32, 73, -36), (5, 2.2, 5), 80, 0.0),  # lens
    ((8, 52, -40), (8, 24, 11), 12, 0.5),  # ethmoid cells
    ((0, 10, -84), (10, 6, 26), 5, 0.0),  # pharynx
    ((0, 0, -132), (9, 7, 34), 5, 0.0),
)
_BASE: tuple[_Organ, ...] = (
    ((0, -12, -48), (9, 7, 20), 112, 0.3),  # clivus, marrow
    ((0, 20, -41), (12, 13, 9), 6, 0.0),  # sphenoid sinus
    ((0, 20, -41), (1, 13, 9), 60, 0.0),
    ((9, 80, -18), (9, 4, 9), 8, 0.0),  # frontal sinus
    ((44, -26, -46), (24, 11, 9), 14, 1.2),  # petrous bone
    ((54, -36, -50), (9, 12, 11), 26, 1.8),  # mastoid cells
    ((12, 3, -34), (4, 10, 5), 82, 0.3),  # cavernous sinus
    ((12, 3, -34), (2.4, 4, 2.6), 14, 0.0),  # carotid, flow void
    ((0, 3, -34), (5.5, 4.5, 3), 92, 0.1),  # pituitary
)


def cover(distance: FloatArray, softness_mm: float = 1.0) -> FloatArray:
    """Turn a signed distance in mm into coverage 0..1 with an edge of the given width."""
    return np.asarray(np.clip(0.5 - distance / softness_mm, 0.0, 1.0), dtype=np.float32)


def over(image: FloatArray, alpha: FloatArray, value: FloatArray | float) -> None:
    """Paint ``value`` over ``image`` in place where ``alpha`` is 1, by its part where less."""
    image += alpha * (value - image)


def ellipsoid(
    points: Points, centre: tuple[float, float, float], radii: tuple[float, float, float]
) -> FloatArray:
    """Return an approximate signed distance in mm to an ellipsoid (exact for a ball)."""
    x, y, z = ((p - c) * np.float32(1 / r) for p, c, r in zip(points, centre, radii, strict=True))
    return np.asarray((np.sqrt(x * x + y * y + z * z) - 1.0) * min(radii), dtype=np.float32)


def _norm(first: FloatArray, second: FloatArray) -> FloatArray:
    return np.asarray(np.sqrt(first * first + second * second), dtype=np.float32)


def _join(first: FloatArray, second: FloatArray, blend_mm: float) -> FloatArray:
    """Union of two signed distances with a rounded seam."""
    h = np.clip(0.5 + 0.5 * (second - first) / blend_mm, 0.0, 1.0)
    return np.asarray(second + (first - second) * h - blend_mm * h * (1.0 - h))


def _skin(points: Points, hull: FloatArray, look: Look) -> FloatArray:
    """Signed distance to the outside of the head."""
    x, y, z = points
    face = ellipsoid(points, (0, 34, -58), (70, 60, 62))
    jaw = ellipsoid(points, (0, 34, -106), (56, 54, 42))
    nose = ellipsoid(points, (0, 92, -62), (13, 20, 17))
    flare = 1.0 + 0.006 * np.clip(-100.0 - z, 0.0, None)
    neck = (_norm(x / (62 * flare), (y + 34) / (64 * flare)) - 1.0) * 58
    neck = np.maximum(neck, z + 55)
    head = _join(hull - (look.skull_mm + look.scalp_mm), neck, 30.0)
    head = _join(_join(head, face, 14.0), jaw, 12.0)
    ear = ellipsoid((np.abs(x), y, z), (82, -24, -44), (6, 11, 20))
    return _join(_join(head, nose, 6.0), ear, 10.0)


def _organs(
    image: FloatArray, points: Points, organs: tuple[_Organ, ...], texture: Texture
) -> None:
    mirrored = (np.abs(points[0]), points[1], points[2])
    spans = [(float(p.min()), float(p.max())) for p in mirrored]
    for centre, radii, value, grain in organs:
        ends = zip(spans, centre, radii, strict=True)
        if all(low < c + r + 1 and high > c - r - 1 for (low, high), c, r in ends):
            distance = ellipsoid(mirrored, centre, radii)
            over(image, cover(distance, 1.2), value * (1.0 + 0.3 * grain * texture.fine))


def _spine(image: FloatArray, points: Points) -> None:
    x, y, z = points
    if z.min() > -60:
        return
    below = cover(z + 66, 2.0)
    behind = y + 40.0 - 0.12 * (z + 70)  # of the canal, which leans forward with the neck
    level = np.asarray(np.mod(z + 70, 17.0) - 8.5, dtype=np.float32)
    here = (x, behind, level)
    canal = _norm(x, behind)
    over(image, below * cover(_norm(x, behind - 16) - 14, 1.5), 34.0)
    over(image, below * cover(ellipsoid(here, (0, 17, 0), (11, 9, 7.4))), 104.0)
    over(image, below * cover(ellipsoid(here, (0, -24, 0), (3.5, 13, 5))), 95.0)
    over(image, below * cover(canal - 9.0), 27.0)
    over(image, below * cover(canal - 5.5), 66.0)


def _soft_tissue(
    image: FloatArray, points: Points, skin: FloatArray, look: Look, texture: Texture
) -> None:
    planes = np.exp(-((texture.coarse / 0.22) ** 2)) * np.clip(0.7 + 0.4 * texture.fine, 0.0, 1.3)
    muscle = look.muscle * (1.0 + 0.10 * texture.fine + 0.10 * texture.coarse)
    over(image, cover(skin), muscle + 50.0 * planes)
    _spine(image, points)
    _organs(image, points, _FACE, texture)
    fat = cover(skin) * cover(-(skin + look.scalp_mm), 1.5)
    over(image, fat, look.fat * (1.0 + 0.07 * texture.fine))
    over(image, cover(skin) * cover(-(skin + 1.6), 1.0), 0.72 * look.fat)


def _skull(
    image: FloatArray,
    points: Points,
    cavity: FloatArray,
    hull: FloatArray,
    look: Look,
    texture: Texture,
) -> None:
    x, y, z = points
    # temporal muscle, a lens between bone and scalp
    temple = ellipsoid((np.abs(x), y, z), (68, 18, -24), (15, 36, 46))
    over(
        image,
        cover(temple) * cover(hull - look.skull_mm - 4),
        look.muscle * (1 + 0.2 * texture.fine),
    )
    # bone is thick where the hull bridges the base, but thin over the orbits
    over_orbits = np.clip((y - 12.0) / 10.0, 0.0, 1.0) * np.clip(-z / 10.0, 0.0, 1.0)
    outer = np.minimum(hull, cavity) - look.skull_mm
    outer = np.maximum(outer, cavity - 11.0 + 7.5 * over_orbits)
    over(image, cover(outer, 1.4), 15.0)
    middle = np.maximum(outer + 2.2, 4.6 - cavity)
    diploe = np.clip(0.35 + 0.5 * texture.fine, 0.0, 1.0) * cover(middle, 1.6)
    over(image, diploe, 88.0)
    _organs(image, points, _BASE, texture)


def _brain(
    template: Template,
    image: FloatArray,
    points: Points,
    cavity: FloatArray,
    look: Look,
    texture: Texture,
) -> None:
    x, y, z = points
    inside = cover(cavity - 1.6, 1.2)
    over(image, cover(np.abs(cavity - 1.8) - 0.6, 1.0) * 0.7, 70.0)  # dura
    over(image, inside, look.fluid)
    tissue, white = np.zeros_like(image), np.zeros_like(image)
    where = inside > 0
    within = (x[where], y[where], z[where])
    tissue[where] = sample(template.tissue, within, template.origin, 1.0) / 255.0
    white[where] = sample(template.white, within, template.origin, 1.0) / 255.0
    solid = np.clip((tissue - 0.42) / 0.38, 0.0, 1.0)
    matter = look.grey + (look.white - look.grey) * np.clip(white * 1.2 - 0.1, 0.0, 1.0)
    over(image, solid * inside, matter * (1.0 + 0.02 * texture.fine))
    sulcus = inside * (1.0 - solid) * cover(-(cavity + 14), 8.0)
    over(image, sulcus * np.clip(2.0 * texture.fine - 2.3, 0.0, 1.0), look.vessel)
    falx = (
        cover(np.asarray(np.abs(x) - 0.7, dtype=np.float32))
        * cover(26.0 - z, 16.0)
        * (1.0 - solid)
        * inside
    )
    over(image, falx * 0.6, 95.0)


def _sinuses(image: FloatArray, points: Points, cavity: FloatArray, look: Look) -> None:
    x, y, z = points
    shell = np.abs(cavity - 0.5) - 2.2
    sagittal = np.maximum(_norm(x, 0.8 * (cavity - 0.5)) - 2.7, -np.maximum(z - 8, -y - 60))
    transverse = np.maximum(np.maximum(shell, np.abs(z + 20 + 0.04 * (y + 70)) - 3.6), y + 62)
    straight = _segment(points, (0, -44, 6), (0, -92, -12), 2.2)
    cerebral = _segment((np.abs(x), y, z), (3, -4, 12), (2, -42, 5), 1.4)
    plexus = ellipsoid((np.abs(x), y, z), (23, -42, 9), (3.2, 6, 4.5))
    for distance in (np.maximum(sagittal, y - 55), transverse, straight, cerebral, plexus):
        over(image, cover(distance, 1.4) * 0.9, look.vessel)


def _segment(
    points: Points,
    start: tuple[float, float, float],
    end: tuple[float, float, float],
    radius_mm: float,
) -> FloatArray:
    """Signed distance in mm to a capsule between two points."""
    direction = np.subtract(end, start)
    offsets = [p - s for p, s in zip(points, start, strict=True)]
    along = sum(o * d for o, d in zip(offsets, direction, strict=True))
    part = np.clip(along / float(direction @ direction), 0.0, 1.0)
    squared = sum((o - part * d) ** 2 for o, d in zip(offsets, direction, strict=True))
    return np.asarray(np.sqrt(squared) - radius_mm, dtype=np.float32)


def paint_head(
    template: Template,
    points: Points,
    tissue: Points,
    cavity: FloatArray,
    hull: FloatArray,
    look: Look,
    texture: Texture,
) -> FloatArray:
    """Return brightness at the points.

    Args:
        template: the brain and its distance maps.
        points: x, y and z in mm, each (H, W) float32.
        tissue: where the brain tissue seen at the points lies in the template, likewise.
        cavity: distance in mm to the skull's inside at the points.
        hull: distance in mm to the head's hull at the points.
        look: thicknesses and grey levels of the patient.
        texture: random fields for muscle, fat and marrow.
    """
    image = np.zeros_like(cavity)
    _soft_tissue(image, points, _skin(points, hull, look), look, texture)
    _skull(image, points, cavity, hull, look, texture)
    _brain(template, image, tissue, cavity, look, texture)
    _sinuses(image, points, cavity, look)
    return image
