from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from brainseg import liveness, networks, runs
from brainseg.errors import RunError
from brainseg.training import process
from brainseg.training.planning import new_run
from brainseg.training.recipes import RunConfig, recipe


def _config(data: Path, **overrides) -> RunConfig:
    tiny = {"size": 32, "base": 2, "depth": 2, "epochs": 2, "batch_size": 4, "threads": 1}
    return recipe("quick", model="unet", data=str(data), **tiny | overrides)


def _wait(run: Path, reached: Callable[[], bool], seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, (runs.status(run), runs.log_tail(run))
        time.sleep(0.05)


def _state(run: Path) -> str:
    return runs.status(run).state


def _epochs(run: Path) -> list[int]:
    return [record.epoch for record in runs.history(run)]


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("worker-home")


@pytest.fixture(autouse=True)
def home(shared_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The array cache is shared by the tests of this file."""
    monkeypatch.setenv("BRAINSEG_HOME", str(shared_home))
    return shared_home


def test_a_run_finishes_with_a_network_and_a_result(demo_data: Path):
    run = new_run(_config(demo_data))
    assert _state(run) == "queued"
    process.start(run)
    _wait(run, lambda: _state(run) not in ("queued", "running"))
    assert _state(run) == "finished", runs.log_tail(run)
    assert _epochs(run) == [1, 2]
    assert networks.read_network(run / "network").architecture == "unet"
    scored = [case.number for case in runs.evaluation(run).cases]
    assert sorted(scored) == sorted(runs.split(run).test)
    with pytest.raises(RunError, match="has finished"):
        process.resume(run)


def test_a_second_run_waits_with_its_place_and_begins_by_itself_when_the_first_dies(
    demo_data: Path,
):
    first = new_run(_config(demo_data, epochs=5000))
    second = new_run(_config(demo_data, epochs=5000))
    process.start(first)
    process.start(second)
    _wait(first, lambda: len(runs.history(first)) >= 2)
    waiting = runs.status(second)
    assert (waiting.state, waiting.queue_place) == ("queued", 1)
    with pytest.raises(RunError, match="already"):
        process.start(first)

    os.kill(runs.process_of(first).pid, signal.SIGKILL)
    _wait(first, lambda: _state(first) == "failed", 20)
    assert runs.status(first).reason.startswith("killed (signal 9)")
    _wait(second, lambda: _state(second) == "running")

    runs.request_stop(second)
    assert _state(second) == "stopping"
    _wait(second, lambda: _state(second) == "stopped")
    assert runs.status(second).reason == "stopped by you"
    state = runs.events(second)
    assert [e for e in state if e["kind"] in ("state", "epoch")][-2]["kind"] == "epoch"

    before = len(runs.history(first))
    process.resume(first)
    _wait(first, lambda: len(runs.history(first)) > before)
    runs.request_stop(first, now=True)
    _wait(first, lambda: _state(first) == "stopped")
    worker = runs.process_of(first)
    _wait(first, lambda: not liveness.is_alive(worker), 20)
    assert _epochs(first) == list(range(1, len(_epochs(first)) + 1))


def test_a_run_whose_data_went_away_is_refused_with_the_reason(demo_data: Path, tmp_path: Path):
    folder = tmp_path / "data"
    folder.symlink_to(demo_data)
    run = new_run(_config(folder))
    folder.unlink()
    with pytest.raises(RunError, match="cannot be read") as refused:
        process.start(run)
    assert str(folder) in str(refused.value)
    assert not runs.is_locked(run)
