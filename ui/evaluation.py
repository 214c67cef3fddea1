"""What the Evaluate screen is about: which slices, and the scores kept of networks on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import streamlit as st

from brainseg import networks, runs, scoring
from brainseg.data.catalog import TUMOUR_FREE_FIRST, Catalog
from brainseg.errors import BrainsegError
from brainseg.networks import NetworkRef
from brainseg.training import lineage
from brainseg.types import Evaluation, Split

Numbers = tuple[int, ...]
Catalogs = Sequence[Catalog]  # a dataset, and perhaps tumour-free slices with numbers of their own
PARTS = {"test": "Test slices", "val": "Validation slices", "train": "Training slices"}
AS_FILED = "file"
_STORED = {"transposed": "mirrored-rot90", "upright": "upright"}  # how a file lies, as a symmetry


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class View:
    """What the screen shows: networks, the slices they were scored on, and the scores, in order."""

    refs: tuple[NetworkRef, ...]
    catalogs: tuple[Catalog, ...]
    datasets: tuple[str, ...]  # what the catalogs are called on the screens
    numbers: Numbers
    part: str
    results: tuple[Evaluation, ...]

    def home(self, number: int) -> tuple[Catalog, str, int]:
        """Return whose slice this is, what the screens call that dataset, and its number there."""
        for catalog, dataset in zip(self.catalogs, self.datasets, strict=True):
            first = catalog.samples[0].number
            if first <= number <= catalog.samples[-1].number:
                return catalog, dataset, number - number_offset(catalog)
        return self.catalogs[0], self.datasets[0], number


def number_offset(catalog: Catalog) -> int:
    """Return what was added to the numbers of a dataset that was put beside another."""
    return TUMOUR_FREE_FIRST if catalog.samples[0].number >= TUMOUR_FREE_FIRST else 0


def known_parts(ref: NetworkRef, catalogs: Catalogs) -> dict[str, Numbers]:
    """Return which slices a network was trained, tuned and tested on, as far as is known.

    A run knows the folders it was made from. A shipped network knows public slice numbers, which
    mean something in a copy of the public slices only.
    """
    here = {sample.number for catalog in catalogs for sample in catalog.with_truth}
    split = _split_of_run(ref) if ref.kind == "run" else _split_shipped(ref)
    if split is None:
        return {}
    here &= lineage.own(ref.folder, split, catalogs)
    kept = {part: tuple(n for n in getattr(split, part) if n in here) for part in PARTS}
    return {part: numbers for part, numbers in kept.items() if numbers}


def _split_of_run(ref: NetworkRef) -> Split | None:
    try:
        return runs.split(ref.folder.parent)
    except (BrainsegError, KeyError, TypeError):
        return None


def _split_shipped(ref: NetworkRef) -> Split | None:
    try:
        return networks.known_split(ref.name)
    except BrainsegError:
        return None


def choices(refs: Sequence[NetworkRef], catalogs: Catalogs) -> dict[str, Numbers]:
    """Return the sets of slices that can be scored, by label; held-out ones first."""
    found: dict[str, Numbers] = {}
    for part in ("test", "val"):
        for ref in refs:
            numbers = known_parts(ref, catalogs).get(part, ())
            if numbers and numbers not in found.values():
                found[f"{PARTS[part]} of {ref.label} ({len(numbers):,})"] = numbers
    everything = tuple(s.number for catalog in catalogs for s in catalog.with_truth)
    if everything:
        found[f"All slices with a known mask ({len(everything):,})"] = everything
    return found


def seen_in_training(ref: NetworkRef, catalogs: Catalogs, numbers: Numbers) -> int:
    """Return how many of the slices the network was trained or tuned on, as far as is known."""
    return len(_seen(known_parts(ref, catalogs)) & set(numbers))


def _seen(parts: dict[str, Numbers]) -> set[int]:
    return {*parts.get("train", ()), *parts.get("val", ())} - {*parts.get("test", ())}


def held_out(refs: Sequence[NetworkRef], catalog: Catalog) -> set[int]:
    """Return the slices that one of the networks was tested on and none was trained or tuned on."""
    parts = [known_parts(ref, [catalog]) for ref in refs]
    tested = {number for known in parts for number in known.get("test", ())}
    return tested.difference(*map(_seen, parts))


def told_of_training(refs: Sequence[NetworkRef], catalogs: Catalogs, numbers: Numbers) -> str:
    """Say in one sentence which networks saw some of these slices in training; else nothing."""
    found = {ref.label: seen_in_training(ref, catalogs, numbers) for ref in refs}
    counts = {label: seen for label, seen in found.items() if seen}
    if not counts:
        return ""
    of = f"of these {len(numbers):,} slices"
    told = "; ".join(f"{label} saw {seen:,} {of}" for label, seen in counts.items())
    if len(numbers) == 1:
        told = f"{' and '.join(counts)} saw this slice"
    return f"{told} in training or tuning: expect better scores here than on new ones."


def told_of_slice(refs: Sequence[NetworkRef], catalog: Catalog, number: int) -> str:
    """Say in a few words which networks saw this slice in training or tuning; else nothing."""
    seen = [ref.label for ref in refs if seen_in_training(ref, [catalog], (number,))]
    return f"{' and '.join(seen)} saw it in training or tuning" if seen else ""


def task(
    ref: NetworkRef, catalogs: Catalogs, numbers: Numbers, orientation: str = AS_FILED
) -> scoring.Task:
    """Return what there is to score; an orientation in which the files lie is not scored twice."""
    lying = {_STORED[catalog.orientation] for catalog in catalogs}
    stored = lying == {orientation}
    return scoring.Task(
        network=ref.name,
        catalogs=tuple(catalogs),
        numbers=numbers,
        orientation=AS_FILED if stored else orientation,
    )


def kept(
    ref: NetworkRef, catalogs: Catalogs, numbers: Numbers, orientation: str = AS_FILED
) -> Evaluation | None:
    """Return the scores if they are on disk already: the run's own result, or ours."""
    try:
        wanted = task(ref, catalogs, numbers, orientation)
        own = wanted.orientation == AS_FILED and _own_result(ref, catalogs, numbers)
        found = own or _read(str(wanted.path), _stamp(wanted.path))
    except BrainsegError:
        return None
    return replace(found, model=ref.label) if found else None


def _own_result(ref: NetworkRef, catalogs: Catalogs, numbers: Numbers) -> Evaluation | None:
    """Return ``result.json`` of a run, where it is of these slices and holds all we show."""
    if ref.kind != "run" or known_parts(ref, catalogs).get("test") != numbers:
        return None
    result = runs.evaluation(ref.folder.parent)
    fits = result is not None and tuple(case.number for case in result.cases) == numbers
    return result if fits and result is not None and result.thresholds else None


def _stamp(path: Path) -> int:
    return path.stat().st_mtime_ns if path.is_file() else 0


@st.cache_resource(max_entries=48, show_spinner=False)
def _read(path: str, stamp: int) -> Evaluation | None:
    return runs.read_evaluation(Path(path)) if stamp else None
