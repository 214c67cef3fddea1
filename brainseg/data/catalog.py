"""A dataset folder becomes a list of samples, paired by number and in natural order.

The index opens no image except a few masks (to verify the public facts), so that a folder of
3064 slices with masks and two saliency maps is listed in a fraction of a second.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from natsort import natsorted

from brainseg.data.inspect import inspect
from brainseg.data.layout import (
    Key,
    Listing,
    Problem,
    Role,
    find_layout,
    key_of,
    list_folder,
    partner_key,
    role_of,
)
from brainseg.data.patients import OWN_TABLE, PatientFacts, facts_for, own_facts
from brainseg.data.pixels import (
    AnyArray,
    Orientation,
    check_size,
    read_image,
    read_mask,
    read_saliency,
    read_scan,
    turn_upright,
)
from brainseg.errors import DataError
from brainseg.types import Sample

TUMOUR_FREE_FIRST = 1_000_000  # numbers of slices that are added to a dataset start here

__all__ = [
    "TUMOUR_FREE_FIRST",
    "Catalog",
    "Orientation",
    "Problem",
    "check_size",
    "inspect",
    "read_catalog",
    "read_image",
    "read_mask",
    "read_saliency",
    "read_scan",
    "upright",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """The samples of a dataset folder in order of their numbers, and what is wrong with it."""

    root: Path
    samples: tuple[Sample, ...]
    problems: tuple[Problem, ...]
    orientation: Orientation
    synthetic: bool
    name: str
    digest: str

    @property
    def with_truth(self) -> tuple[Sample, ...]:
        """The samples whose true mask is known."""
        return tuple(sample for sample in self.samples if sample.has_truth)

    def by_number(self, number: int) -> Sample:
        """Return the sample called ``number``.

        Raises:
            DataError: there is none.
        """
        place = bisect_left(self.samples, number, key=lambda sample: sample.number)
        if place < len(self.samples) and self.samples[place].number == number:
            return self.samples[place]
        raise DataError(
            f"{self.name} has no slice {number}; its {len(self.samples)} slices run from "
            f"{self.samples[0].number} to {self.samples[-1].number}"
        )


def read_catalog(root: Path, *, first_number: int = 0, tumour_free: bool = False) -> Catalog:
    """Index a dataset folder: ``images/``, and where present ``masks/`` and two saliency folders.

    Args:
        root: the folder, or one whose only sub-folder holds the dataset.
        first_number: added to every number, to keep two folders' numbers apart.
        tumour_free: the caller vouches that no slice has a tumour: the true masks are empty.

    Raises:
        DataError: no images to be found, two folders of a kind, or an unusable ``patients.csv``.
    """
    root = Path(root)
    layout = find_layout(root)
    listings = {role: list_folder(folder) for role, folder in layout.items()}
    problems = [problem for listing in listings.values() for problem in listing.problems]
    images = _keyed_images(listings["images"], problems)
    partners: dict[Role, dict[Key, Path]] = {
        role: _partners(role, listing, images, problems)
        for role, listing in listings.items()
        if role != "images"
    }
    home = layout["images"].parent
    marker = _read_marker(home)
    samples = _samples(images, partners, first_number)
    own = own_facts(home)
    samples, orientation = _with_facts(samples, images, own, first_number, marker)
    if tumour_free:
        samples = [replace(sample, tumour="none") for sample in samples]
    problems += _gaps(samples, partners, home)
    problems += _unmatched_rows(own or {}, images, home) + _other_folders(home)
    return Catalog(
        root=home,
        samples=tuple(samples),
        problems=tuple(problems),
        orientation=orientation,
        synthetic=marker.get("synthetic") is True,
        name=root.resolve().name,
        digest=_digest(listings, samples, told=own is not None),
    )


def upright(array: AnyArray, origin: Catalog | Orientation) -> AnyArray:
    """Return an (H, W) or (H, W, C) array of a dataset turned for display; never for a network."""
    return turn_upright(array, origin.orientation if isinstance(origin, Catalog) else origin)


def _keyed_images(listing: Listing, problems: list[Problem]) -> dict[Key, Path]:
    """Return the images by key in natural order; where files are numbered, others are strays."""
    names = natsorted(name for name, _, _ in listing.files)
    if not names:
        raise DataError(f"{listing.folder} holds no image files (png, jpg, tif, bmp, webp)")
    keys = [key_of(name.rpartition(".")[0]) for name in names]
    numbered = sum(isinstance(key, int) for key in keys) > 0.5 * len(keys)
    images: dict[Key, Path] = {}
    for name, key in zip(names, keys, strict=True):
        path = listing.folder / name
        if numbered and not isinstance(key, int):
            detail = "its name is not a number as the others are, or too long; it is not read"
            problems.append(Problem(kind="stray file", path=path, detail=detail))
        elif key in images:
            detail = f"same slice as {images[key].name}; it is not read"
            problems.append(Problem(kind="duplicate", path=path, detail=detail))
        else:
            images[key] = path
    return images


def _partners(
    role: Role, listing: Listing, images: Mapping[Key, Path], problems: list[Problem]
) -> dict[Key, Path]:
    kind = "mask" if role == "masks" else "saliency map"
    found: dict[Key, Path] = {}
    for name, _, _ in listing.files:
        stem = name.rpartition(".")[0]
        key = key_of(stem)
        key = key if key in images else partner_key(stem)
        path = listing.folder / name
        if key not in images:
            detail = f"no image is called {key}"
            problems.append(Problem(kind=f"orphan {kind}", path=path, detail=detail))
        elif key in found:
            detail = f"same slice as {found[key].name}; it is not read"
            problems.append(Problem(kind="duplicate", path=path, detail=detail))
        else:
            found[key] = path
    return found


def _samples(
    images: Mapping[Key, Path], partners: Mapping[Role, Mapping[Key, Path]], first_number: int
) -> list[Sample]:
    masks = partners.get("masks", {})
    maps = (partners.get("saliency 1", {}), partners.get("saliency 2", {}))
    numbered = _are_numbers(images)
    samples = [
        Sample(
            number=first_number + (key if numbered and isinstance(key, int) else place),
            image=path,
            mask=masks.get(key),
            saliency=(maps[0].get(key), maps[1].get(key)),
        )
        for place, (key, path) in enumerate(images.items())
    ]
    return sorted(samples, key=lambda sample: sample.number)


def _are_numbers(keys: Iterable[Key]) -> bool:
    """Whether names can be slice numbers; dates, for one, would reach into those added later."""
    return all(isinstance(key, int) and key < TUMOUR_FREE_FIRST for key in keys)


def _with_facts(
    samples: list[Sample],
    images: Mapping[Key, Path],
    own: Mapping[Key, PatientFacts] | None,
    first_number: int,
    marker: Mapping[str, Any],
) -> tuple[list[Sample], Orientation]:
    """Add tumour, patient and fold from the folder's own table or else the verified public one."""
    public: dict[int, PatientFacts] = {}
    if _are_numbers(images) and first_number == 0 and not marker:
        public = facts_for(samples)
    transposed = marker.get("orientation") == "transposed" or bool(public)
    known = [
        public.get(sample.number) if own is None else own.get(key_of(sample.image.stem))
        for sample in samples
    ]
    told = [
        sample
        if facts is None
        else replace(sample, tumour=facts.tumour, patient=facts.patient, fold=facts.fold)
        for sample, facts in zip(samples, known, strict=True)
    ]
    return told, "transposed" if transposed else "upright"


