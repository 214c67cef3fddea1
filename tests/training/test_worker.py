from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from brainseg import cli, liveness, networks, runs
from brainseg.errors import DataError, RunError
from brainseg.training import checkpoint, devices, planning, prepare, process, watch, worker
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
    last = runs.process_of(first)
    _wait(first, lambda: not liveness.is_alive(last), 20)
    assert _epochs(first) == list(range(1, len(_epochs(first)) + 1))


def test_a_run_that_is_resumed_after_hours_is_not_taken_for_lost(
    demo_data: Path, monkeypatch: pytest.MonkeyPatch
):
    run, seen = new_run(_config(demo_data)), []
    (run / "heartbeat").write_text(f"{time.monotonic() - 7200:020.3f}\n")
    monkeypatch.setattr(runs, "is_locked", lambda _: True)
    monkeypatch.setattr(worker, "_train_and_finish", lambda *_: seen.append(runs.status(run)))
    monkeypatch.setattr(devices, "prepare", lambda _: seen.append(runs.status(run)))
    worker._train(run)
    assert [status.state for status in seen] == ["running", "running"]
    assert seen[0].reason == "opens the backend"


def test_a_backend_that_hangs_while_it_opens_is_found_by_its_silence(
    demo_data: Path, monkeypatch: pytest.MonkeyPatch
):
    run, seen = new_run(_config(demo_data)), []

    def hang(_: int) -> None:
        now = time.monotonic()
        for later in (60.0, 3600.0):  # a slow import, and one that will never end
            monkeypatch.setattr(time, "monotonic", lambda later=later: now + later)
            seen.append(runs.status(run).state)

    monkeypatch.setattr(runs, "is_locked", lambda _: True)
    monkeypatch.setattr(worker, "_train_and_finish", lambda *_: None)
    monkeypatch.setattr(devices, "prepare", hang)
    worker._train(run)
    assert seen == ["running", "lost"]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "disk full"),
        (RuntimeError("events.out.tfevents; No space left on device"), "disk full"),
        (MemoryError(), "out of memory"),
        (RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes"), "out of memory"),
        (type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory"), "out of memory"),
        (RunError("diverged at epoch 2"), "diverged at epoch 2"),
        (ValueError("odd"), "failed with exit code 1: ValueError: odd"),
    ],
)
def test_whatever_ends_a_training_is_called_by_its_name(error: Exception, reason: str):
    assert worker._reason(error).startswith(reason)


