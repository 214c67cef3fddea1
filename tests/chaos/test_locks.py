"""F4, F9, F10: servers that die, races for a run and for the device, remains of the dead."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from brainseg import liveness, paths, runs
from brainseg.errors import RunError
from brainseg.training import process, queue
from tests.chaos.tools import MakeRun, Tell, hears_signals, wait

STARTER = """
import sys
from pathlib import Path
from brainseg.errors import RunError
from brainseg.training import process
print("ready", flush=True)
for line in sys.stdin:
    try:
        print("started", process.start(Path(line.strip())), flush=True)
    except RunError as error:
        print("refused", error, flush=True)
"""


class Starter(subprocess.Popen[str]):
    """A server in little: starts the run whose folder it is told."""

    def __init__(self) -> None:
        words = [sys.executable, "-c", STARTER]
        pipe = subprocess.PIPE
        super().__init__(
            words, stdin=pipe, stdout=pipe, text=True, start_new_session=True,
            preexec_fn=hears_signals,
        )  # fmt: skip
        assert self.answer() == "ready"

    def ask(self, run: Path) -> None:
        assert self.stdin
        self.stdin.write(f"{run}\n")
        self.stdin.flush()

    def answer(self) -> str:
        assert self.stdout
        return self.stdout.readline().strip()


@pytest.fixture
def starters() -> Iterator[list[Starter]]:
    six = [Starter() for _ in range(6)]
    yield six
    for one in six:
        one.communicate()


@pytest.fixture
def busy_device() -> Iterator[None]:
    """The device is taken: nobody gets further than the queue."""
    paths.runs().mkdir(parents=True, exist_ok=True)
    device = liveness.take(paths.runs() / ".device.lock")
    assert device is not None
    yield
    os.close(device)


def test_f4_the_worker_outlives_its_server(
    make_run: MakeRun, tell: Tell, full: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRAINSEG_FAULT", "stand-in:600")
    signals = [signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGKILL]
    slowest = 0.0
    for number in signals * 5 if full else signals:
        run, server = make_run(), Starter()
        server.ask(run)
        assert server.answer().startswith("started")
        wait(lambda run=run: runs.status(run).state == "running")
        os.killpg(server.pid, number)
        server.communicate()
        assert server.returncode != 0
        begun = time.monotonic()
        show = [sys.executable, "-m", "brainseg", "runs", "show", run.name, "--json"]
        seen = json.loads(subprocess.run(show, capture_output=True, check=True).stdout)
        slowest = max(slowest, time.monotonic() - begun)
        assert seen["status"]["state"] == "running"
        assert liveness.is_alive(runs.process_of(run))
        runs.request_stop(run, now=True)
        wait(lambda run=run: not runs.is_locked(run))
    count = 20 if full else 4
    seen_all = f"{count} of {count} alive and running, seen in {slowest:.1f} s at most"
    tell("F4", f"server killed by INT HUP TERM KILL, {count}", "worker lives, seen again", seen_all)


def test_f9_six_starters_of_one_run_have_one_winner(
    busy_device: None, make_run: MakeRun, starters: list[Starter], tell: Tell, full: bool
) -> None:
    races, winners = 30 if full else 3, 0
    for _ in range(races):
        run = make_run()
        for starter in starters:
            starter.ask(run)
        answers = [starter.answer() for starter in starters]
        winners += sum(answer.startswith("started") for answer in answers)
        assert sum("already being worked on" in answer for answer in answers) == 5
        assert runs.status(run).queue_place == 1
        runs.request_stop(run)
        wait(lambda run=run: runs.status(run).state == "stopped", 60)
        wait(lambda run=run: not runs.is_locked(run), 60)
    seen = f"{winners} winners in {races} races"
    tell("F9", f"{races} races of 6 starters for one run", "one starts it, five are told", seen)
    assert winners == races


def test_f9_six_runs_share_one_device_in_the_order_in_which_they_came(
    make_run: MakeRun, tell: Tell, full: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRAINSEG_FAULT", "stand-in:0.2")
    assert queue.device_names() == ("cpu",), "this test counts on one device"
    races, overlaps = 5 if full else 1, 0
    for _ in range(races):
        six = [make_run() for _ in range(6)]
        log = six[0].parent / "worked.jsonl"
        log.unlink(missing_ok=True)
        fresh = [Starter() for _ in six]
        for starter, run in zip(fresh, six, strict=True):
            starter.ask(run)
        for starter in fresh:
            assert starter.answer().startswith("started")
        wait(lambda six=six: all(runs.status(run).state == "finished" for run in six))
        wait(lambda six=six: not any(runs.is_locked(run) for run in six))
        notes = [json.loads(line) for line in log.read_text().splitlines()]
        overlaps += sum(
            first["kind"] == second["kind"] for first, second in itertools.pairwise(notes)
        )
        began = [note["run"] for note in notes if note["kind"] == "begin"]
        assert sorted(began) == sorted(run.name for run in six)
        for starter in fresh:
            starter.communicate()
    seen = f"{overlaps} overlaps in {6 * races} runs, every run finished"
    tell("F9", f"{races} times six runs at once on one device", "one at a time, all in turn", seen)
    assert overlaps == 0


def test_f9_a_waiting_run_that_is_killed_or_stopped_gives_up_its_place(
    busy_device: None, make_run: MakeRun, tell: Tell
) -> None:
    killed, stopped, last = make_run(), make_run(), make_run()
    pids = [process.start(run) for run in (killed, stopped, last)]
    assert [runs.status(run).queue_place for run in (killed, stopped, last)] == [1, 2, 3]
    os.kill(pids[0], signal.SIGKILL)
    runs.request_stop(stopped)
    wait(lambda: runs.status(last).queue_place == 1, 30)
    wait(lambda: runs.status(stopped).state == "stopped", 30)
    assert runs.status(stopped).reason == "stopped by you while it waited"
    assert runs.status(killed).state == "lost"
    assert "tensorflow" not in Path(f"/proc/{pids[2]}/maps").read_text()  # waiting is light
    runs.request_stop(last)
    wait(lambda: not runs.is_locked(last), 30)
    tell("F9", "the first of three waiting is killed, the second stopped", "third is next", "so")


def test_f10_the_remains_of_the_dead_stop_nobody(
    busy_device: None, make_run: MakeRun, tell: Tell, full: bool
) -> None:
    with subprocess.Popen(["sleep", "600"]) as foreign:
        run = make_run()
        (run / "lock").touch()
        runs.append_event(run, {"kind": "state", "state": "running", "time": time.time()})
        me = liveness.identify(foreign.pid)
        reused = {"pid": foreign.pid, "started": me.started - 100, "boot": me.boot}
        (run / "process.json").write_text(json.dumps(reused))
        assert runs.status(run).state == "lost"
        begun = time.monotonic()
        process.resume(run)
        took = time.monotonic() - begun
        assert foreign.poll() is None
        with pytest.raises(RunError, match="already"):
            process.start(run)
        runs.request_stop(run)
        wait(lambda: not runs.is_locked(run), 60)

        foreign.kill()
        wait(lambda: liveness.identify(foreign.pid) is None, 10)  # a zombie until it is waited for
        assert not liveness.is_alive(me)
    assert took < (1 if full else 30)
    seen = f"resumed in {took:.2f} s, foreign process untouched, zombie counts as dead"
    tell("F10", "stale lock, reused pid, zombie", "lost; start <= 1 s; no foreign signal", seen)
