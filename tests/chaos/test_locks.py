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
from contextlib import contextmanager
from pathlib import Path

import pytest

from brainseg import liveness, paths, runs
from brainseg.errors import RunError
from brainseg.training import process, queue
from tests.chaos.tools import MakeRun, Tell, epochs_of, hears_signals, wait

STARTER = """
import sys
from pathlib import Path
from brainseg.errors import RunError
from brainseg.training import process
print("ready", flush=True)
for line in sys.stdin:
    how, run = line.split(maxsplit=1)
    try:
        print("started", getattr(process, how)(Path(run.strip())), flush=True)
    except RunError as error:
        print("refused", error, flush=True)
"""


class Starter(subprocess.Popen[str]):
    """A server in little: starts or resumes the run whose folder it is told."""

    def __init__(self) -> None:
        words = [sys.executable, "-c", STARTER]
        pipe = subprocess.PIPE
        super().__init__(
            words, stdin=pipe, stdout=pipe, text=True, start_new_session=True,
            preexec_fn=hears_signals,
        )  # fmt: skip
        assert self.answer() == "ready"

    def ask(self, run: Path, how: str = "start") -> None:
        assert self.stdin
        self.stdin.write(f"{how} {run}\n")
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


@contextmanager
def _busy() -> Iterator[None]:
    """The device is taken: nobody gets further than the queue."""
    paths.runs().mkdir(parents=True, exist_ok=True)
    device = liveness.take(paths.runs() / ".device.lock")
    assert device is not None
    yield
    os.close(device)


@pytest.fixture
def busy_device() -> Iterator[None]:
    with _busy():
        yield


def _race(starters: list[Starter], run: Path, how: str) -> int:
    """Let all of them start or resume a run at once; return the pid that the one winner has."""
    for starter in starters:
        starter.ask(run, how)
    answers = [starter.answer() for starter in starters]
    started = [answer for answer in answers if answer.startswith("started")]
    refused = [answer for answer in answers if "already being worked on" in answer]
    assert (len(started), len(refused)) == (1, len(starters) - 1), answers
    return int(started[0].split()[1])


def test_f4_the_worker_outlives_its_server(
    make_run: MakeRun, tell: Tell, full: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRAINSEG_FAULT", "stand-in:600")
    signals = [signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGKILL]
    signals = signals * 5 if full else signals
    row = tell(
        "F4", f"server killed by INT HUP TERM KILL, {len(signals)}", "worker lives, seen again"
    )
    slowest = 0.0
    for done, number in enumerate(signals, start=1):
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
        row.seen = f"{done} alive and running, seen in {slowest:.1f} s at most"


def test_f4_a_training_goes_on_when_its_server_is_killed(
    make_run: MakeRun, tell: Tell, full: bool
) -> None:
    if not full:
        pytest.skip("the short form keeps the stand-in; `make chaos` trains")
    row = tell("F4", "server of a training killed by INT HUP TERM KILL", "epochs go on")
    run, killed = make_run(), []
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGKILL):
        server, before = Starter(), len(epochs_of(run))
        server.ask(run, "resume")
        assert server.answer().startswith("started")
        wait(lambda before=before: len(epochs_of(run)) > before, what=runs.log_tail(run))
        worker = runs.process_of(run)
        os.killpg(server.pid, number)
        server.communicate()
        assert server.returncode != 0
        seen = len(epochs_of(run))
        wait(lambda seen=seen: len(epochs_of(run)) > seen + 3, 60)
        assert runs.process_of(run) == worker
        assert liveness.is_alive(worker)
        runs.request_stop(run, now=True)
        wait(lambda: not runs.is_locked(run), 60)
        assert runs.status(run).state == "stopped"
        killed.append(number.name)
        row.seen = f"{' '.join(killed)}: so, {len(epochs_of(run))} epochs"
    assert epochs_of(run) == list(range(1, len(epochs_of(run)) + 1))


def test_f9_six_starters_of_one_run_have_one_winner(
    busy_device: None, make_run: MakeRun, starters: list[Starter], tell: Tell, full: bool
) -> None:
    races = 30 if full else 3
    row = tell("F9", f"{races} races of 6 starters for one run", "one starts it, five are told")
    for race in range(races):
        run = make_run()
        _race(starters, run, "start")
        row.seen = f"{race + 1} races with one winner each"
        assert runs.status(run).queue_place == 1
        runs.request_stop(run)
        wait(lambda run=run: runs.status(run).state == "stopped", 60)
        wait(lambda run=run: not runs.is_locked(run), 60)


def test_f9_six_resumes_of_one_run_have_one_winner(
    make_run: MakeRun, starters: list[Starter], tell: Tell, full: bool
) -> None:
    races = 30 if full else 3
    row = tell("F9", f"{races} races of 6 resumes of one run", "one goes on, five are told")
    run = make_run()
    with _busy():
        for race in range(races):
            waits = _race(starters, run, "resume")
            row.seen = f"{race + 1} races with one winner each"
            if race % 2:
                runs.request_stop(run)
            else:
                os.kill(waits, signal.SIGKILL)
            wait(lambda: not runs.is_locked(run), 60)
            assert runs.status(run).state == ("stopped" if race % 2 else "lost")
    if not full:
        return
    for _ in range(4):  # now they train
        before, begun = len(epochs_of(run)), _told(run, "running")
        _race(starters, run, "resume")
        wait(lambda before=before: len(epochs_of(run)) > before + 1)
        assert _told(run, "running") == begun + 1
        os.kill(runs.process_of(run).pid, signal.SIGKILL)
        wait(lambda: not runs.is_locked(run), 60)
    assert epochs_of(run) == list(range(1, len(epochs_of(run)) + 1))
    row.seen += f"; 4 trained, {len(epochs_of(run))} epochs without gap"


def _told(run: Path, state: str) -> int:
    """Return how often the log says that the run came into this state."""
    return sum(event.get("state") == state for event in runs.events(run))


def test_f9_six_runs_share_one_device_in_the_order_in_which_they_came(
    make_run: MakeRun, tell: Tell, full: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRAINSEG_FAULT", "stand-in:0.2")
    assert queue.device_names() == ("cpu",), "this test counts on one device"
    races, overlaps = 5 if full else 1, 0
    expected = "one at a time, all in turn"
    row = tell("F9", f"{races} times six runs at once on one device", expected)
    for race in range(races):
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
        row.seen = f"{overlaps} overlaps in {6 * (race + 1)} runs, every run finished"
        began = [note["run"] for note in notes if note["kind"] == "begin"]
        assert sorted(began) == sorted(run.name for run in six)
        for starter in fresh:
            starter.communicate()
    assert overlaps == 0


def test_f9_a_waiting_run_that_is_killed_or_stopped_gives_up_its_place(
    busy_device: None, make_run: MakeRun, tell: Tell
) -> None:
    row = tell("F9", "the first of three waiting is killed, the second stopped", "third is next")
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
    row.seen = "so"


def test_f10_the_remains_of_the_dead_stop_nobody(
    busy_device: None, make_run: MakeRun, tell: Tell, full: bool
) -> None:
    expected = "lost; start <= 1 s; no foreign signal"
    row = tell("F10", "stale lock, reused pid, zombie", expected)
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
    row.seen = f"resumed in {took:.2f} s, foreign process untouched, zombie counts as dead"
    assert took < (1 if full else 30)
