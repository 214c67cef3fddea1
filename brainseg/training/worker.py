"""The process that trains one run: ``python -m brainseg.training.worker RUN``.

It holds ``flock`` on the run's ``lock`` for life, waits its turn for the device, trains, and
leaves with 0 when it finished or was asked to stop.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from brainseg import paths, runs
from brainseg.errors import BrainsegError, RunError
from brainseg.training.recipes import RunConfig


@contextmanager
def _locked(path: Path, *, wait: bool, stop: Path | None = None) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        deadline = time.monotonic() + (float("inf") if wait else 2.0)
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise RunError(f"{path.parent.name} is already being worked on") from None
                if stop is not None and stop.exists():
                    raise _StoppedError from None
                time.sleep(0.2)
        yield
    finally:
        os.close(handle)


class _StoppedError(Exception):
    """The user stopped a run that was waiting for the device."""


def _record(run: Path, state: str, reason: str) -> None:
    event = {"kind": "state", "state": state, "reason": reason, "time": time.time()}
    runs.append_event(run, event)


def work(run: Path) -> int:
    """Train ``run`` to its end or to a stop and return the exit status."""
    stop = run / "stop"
    signal.signal(signal.SIGTERM, lambda *_: stop.touch())
    signal.signal(signal.SIGINT, lambda *_: stop.touch())
    try:
        with _locked(run / "lock", wait=False):
            runs.mend_log(run)
            try:
                with _locked(paths.runs() / ".device.lock", wait=True, stop=stop):
                    return _train(run)
            except _StoppedError:
                _record(run, "stopped", "stopped by you while it waited")
                return 0
            except Exception as error:
                traceback.print_exc()
                _record(run, "failed", _reason(error))
                return 1
            finally:
                stop.unlink(missing_ok=True)
    except RunError as error:
        print(error, file=sys.stderr)
        return 2


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno == 28:
        return f"disk full: {error}"
    if isinstance(error, BrainsegError):
        return str(error)
    return f"{type(error).__name__}: {error}"


def _train(run: Path) -> int:
    config = runs.config(run)
    from brainseg.training import devices

    devices.prepare(config.threads)
    from brainseg.training import checkpoint
    from brainseg.training.fit import Trainer
    from brainseg.training.prepare import load_data, start_weights
    from brainseg.training.reporter import Reporter

    prepared = load_data(config, runs.split(run))
    reporter = Reporter(run, config.model, transposed=prepared.transposed)
    reporter.beat()
    reporter.state("running")
    trainer = Trainer(config, run / "checkpoint", reporter)
    if checkpoint.exists(trainer.folder):
        trainer.restore()
        print(f"resuming at epoch {trainer.progress.epoch}, batch {trainer.progress.batch}")
    elif config.initial:
        start_weights(trainer.model, config.initial)
        trainer.average.reset()
    reporter.facts(_facts(trainer))
    if not trainer.fit(prepared.data):
        reporter.state("stopped", "stopped by you")
        return 0
    _finish(run, config, trainer, reporter)
    return 0


def _facts(trainer: Any) -> dict[str, object]:
    import keras

    from brainseg.training import devices

    return {
        "parameters": trainer.model.count_params(),
        "backend": keras.backend.backend(),
        "keras": keras.__version__,
        "device": devices.describe(),
    }


def _finish(run: Path, config: RunConfig, trainer: Any, reporter: Any) -> None:
    from brainseg import evaluate, export

    trainer.load_best()
    export.export_network(
        trainer.model, run / "network", name=run.name, config=config, split=runs.split(run)
    )
    reporter.beat()
    result = evaluate.evaluate_run(run, progress=lambda *_: reporter.beat())
    runs.write_evaluation(run / "result.json", result)
    reporter.state("finished")


def main() -> int:
    """Run the worker of the folder named on the command line."""
    if len(sys.argv) != 2:
        print("usage: python -m brainseg.training.worker RUN", file=sys.stderr)
        return 2
    try:
        return work(runs.find(sys.argv[1]))
    except BrainsegError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
