"""F2: processes are killed in the middle of a write, on every kind of file that a run has."""

from __future__ import annotations

import contextlib
import shutil
import signal
from collections import Counter
from pathlib import Path

import pytest

from brainseg import paths, runs
from brainseg.training import checkpoint, process
from tests.chaos.tools import (
    WRITER,
    MakeRun,
    Tell,
    assert_whole,
    epochs_of,
    python,
    tiny,
    wait,
)


def test_f2_a_kill_inside_any_write_leaves_a_checkpoint_and_no_litter(
    tmp_path: Path, tell: Tell, full: bool
) -> None:
    notes = tmp_path / "notes"
    (tmp_path / "whole").mkdir()
    armed = {"BRAINSEG_FAULT_IN": "writer.py", "BRAINSEG_FAULT_NOTES": str(notes)}
    python(WRITER, tmp_path / "whole", 3, BRAINSEG_FAULT="count-writes:0", **armed)
    operations = len(notes.read_text().splitlines())
    moments = range(1, operations + 1, 1 if full else operations // 6)
    tried = f"SIGKILL inside {len(moments)} of the {operations} disk operations of 3 epochs"
    row = tell("F2", tried, "previous checkpoint loads, no litter, no gap")
    for done, moment in enumerate(moments, start=1):
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
        row.seen = f"{done} of {len(moments)} so"


def _fresh(make_run: MakeRun) -> Path:
    """Make a run with every kind of file, also the arrays of its slices."""
    shutil.rmtree(paths.cache(), ignore_errors=True)
    return make_run(epochs=2, tensorboard=True)


def _train(run: Path) -> None:
    """Resume and wait until no process of the run is left."""
    process.resume(run)
    wait(lambda: not runs.is_locked(run), what=runs.log_tail(run))


def _places(make_run: MakeRun, notes: Path) -> list[tuple[str, int]]:
    """Count the operations of a whole life; return two on every kind of file, spread evenly."""
    _train(_fresh(make_run))
    lines = notes.read_text().splitlines()
    counted = Counter(kind for kind in lines if not kind.startswith("temporary/"))
    notes.unlink()
    thirds = {kind: {(count + 2) // 3, (2 * count + 2) // 3} for kind, count in counted.items()}
    return [(kind, number) for kind, numbers in thirds.items() for number in sorted(numbers)]


def test_f2_the_real_worker_is_killed_inside_its_writes_and_goes_on_to_its_end(
    make_run: MakeRun, tell: Tell, full: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = "resumed to its end; whole, no litter"
    row = tell("F2", "SIGKILL inside the writes of worker and supervisor", expected)
    notes, temporary = tmp_path / "notes", tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setenv("BRAINSEG_FAULT_NOTES", str(notes))
    monkeypatch.setenv("BRAINSEG_FAULT_IN", "brainseg.training.")
    places = [("N-N-unet/process.json", 2), ("network/weights.npz", 20)]
    if full:
        with monkeypatch.context() as counting:
            counting.setenv("BRAINSEG_FAULT", "count-writes:0")
            places = _places(make_run, notes)
    hit = Counter[str]()
    for kind, number in places:
        run = _fresh(make_run)
        with monkeypatch.context() as armed:
            armed.setenv("BRAINSEG_FAULT", f"kill-write:{number}")
            armed.setenv("BRAINSEG_FAULT_FILE", kind)
            _train(run)
        hit[kind] += notes.exists()
        notes.unlink(missing_ok=True)
        if runs.status(run).state != "finished":  # or only its supervisor was killed
            _train(run)
        assert_whole(run)
        assert _steps(run) == {1, 2}, (kind, number)
        assert not list(temporary.glob("tmp*")), (kind, number)
        row.seen = f"{hit.total()} of {len(places)} kills so, on {len(hit)} kinds of file"
    assert all(hit.values()), hit


def _steps(run: Path) -> set[int]:
    """Return the epochs that TensorBoard finds; it reads a file up to where it is torn."""
    import tensorflow as tf
    from tensorflow.core.util.event_pb2 import Event

    steps: set[int] = set()
    for path in (run / "tensorboard").iterdir():
        with contextlib.suppress(tf.errors.DataLossError):
            for record in tf.data.TFRecordDataset(str(path)):
                steps.add(Event.FromString(record.numpy()).step)
    return steps - {0}


def test_f2_a_launch_that_is_killed_inside_a_write_hinders_no_other(
    demo_data: Path, tell: Tell, full: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = tmp_path / "notes"
    row = tell("F2", "SIGKILL inside writes of the launch", "all listed; it and a new one start")
    monkeypatch.setenv("BRAINSEG_FAULT", "stand-in:0")
    config = tiny(demo_data)
    words = ["train", "--data", demo_data, "--model", "unet", "--recipe", "quick", "--background"]

    def launch(fault: str) -> int:
        armed = {"BRAINSEG_FAULT_IN": "--background", "BRAINSEG_FAULT_NOTES": str(notes)}
        return python("-m", "brainseg", *words, BRAINSEG_FAULT=fault, **armed).returncode

    moments: range | tuple[int, ...] = (2, 7)
    if full:
        assert launch("count-writes:0") == 0
        moments = range(1, len(notes.read_text().splitlines()) + 1)
        (counted,) = paths.runs().glob("[0-9]*")
        wait(lambda: runs.process_of(counted) is not None)
        runs.end(counted, runs.process_of(counted))
    for done, moment in enumerate(moments, start=1):
        before = {status.run_id for status in runs.list_runs()}
        assert launch(f"kill-write:{moment}") == -signal.SIGKILL, moment
        new = [runs.find(one.run_id) for one in runs.list_runs() if one.run_id not in before]
        for run in new:
            process.resume(run)
        new.append(process.launch(config))
        for run in new:
            wait(lambda run=run: not runs.is_locked(run))
            assert runs.status(run).state == "finished", moment
            assert not list(run.rglob("*.tmp"))
        row.seen = f"{done} of {len(moments)} so"
