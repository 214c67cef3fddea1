"""F7, F11, F12, F13: full disks, damaged files, clocks that jump."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from brainseg import runs
from brainseg.errors import RunError
from brainseg.training import checkpoint, process
from brainseg.training.planning import new_run
from tests.chaos.tools import WRITER, MakeRun, Tell, epochs_of, python, tiny, wait


def test_f7_a_disk_that_fills_up_inside_a_write_costs_no_checkpoint(
    tmp_path: Path, tell: Tell, full: bool
) -> None:
    moments = range(25, 65, 4) if full else (25, 45, 61)
    row = tell("F7", f"ENOSPC in {len(moments)} writes", "previous checkpoint valid, goes on")
    for done, moment in enumerate(moments, start=1):
        run = tmp_path / str(moment)
        run.mkdir()
        armed = {"BRAINSEG_FAULT": f"full-disk:{moment}", "BRAINSEG_FAULT_IN": "writer.py"}
        failed = python(WRITER, run, 9, **armed)
        assert "No space left on device" in failed.stderr, moment
        arrays, state = checkpoint.load(run / "checkpoint")
        assert (arrays["model/000"] == state["epoch"]).all()
        assert python(WRITER, run, 9).returncode == 0
        assert epochs_of(run) == list(range(1, 10)), moment
        assert not list(run.rglob("*.tmp"))
        row.seen = f"{done} of {len(moments)} so"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 280 MB, or a skip that says why."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=280m", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small file system can be mounted by root alone")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_f7_a_full_disk_fails_with_its_name_and_a_resume_goes_on(
    demo_data: Path, small_disk: Path, tell: Tell, full: bool
) -> None:
    if not full:
        pytest.skip("the short form injects ENOSPC; `make chaos` fills a file system")
    row = tell("F7", "a file system of 280 MB filled up twice", "failed: disk full; resumes")
    run = new_run(tiny(demo_data), small_disk / "run")
    for bytes_left in (10**8, 0):
        before = len(epochs_of(run))
        process.start(run)
        wait(lambda before=before: len(epochs_of(run)) > before)
        filler = small_disk / "filler"
        with filler.open("wb") as file, contextlib.suppress(OSError):
            while shutil.disk_usage(small_disk).free > bytes_left:
                file.write(b"x" * 2**18)
                file.flush()
        wait(lambda: runs.status(run).state == "failed", 60)
        assert "disk full" in str(runs.status(run).reason)
        wait(lambda: not runs.is_locked(run), 60)
        checkpoint.load(run / "checkpoint")
        with pytest.raises(RunError, match="disk full"):
            process.start(run)
        filler.unlink()
    process.start(run)
    before = len(epochs_of(run))
    wait(lambda: len(epochs_of(run)) > before)
    runs.request_stop(run, now=True)
    wait(lambda: not runs.is_locked(run), 60)
    row.seen = "so"


def _two_generations(folder: Path) -> Path:
    """Commit epochs 1 and 2 whose weights are their number; return the file of the newer."""
    done = python(WRITER, folder, 2)
    assert done.returncode == 0, done.stderr
    return max((folder / "checkpoint").glob("latest-*.npz"))


def _flipped(path: Path, draw: random.Random) -> None:
    raw = bytearray(path.read_bytes())
    raw[draw.randrange(len(raw))] ^= 1 << draw.randrange(8)
    path.write_bytes(raw)


def test_f11_a_damaged_checkpoint_is_found_and_the_one_before_serves(
    tmp_path: Path, tell: Tell, full: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    newest = _two_generations(tmp_path)
    folder, draw = tmp_path / "checkpoint", random.Random(3)
    pointer = folder / checkpoint.LATEST
    flips = 200 if full else 60
    damages: list[Callable[[], object]] = [
        lambda: newest.write_bytes(newest.read_bytes()[:100]),
        lambda: newest.write_bytes(b""),
        newest.unlink,
        pointer.unlink,
        lambda: pointer.write_bytes(b"\0" * 50),
        lambda: pointer.write_text("[{}]"),
        *[lambda: _flipped(newest, draw)] * flips,
        *[lambda: _flipped(pointer, draw)] * flips,  # one in a space is no damage
    ]
    whole = tmp_path / "whole"
    shutil.copytree(folder, whole)
    row = tell("F11", f"truncated, empty, removed, {2 * flips} bit flips", "falls back, says so")
    said = 0
    for number, damage in enumerate(damages):
        shutil.rmtree(folder)
        shutil.copytree(whole, folder)
        damage()
        arrays, state = checkpoint.load(folder)
        assert state["epoch"] in (1, 2)
        assert (arrays["model/000"] == state["epoch"]).all()
        told = bool(capsys.readouterr().out)
        assert told or number >= len(damages) - flips
        said += told
        row.seen = f"{number + 1} loads, all of whole epochs, {said} said so"


def test_f11_nothing_intact_is_an_error_and_never_a_new_beginning(
    tmp_path: Path, tell: Tell
) -> None:
    row = tell("F11", "every generation broken", "an error, never a new beginning")
    _two_generations(tmp_path)
    for path in (tmp_path / "checkpoint").glob("*.npz"):
        path.write_bytes(b"broken")
    assert checkpoint.exists(tmp_path / "checkpoint")
    with pytest.raises(RunError, match="no intact checkpoint"):
        checkpoint.load(tmp_path / "checkpoint")
    row.seen = "so"


def test_f12_a_torn_log_keeps_every_complete_record(make_run: MakeRun, tell: Tell) -> None:
    row = tell("F12", "half line, NULs, duplicates at the end of the log", "complete records kept")
    run = make_run()
    python(WRITER, run, 4)
    whole = (run / "events.jsonl").read_bytes()
    line = whole.splitlines(keepends=True)[-1]
    wounds = {
        "half a line": line[:-20],
        "NULs": b"\0" * 300,
        "NULs and a line": b"\0" * 300 + b"\n" + line,
        "a duplicate": line + line,
        "not an event": b"7\n[]\n{}\nnull\n",
        "not UTF-8": b"\xff\xfe\n",
    }
    for name, wound in wounds.items():
        (run / "events.jsonl").write_bytes(whole + wound)
        assert [record.epoch for record in runs.history(run)] == [1, 2, 3, 4], name
        assert runs.status(run).epoch == 4
        runs.append_event(run, {"kind": "phase", "text": "after", "time": 2.0})
        assert runs.events(run)[-1]["text"] == "after", name
    row.seen = f"{len(wounds)} of {len(wounds)} kept 4 records and the next line"


@pytest.mark.parametrize(("fault", "hour"), [("clock-back", -3600.0), ("clock-forward", 3600.0)])
def test_f13_a_clock_set_an_hour_apart_loses_no_run_and_gives_no_odd_duration(
    make_run: MakeRun, tell: Tell, full: bool, monkeypatch: pytest.MonkeyPatch, fault: str,
    hour: float,
) -> None:  # fmt: skip
    if not full and hour > 0:
        pytest.skip("the short form sets it back; `make chaos` forward, too")
    row = tell("F13", f"{fault}: an hour, in batch 4", "still running, durations as without")
    monkeypatch.setenv("BRAINSEG_FAULT", f"{fault}:4")
    run = make_run(epochs=4)
    begun = time.monotonic()
    process.start(run)
    honest, states = time.time, Counter[str]()

    def over() -> bool:
        """Look at the run as a server does whose clock is set, or not yet."""
        for shift in (0.0, hour):
            monkeypatch.setattr(time, "time", lambda shift=shift: honest() + shift)
            states[runs.status(run).state] += 1
        return not runs.is_locked(run)

    wait(over)
    took = time.monotonic() - begun
    monkeypatch.setattr(time, "time", honest)
    status, records = runs.status(run), runs.history(run)
    elapsed = [0.0, *(record.elapsed for record in records)]
    row.seen = f"{dict(states)}; {elapsed[-1]:.1f} s trained in {took:.1f} s"
    assert set(states) <= {"queued", "running", "finished"}
    assert status.state == "finished", runs.log_tail(run)
    times = [event["time"] for event in runs.events(run) if "time" in event]
    assert max(abs(one - times[0]) for one in times) > 3000, "the clock did jump"
    assert all(later > earlier for earlier, later in itertools.pairwise(elapsed))
    assert all(record.seconds > 0 and record.slices_per_second > 0 for record in records)
    assert elapsed[-1] < took
    assert status.updated >= status.started


def test_f13_a_run_of_the_future_is_lost_and_not_for_ever_starting(
    make_run: MakeRun, tell: Tell
) -> None:
    row = tell("F13", "a run queued an hour ahead that nobody started", "lost")
    run = make_run()
    assert runs.status(run).state == "queued"
    future = {"kind": "state", "state": "queued", "time": time.time() + 3600}
    runs.append_event(run, future)
    row.seen = runs.status(run).state
    assert row.seen == "lost"
