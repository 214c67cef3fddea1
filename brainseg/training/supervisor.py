"""The light process beside every worker: ``python -m brainseg.training.supervisor``.

It waits for the run's turn without a backend in memory, starts the worker, and writes down how the
worker ended where that could not do it itself. The worker shares the locks, so that a killed
supervisor costs the account of the end and nothing else.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from brainseg import liveness, runs
from brainseg.errors import RunError
from brainseg.training import queue
from brainseg.training.process import Claim

_PAUSE_SECONDS = 0.3
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def stop_on_signals(run: Path) -> None:
    """Make the signals that end a process ask for a stop that saves first."""

    def ask(number: int, _: object) -> None:
        with suppress(OSError):
            (run / "stop").write_text(signal.Signals(number).name)

    for number in _SIGNALS:
        signal.signal(number, ask)


def record(run: Path, state: str, reason: str) -> None:
    """Append a change of state; with a full disk, in the room that was kept for it."""
    with suppress(OSError):  # a folder that cannot be written may still have a log that can
        (run / ".reserve").unlink(missing_ok=True)
    event = {"kind": "state", "state": state, "reason": reason, "time": time.time()}
    with suppress(OSError):
        runs.mend_log(run)  # a worker may have ended within a line
        runs.append_event(run, event)
        print(f"{state}: {reason}", flush=True)


def supervise(claimed: Claim) -> int:
    """Wait for its devices, train, and return the exit status.

    0 finished or stopped, 2 failed for a reason that is the user's to mend, 1 failed otherwise.
    """
    run = claimed.run
    stop_on_signals(run)
    try:
        devices = queue.wait(
            claimed.ticket, pause=lambda: _asked_to_stop(run), every=runs.config(run).mirrored
        )
        if not devices:
            record(run, "stopped", f"{stopped_by(run)} while it waited")
            return 0
        return _train(claimed, devices)
    finally:
        with suppress(OSError):
            for left in ("stop", ".reserve"):
                (run / left).unlink(missing_ok=True)
        os.close(claimed.lock)


def stopped_by(run: Path) -> str:
    """Return who asked for the stop, in words."""
    wish = runs.stop_wish(run)
    by_you = wish in (None, runs.NOW, runs.EPOCH, "SIGINT")
    return "stopped by you" if by_you else f"stopped by signal {wish}"


def _asked_to_stop(run: Path) -> bool:
    time.sleep(_PAUSE_SECONDS)
    return runs.stop_wish(run) is not None


def _train(claimed: Claim, devices: Sequence[queue.Device]) -> int:
    run, before = claimed.run, _out_of_memory_kills()
    try:
        worker = subprocess.Popen(
            [sys.executable, "-m", "brainseg.training.worker", str(run)],
            stdin=subprocess.DEVNULL,
            pass_fds=(claimed.lock, *(device.handle for device in devices)),
            env=os.environ | _only(devices),
        )
    except OSError as error:
        record(run, "failed", liveness.not_started(error))
        return 1
    finally:
        for device in devices:
            os.close(device.handle)
    code = worker.wait()
    state = _last_state(run)
    if state in ("queued", "running"):
        if -code in _SIGNALS and runs.stop_wish(run) is not None:  # before it could listen to them
            record(run, "stopped", stopped_by(run))
            return 0
        record(run, "failed", _how_it_ended(code, before))
        return 1
    if state in ("finished", "stopped"):
        return 0
    return 2 if code == 2 else 1


def _last_state(run: Path) -> str:
    """Return the newest state in the log, "running" where that has gone."""
    known = ["running"]
    with suppress(RunError):
        known += [event["state"] for event in runs.events(run) if event["kind"] == "state"]
    return known[-1]


def _only(devices: Sequence[queue.Device]) -> Mapping[str, str]:
    """Return the environment in which the worker sees its own GPUs and no other."""
    names = [device.name.partition("-") for device in devices]
    numbers = [number for kind, _, number in names if kind == "gpu"]
    return {"CUDA_VISIBLE_DEVICES": ",".join(numbers)} if numbers else {}


def _how_it_ended(code: int, kills_before: int | None) -> str:
    if code >= 0:
        return f"failed with exit code {code}"
    if code != -signal.SIGKILL:
        return f"killed (signal {-code}, {signal.Signals(-code).name})"
    kills = _out_of_memory_kills()
    certain = kills is not None and kills_before is not None and kills > kills_before
    return f"killed (signal 9), {'' if certain else 'by hand or likely '}out of memory"


def _out_of_memory_kills() -> int | None:
    """Return how many processes the kernel has killed for memory, or None where it does not say."""
    with suppress(OSError, ValueError, IndexError):
        counts = Path("/proc/vmstat").read_text().split("\noom_kill ")
        return int(counts[1].split()[0])
    return None


def main() -> int:
    """Supervise the run that :func:`process.start` claimed for us."""
    run, ticket, *handles = sys.argv[1:]
    lock, place = map(int, handles)
    for handle in (lock, place):
        os.set_inheritable(handle, False)
    held = queue.Ticket(path=Path(ticket), handle=place)
    return supervise(Claim(run=Path(run), lock=lock, ticket=held))


if __name__ == "__main__":
    sys.exit(main())
