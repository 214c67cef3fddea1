from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from brainseg import files, liveness, runs
from brainseg.errors import RunError
from brainseg.training import process, queue, supervisor
from brainseg.training.recipes import recipe
from brainseg.types import EpochRecord, Split

SPLIT = Split(train=(1, 2), val=(3,), test=(4,), seed=7, unit="patient")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    data.mkdir()
    (data / "1.png").touch()
    return runs.create(recipe("quick", model="unet", data=str(data)), SPLIT)


@pytest.mark.parametrize(
    ("code", "kills", "said"),
    [
        (3, (0, 0), "failed with exit code 3"),
        (-9, (0, 1), "killed (signal 9), out of memory"),
        (-9, (0, 0), "killed (signal 9), by hand or likely out of memory"),
        (-11, (None, None), "killed (signal 11, SIGSEGV)"),
    ],
)
def test_how_a_worker_ended_is_said(
    monkeypatch: pytest.MonkeyPatch, code: int, kills: tuple[int | None, int | None], said: str
):
    monkeypatch.setattr(supervisor, "_out_of_memory_kills", lambda: kills[1])
    assert supervisor._how_it_ended(code, kills[0]) == said


@pytest.mark.parametrize(
    ("script", "state", "reason"),
    [
        ('echo SIGINT > "$3/stop"; kill -INT $$', "stopped", "stopped by you"),
        ('echo SIGTERM > "$3/stop"; kill -TERM $$', "stopped", "stopped by signal SIGTERM"),
        ("kill -TERM $$", "failed", "killed (signal 15, SIGTERM)"),
        ('echo SIGTERM > "$3/stop"; exit 3', "failed", "failed with exit code 3"),
    ],
)
def test_a_stop_that_kills_the_worker_before_it_can_listen_is_a_stop(
    run: Path, interpreter: Callable[[str], None], script: str, state: str, reason: str
) -> None:
    interpreter(script)
    claimed = process.claim(run)
    supervisor._train(claimed, ())
    os.close(claimed.lock)
    assert (runs.status(run).state, runs.status(run).reason) == (state, reason)


def test_no_process_for_the_worker_is_a_failure_with_its_reason(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor.sys, "executable", "/nowhere/python")
    claimed = process.claim(run)
    assert supervisor._train(claimed, ()) == 1
    os.close(claimed.lock)
    status = runs.status(run)
    assert (status.state, status.reason) == (
        "failed", "no process could be started: No such file or directory",
    )  # fmt: skip


def test_the_worker_sees_the_gpus_of_its_run_and_no_other():
    gpus = [queue.Device(name=name, handle=-1) for name in ("gpu-1", "gpu-GPU-5f", "cpu")]
    assert supervisor._only(gpus[:1]) == {"CUDA_VISIBLE_DEVICES": "1"}
    assert supervisor._only(gpus[:2]) == {"CUDA_VISIBLE_DEVICES": "1,GPU-5f"}
    assert supervisor._only(gpus[2:]) == {}


