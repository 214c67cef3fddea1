"""One slice of the demo dataset: a patient, a plane through the head, and the scanner's marks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from brainseg.data.demo_anatomy import Look, Points, Template, Texture, between, distances
from brainseg.data.demo_head import paint_head
from brainseg.data.demo_tumour import Lesion, distance_to, draw_lesion, paint_lesion, pushed
from brainseg.types import BoolArray, ByteArray, FloatArray, Tumour

View = Literal["axial", "coronal", "sagittal"]
VIEWS: tuple[View, ...] = ("axial", "coronal", "sagittal")
SIDE = 512
_MATRIX = 320  # acquired; interpolated to SIDE as scanners do
_THROUGH_MM = (-2.0, 0.0, 2.0)  # samples across the 6 mm of a slice
# where the middle of the image lies, and the directions of its rows and columns
_CENTRE: dict[View, tuple[float, float, float]] = {
    "axial": (0, -16, 0),
    "coronal": (0, 0, -14),
    "sagittal": (0, -8, -16),
}
_AXES: dict[View, tuple[int, int, int]] = {  # row, column, normal
    "axial": (1, 0, 2),
    "coronal": (2, 0, 1),
    "sagittal": (2, 1, 0),
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Patient:
    """A head, its tumour and the habits of its scanner."""

    look: Look
    lesion: Lesion | None
    matrix: FloatArray  # (3, 3) scan mm -> template mm
    waves: FloatArray  # (K, 7): direction, phase, displacement in mm; of the whole head
    folds: FloatArray  # likewise, finer; of the brain tissue alone
    fov_mm: float
    noise: float
    masked: bool  # whether the scanner blanks the air around the head


def draw_patient(kind: Tumour, template: Template, rng: np.random.Generator) -> Patient:
    """Draw a patient with a tumour of the kind."""
    return Patient(
        look=_draw_look(rng),
        lesion=draw_lesion(kind, template, rng),
        matrix=_draw_matrix(rng),
        waves=_draw_waves(rng, 6, (120, 260), 1.5),
        folds=_draw_waves(rng, 8, (22, 50), 0.8),
        fov_mm=float(rng.uniform(232, 256)),
        noise=float(rng.uniform(1.2, 3.0)),
        masked=bool(rng.uniform() < 0.4),
    )


def _draw_look(rng: np.random.Generator) -> Look:
    grey = float(rng.uniform(56, 68))
    return Look(
        skull_mm=float(rng.uniform(6.0, 8.5)),
        scalp_mm=float(rng.uniform(4.5, 8.0)),
        white=grey + float(rng.uniform(4, 18)),
        grey=grey,
        fluid=float(rng.uniform(24, 34)),
        fat=float(rng.uniform(165, 210)),
        muscle=float(rng.uniform(58, 76)),
        vessel=float(rng.uniform(115, 165)),
    )


def _draw_matrix(rng: np.random.Generator) -> FloatArray:
    matrix = np.diag(1.0 / rng.uniform(0.95, 1.05, 3))
    for first, second, degrees in ((1, 2, 7.0), (0, 1, 4.0), (0, 2, 3.0)):
        angle = np.deg2rad(rng.normal(0.0, degrees / 2))
        turn = np.eye(3)
        turn[first, first] = turn[second, second] = np.cos(angle)
        turn[first, second], turn[second, first] = -np.sin(angle), np.sin(angle)
        matrix = turn @ matrix
    return matrix.astype(np.float32)


def _draw_waves(
    rng: np.random.Generator, count: int, length_mm: tuple[float, float], height_mm: float
) -> FloatArray:
    direction = rng.normal(size=(count, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    direction *= 2 * np.pi / rng.uniform(*length_mm, (count, 1))
    phase = rng.uniform(0, 2 * np.pi, (count, 1))
    return np.hstack([direction, phase, rng.normal(0, height_mm, (count, 3))]).astype(np.float32)


def _displaced(points: Points, waves: FloatArray, weight: FloatArray | float = 1.0) -> Points:
    """Move points by a sum of waves; these are long, so a quarter of the points is computed."""
    x, y, z = (p[::4, ::4] for p in points)
    angle = [kx * x + ky * y + kz * z + phase for kx, ky, kz, phase in waves[:, :4]]
    shifts = np.tensordot(np.sin(np.stack(angle, axis=-1)), waves[:, 4:], axes=1)
    shifts = between(shifts, 4, (*points[0].shape, 3))
    moved = [p + weight * shifts[..., i] for i, p in enumerate(points)]
    return moved[0], moved[1], moved[2]


def _deform(patient: Patient, points: Points) -> Points:
    """Scan position to position in the template: affine, then a smooth elastic displacement."""
    m = patient.matrix
    x, y, z = (m[i, 0] * points[0] + m[i, 1] * points[1] + m[i, 2] * points[2] for i in range(3))
    return _displaced((x, y, z), patient.waves)


def scan_position(patient: Patient, place_mm: tuple[float, float, float]) -> FloatArray:
    """Return the scan position (x, y, z) of a place in the template, by fixed-point iteration."""
    goal = np.array(place_mm, dtype=np.float32)
    inverse = np.linalg.inv(patient.matrix)
    found = inverse @ goal
    for _ in range(8):
        x, y, z = (np.full((1, 1), c, dtype=np.float32) for c in found)
        reached = np.ravel(_deform(patient, (x, y, z)))
        found = found + inverse @ (goal - reached)
    return np.asarray(found, dtype=np.float32)


def _plane(view: View, position_mm: float, fov_mm: float, shift: FloatArray) -> Points:
    """Scan positions of the pixels of a slice, upright: up is superior or anterior."""
    steps = (np.arange(_MATRIX, dtype=np.float32) + 0.5) / _MATRIX - 0.5
    row, column, normal = _AXES[view]
    points = [np.zeros(0, dtype=np.float32)] * 3
    rows, columns = np.meshgrid(-steps * fov_mm, steps * fov_mm, indexing="ij")
    points[row] = rows + _CENTRE[view][row] + shift[0]
    points[column] = (
        (-columns if view == "sagittal" else columns) + _CENTRE[view][column] + shift[1]
    )
    points[normal] = np.full_like(rows, position_mm)
    return points[0], points[1], points[2]


def _draw_texture(rng: np.random.Generator) -> Texture:
    def field(rows: int, columns: int) -> FloatArray:
        coarse = rng.standard_normal((rows, columns)).astype(np.float32)
        grown = cv2.resize(coarse, (_MATRIX, _MATRIX), interpolation=cv2.INTER_CUBIC)
        return np.asarray(grown, dtype=np.float32)

    return Texture(
        fine=0.8 * field(70, 80) + 0.7 * field(130, 140),
        coarse=1.3 * field(9, 15) + 0.5 * field(20, 34),
    )


def normal_axis(view: View) -> int:
    """Return which of x, y, z is perpendicular to a view."""
    return _AXES[view][2]


def render(
    template: Template, patient: Patient, view: View, position_mm: float, rng: np.random.Generator
) -> tuple[ByteArray, BoolArray]:
    """Render a slice upright, as (512, 512) grey values that span 0..255, and its tumour mask.

    Args:
        template: the brain.
        patient: whose head.
        view: which plane.
        position_mm: where along the plane's normal, in scan mm.
        rng: for texture, field inhomogeneity, noise and framing.
    """
    texture = _draw_texture(rng)
    shift = rng.normal(0.0, 4.0, 2).astype(np.float32)
    image = np.zeros((_MATRIX, _MATRIX), dtype=np.float32)
    surface = np.zeros((_MATRIX, _MATRIX), dtype=np.float32)
    for offset in _THROUGH_MM:
        points = _deform(patient, _plane(view, position_mm + offset, patient.fov_mm, shift))
        layer, distance = _layer(template, patient, points, texture)
        image += layer / len(_THROUGH_MM)
        if offset == 0.0:
            surface = distance
    scanned = _acquire(image, patient, view, rng)
    grown = cv2.resize(surface, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    return _to_bytes(scanned), np.asarray(grown <= 0.0)


def _layer(
    template: Template, patient: Patient, points: Points, texture: Texture
) -> tuple[FloatArray, FloatArray]:
    lesion = patient.lesion
    cavity, hull = distances(template, points)
    tissue = _displaced(points, patient.folds, np.clip(-cavity / 8.0, 0.0, 1.0))
    if lesion is None:
        image = paint_head(template, points, tissue, cavity, hull, patient.look, texture)
        return image, np.ones_like(cavity)
    tissue = pushed(lesion, tissue, cavity)
    image = paint_head(template, points, tissue, cavity, hull, patient.look, texture)
    distance = distance_to(lesion, points, cavity)
    paint_lesion(image, lesion, distance, cavity, texture)
    return image, distance


def _acquire(
    image: FloatArray, patient: Patient, view: View, rng: np.random.Generator
) -> FloatArray:
    """Coil sensitivity, Rician noise, blur and interpolation to 512 x 512."""
    steps = np.linspace(-1, 1, _MATRIX, dtype=np.float32)
    rows, columns = np.meshgrid(steps, steps, indexing="ij")
    a, b, c = rng.normal(0.0, [0.07, 0.07, 0.06])
    gain = np.exp(a * rows + b * columns + c * rows * columns + 0.10 * (rows**2 + columns**2))
    if view != "axial":  # below the head coil the signal fades
        gain *= np.clip(1.0 - 1.1 * np.clip(rows - 0.45, 0.0, None), 0.15, 1.0)
    seen = cv2.GaussianBlur(image * gain, (0, 0), 0.6)
    noise = rng.normal(0.0, patient.noise, (2, _MATRIX, _MATRIX)).astype(np.float32)
    noisy = np.hypot(seen + noise[0], noise[1])
    if patient.masked:
        noisy = np.where(cv2.GaussianBlur(image, (0, 0), 5.0) > 4.0, noisy, 0.0)
    return np.asarray(cv2.resize(noisy, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC))


def _to_bytes(image: FloatArray) -> ByteArray:
    top = float(np.quantile(image, 0.9995))
    scaled = np.clip(image, 0.0, top)
    scaled = (scaled - scaled.min()) * (255.0 / max(top - float(scaled.min()), 1e-6))
    return np.asarray(np.rint(scaled), dtype=np.uint8)
