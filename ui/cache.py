"""Streamlit caches around the library's readers, and the only door to the networks' runtime.

Everything is bounded and keyed by names and digests, never by pixels. What is handed out is
shared between sessions: arrays are read-only.
"""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import streamlit as st

from brainseg import networks as network_folders
from brainseg import paths, runs
from brainseg.data import catalog as catalogs
from brainseg.data import survey as surveys
from brainseg.data.catalog import TUMOUR_FREE_FIRST, Catalog, Problem
from brainseg.data.layout import find_layout
from brainseg.data.patients import OWN_TABLE
from brainseg.data.planes import Plane
from brainseg.data.survey import Survey
from brainseg.errors import BrainsegError, DataError
from brainseg.networks import NetworkRef
from brainseg.types import SALIENCY_INPUTS, BoolArray, FloatArray, Prediction, Scan

if TYPE_CHECKING:
    from brainseg.ensemble import Ensemble
    from brainseg.inference import Segmenter

DEMO_SLICES = 60
_making_demo = threading.Lock()
_making_survey = threading.Lock()


class Tested(NamedTuple):
    """Mean Dice of a run's network on its test slices with a tumour, and its 95 % interval."""

    dice: float | None
    low: float | None
    high: float | None
    tumours: int


class DatasetRef(NamedTuple):
    """A dataset folder that can be chosen on screen."""

    label: str
    root: str
    synthetic: bool


def _stamp(root: str) -> tuple[int, ...]:
    """When files of a dataset came or went, or its own table was written to."""
    try:
        folders = find_layout(Path(root))
        home = folders["images"].parent
        table = [path for path in (home / OWN_TABLE,) if path.is_file()]
        return tuple(path.stat().st_mtime_ns for path in (home, *folders.values(), *table))
    except (DataError, OSError):
        return ()


@st.cache_resource(max_entries=24, show_spinner=False)  # every list of datasets opens them all
def _catalog(root: str, stamp: tuple[int, ...]) -> Catalog:
    return catalogs.read_catalog(Path(root))


def catalog(root: str) -> Catalog:
    """Return the index of a dataset folder, read again whenever files came or went."""
    return _catalog(root, _stamp(root))


@st.cache_resource(max_entries=6, show_spinner=False)
def _tumour_free(root: str, stamp: tuple[int, ...]) -> Catalog:
    return catalogs.read_catalog(Path(root), first_number=TUMOUR_FREE_FIRST, tumour_free=True)


def tumour_free(root: str) -> Catalog:
    """Return a folder whose slices the user vouches to be tumour-free, numbers out of the way."""
    return _tumour_free(root, _stamp(root))


def _settings_file() -> Path:
    return paths.home() / "datasets.json"


def _named_folders() -> list[str]:
    """Folders that the user named: in BRAINSEG_DATA, or in ``datasets.json`` under the home."""
    named = [part for part in os.environ.get("BRAINSEG_DATA", "").split(os.pathsep) if part]
    try:
        listed = json.loads(_settings_file().read_text())
    except (OSError, ValueError):
        listed = []
    return named + [part for part in listed if isinstance(part, str)]


def _downloaded() -> list[str]:
    """Return the folder of downloads, or all that lies in it where that is several datasets."""
    folder = paths.kaggle()
    try:
        find_layout(folder)
    except (BrainsegError, OSError):
        return [str(child) for child in sorted(folder.glob("[!.]*/"))]
    return [str(folder)]


def datasets() -> list[DatasetRef]:
    """Return every dataset folder that can be read: the user's own, Kaggle's, the demo's."""
    found: dict[str, DatasetRef] = {}
    taken: set[str] = set()
    for folder in (*_named_folders(), *_downloaded(), str(paths.demo())):
        root = str(Path(folder).expanduser().resolve())
        if root in found or not Path(root).is_dir():
            continue
        try:
            synthetic = catalog(root).synthetic
        except (BrainsegError, OSError):
            continue
        label = _label(Path(root), taken)
        taken.add(label)
        found[root] = DatasetRef(label, root, synthetic)
    return list(found.values())


def _label(root: Path, taken: set[str]) -> str:
    known = {paths.demo().resolve(): "Demo", paths.kaggle().resolve(): "Kaggle"}
    folders = reversed(root.parent.parts[1:])
    label = known.get(root, root.name)
    while label in taken:
        label = f"{next(folders, '')}/{label}"
    return label


def ensure_demo() -> None:
    """Make the demo data, under a progress bar, when there is no dataset at all."""
    if datasets():
        return
    from brainseg.data.demo import make_demo  # brings the anatomical template: only when needed

    bar = st.progress(0.0, text="Making the synthetic demo data: once, about half a minute.")
    try:
        with _making_demo:
            if not datasets():
                make_demo(
                    paths.demo(),
                    count=DEMO_SLICES,
                    progress=lambda done, total: bar.progress(
                        done / total, text=f"Making the synthetic demo data: {done} of {total}"
                    ),
                )
    except OSError as error:
        raise DataError(
            f"the demo data cannot be written to {paths.demo()} ({error.strerror}); "
            "set BRAINSEG_HOME to a folder that can be written"
        ) from error
    finally:
        bar.empty()


