"""A contrast-enhanced T1 head for the demo dataset, painted at any points in space.

Brain tissue comes from the ICBM152 template that nilearn carries in its wheel (skull-stripped, so
that everything around it, from the dura to the skin, is painted here from distances to the brain
and a table of ellipsoids). Positions are millimetres in the template's space: x right, y anterior,
z superior. Brightness is in the grey levels of the real slices (0..255).
"""

from __future__ import annotations

import functools
import importlib.util
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from brainseg.errors import DataError
from brainseg.types import FloatArray

NOTICE = """\
The synthetic heads are derived from the ICBM 152 nonlinear atlas (2009), as distributed by nilearn:
Copyright (C) 1993-2004 Louis Collins, McConnell Brain Imaging Centre, Montreal Neurological
Institute, McGill University. Permission to use, copy, modify, and distribute this software and its
documentation for any purpose and without fee is hereby granted, provided that the above copyright
notice appear in all copies. The authors and McGill University make no representations about the
suitability of this software for any purpose. It is provided "as is" without express or implied
warranty. The authors are not responsible for any data loss, equipment damage, property loss, or
injury to subjects or patients resulting from the use or misuse of this software package.
References: V. Fonov et al., NeuroImage 54 (2011) 313-327 and NeuroImage 47 (2009) S102;
D. L. Collins et al., IPMI 1999, LNCS 1613, 210-223.
"""
_FILE = "mni_icbm152_{}_tal_nlin_sym_09a_converted.nii.gz"
_STEP_MM = 2.0  # of the distance maps
_GRID_ORIGIN = np.array([-110.0, -150.0, -170.0])
_GRID_SHAPE = (111, 146, 150)
Points = tuple[FloatArray, FloatArray, FloatArray]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Template:
    """Tissue probabilities (uint8, 1 mm) and signed distances in mm (float32, 2 mm)."""

    white: NDArray[np.uint8]
    tissue: NDArray[np.uint8]  # grey + white
    origin: FloatArray
    cavity: FloatArray  # distance to the inside of the skull, negative inside
    hull: FloatArray  # distance to the closed surface of the cerebrum and cerebellum


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How one synthetic patient differs from the next: thicknesses in mm, grey levels."""

    skull_mm: float = 7.0
    scalp_mm: float = 6.0
    white: float = 72.0
    grey: float = 62.0
    fluid: float = 30.0
    fat: float = 185.0
    muscle: float = 68.0
    vessel: float = 150.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Texture:
    """Two (H, W) random fields of zero mean and about unit spread."""

    fine: FloatArray  # grains of 1-3 mm: fat, marrow, muscle fibres
    coarse: FloatArray  # about 15 mm: its zero lines are the fat planes between muscles


@functools.cache
def load_template() -> Template:
    """Read the template once and compute its distance maps (about two seconds).

    Raises:
        DataError: nilearn, whose wheel holds the template, is not installed.
    """
    spec = importlib.util.find_spec("nilearn")
    if spec is None or spec.origin is None:
        raise DataError(
            "the demo dataset needs the brain template of the package nilearn, which is not "
            "installed; run `pip install -r requirements.txt`"
        )
    folder = Path(spec.origin).parent / "datasets" / "data"
    grey, white, t1 = (_read(folder / _FILE.format(name)) for name in ("gm", "wm", "t1"))
    tissue = np.minimum(grey.astype(np.uint16) + white, 255).astype(np.uint8)
    origin = np.array([-98.0, -134.0, -72.0], dtype=np.float32)
    brain = _on_grid(t1 > 0, origin)
    head = brain & (_grid_axis(2)[None, None, :] > -50)
    return Template(
        white=white,
        tissue=tissue,
        origin=origin,
        cavity=_smooth(_to_closed(brain, 8.0, 1e3), 1.0),
        hull=_smooth(_to_closed(head, 36.0, 36.0), 4.0),
    )


def _read(path: Path) -> NDArray[np.uint8]:
    import nibabel as nib

    if not path.is_file():
        raise DataError(f"the brain template {path} is missing; install nilearn 0.11 or newer")
    return np.asarray(nib.load(path).dataobj).astype(np.uint8)


def _grid_axis(axis: int) -> FloatArray:
    steps = np.arange(_GRID_SHAPE[axis]) * _STEP_MM
    return np.asarray(_GRID_ORIGIN[axis] + steps, dtype=np.float32)


def _on_grid(mask: NDArray[np.bool_], origin: FloatArray) -> NDArray[np.bool_]:
    found = np.zeros(_GRID_SHAPE, dtype=np.bool_)
    index, inside = [], []
    for axis in range(3):
        nearest = np.rint(_grid_axis(axis) - origin[axis]).astype(int)
        kept = (nearest >= 0) & (nearest < mask.shape[axis])
        inside.append(np.flatnonzero(kept))
        index.append(nearest[kept])
    found[np.ix_(*inside)] = mask[np.ix_(*index)]
    return found


def _to_closed(mask: NDArray[np.bool_], radius_mm: float, reach_mm: float) -> FloatArray:
    """Signed distance in mm to the closing of a mask by a ball, negative inside.

    Outside it is right up to ``reach_mm``, and cheaper where that is no more than the radius.
    """
    from scipy.ndimage import distance_transform_edt as edt

    inward = edt(edt(~mask) * _STEP_MM <= radius_mm) * _STEP_MM
    found = radius_mm - inward
    if reach_mm > radius_mm:
        found = np.where(found < 0, found, edt(found >= 0) * _STEP_MM)
    return np.asarray(found, dtype=np.float32)


def _smooth(distance: FloatArray, voxels: float) -> FloatArray:
    from scipy.ndimage import gaussian_filter

    return np.asarray(gaussian_filter(distance, voxels), dtype=np.float32)


def sample(
    volume: NDArray[np.generic], points: Points, origin: FloatArray, step: float
) -> FloatArray:
    """Interpolate a volume linearly at points in mm; outside it the nearest voxel counts."""
    from scipy.ndimage import map_coordinates

    where = np.stack([(p - o) / step for p, o in zip(points, origin, strict=True)])
    found = map_coordinates(volume, where, order=1, mode="nearest", output=np.float32)
    return np.asarray(found)


def distances(template: Template, points: Points) -> tuple[FloatArray, FloatArray]:
    """Return the signed distances in mm to the skull's inside and to the head's hull.

    They are smooth, so every second point is looked up and the others interpolated.
    """
    origin = _GRID_ORIGIN.astype(np.float32)
    x, y, z = (p[::2, ::2] for p in points)
    shape = points[0].shape
    cavity = between(sample(template.cavity, (x, y, z), origin, _STEP_MM), 2, shape)
    return cavity, between(sample(template.hull, (x, y, z), origin, _STEP_MM), 2, shape)


def between(values: FloatArray, every: int, shape: tuple[int, ...]) -> FloatArray:
    """Interpolate values known at every n-th row and column of an (H, W, ...) array linearly."""
    if values.shape == shape:
        return values
    scale = np.array([[1.0 / every, 0.0, 0.0], [0.0, 1.0 / every, 0.0]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    grown = cv2.warpAffine(
        values, scale, (shape[1], shape[0]), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(grown, dtype=np.float32)


def grid_points(where: NDArray[np.bool_]) -> FloatArray:
    """Return the (K, 3) positions in mm of the true voxels of a map on the distance grid."""
    return np.asarray(np.argwhere(where) * _STEP_MM + _GRID_ORIGIN, dtype=np.float32)


def grid_white(template: Template) -> NDArray[np.bool_]:
    """Return where on the distance grid there is white matter."""
    return _on_grid(template.white > 160, template.origin)