def test_a_slice_that_cannot_be_read_ends_train_with_one_sentence_and_exit_2(
    demo_data: Path, tmp_path: Path
):
    data = shutil.copytree(demo_data, tmp_path / "data")
    image = min((data / "images").iterdir())
    image.write_bytes(image.read_bytes()[:200])
    words = ["--data", str(data), "--model", "unet", "--recipe", "quick", "--run", tmp_path / "run"]
    command = [sys.executable, "-m", "brainseg", "train", *words, "--size", "32", "--base", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    status = runs.status(tmp_path / "run")
    assert done.returncode == 2
    assert "Traceback" not in done.stdout + done.stderr
    assert (status.state, done.stdout.count("cut short")) == ("failed", 1)
    assert f"{image} cannot be read" in str(status.reason)


def test_a_run_whose_data_went_away_is_refused_with_the_reason(demo_data: Path, tmp_path: Path):
    folder = tmp_path / "data"
    folder.symlink_to(demo_data)
    run = new_run(_config(folder))
    folder.unlink()
    with pytest.raises(RunError, match="cannot be read") as refused:
        process.start(run)
    assert str(folder) in str(refused.value)
    assert not runs.is_locked(run)


def test_a_refused_start_leaves_no_folder(demo_data: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object) -> None:
        raise RunError("disk full: 3 MB are free")

    before = runs.list_runs()
    monkeypatch.setattr(checkpoint, "check_room", refuse)
    with pytest.raises(RunError, match="disk full"):
        process.launch(_config(demo_data))
    words = ["--recipe", "quick", "--epochs", "2"]
    assert cli.main(["train", "--data", str(demo_data), "--model", "unet", *words]) == 2
    assert runs.list_runs() == before


def test_a_folder_with_other_files_becomes_no_run(demo_data: Path, tmp_path: Path):
    (tmp_path / "mine.txt").touch()
    with pytest.raises(RunError, match="holds other files"):
        process.launch(_config(demo_data), tmp_path)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["mine.txt"]
    words = ["--data", str(demo_data), "--model", "unet", "--recipe", "quick"]
    assert cli.main(["train", *words, "--run", str(demo_data)]) == 2
    assert not (demo_data / "config.json").exists()


def test_a_folder_that_holds_a_run_asks_for_resume(demo_data: Path, tmp_path: Path):
    run = new_run(_config(demo_data), tmp_path / "run")
    with pytest.raises(RunError, match="--resume"):
        new_run(_config(demo_data), run)


def test_a_resume_forgets_how_far_the_dead_one_was(demo_data: Path):
    run = new_run(_config(demo_data))
    (run / "progress").write_text("       7       90      120\n")
    claimed = process.claim(run)
    try:
        assert watch.place(run) is None
    finally:
        claimed.ticket.give_back()
        os.close(claimed.lock)


@pytest.fixture
def begun(demo_data: Path, tmp_path: Path) -> Path:
    """A run with a checkpoint, on data of its own in ``data`` and ``healthy``."""
    for name in ("data", "healthy"):
        shutil.copytree(demo_data, tmp_path / name)
    shutil.rmtree(tmp_path / "healthy" / "masks")
    config = _config(tmp_path / "data", tumour_free=str(tmp_path / "healthy"), split_unit="slice")
    run = new_run(config)
    (run / "checkpoint").mkdir()
    (run / "checkpoint" / "latest-00001-000000-0001.npz").touch()
    return run


def _copy_again(folder: Path) -> None:
    """The same files with other times."""
    shutil.copytree(folder, folder.with_name("copy"), copy_function=shutil.copyfile)
    shutil.rmtree(folder)
    folder.with_name("copy").rename(folder)


def test_a_resume_on_a_copy_of_the_data_beside_new_slices_or_a_corrected_table_goes_on(
    begun: Path, tmp_path: Path
):
    planning.check_same_data(begun)
    before = planning.open_data(tmp_path / "data")[0].digest
    for name in ("data", "healthy"):
        _copy_again(tmp_path / name)
    assert planning.open_data(tmp_path / "data")[0].digest != before
    planning.check_same_data(begun)
    table = tmp_path / "data" / "patients.csv"
    table.write_text(table.read_text().replace("glioma", "pituitary"))
    planning.check_same_data(begun)
    image = next((tmp_path / "data" / "images").iterdir())
    shutil.copy(image, image.with_name("9999.png"))
    planning.check_same_data(begun)


def _resume(run: Path, **places: Path) -> int:
    words = [word for name, path in places.items() for word in (f"--{name}", str(path))]
    return cli.main(["train", "--resume", "--run", str(run), "--background", *words])


@pytest.fixture
def stopped(begun: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that was stopped; to start it again takes it and lets it go at once."""
    monkeypatch.setattr(process, "start", lambda run: process.claim(run).close() or 1)
    runs.append_event(begun, {"kind": "state", "state": "stopped", "time": time.time()})
    return begun


def test_a_run_goes_on_where_its_slices_were_moved_to(
    stopped: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """Resumed on another machine, for instance."""
    (tmp_path / "data").rename(tmp_path / "new")
    assert _resume(stopped) == 2
    assert f"train --resume --run {stopped.name} --data DIR" in capsys.readouterr().err
    assert _resume(stopped, data=tmp_path / "new") == 0
    runs.append_event(stopped, {"kind": "state", "state": "stopped", "time": time.time()})
    assert runs.config(stopped).data == str(tmp_path / "new")
    assert _resume(stopped) == 0


def test_a_run_stays_where_it_was_when_other_slices_are_named(
    stopped: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    other, before = tmp_path / "other", (stopped / "config.json").read_bytes()
    shutil.copytree(tmp_path / "data", other)
    first, second, *_ = sorted((other / "images").iterdir())
    first.write_bytes(second.read_bytes())
    assert _resume(stopped, data=other) == 2
    assert "are not those" in capsys.readouterr().err
    assert (stopped / "config.json").read_bytes() == before
    held = liveness.take(stopped / "lock")
    assert held is not None
    runs.append_event(stopped, {"kind": "state", "state": "running", "time": time.time()})
    assert _resume(stopped, data=other) == 2
    assert "already being worked on" in capsys.readouterr().err
    assert (stopped / "config.json").read_bytes() == before
    os.close(held)


@pytest.mark.parametrize("changed", ["data/images", "data/masks", "healthy/images"])
def test_a_resume_on_data_that_changed_is_refused(begun: Path, tmp_path: Path, changed: str):
    first, second, *_ = sorted((tmp_path / changed).iterdir())
    whole = first.read_bytes()
    first.write_bytes(second.read_bytes())
    with pytest.raises(RunError, match=r"are not those that run .* began with: put the data back"):
        process.resume(begun)
    assert not runs.is_locked(begun)
    first.write_bytes(whole)
    planning.check_same_data(begun)
    first.unlink()
    with pytest.raises(RunError, match="began with"):
        process.claim(begun)


def test_a_start_that_is_refused_keeps_what_the_run_began_with(begun: Path, tmp_path: Path):
    shutil.rmtree(begun / "checkpoint")
    claimed = process.claim(begun)  # at work in its first epoch
    known = runs.facts(begun)
    first, second, *_ = sorted((tmp_path / "data" / "images").iterdir())
    first.write_bytes(second.read_bytes())
    with pytest.raises(RunError, match="already being worked on"):
        process.claim(begun)
    assert runs.facts(begun) == known
    claimed.ticket.give_back()
    os.close(claimed.lock)


def test_data_that_are_mended_before_the_first_checkpoint_are_those_of_the_run(
    begun: Path, tmp_path: Path
):
    shutil.rmtree(begun / "checkpoint")
    first, second, *_ = sorted((tmp_path / "data" / "images").iterdir())
    first.write_bytes(second.read_bytes())
    claimed = process.claim(begun)
    claimed.ticket.give_back()
    os.close(claimed.lock)
    (begun / "checkpoint").mkdir()
    (begun / "checkpoint" / "latest-00001-000000-0001.npz").touch()
    planning.check_same_data(begun)


def test_a_start_that_fails_at_its_very_end_is_told_apart_from_a_lost_run(
    demo_data: Path, monkeypatch: pytest.MonkeyPatch
):
    run = new_run(_config(demo_data))

    def none(*_: object, **__: object) -> None:
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(process.subprocess, "Popen", none)
    with pytest.raises(RunError, match="no process could be started"):
        process.start(run)
    assert (_state(run), runs.is_locked(run)) == ("failed", False)
    assert "no process could be started" in str(runs.status(run).reason)


def test_a_place_that_cannot_be_drawn_changes_nothing(
    demo_data: Path, monkeypatch: pytest.MonkeyPatch
):
    run = new_run(_config(demo_data))
    runs.append_event(run, {"kind": "state", "state": "stopped", "time": time.time()})

    def full(_: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(process.queue, "draw", full)
    with pytest.raises(RunError, match="make room"):
        process.resume(run)
    assert (_state(run), runs.is_locked(run)) == ("stopped", False)


def test_validation_slices_without_a_tumour_are_no_divergence(demo_data: Path, tmp_path: Path):
    data = tmp_path / "data"
    shutil.copytree(demo_data, data)
    config = _config(data)
    run = new_run(config)
    split = runs.split(run)
    masks = {sample.number: sample.mask for sample in planning.open_data(data)[0].samples}
    for number in split.val:
        path = masks[number]
        cv2.imwrite(str(path), np.zeros_like(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)))
    with pytest.raises(DataError, match="validation slices has a tumour"):
        prepare.load_data(config, split)


def test_what_a_worker_says_in_a_terminal_is_in_its_log_too(demo_data: Path, tmp_path: Path):
    run = new_run(_config(demo_data))
    code = (
        "import sys; from pathlib import Path; from brainseg.training import worker;"
        f"worker._keep_log(Path({str(run)!r})); print('hello'); sys.stdout.flush()"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == (run / "worker.log").read_text() == "hello\n"
    with (run / "worker.log").open("a") as log:  # in the background it is one and the same
        subprocess.run([sys.executable, "-c", code], stdout=log, check=True)
    assert (run / "worker.log").read_text() == "hello\nhello\n"


def test_a_run_that_recorded_no_contents_goes_on(begun: Path, tmp_path: Path):
    plain = json.loads((begun / "config.json").read_text())
    del plain["facts"]["contents"]
    (begun / "config.json").write_text(json.dumps(plain))
    next((tmp_path / "data" / "images").iterdir()).unlink()
    planning.check_same_data(begun)