def inspected(root: str) -> tuple[Problem, ...]:
    """Return what is wrong with the files themselves: every one is opened, once per dataset."""
    return _inspected(root, catalog(root).digest)


@st.cache_data(max_entries=6, show_spinner="Opening every file")
def _inspected(root: str, digest: str) -> tuple[Problem, ...]:
    return catalogs.inspect(catalog(root))


def sample_image(root: str, number: int) -> FloatArray:
    """Return the grey slice of a sample as filed, (H, W), read-only."""
    return _sample_array(root, catalog(root).digest, number, "image")


def sample_mask(root: str, number: int) -> BoolArray | None:
    """Return the true mask as filed, (H, W) bool, or None where it is unknown.

    Raises:
        DataError: it cannot be read, or its image has another size.
    """
    return _sample_array(root, catalog(root).digest, number, "mask")


def sample_saliency(root: str, number: int, which: int) -> FloatArray | None:
    """Return saliency map 1 or 2 of a sample as filed, or None where there is none."""
    return _sample_array(root, catalog(root).digest, number, f"saliency {which}")


@st.cache_resource(max_entries=96, show_spinner=False)
def _sample_array(root: str, digest: str, number: int, what: str):
    sample = catalog(root).by_number(number)
    if what == "image":
        array = catalogs.read_image(sample)
    elif what == "mask":
        array = catalogs.read_mask(sample)
        catalogs.check_size(sample, array, sample_image(root, number))
    else:
        array = catalogs.read_saliency(sample, 1 if what.endswith("1") else 2)
    if array is not None:
        array.setflags(write=False)
    return array


def networks() -> tuple[NetworkRef, ...]:
    """Return what can predict: the shipped networks, their ensemble, then the finished runs."""
    return tuple(network_folders.list_networks())


def tested(run: Path) -> Tested | None:
    """Return what a run scored on its test slices at its end; None where it did not get there."""
    result = run / "result.json"
    try:
        return _tested(result, result.stat().st_mtime_ns)
    except (OSError, BrainsegError):
        return None


@st.cache_data(max_entries=512, show_spinner=False)
def _tested(result: Path, stamp: int) -> Tested:
    found = runs.read_evaluation(result).summary
    dice, low, high = (found.get(name) for name in ("dice", "dice_low", "dice_high"))
    return Tested(dice=dice, low=low, high=high, tumours=int(found.get("tumour_slices") or 0))


@st.cache_resource(max_entries=6, show_spinner="Opening the network")
def _segmenter(folder: str, stamp: str) -> Segmenter:
    from brainseg.inference import Segmenter

    return Segmenter.load(Path(folder))


def segmenter(name: str) -> Segmenter | Ensemble:
    """Return what predicts under that name (shipped, ensemble, run or path); compiled once."""
    if name == network_folders.ENSEMBLE:
        from brainseg.ensemble import Ensemble

        return Ensemble([segmenter(member) for member in network_folders.ARCHITECTURES])
    return _segmenter(str(network_folders.find_network(name)), network_folders.fingerprint(name))


def prediction(network: str, root: str, number: int) -> Prediction:
    """Return a network's prediction of a dataset slice, in the geometry of the file."""
    stamp = network_folders.fingerprint(network)
    return _prediction(network, stamp, root, catalog(root).digest, number)


@st.cache_resource(max_entries=64, show_spinner="Segmenting")
def _prediction(network: str, stamp: str, root: str, digest: str, number: int) -> Prediction:
    found = segmenter(network).predict(_scan(root, number, segmenter(network).config.saliency))
    found.probability.setflags(write=False)
    return found


def _scan(root: str, number: int, saliency: str) -> Scan:
    """Return a slice with those maps that a network needs beside it."""
    wanted = SALIENCY_INPUTS[saliency]
    return Scan(
        pixels=sample_image(root, number),
        source=f"{Path(root).name} {number}",
        saliency=(
            sample_saliency(root, number, 1) if 1 in wanted else None,
            sample_saliency(root, number, 2) if 2 in wanted else None,
        ),
    )


def survey(root: str) -> Survey:
    """Return what is seen of all slices of a dataset: made once, under a progress bar."""
    listed = catalog(root)
    if not surveys.folder_of(listed).is_dir():
        text = "Looking at every slice, once for this dataset"
        bar = st.progress(0.0, text=text)
        try:
            with _making_survey:
                surveys.make(
                    listed,
                    lambda done, total: bar.progress(
                        done / total, text=f"{text}: {done:,} of {total:,}"
                    ),
                )
        finally:
            bar.empty()
    return _survey(root, listed.digest)


@st.cache_resource(max_entries=4, show_spinner=False)
def _survey(root: str, digest: str) -> Survey:
    return surveys.make(catalog(root))


def planes(root: str) -> dict[int, Plane]:
    """Return the estimated plane of every readable slice of a dataset, by number."""
    return survey(root).planes()
