from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from brainseg import networks, runs
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
        assert time.monotonic() < deadline, runs.log_tail(run)
        time.sleep(0.1)
        process.reap()


def _state(run: Path) -> str:
    return runs.status(run).state


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
    assert [record.epoch for record in runs.history(run)] == [1, 2]
    assert networks.read_network(run / "network").architecture == "unet"
    scored = [case.number for case in runs.evaluation(run).cases]
    assert sorted(scored) == sorted(runs.split(run).test)
    with pytest.raises(RunError, match="has finished"):
        process.resume(run)


def test_a_killed_run_is_lost_and_resumes_and_a_stop_is_obeyed(demo_data: Path):
    run = new_run(_config(demo_data, epochs=5000))
    pid = process.start(run)
    _wait(run, lambda: len(runs.history(run)) >= 2)
    with pytest.raises(RunError, match="already"):
        process.start(run)

    os.kill(pid, signal.SIGKILL)
    _wait(run, lambda: _state(run) == "lost")
    before = len(runs.history(run))

    pid = process.resume(run)
    _wait(run, lambda: len(runs.history(run)) > before)
    runs.request_stop(run)
    _wait(run, lambda: _state(run) == "stopped")
    assert runs.status(run).reason == "stopped by you"
    _wait(run, lambda: not psutil.pid_exists(pid))
    epochs = [record.epoch for record in runs.history(run)]
    assert epochs == list(range(1, len(epochs) + 1))


def test_a_run_whose_data_went_away_fails_with_the_reason(demo_data: Path, tmp_path: Path):
    folder = tmp_path / "data"
    folder.symlink_to(demo_data)
    run = new_run(_config(folder))
    folder.unlink()
    process.start(run)
    _wait(run, lambda: _state(run) == "failed")
    assert str(folder) in runs.status(run).reason
