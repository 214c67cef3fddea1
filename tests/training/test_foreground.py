from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from brainseg import runs
from brainseg.errors import RunError
from brainseg.training import foreground, process
from brainseg.types import RunStatus


class Stage:
    """Runs that exist in a script only: each look at the run sees its next state."""

    def __init__(self, states: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.states = states
        self.started = 0
        self.asked: list[bool] = []
        monkeypatch.setattr(foreground, "_POLL_SECONDS", 0)
        monkeypatch.setattr(runs, "status", self.status)
        monkeypatch.setattr(runs, "is_locked", lambda run: self.states[0] in runs.ALIVE)
        monkeypatch.setattr(runs, "request_stop", self.stop)
        monkeypatch.setattr(process, "resume", self.start)

    def status(self, run: Path) -> RunStatus:
        state = self.states[0] if len(self.states) == 1 else self.states.pop(0)
        return RunStatus(
            run_id=run.name, state=state, reason="disk full", epoch=1, epochs=2, created=0,
            started=None, updated=None, best_epoch=None, best_dice=None,
        )  # fmt: skip

    def start(self, run: Path) -> int:
        self.started += 1
        return 1

    def stop(self, run: Path, *, now: bool = False) -> None:
        self.asked.append(now)
        self.states[:] = ["stopping", "stopped"]


def test_a_finished_run_is_left_alone(monkeypatch):
    stage = Stage(["finished"], monkeypatch)
    foreground.train_to_end(Path("run"))
    assert stage.started == 0


def test_a_stopped_run_is_started_once_and_watched_to_its_end(monkeypatch):
    stage = Stage(["stopped", "queued", "running", "finished"], monkeypatch)
    seen: list[str] = []
    foreground.train_to_end(Path("run"), lambda status: seen.append(status.state))
    assert stage.started == 1
    assert seen == ["queued", "running", "finished"]


def test_a_run_that_somebody_trains_already_is_waited_for(monkeypatch):
    stage = Stage(["running", "running", "finished"], monkeypatch)
    foreground.train_to_end(Path("run"))
    assert stage.started == 0


def test_a_run_that_fails_is_an_error_with_its_reason_and_what_to_do(monkeypatch):
    Stage(["stopped", "running", "failed"], monkeypatch)
    with pytest.raises(RunError, match=r"failed: disk full.*goes on"):
        foreground.train_to_end(Path("run"))


@pytest.fixture
def hears_interrupts() -> Iterator[None]:
    """SIGINT raises, also where all this runs in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("hears_interrupts")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_first_and_leaves_the_handler_as_it_was(monkeypatch, number: int):
    stage = Stage(["stopped", "running", "running"], monkeypatch)
    before = signal.getsignal(signal.SIGTERM)
    seen: list[str] = []

    def watch(status: RunStatus) -> None:
        seen.append(status.state)
        if status.state == "running":
            signal.getsignal(number)(number, None)  # as Python does when one arrives

    with pytest.raises(KeyboardInterrupt):
        foreground.train_to_end(Path("run"), watch)
    assert stage.asked == [True]
    assert seen[-1] == "stopped"
    assert signal.getsignal(signal.SIGTERM) is before