def test_a_stop_while_waiting_is_obeyed_and_leaves_no_lock(
    run: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    before = {number: signal.getsignal(number) for number in supervisor._SIGNALS}
    busy = liveness.take(runs.find(run.name).parent / ".device.lock")
    assert busy is not None
    claimed = process.claim(run)
    assert runs.status(run).queue_place == 1
    (run / ".reserve").touch()  # a worker that was killed left it
    runs.request_stop(run)
    try:
        assert supervisor.supervise(claimed) == 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    status = runs.status(run)
    assert (status.state, status.reason) == ("stopped", "stopped by you while it waited")
    assert not runs.is_locked(run)
    assert not {"stop", ".reserve"} & {path.name for path in run.iterdir()}


def test_a_run_is_claimed_once(run: Path):
    claimed = process.claim(run)
    with pytest.raises(RunError, match="already being worked on"):
        process.claim(run)
    claimed.close()
    process.claim(run).close()


def test_a_claim_waits_for_a_worker_that_has_said_its_last_word(
    run: Path, monkeypatch: pytest.MonkeyPatch
):
    leaving = process.claim(run)
    runs.append_event(run, {"kind": "state", "state": "stopped", "time": time.time()})
    timer = threading.Timer(1.0, leaving.close)
    timer.start()
    process.claim(run).close()
    timer.join()
    runs.append_event(run, {"kind": "state", "state": "stopped", "time": time.time()})
    held = liveness.take(run / "lock")
    assert held is not None
    monkeypatch.setattr(runs, "LEAVING_SECONDS", 0.0)
    with pytest.raises(RunError, match="still closing"):
        process.claim(run)
    os.close(held)


def test_a_signal_is_a_stop_with_its_name(run: Path, monkeypatch: pytest.MonkeyPatch):
    handlers = {}
    monkeypatch.setattr(signal, "signal", handlers.__setitem__)
    supervisor.stop_on_signals(run)
    assert set(handlers) == {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
    handlers[signal.SIGTERM](signal.SIGTERM, None)  # as Python does when one arrives
    assert runs.stop_wish(run) == "SIGTERM"
    assert supervisor.stopped_by(run) == "stopped by signal SIGTERM"


def test_a_line_within_which_a_worker_ended_is_cut_off(run: Path):
    with (run / "events.jsonl").open("a") as log:
        log.write('{"kind": "epoch", "ep')
    supervisor.record(run, "failed", "killed")
    lines = (run / "events.jsonl").read_text().splitlines()
    assert [json.loads(line)["state"] for line in lines] == ["queued", "failed"]


@pytest.fixture
def closed(run: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run folder in which no file can be made or removed; root could."""

    def refuse(path: Path, **_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "unlink", refuse)
    return run


def test_the_end_is_written_down_in_a_folder_that_has_become_read_only(closed: Path):
    supervisor.record(closed, "failed", "Permission denied")
    assert runs.status(closed).reason == "Permission denied"


def test_a_supervisor_leaves_a_folder_that_has_become_read_only(
    run: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
):
    monkeypatch.setattr(supervisor, "stop_on_signals", lambda _: None)
    monkeypatch.setattr(supervisor.queue, "wait", lambda *_, **__: (None,))
    monkeypatch.setattr(supervisor, "_train", lambda *_: 1)
    claimed = process.claim(run)
    request.getfixturevalue("closed")
    assert supervisor.supervise(claimed) == 1
    os.close(claimed.ticket.handle)
    assert not runs.is_locked(run)


@pytest.mark.parametrize("what", ["", "/events.jsonl"])
def test_a_run_whose_folder_or_log_is_gone_ends_without_a_traceback(
    run: Path, interpreter: Callable[[str], None], what: str
):
    interpreter(f'mv "$3{what}" "$3.away"; exit 1')
    claimed = process.claim(run)
    assert supervisor._train(claimed, ()) == 1
    claimed.close()
    assert run.exists() == bool(what)
    if what:
        assert runs.status(run).reason == "failed with exit code 1"


def test_a_run_that_has_trained_and_lost_its_checkpoints_is_not_begun_anew(run: Path):
    numbers = dict.fromkeys(EpochRecord.__dataclass_fields__, 0.5) | {"epoch": 7, "best": True}
    runs.append_event(run, {"kind": "epoch", **numbers})
    before = runs.events(run)
    with pytest.raises(RunError, match="to epoch 7, but its checkpoints are gone: restore"):
        process.resume(run)
    assert (runs.events(run), runs.is_locked(run)) == (before, False)


def test_a_home_that_cannot_be_written_is_not_blamed_on_the_run(
    run: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("BRAINSEG_HOME", "/dev/null")
    with pytest.raises(RunError, match="/dev/null/runs cannot be written: Not a directory"):
        process.claim(run)


def test_nothing_is_signalled_on_a_pid_alone(run: Path):
    me = liveness.identify(1)
    assert me is not None
    (run / "process.json").write_text('{"pid": 1, "started": -1.0, "boot": "x"}')
    assert not runs.end(run, runs.process_of(run))


def test_a_worker_that_another_resume_started_meanwhile_is_left_alone(
    run: Path, monkeypatch: pytest.MonkeyPatch
):
    lost = runs.status(run)

    with subprocess.Popen(["sleep", "60"]) as new:

        def judged(run: Path):
            files.write_json(run / "process.json", liveness.identify(new.pid).to_dict())
            return replace(lost, state="lost")

        monkeypatch.setattr(runs, "status", judged)
        process.clear_way(run)
        assert new.poll() is None
        assert runs.end(run, runs.process_of(run))
