"""What the first weights of a run bring with them: a form, and slices that they have seen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from brainseg import networks, runs
from brainseg.data.catalog import TUMOUR_FREE_FIRST, Catalog
from brainseg.errors import BrainsegError, ConfigError
from brainseg.training.recipes import FORM, RunConfig, flag_of, recipe, tuning_rate
from brainseg.types import Split


def settings(recipe_name: str, initial: str) -> dict[str, Any]:
    """Return the settings that tune a network: its own form, and a tenth of the recipe's rate.

    Raises:
        NetworkError: there is no such network.
        ConfigError: there is no such recipe.
    """
    rate = recipe(recipe_name, model="unet", data="").learning_rate
    return form(networks.find_network(initial)) | {"learning_rate": tuning_rate(rate)}


def form(folder: Path) -> dict[str, Any]:
    """Return the settings that the weights in a network's folder decide.

    Raises:
        NetworkError: it is damaged.
    """
    known = networks.read_network(folder)
    return {name: getattr(known, name) for name in FORM}


def check(config: RunConfig, opened: list[Catalog], split: Split) -> None:
    """Refuse first weights that do not fit, or that have seen slices held out for the test.

    Raises:
        ConfigError: another form or architecture, or a leak; the message says what would do.
        NetworkError: there is no such network.
    """
    folder = networks.find_network(config.initial)
    architecture = networks.read_network(folder).architecture
    if architecture != config.model:
        raise ConfigError(f"{config.initial!r} is a {architecture}: give --model {architecture}")
    wanted = form(folder)
    if odd := [name for name in FORM if getattr(config, name) != wanted[name]]:
        flags = " ".join(f"{flag_of(name)} {wanted[name]}" for name in odd)
        raise ConfigError(f"the weights of {config.initial!r} have another form: give {flags}")
    if leaked := set(split.test) & seen(config.initial, opened):
        raise ConfigError(
            f"{config.initial!r} was trained or tuned on {len(leaked)} of the {len(split.test)} "
            "slices held out for the test: a score on them would mean nothing. Hold out what it "
            "has not seen (of the public slices --split patient --test-folds 3), or start anew"
        )


def seen(initial: str, opened: list[Catalog]) -> set[int]:
    """Return the slices here that a network, or one before it, was trained or tuned on.

    Raises:
        NetworkError: there is no such network. One further back may have been deleted since.
    """
    found: set[int] = set()
    for folder in _ancestry(initial):
        if past := networks.read_split(folder):
            found |= own(folder, past, opened) & {*past.train, *past.val}
    return found


def own(folder: Path, split: Split, opened: Sequence[Catalog]) -> set[int]:
    """Return the slices here that the numbers in a network's split mean."""
    homes = [catalog for catalog in opened if is_of(folder, split, catalog)]
    return {sample.number for catalog in homes for sample in catalog.samples}


def _ancestry(initial: str) -> list[Path]:
    found = [networks.find_network(initial)]
    while (config := found[-1].parent / "config.json").is_file():
        try:
            before = networks.find_network(runs.config(config.parent).initial)
        except BrainsegError:  # none, or it is gone
            break
        if before in found:
            break
        found.append(before)
    return found


def is_of(folder: Path, split: Split, catalog: Catalog) -> bool:
    """Whether the numbers in a network's split mean the slices of this catalog.

    A run knows the folders it was made from, also where they were moved with the times of their
    files. A shipped network knows public slice numbers, which mean something in a copy of the
    public slices only.
    """
    added = catalog.samples[0].number >= TUMOUR_FREE_FIRST
    if (folder.parent / "config.json").is_file():
        config = runs.config(folder.parent)
        made_of = config.tumour_free if added else config.data
        digest = runs.facts(folder.parent).get("tumour_free_digest" if added else "digest")
        same = bool(made_of) and Path(made_of).resolve() == catalog.root.resolve()
        return same or digest == catalog.digest
    if added:  # nothing names that folder: its numbers must be exactly those that were used
        used = {n for part in (split.train, split.val, split.test) for n in part}
        here = {sample.number for sample in catalog.samples}
        return {n for n in used if n >= TUMOUR_FREE_FIRST} == here
    return not catalog.synthetic and any(sample.fold is not None for sample in catalog.samples)
