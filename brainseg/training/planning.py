"""From a configuration to a run folder: open the data, divide it, write it down. No Keras here."""

from __future__ import annotations

from pathlib import Path

from brainseg import networks, runs
from brainseg.data.catalog import Catalog, read_catalog
from brainseg.data.split import make_split
from brainseg.errors import ConfigError, DataError
from brainseg.training.recipes import RunConfig
from brainseg.types import SALIENCY_INPUTS, Sample, Split

TUMOUR_FREE_FIRST = 1_000_000  # numbers of added tumour-free slices start here


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

    ``folder`` names it; without that it gets a dated name under the runs folder.

    Raises:
        DataError: too few slices with a mask.
        ConfigError: the weights to start from want another contrast.
        NetworkError: the weights to start from are not there.
    """
    if config.initial:  # refused now rather than by the worker
        known = networks.read_network(networks.find_network(config.initial))
        if known.contrast != config.contrast:
            raise ConfigError(
                f"{config.initial!r} was trained on scans of {known.contrast} contrast: "
                f"give --contrast {known.contrast}"
            )
    opened = open_data(config.data, config.tumour_free)
    split = split_of(config, opened)
    first = opened[0]
    facts = {"data": first.name, "digest": first.digest, "synthetic": first.synthetic}
    if folder is None:
        return runs.create(config, split, facts=facts)
    folder.mkdir(parents=True, exist_ok=True)
    runs.write_config(folder, config, split, facts=facts)
    return folder
