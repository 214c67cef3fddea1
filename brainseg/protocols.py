"""Protocols: plans of training runs whose results together answer one question.

``patient`` asks how good a network is on patients it never saw, ``cross-validation`` the same of
every patient once, ``document`` what the source document's recipe gives beside ours, and what its
random split of slices gives away. A plan is carried out run by run in folders under one folder;
called again it goes on where it was, and what has finished is not trained again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brainseg import runs
from brainseg.data.catalog import Catalog
from brainseg.errors import ConfigError
from brainseg.training.foreground import Watch, train_to_end
from brainseg.training.planning import new_run, open_data
from brainseg.training.recipes import RunConfig, recipe
from brainseg.types import ARCHITECTURES, RunStatus

PROTOCOLS = ("patient", "cross-validation", "document")
TRAINED_FOLDS = (0, 1, 2)
REPORTED_FOLD = 3
OF_SIZE = ("size", "base", "depth", "epochs", "batch_size", "precision", "threads", "seed")
LEAK = ("reference-by-slice", "reference-by-patient")  # of ``document``: they differ in the split
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRun:
    """One training run of a protocol: ``name`` is its folder, ``arm`` what it shares with others.

    Of its test slices those of ``fold`` are reported, and those of no known fold; all of them
    where that is None.
    """

    name: str
    arm: str
    config: RunConfig
    fold: int | None = None


def plan(
    protocol: str,
    data: Path,
    *,
    tumour_free: Path | None = None,
    networks: Sequence[str] = ARCHITECTURES,
    settings: Mapping[str, Any] | None = None,
) -> list[PlannedRun]:
    """Return the runs of a protocol.

    Args:
        protocol: one of ``PROTOCOLS``.
        data: the dataset folder.
        tumour_free: folder of tumour-free slices to add; not for ``document``, whose source had
            none.
        networks: which architectures.
        settings: hyper-parameters that replace those of the recipes, such as ``epochs``; of
            ``document``, which compares two recipes as they are, only those in ``OF_SIZE``.

    Raises:
        ConfigError: unknown protocol or setting, or the data cannot serve it.
        DataError: the folder is no dataset.
    """
    opened = open_data(data, tumour_free)
    folds = sorted({s.fold for s in opened[0].with_truth if s.fold is not None})
    common = {"data": str(data.resolve()), **(settings or {})}
    if tumour_free is not None:
        common["tumour_free"] = str(tumour_free.resolve())
    if protocol == "patient":
        return [_by_patient(network, "reference", folds, common) for network in networks]
    if protocol == "cross-validation":
        return _cross_validation(networks, folds, common)
    if protocol == "document":
        if tumour_free is not None:
            raise ConfigError(
                "the document protocol repeats a source without tumour-free slices: leave out "
                "--tumour-free"
            )
        other = ", ".join(sorted(set(settings or {}) - set(OF_SIZE)))
        if other:
            raise ConfigError(
                f"the document protocol compares two recipes as they are; {other} would be the "
                f"same in both. What may change is {', '.join(OF_SIZE)}"
            )
        return _document(networks, folds, common)
    raise ConfigError(f"no protocol is called {protocol!r}; choose one of {', '.join(PROTOCOLS)}")


def _by_patient(
    network: str, arm: str, folds: Sequence[int], common: Mapping[str, Any]
) -> PlannedRun:
    """Train on folds 0-2 and report fold 3; where there is no fold 3, on all but the last.

    Folds beyond 3 are kept out of training, so that the run says the same of a folder with them.
    """
    fold = REPORTED_FOLD if REPORTED_FOLD in folds else max(folds, default=None)
    unseen = [f for f in folds if f == fold or f not in TRAINED_FOLDS]
    config = recipe(
        "reference", model=network, split_unit="patient", test_folds=unseen or [REPORTED_FOLD],
        **common,
    )  # fmt: skip
    name = network if arm == "reference" else f"{network}-{arm}"
    return PlannedRun(name=name, arm=arm, config=config, fold=fold)


def _cross_validation(
    networks: Sequence[str], folds: Sequence[int], common: Mapping[str, Any]
) -> list[PlannedRun]:
    if len(folds) < 2:
        raise ConfigError(
            f"cross-validation needs at least two patient folds and the data have {len(folds)}: "
            "give their patients.csv a column fold with numbers from 0"
        )
    return [
        PlannedRun(
            name=f"{network}-fold{fold}",
            arm=f"fold {fold}",
            config=recipe(
                "reference", model=network, split_unit="patient", test_folds=[fold], **common
            ),
        )
        for fold in folds
        for network in networks
    ]


def _document(
    networks: Sequence[str], folds: Sequence[int], common: Mapping[str, Any]
) -> list[PlannedRun]:
    """Plan three arms: both recipes on one split of slices, and ours on patients never seen."""
    leaking = {"split_unit": "slice", "val_is_test": True}
    planned = []
    for network in networks:
        for name in ("document", "reference"):
            config = recipe(name, model=network, **leaking, **common)
            arm = f"{name}-by-slice"
            planned.append(PlannedRun(name=f"{network}-{arm}", arm=arm, config=config))
        planned.append(_by_patient(network, "reference-by-patient", folds, common))
    return planned


def check_folders(planned: Sequence[PlannedRun], out: Path) -> None:
    """See that what already lies under ``out`` belongs to this plan.

    Raises:
        ConfigError: a run there was made with other settings.
    """
    for one in planned:
        run = out / one.name
        if not (run / "config.json").exists():
            continue
        there, wanted = runs.config(run).to_dict(), one.config.to_dict()
        other = [name for name in wanted if there[name] != wanted[name]]
        if other:
            told = ", ".join(f"{name} {there[name]} (now {wanted[name]})" for name in other)
            raise ConfigError(
                f"{run} was made with {told}: give the same settings to go on, or another --out"
            )


def train(one: PlannedRun, out: Path, tell: Tell, watch: Watch = lambda status: None) -> Path:
    """Train a planned run to its end, from where it stands, and return its folder.

    ``tell`` is called with a line of words when something changed, ``watch`` about twice a second.

    Raises:
        RunError: it failed, or somebody stopped it.
    """
    run = out / one.name
    if not (run / "config.json").exists():
        new_run(one.config, run)
    if runs.status(run).state == "finished":
        tell(f"{one.name}: finished before")
        return run
    said: list[str] = []

    def follow(status: RunStatus) -> None:
        watch(status)
        best = f", best validation Dice {status.best_dice:.4f}" if status.best_dice else ""
        words = f"{one.name}: {status.state}, epoch {status.epoch} of {status.epochs}{best}"
        if words not in said[-1:]:
            said.append(words)
            tell(words)

    train_to_end(run, follow)
    return run


def reported_numbers(one: PlannedRun, run: Path, opened: Sequence[Catalog]) -> tuple[int, ...]:
    """Return the test slices of a run that its protocol reports on."""
    fold_of = {sample.number: sample.fold for catalog in opened for sample in catalog.samples}
    test = runs.split(run).test
    return tuple(n for n in test if one.fold is None or fold_of.get(n) in (one.fold, None))
