"""Verbs that train, and that look after runs."""

from __future__ import annotations

import os
from argparse import Namespace
from dataclasses import asdict
from pathlib import Path
from typing import Any

from brainseg import runs
from brainseg.commands.console import print_json
from brainseg.errors import ConfigError, RunError
from brainseg.training import checkpoint, lineage, process, supervisor
from brainseg.training.recipes import RunConfig, flag_of, recipe
from brainseg.types import RunStatus

RECIPE = "reference"  # where none is named
_SETTINGS = set(RunConfig.__dataclass_fields__) - {"model", "data", "recipe", "schema"}


def settings_of(options: Namespace) -> dict[str, Any]:
    """Return the hyper-parameters that were given on the command line."""
    given = {name: getattr(options, name, None) for name in _SETTINGS}
    settings = {name: value for name, value in given.items() if value is not None}
    if settings.get("tumour_free"):
        settings["tumour_free"] = str(Path(settings["tumour_free"]).resolve())
    return settings


def configuration(options: Namespace) -> RunConfig:
    """Return the run that the command line describes: recipe, then first weights, then options."""
    name = options.recipe or RECIPE
    start = lineage.settings(name, options.initial) if options.initial else {}
    return recipe(
        name,
        model=options.model,
        data=str(Path(options.data).resolve()),
        **start | settings_of(options),
    )


def train(options: Namespace) -> int:
    """Train in this terminal, or in the background."""
    run = _run_to_train(options)
    if options.resume:
        process.clear_way(run)
        refused = process.moved(run, _places(options))
    else:
        refused = process.gone_if_refused(run)
    with refused:
        if options.background:
            print(f"{run.name} (pid {process.start(run)})")
            return 0
        claimed = process.claim(run)
    print(f"run folder {run}", flush=True)
    return supervisor.supervise(claimed)


def _run_to_train(options: Namespace) -> Path:
    if options.resume:
        if not options.folder:
            raise ConfigError("--resume needs --run DIR: which run shall go on?")
        run = runs.find(options.folder)
        _check_own(run, options)
        return run
    if not options.data or not options.model:
        raise ConfigError("train needs --data DIR and --model unet|resunet")
    config = configuration(options)
    from brainseg.training.planning import new_run

    return new_run(config, Path(options.folder) if options.folder else None)


def _places(options: Namespace) -> dict[str, str]:
    """Return the folders of slices that were given."""
    given = {"data": options.data, "tumour_free": options.tumour_free}
    return {name: str(Path(folder).resolve()) for name, folder in given.items() if folder}


def _check_own(run: Path, options: Namespace) -> None:
    """Refuse settings that a run did not begin with: resumed, it keeps its own.

    Its slices may have been moved, where it can be told that they are the same.
    """
    given = settings_of(options) | {"model": options.model, "recipe": options.recipe}
    given |= _places(options)
    own = runs.config(run).to_dict()
    if checkpoint.exists(run / "checkpoint") and "contents" in runs.facts(run):
        own |= {name: given[name] for name in _places(options) if own[name]}
    others = [name for name, value in given.items() if value not in (None, own[name])]
    if others:
        flags = ", ".join(map(flag_of, others))
        raise ConfigError(
            f"run {run.name} goes on as it began: leave out {flags}, or start a new run"
        )


def list_or_change_runs(options: Namespace) -> int:
    """``runs list|show|stop|resume|label|delete``."""
    if options.action == "list":
        found = runs.list_runs()
        if options.json:
            print_json([asdict(one) for one in found])
        for one in () if options.json else found:
            print(_run_line(one))
        return 0
    _ACTIONS[options.action](runs.find(options.folder), options)
    return 0


def _stop(run: Path, options: Namespace) -> None:
    if not runs.is_locked(run):
        raise RunError(f"run {run.name} is not being worked on")
    runs.request_stop(run, now=not options.after_epoch)
    status = runs.status(run)
    print(f"{run.name}: {status.state}: {status.reason}")


def _resume(run: Path, _: Namespace) -> None:
    print(f"{run.name}: resumed (pid {process.resume(run)})")


def _label(run: Path, options: Namespace) -> None:
    label = runs.set_label(run, title=options.title, note=options.note)
    print(f"{run.name}: {label.title or 'no title'}; {label.note or 'no note'}")


def _delete(run: Path, _: Namespace) -> None:
    runs.delete(run)
    print(f"{run.name}: deleted")


def _run_line(one: RunStatus) -> str:
    known = one.best_dice is not None
    best = f"best val Dice {one.best_dice:.4f} at {one.best_epoch}" if known else ""
    return f"{one.run_id}  {one.state:<9} epoch {one.epoch}/{one.epochs}  {best}".rstrip()


def _show(run: Path, options: Namespace) -> None:
    status, history = runs.status(run), runs.history(run)
    if options.json:
        print_json(
            {
                "status": asdict(status),
                "label": asdict(runs.label(run)),
                "config": runs.config(run).to_dict(),
                "history": [asdict(record) for record in history],
            }
        )
        return
    print(_run_line(status))
    if status.reason:
        print(status.reason)
    for r in history:
        print(
            f"{r.epoch:>5} loss {r.loss:.4f} val {r.val_loss:.4f} dice {r.dice:.4f} "
            f"val {r.val_dice:.4f}{' *' if r.best else ''}"
        )
    for text in status.log_tail:
        print(text)


_ACTIONS = {
    "show": _show,
    "stop": _stop,
    "resume": _resume,
    "label": _label,
    "delete": _delete,
}


def devices(options: Namespace) -> int:
    """List what training can run on."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from brainseg.training import devices as here

    found = here.available()
    if options.json:
        print_json(found)
    for device in () if options.json else found:
        print(f"{device['kind']}: {device['name']}")
    return 0


def architecture(options: Namespace) -> int:
    """Describe a network that was really built."""
    form = {name: getattr(options, name) for name in ("size", "base", "depth", "norm")}
    RunConfig(model=options.model, data="", **form)  # what can be trained can be built
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from brainseg.architecture import describe

    layers = describe(options.model, **form)
    if options.json:
        print_json(layers)
    for layer in () if options.json else layers:
        print(f"{layer['name']:<24}{layer['kind']:<20}{layer['shape']!s:<20}{layer['parameters']}")
    return 0
