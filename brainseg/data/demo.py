"""The embedded dataset: synthetic slices in the four-folder layout of the Kaggle dataset.

Made by code from a seed, offline; nobody's scan is in it. Like the Kaggle files they are written
transposed (rows and columns swapped), which ``demo.json`` says. The same seed gives the same bytes
with the same library versions.
"""

from __future__ import annotations

import csv
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from brainseg.data.demo_anatomy import NOTICE, Template, load_template
from brainseg.data.demo_slice import (
    VIEWS,
    Patient,
    View,
    draw_patient,
    normal_axis,
    render,
    scan_position,
)
from brainseg.data.static_saliency import METHODS, fine_grained, spectral_residual
from brainseg.errors import ConfigError, DataError
from brainseg.types import BoolArray, ByteArray, FloatArray, Tumour

VERSION = 1  # of the generator; a change of look makes existing demo folders out of date
MARKER = "demo.json"
_NAME = "brainseg synthetic demo data"
_FOLDERS = ("images", "masks", "saliency_maps_1", "saliency_maps_2")
_OURS = re.compile(
    rf"{MARKER}|patients\.csv|NOTICE\.txt|({'|'.join(_FOLDERS)})(/\d+(_mask)?\.png)?"
)
_KINDS: tuple[Tumour, ...] = ("meningioma", "glioma", "pituitary", "none") + 2 * (
    "meningioma",
    "glioma",
    "pituitary",
)
_SLICES_EACH = 3  # of a patient: two neighbours in one view, one in the next view
_SPACING_MM = 7.0  # slice and gap of the real dataset
_SMALLEST_PX = 200  # the smallest real tumours; see _draw_slice
_FOLDS: dict[Tumour, tuple[int, ...]] = {  # so that a small set, too, has every part
    "meningioma": (0, 3, 1, 2, 4),
    "glioma": (3, 0, 1, 2, 4),
    "pituitary": (1, 3, 0, 2, 4),
    "none": (2, 3, 0, 1, 4),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedSlice:
    """What slice ``number`` is to show. ``step`` counts from the patient's middle slice."""

    number: int
    patient: int
    tumour: Tumour
    fold: int
    view: View
    step: int


def plan(count: int) -> tuple[PlannedSlice, ...]:
    """Return what each of ``count`` slices shows; about a tenth is free of tumour."""
    planned: list[PlannedSlice] = []
    seen = dict.fromkeys(_KINDS, 0)
    for patient in range(-(-count // _SLICES_EACH)):
        tumour = _KINDS[patient % len(_KINDS)]
        fold = _FOLDS[tumour][seen[tumour] % 5]
        seen[tumour] += 1
        first = patient + patient // 3
        for step, turn in enumerate((first, first, first + 1)):
            planned.append(
                PlannedSlice(
                    number=len(planned),
                    patient=patient,
                    tumour=tumour,
                    fold=fold,
                    view=VIEWS[turn % 3],
                    step=step % 2,
                )
            )
    return tuple(planned[:count])


def is_demo(root: Path) -> bool:
    """Return whether a folder was made by ``make_demo``, complete or not."""
    return bool(_read_marker(root))


def make_demo(
    to: Path, *, count: int = 60, seed: int = 0, progress: Callable[[int, int], None] | None = None
) -> Path:
    """Make the demo dataset in the folder ``to`` and return that folder.

    A complete demo with the same count and seed is kept as it is, one with others is replaced. The
    folder appears whole or not at all.

    Args:
        to: the folder; missing, empty, or an earlier demo.
        count: how many slices.
        seed: what the patients are drawn from.
        progress: called in this thread with slices done and slices in all.

    Raises:
        ConfigError: count or seed is out of range.
        DataError: the folder holds something else, or cannot be written.
    """
    if count < 1 or seed < 0:
        raise ConfigError(
            f"a demo dataset needs at least 1 slice and a seed of 0 or more; got count {count}, "
            f"seed {seed}"
        )
    to = Path(to).absolute()
    marker = _marker(count, seed)
    if _is_complete(to, marker):
        return to
    _refuse_foreign(to)
    template = load_template()
    try:
        _make(to, template, marker, progress)
    except OSError as error:
        raise DataError(
            f"the demo dataset cannot be written to {to}: {error.strerror or error}; choose "
            "another folder or free some space"
        ) from error
    return to


def _make(
    to: Path,
    template: Template,
    marker: dict[str, Any],
    progress: Callable[[int, int], None] | None,
) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    # inside one temporary folder: the new dataset, and the one it replaces
    with tempfile.TemporaryDirectory(prefix=f".{to.name}-", dir=to.parent) as beside:
        made = Path(beside) / "made"
        _write_slices(made, template, marker, progress)
        if to.exists():
            _refuse_foreign(to)
            to.rename(Path(beside) / "replaced")
        made.rename(to)


def _write_slices(
    made: Path,
    template: Template,
    marker: dict[str, Any],
    progress: Callable[[int, int], None] | None,
) -> None:
    for folder in _FOLDERS:
        (made / folder).mkdir(parents=True)
    planned = plan(marker["count"])
    by_patient = [planned[i : i + _SLICES_EACH] for i in range(0, len(planned), _SLICES_EACH)]
    done = 0
    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        jobs = [pool.submit(_write_patient, made, template, p, marker["seed"]) for p in by_patient]
        try:
            for job in as_completed(jobs):
                done += job.result()
                if progress is not None:
                    progress(done, len(planned))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    _write_facts(made, planned, marker)


def _write_patient(
    made: Path, template: Template, slices: tuple[PlannedSlice, ...], seed: int
) -> int:
    patient, middle = _patient(template, slices[0], seed)
    for one in slices:
        image, mask = _draw_slice(template, patient, one, middle, seed)
        _write_slice(made, one.number, image, mask)
    return len(slices)


def _patient(template: Template, one: PlannedSlice, seed: int) -> tuple[Patient, FloatArray]:
    """Draw the patient of a slice, and the place (x, y, z) that the slices pass through."""
    rng = np.random.default_rng([seed, one.patient])
    patient = draw_patient(one.tumour, template, rng)
    lesion = patient.lesion
    x, y, z = (float(v) for v in rng.uniform((-35, -50, -10), (35, 30, 45)))
    return patient, scan_position(patient, lesion.centre_mm if lesion else (x, y, z))


def drawn_views(count: int, seed: int = 0) -> tuple[View, ...]:
    """Return the plane of each slice of ``make_demo(count=count, seed=seed)``, rendering none."""
    template = load_template()
    return tuple(_telling_view(one.view, _patient(template, one, seed)[1]) for one in plan(count))


def _draw_slice(
    template: Template, patient: Patient, one: PlannedSlice, middle: FloatArray, seed: int
) -> tuple[ByteArray, BoolArray]:
    """Render a slice, nearer to the tumour's middle where it would otherwise miss the tumour."""
    view = _telling_view(one.view, middle)
    centre = float(middle[normal_axis(view)])
    away = _SPACING_MM * one.step * (-1) ** one.patient
    for part in (1.0, 0.5, 0.0):
        rng = np.random.default_rng([seed, one.patient, one.number + 1])
        image, mask = render(template, patient, view, centre + part * away, rng)
        if patient.lesion is None or np.count_nonzero(mask) >= _SMALLEST_PX:
            break
    return image, mask


def _telling_view(view: View, middle: FloatArray) -> View:
    """Return the view, or another where it would only graze the side, face or crown."""
    x, y, z = middle
    if view == "sagittal" and abs(x) > 48:
        return "coronal"
    if view == "coronal" and not -75 < y < 52:
        return "axial" if z < 55 else "sagittal"
    if view == "axial" and z > 68:
        return "coronal" if -75 < y < 52 else "sagittal"
    return view


def _write_slice(made: Path, number: int, image: ByteArray, mask: BoolArray) -> None:
    stored = np.ascontiguousarray(image.T)
    grey = stored.astype(np.float32)
    maps = (spectral_residual(grey), fine_grained(grey))
    _write_png(made / "images" / f"{number}.png", cv2.merge([stored] * 3))
    _write_png(made / "masks" / f"{number}_mask.png", mask.T.astype(np.uint8) * 255)
    for folder, values in zip(_FOLDERS[2:], maps, strict=True):
        level = np.rint(values * 255).astype(np.uint8)
        _write_png(made / folder / f"{number}.png", cv2.merge([level] * 3))


def _write_png(path: Path, pixels: ByteArray) -> None:
    path.write_bytes(cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes())


def _write_facts(made: Path, planned: tuple[PlannedSlice, ...], marker: dict[str, Any]) -> None:
    with (made / "patients.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["number", "tumour", "patient", "fold"])
        table.writerows([s.number, s.tumour, f"demo-{s.patient:03d}", s.fold] for s in planned)
    (made / "NOTICE.txt").write_text(NOTICE, encoding="utf-8")
    (made / MARKER).write_text(json.dumps(marker, indent=2) + "\n", encoding="utf-8")


def _marker(count: int, seed: int) -> dict[str, Any]:
    return {
        "name": _NAME,
        "synthetic": True,
        "orientation": "transposed",
        "version": VERSION,
        "count": count,
        "seed": seed,
        "saliency": list(METHODS),
    }


def _read_marker(root: Path) -> dict[str, Any]:
    try:
        found = json.loads((root / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) and found.get("name") == _NAME else {}


def _expected(count: int) -> Iterator[str]:
    yield "patients.csv"
    for number in range(count):
        yield f"masks/{number}_mask.png"
        yield from (f"{folder}/{number}.png" for folder in _FOLDERS if folder != "masks")


def _is_complete(root: Path, marker: dict[str, Any]) -> bool:
    if _read_marker(root) != marker:
        return False
    return all((root / name).is_file() for name in _expected(marker["count"]))


def _refuse_foreign(to: Path) -> None:
    """Raise DataError unless ``to`` is missing, empty, or holds an earlier demo and no more."""
    if to.exists() and not to.is_dir():
        raise DataError(f"{to} is a file; the demo dataset needs a folder of its own: name another")
    if not to.is_dir() or not any(to.iterdir()):
        return
    if not is_demo(to):
        raise DataError(
            f"the folder {to} is not empty and was not made by the demo; name a new or empty folder"
        )
    names = (path.relative_to(to).as_posix() for path in to.rglob("*"))
    strange = next((name for name in names if not _OURS.fullmatch(name)), None)
    if strange is not None:
        raise DataError(
            f"the demo folder {to} would be replaced, but {strange} in it is not part of the demo; "
            "move that file elsewhere or name a new folder"
        )