def _gaps(
    samples: list[Sample], partners: Mapping[Role, Mapping[Key, Path]], home: Path
) -> list[Problem]:
    """Report samples without a mask or without one of the saliency maps that others have."""
    gaps: list[Problem] = []
    if "masks" not in partners and not all(sample.has_truth for sample in samples):
        detail = "there is no masks folder; no slice has a true mask"
        gaps.append(Problem(kind="missing mask", path=home / "masks", detail=detail))
    for sample in samples:
        if "masks" in partners and not sample.has_truth:
            detail = f"expected masks/{sample.image.stem}_mask.png"
            gaps.append(Problem(kind="missing mask", path=sample.image, detail=detail))
        for which, path in enumerate(sample.saliency, start=1):
            if path is None and f"saliency {which}" in partners:
                detail = f"expected saliency_maps_{which}/{sample.image.stem}.png"
                gaps.append(Problem(kind="missing saliency map", path=sample.image, detail=detail))
    return gaps


def _unmatched_rows(
    own: Mapping[Key, PatientFacts], images: Mapping[Key, Path], home: Path
) -> list[Problem]:
    """Report that rows of the folder's own table name no image: their slices know no patient."""
    lost = [key for key in own if key not in images]
    if not lost:
        return []
    detail = f"{len(lost)} of its {len(own)} rows name no image, {lost[0]!r} first"
    return [Problem(kind="unmatched row", path=home / OWN_TABLE, detail=detail)]


def _other_folders(home: Path) -> list[Problem]:
    detail = "not one of images, masks, saliency_maps_1, saliency_maps_2"
    return [
        Problem(kind="folder skipped", path=child, detail=detail)
        for child in sorted(home.iterdir())
        if child.is_dir() and role_of(child.name) is None and not child.name.startswith(".")
    ]


def _read_marker(home: Path) -> dict[str, Any]:
    """Return ``demo.json``, which marks a synthetic dataset; empty where there is none."""
    path = home / "demo.json"
    if not path.is_file():
        return {}
    try:
        marker = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise DataError(f"{path} is damaged; make the demo data again") from None
    return marker if isinstance(marker, dict) else {}


_READING = 2  # raised when files are read differently: what was derived from them is stale then
_READ: tuple[Role, ...] = ("images", "masks", "saliency 1", "saliency 2")


def _digest(listings: Mapping[Role, Listing], samples: list[Sample], *, told: bool) -> str:
    """Hash the files' names, sizes and times, their numbers and truth, and what they are ``told``.

    What the public table says follows from the files; what the folder's own says does not.
    """
    state = {role: listings[role].files for role in _READ if role in listings}
    truth = [(sample.number, sample.has_truth) for sample in samples]
    parts: tuple[object, ...] = (_READING, state, truth)
    if told:
        parts += ([(sample.tumour, sample.patient, sample.fold) for sample in samples],)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
