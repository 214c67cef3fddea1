"""The process that trains one run, started by the supervisor, which gave it the run's lock.

It leaves with 0 when it finished or was asked to stop, and records why where it fails: with 2 where
that is the user's to mend, else with 1.
"""

from __future__ import annotations

import errno
import io
import os
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from brainseg import files, liveness, runs
from brainseg.errors import BrainsegError
from brainseg.training.recipes import RunConfig
from brainseg.training.supervisor import record, stop_on_signals, stopped_by

if TYPE_CHECKING:
    from brainseg.training.fit import Data, Trainer
    from brainseg.training.reporter import Reporter

_RESERVE_BYTES = 1 << 16  # room for the last word on a full disk
_MEMORY_ERRORS = ("MemoryError", "ResourceExhaustedError", "OutOfMemoryError")  # NumPy, TF, PyTorch


def work(run: Path) -> int:
    """Train ``run`` to its end or to a stop and return the exit status."""
    stop_on_signals(run)
    try:
        _keep_log(run)
        me = liveness.identify(os.getpid())
        files.write_json(run / "process.json", me.to_dict() if me else {})
        (run / ".reserve").write_bytes(bytes(_RESERVE_BYTES))
        done = _train(run)
    except BrainsegError as error:  # the sentence says it all
        record(run, "failed", _reason(error))
        return 2
    except Exception as error:
        with suppress(OSError):
            traceback.print_exc()
        record(run, "failed", _reason(error))
        return 1
    if not done:
        record(run, "stopped", stopped_by(run))
    with suppress(OSError):
        (run / ".reserve").unlink(missing_ok=True)
    return 0


class _Both(io.TextIOBase):
    """Text to the terminal and to the log; that one of them has gone is no reason to end."""

    def __init__(self, terminal: TextIO, log: TextIO) -> None:
        self._terminal, self._log = terminal, log

    def write(self, text: str) -> int:
        with suppress(OSError):
            self._terminal.write(text)
        with suppress(OSError):
            self._log.write(text)
        return len(text)

    def flush(self) -> None:
        for one in (self._terminal, self._log):
            with suppress(OSError):
                one.flush()


def _keep_log(run: Path) -> None:
    """Write ``worker.log`` in the foreground, too; in the background all goes there already."""
    log = (run / "worker.log").open("a", encoding="utf-8", buffering=1)
    if os.path.samestat(os.fstat(log.fileno()), os.fstat(1)):
        log.close()
        return
    sys.stdout, sys.stderr = _Both(sys.stdout, log), _Both(sys.stderr, log)


def _reason(error: Exception) -> str:
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    if full or os.strerror(errno.ENOSPC) in str(error):  # a library's own error names it so
        return f"disk full: {error}"
    if isinstance(error, BrainsegError):
        return str(error)
    kind = type(error).__name__
    if kind in _MEMORY_ERRORS or "RESOURCE_EXHAUSTED" in str(error):
        return f"out of memory ({kind}): a smaller batch, size or base needs less"
    return f"failed with exit code 1: {kind}: {error}"


def _train(run: Path) -> bool:
    """Train, export and measure; return False where the run was asked to stop first."""
    config = runs.config(run)
    from brainseg.training import devices
    from brainseg.training.reporter import Reporter, StopNowError

    reporter = Reporter(run, config.model)
    reporter.beat()  # before "running": the heartbeat of an earlier life is stale
    reporter.state("running")
    reporter.phase(runs.STARTING[0])  # seconds to a minute; one that hangs falls silent
    devices.prepare(config.threads)
    try:
        return _train_and_finish(run, config, reporter)
    except StopNowError:  # before the first batch or after the last: nothing new to save
        return False


def _train_and_finish(run: Path, config: RunConfig, reporter: Reporter) -> bool:
    from brainseg.training import checkpoint
    from brainseg.training.fit import Trainer
    from brainseg.training.prepare import load_data, start_weights

    reporter.phase(runs.STARTING[1])
    prepared = load_data(config, runs.split(run), progress=lambda *_: reporter.breathe())
    reporter.transposed = prepared.transposed
    if config.tensorboard:
        from brainseg.training.tensorboard import EventFile

        reporter.also = EventFile(run / "tensorboard").epoch
    trainer = Trainer(config, run / "checkpoint", reporter)
    if checkpoint.exists(trainer.folder):
        trainer.restore()
        print(f"resuming at epoch {trainer.progress.epoch}, batch {trainer.progress.batch}")
    elif config.initial:
        start_weights(trainer.model, config.initial)
        trainer.average.reset()
    reporter.facts(_facts(trainer))
    if not trainer.fit(prepared.data):
        return False
    _finish(run, trainer, reporter, prepared.data)
    return True


def _facts(trainer: Trainer) -> dict[str, object]:
    import keras

    from brainseg.training import devices

    return {
        "parameters": trainer.model.count_params(),
        "backend": keras.backend.backend(),
        "keras": keras.__version__,
        "device": devices.describe(mirrored=trainer.config.mirrored),
    }


def _finish(run: Path, trainer: Trainer, reporter: Reporter, data: Data) -> None:
    from brainseg import evaluate
    from brainseg.training import finish

    reporter.phase(runs.FINISHING)
    finish.export_best(run, trainer.model, data)
    reporter.breathe()
    result = evaluate.evaluate_run(run, progress=lambda *_: reporter.breathe())
    runs.write_evaluation(run / "result.json", result)
    reporter.state("finished")


def main() -> int:
    """Train the run folder named on the command line."""
    if len(sys.argv) != 2 or not runs.is_locked(Path(sys.argv[1])):
        print("use `python -m brainseg train --run DIR --resume`: it takes the run's lock first")
        return 2
    return work(Path(sys.argv[1]))


if __name__ == "__main__":
    sys.exit(main())
