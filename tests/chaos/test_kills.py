"""F1, F2, F3, F6: the worker is killed or asked to stop at any moment."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from brainseg import runs
from brainseg.training import checkpoint, process
from tests.chaos.tools import WRITER, MakeRun, Tell, epochs_of, python, wait


def _state(run: Path) -> str:
    return runs.status(run).state


def test_f1_a_run_killed_at_random_moments_always_goes_on(
    make_run: MakeRun, tell: Tell, full: bool
) -> None:
    kills, draw, corrupt, worst = 100 if full else 2, random.Random(1), 0, 0
    run = make_run()
    states: dict[str, int] = {}
    for kill in range(kills):
        before = len(epochs_of(run))
        pid = process.start(run) if kill == 0 else process.resume(run)
        wait(lambda before=before: len(epochs_of(run)) > before, what=runs.log_tail)
        time.sleep(draw.uniform(0, 1.0))
        if kill % 3:  # the worker alone, as the kernel does when memory runs out
            os.kill(runs.process_of(run).pid, signal.SIGKILL)
        else:  # everything at once, as a power cut does
            os.killpg(pid, signal.SIGKILL)
        wait(lambda: _state(run) in ("failed", "lost"), 20)
        states[_state(run)] = states.get(_state(run), 0) + 1
        logged = epochs_of(run)
        corrupt += logged != list(range(1, len(logged) + 1))
        _, state = checkpoint.load(run / "checkpoint")
        worst = max(worst, logged[-1] + 1 - state["epoch"])
    before = len(epochs_of(run))
    process.resume(run)
    wait(lambda: len(epochs_of(run)) > before, what=runs.log_tail)  # after the last kill, too
    assert epochs_of(run) == list(range(1, len(epochs_of(run)) + 1))
    seen = f"{kills} resumed, {corrupt} corrupt, worst {worst} finished epochs lost, {states}"
    tell("F1", f"SIGKILL at {kills} random moments", "all resume, 0 corrupt, <= 1 epoch lost", seen)
    assert corrupt == 0
    assert worst <= 0  # what is lost is the unfinished epoch alone


def test_f2_a_kill_inside_any_write_leaves_a_checkpoint_and_no_litter(
    tmp_path: Path, tell: Tell, full: bool
) -> None:
    count = tmp_path / "count"
    (tmp_path / "whole").mkdir()
    armed = {"BRAINSEG_FAULT_IN": "writer.py", "BRAINSEG_FAULT_COUNT": str(count)}
    python(WRITER, tmp_path / "whole", 3, BRAINSEG_FAULT="count-writes:0", **armed)
    operations = int(count.read_text())
    moments = range(1, operations + 1)
    for moment in moments if full else moments[:: max(1, operations // 12)]:
        run = tmp_path / str(moment)
        run.mkdir()
        killed = python(WRITER, run, 3, BRAINSEG_FAULT=f"kill-write:{moment}", **armed)
        assert killed.returncode == -signal.SIGKILL, (moment, killed)
        logged = epochs_of(run)
        if checkpoint.exists(run / "checkpoint"):
            arrays, state = checkpoint.load(run / "checkpoint")
            assert (arrays["model/000"] == state["epoch"]).all(), moment
            assert state["epoch"] in (len(logged), len(logged) + 1), moment
        else:
            assert not logged, moment
        again = python(WRITER, run, 4)
        assert again.returncode == 0, (moment, again.stderr)
        assert epochs_of(run) == [1, 2, 3, 4], moment
        assert not list(run.rglob("*.tmp")), moment
        shutil.rmtree(run)
    tried = len(moments if full else moments[:: max(1, operations // 12)])
    tell(
        "F2",
        f"SIGKILL inside {tried} of the {operations} disk operations of 3 epochs",
        "previous checkpoint loads, no litter, no gap",
        f"{tried} of {tried} so",
    )


def test_f3_a_stop_saves_and_leaves_with_0(make_run: MakeRun, tell: Tell, full: bool) -> None:
    ways = ["now", "SIGTERM to the terminal's process", "epoch", "SIGTERM to the worker"]
    run, slowest = make_run(), 0.0
    for way in ways * 5 if full else ways[:2]:
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
    logged = epochs_of(run)
    assert logged == list(range(1, len(logged) + 1))
    count = len(ways) * 5 if full else 2
    seen = f"{count} of {count} stopped with exit 0, slowest {slowest:.1f} s"
    tell("F3", f"{count} stops: button (both), SIGTERM", "stopped within 10 s, exit 0", seen)


@pytest.mark.parametrize("fault", ["kill-batch:7", "no-memory:7"])
def test_f6_out_of_memory_in_batch_7_is_named(
    make_run: MakeRun, tell: Tell, full: bool, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not full and fault == "no-memory:7":
        pytest.skip("the short form keeps the kill; `make chaos` runs both")
    monkeypatch.setenv("BRAINSEG_FAULT", fault)
    run = make_run()
    process.start(run)
    wait(lambda: _state(run) not in ("queued", "running"))
    status = runs.status(run)
    assert status.state == "failed"
    assert "out of memory" in str(status.reason)
    arrays, _ = checkpoint.load(run / "checkpoint")
    assert all(np.isfinite(array).all() for array in arrays.values())
    tell("F6", f"{fault} in the worker", "failed, out of memory; checkpoint valid", status.reason)
