"""From a configuration to a run folder: open the data, divide it, write it down. No Keras here."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from brainseg import networks, paths, runs
from brainseg.data.catalog import TUMOUR_FREE_FIRST, Catalog, read_catalog
from brainseg.data.contents import contents
from brainseg.data.split import make_split
from brainseg.errors import DataError, RunError
from brainseg.training import lineage
from brainseg.training.recipes import RunConfig
from brainseg.types import SALIENCY_INPUTS, Sample, Split


def open_data(data: Path | str, tumour_free: Path | str | None = None) -> list[Catalog]:
    """Open a dataset folder and, where one is named, a folder of tumour-free slices."""
    found = [read_catalog(Path(data))]
    if tumour_free:
        extra = Path(tumour_free)
        found.append(read_catalog(extra, first_number=TUMOUR_FREE_FIRST, tumour_free=True))
    return found


def split_of(config: RunConfig, opened: list[Catalog]) -> Split:
    """Divide the samples that have a truth as the configuration says.

    Raises:
        DataError: too few of them, or one lacks a saliency map that the network is to see.
    """
    samples: list[Sample] = [sample for catalog in opened for sample in catalog.with_truth]
    _need_maps(config, samples)
    if len(samples) < 4:
        raise DataError(
            f"{config.data} holds {len(samples)} slices with a mask; training needs at least 4"
        )
    return make_split(
        samples,
        unit="patient" if config.split_unit == "patient" else "slice",
        seed=config.seed,
        test_folds=config.test_folds,
        val_fraction=config.val_fraction,
        test_fraction=config.test_fraction,
        val_is_test=config.val_is_test,
    )


def _need_maps(config: RunConfig, samples: list[Sample]) -> None:
    for which in SALIENCY_INPUTS[config.saliency]:
        without = [sample for sample in samples if sample.saliency[which - 1] is None]
        if without:
            raise DataError(
                f"saliency {config.saliency} needs map {which} of every slice, and "
                f"{len(without)} of {len(samples)} have none, {without[0].image.name} first: "
                "train with the scan alone (saliency none) or on data that have the maps"
            )


def new_run(config: RunConfig, folder: Path | None = None) -> Path:
    """Split the data and make the run folder: what the Train screen and `train` both do.

    ``folder`` names it (resolved); without that it gets a dated name under the runs folder.

    Raises:
        DataError: too few slices with a mask.
        ConfigError: the weights to start from are another network's, or have seen test slices.
        NetworkError: the weights to start from are not there.
        RunError: the folder cannot be written, holds anything already, or no run may be called so.
    """
    if folder is not None:  # before anything is read
        folder = folder.resolve()
        _check_free(folder)
    opened = open_data(config.data, config.tumour_free)
    split = split_of(config, opened)
    if config.initial:  # refused now rather than by the worker
        lineage.check(config, opened, split)
    facts = {
        "data": opened[0].name,
        "synthetic": opened[0].synthetic,
        **_digests(opened),
        "contents": _contents(config, split, opened),
    }
    if folder is None:
        return runs.create(config, split, facts=facts)
    with runs.writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        runs.write_config(folder, config, split, facts=facts)
    return folder


def _check_free(folder: Path) -> None:
    """Refuse a name that no run may have, and a folder with files: they go with the run."""
    listed = folder.parent == paths.runs().resolve()
    if listed and folder.name in networks.LABELS:
        raise RunError(f"{folder.name} names a network that is shipped: name the run otherwise")
    if listed and not runs.is_run_id(folder.name):
        raise RunError(f"no run can be called {folder.name!r}: 1 to 100 of a-z, A-Z, 0-9, '.', "
                       "'_' and '-', the first a letter or digit")  # fmt: skip
    if (folder / "config.json").exists():
        raise RunError(f"{folder} already holds a run; add --resume to go on with it")
    with runs.writing(folder):
        there = list(folder.iterdir()) if folder.exists() else []
    others = sorted(path.name for path in there if path.suffix != ".tmp")
    if others:  # what a killed start left is no other file
        raise RunError(f"{folder} holds other files ({others[0]}): name a new folder, "
                       "since a run is deleted with all that lies in its folder")  # fmt: skip


def check_same_data(run: Path) -> None:
    """Refuse to go on with a run whose slices are not those it began with.

    Files with the same names, sizes and times count as the same. Others, a copy for instance, are
    read. Slices that are not of this run may come and go. A run from before ``contents`` were
    recorded goes on.

    Raises:
        RunError: a slice of the run was changed or is gone.
    """
    config, known = runs.config(run), runs.facts(run)
    if "contents" not in known:
        return
    try:
        opened = open_data(config.data, config.tumour_free)
        now = _digests(opened)
        if now == {name: known.get(name) for name in now}:
            return
        found = _contents(config, runs.split(run), opened)
    except DataError as error:
        raise RunError(f"the data of run {run.name} cannot be read: {error}") from error
    if found != known["contents"]:
        folders = " and ".join(filter(None, (config.data, config.tumour_free)))
        raise RunError(
            f"the slices in {folders} are not those that run {run.name} began with: put the data "
            "back as they were, or start a new run"
        )


def note_data(run: Path) -> None:
    """Take what the files hold now for what the run begins with, where they were changed since.

    Before its first checkpoint a run has learnt from none of them: they may still be mended.
    """
    config, known = runs.config(run), runs.facts(run)
    with suppress(DataError):  # the worker says what is wrong
        opened = open_data(config.data, config.tumour_free)
        now = _digests(opened)
        if "contents" in known and now != {name: known.get(name) for name in now}:
            found = _contents(config, runs.split(run), opened)
            runs.replace_facts(run, known | now | {"contents": found})


def _digests(opened: list[Catalog]) -> dict[str, str]:
    """Return what tells at a glance that no file has changed: names, sizes and times."""
    names = ("digest", "tumour_free_digest")
    return {name: catalog.digest for name, catalog in zip(names, opened, strict=False)}


def _contents(config: RunConfig, split: Split, opened: list[Catalog]) -> str:
    """Return the digest of what the files of the run's own slices hold."""
    own = {*split.train, *split.val, *split.test}
    samples = (one for catalog in opened for one in catalog.samples if one.number in own)
    return contents(samples, maps=SALIENCY_INPUTS[config.saliency])
