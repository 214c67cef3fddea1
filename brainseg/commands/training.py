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
from brainseg.training import process
from brainseg.training.recipes import RunConfig, recipe
from brainseg.types import RunStatus

_SETTINGS = set(RunConfig.__dataclass_fields__) - {"model", "data", "recipe", "schema"}


def _settings(options: Namespace) -> dict[str, Any]:
    given = {name: getattr(options, name, None) for name in _SETTINGS}
    settings = {name: value for name, value in given.items() if value is not None}
    if settings.get("tumour_free"):
        settings["tumour_free"] = str(Path(settings["tumour_free"]).resolve())
    return settings


def train(options: Namespace) -> int:
    """Train in this terminal, or in the background."""
    run = _run_to_train(options)
    if options.background:
        pid = process.resume(run) if options.resume else process.start(run)
        print(f"{run.name} (pid {pid})")
        return 0
    if options.resume and runs.status(run).state == "finished":
        raise RunError(f"run {run.name} has finished; start a new one to train longer")
    print(f"run folder {run}")
    (run / "stop").unlink(missing_ok=True)
    from brainseg.training import worker

    return worker.work(run)


def _run_to_train(options: Namespace) -> Path:
    if options.resume:
        if not options.folder:
            raise ConfigError("--resume needs --run DIR: which run shall go on?")
        return runs.find(options.folder)
    if not options.data or not options.model:
        raise ConfigError("train needs --data DIR and --model unet|resunet")
    data = str(Path(options.data).resolve())
    config = recipe(options.recipe, model=options.model, data=data, **_settings(options))
    folder = Path(options.folder) if options.folder else None
    if folder is not None and (folder / "config.json").exists():
        raise RunError(f"{folder} already holds a run; add --resume to go on with it")
    from brainseg.training.planning import new_run

    return new_run(config, folder)


def list_or_change_runs(options: Namespace) -> int:
    """``runs list|show|stop|resume``."""
    if options.action == "list":
        found = runs.list_runs()
        if options.json:
            print_json([asdict(one) for one in found])
        for one in () if options.json else found:
            print(_run_line(one))
        return 0
    run = runs.find(options.folder)
    if options.action == "show":
        _show(run, as_json=options.json)
    elif options.action == "stop":
        if not runs.is_locked(run):
            raise RunError(f"run {run.name} is not being worked on")
        runs.request_stop(run)
        print(f"{run.name}: stopping after this batch")
    else:
        print(f"{run.name}: resumed (pid {process.resume(run)})")
    return 0


def _run_line(one: RunStatus) -> str:
    best = f"best val Dice {one.best_dice:.4f} at {one.best_epoch}" if one.best_dice else ""
    return f"{one.run_id}  {one.state:<9} epoch {one.epoch}/{one.epochs}  {best}".rstrip()


def _show(run: Path, *, as_json: bool) -> None:
    status, history = runs.status(run), runs.history(run)
    if as_json:
        print_json(
            {
                "status": asdict(status),
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
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from brainseg.architecture import describe

    layers = describe(options.model, size=options.size, base=options.base, depth=options.depth)
    if options.json:
        print_json(layers)
    for layer in () if options.json else layers:
        print(f"{layer['name']:<24}{layer['kind']:<20}{layer['shape']!s:<20}{layer['parameters']}")
    return 0
