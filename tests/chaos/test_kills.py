"""F1, F3, F6: the worker is killed or asked to stop at any moment of its life."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import psutil
import pytest

from brainseg import runs
from brainseg.training import checkpoint, process
from tests.chaos.tools import MakeRun, Tell, assert_whole, epochs_of, wait


def _state(run: Path) -> str:
    return runs.status(run).state


def _life(full: bool, draw: random.Random) -> list[str]:
    """Return when each kill comes; most while it starts, which is the longest part of a life."""
    if not full:
        return ["trains"]
    early, late = ["starts"] * 60 + ["trains"] * 9, ["starts"] * 15 + ["ends"] * 15
    draw.shuffle(early)
    draw.shuffle(late)
    return ["trains", *early, *late]


def _wait_for(moment: str, run: Path) -> float:
    """Wait until this part of a life begins, or the last one; return how long it took."""
    before = len(epochs_of(run))
    begun = {
        "starts": lambda: True,
        "trains": lambda: _doing(run) == "ends" or len(epochs_of(run)) > before,
        "ends": lambda: _doing(run) == "ends",
    }
    return wait(begun[moment], what=lambda: runs.log_tail(run))


def _doing(run: Path) -> str:
    """Return the part of its life in which the run is, from the last line of its log."""
    last = runs.events(run)[-1]
    words = {"epoch": "trains", "facts": "compiles", "restored": "compiles", runs.FINISHING: "ends"}
    doing = last.get("text") or last.get("state") or last["kind"]
    return words.get(doing, doing)


def _kill(supervisor: int, *, alone: bool) -> None:
    """Kill the worker ``alone``, as when memory runs out, or all at once, as a power cut does."""
    workers = []
    with contextlib.suppress(psutil.NoSuchProcess):
        workers = psutil.Process(supervisor).children()
    with contextlib.suppress(ProcessLookupError):
        if alone and workers:
            os.kill(workers[0].pid, signal.SIGKILL)
        else:
            os.killpg(supervisor, signal.SIGKILL)


def test_f1_a_run_killed_at_random_moments_always_goes_on(
    make_run: MakeRun, tell: Tell, full: bool
) -> None:
    draw, hit = random.Random(1), Counter[str]()
    spans = {"trains": 0.6, "ends": 0.8}  # seconds within which the kill is drawn
    life = _life(full, draw)
    tried = f"SIGKILL at {len(life)} random moments of a life"
    row = tell("F1", tried, "all resume, 0 corrupt, 0 epochs lost, finished")
    run = make_run(epochs=150 if full else 8)
    for number, moment in enumerate(life):
        if _state(run) == "finished":  # the kill came after its last word
            run = make_run(epochs=2)
        before = len(epochs_of(run))
        supervisor = process.resume(run)
        took = _wait_for(moment, run)
        spans.setdefault("starts", took)  # the first life measures it
        deadline = time.monotonic() + draw.uniform(0, spans[moment])
        while time.monotonic() < deadline and (moment == "ends" or _doing(run) != "ends"):
            time.sleep(0.01)
        hit[_doing(run)] += 1
        _kill(supervisor, alone=number % 3 > 0)
        wait(lambda run=run: _state(run) in ("failed", "lost", "finished"), 20)
        logged = epochs_of(run)
        counts = (f"{count} '{doing}'" for doing, count in hit.items())
        row.seen = f"{number + 1} kills: {', '.join(counts)}"
        assert logged == list(range(1, len(logged) + 1))
        assert len(logged) >= before
        assert _next_epoch(run) in (len(logged) + 1, len(logged) + 2)  # before the log, or after
    if _state(run) != "finished":
        process.resume(run)
        wait(lambda: not runs.is_locked(run))
    assert_whole(run)


def _next_epoch(run: Path) -> int:
    """Return the epoch with which a resume begins."""
    folder = run / "checkpoint"
    return checkpoint.load(folder)[1]["epoch"] if checkpoint.exists(folder) else 1


def test_f3_a_stop_saves_and_leaves_with_0(make_run: MakeRun, tell: Tell, full: bool) -> None:
    ways = ["now", "SIGTERM to the terminal's process", "epoch", "SIGTERM to the worker"]
    ways = ways * 5 if full else ways[:2]
    row = tell("F3", f"{len(ways)} stops: button (both), SIGTERM", "stopped within 10 s, exit 0")
    run, slowest = make_run(), 0.0
    for done, way in enumerate(ways, start=1):
        before = len(epochs_of(run))
        command = [sys.executable, "-m", "brainseg", "train", "--resume", "--run", str(run)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as terminal:
            wait(lambda before=before: len(epochs_of(run)) > before)
            begun = time.monotonic()
            if way.startswith("SIGTERM"):
                to_worker = way.endswith("worker")
                os.kill(runs.process_of(run).pid if to_worker else terminal.pid, signal.SIGTERM)
            else:
                runs.request_stop(run, now=way == "now")
            wait(lambda: _state(run) == "stopped", 10 if full else 60, way)
            slowest = max(slowest, time.monotonic() - begun)
            assert terminal.wait(60) == 0, way
        assert not (run / "stop").exists()
        checkpoint.load(run / "checkpoint")
        row.seen = f"{done} stopped with exit 0, slowest {slowest:.1f} s"
    logged = epochs_of(run)
    assert logged == list(range(1, len(logged) + 1))


@pytest.mark.parametrize("fault", ["kill-batch:7", "no-memory:7"])
def test_f6_out_of_memory_in_batch_7_is_named(
    make_run: MakeRun, tell: Tell, full: bool, fault: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    if not full and fault == "no-memory:7":
        pytest.skip("the short form keeps the kill; `make chaos` runs both")
    row = tell("F6", f"{fault} in the worker", "failed, out of memory in 10 s; checkpoint valid")
    monkeypatch.setenv("BRAINSEG_FAULT", fault)
    monkeypatch.setenv("BRAINSEG_FAULT_NOTES", str(tmp_path / "at"))
    run = make_run()
    process.start(run)
    wait(lambda: _state(run) not in ("queued", "running"))
    seconds = time.monotonic() - float((tmp_path / "at").read_text())
    status = runs.status(run)
    row.seen = f"{status.state} after {seconds:.1f} s: {status.reason}"
    assert status.state == "failed"
    assert "out of memory" in str(status.reason)
    assert seconds <= (10 if full else 60)
    arrays, _ = checkpoint.load(run / "checkpoint")
    assert all(np.isfinite(array).all() for array in arrays.values())
