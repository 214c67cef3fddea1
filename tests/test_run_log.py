from __future__ import annotations

from pathlib import Path

import pytest

from brainseg import run_log, runs
from brainseg.errors import RunError
from brainseg.training.recipes import recipe
from tests.run_records import SPLIT, record


@pytest.fixture
def run() -> Path:
    return runs.create(recipe("quick", model="unet", data="x"), SPLIT)


@pytest.mark.parametrize("kind", ["folder", "loop"])
def test_a_log_that_the_system_does_not_read_hides_no_other_run(run: Path, kind: str):
    bad = runs.create(recipe("quick", model="unet", data="x"), SPLIT)
    log = bad / "events.jsonl"
    log.unlink()
    log.mkdir() if kind == "folder" else log.symlink_to(log.name)
    assert [status.run_id for status in runs.list_runs()] == [run.name]
    for ask in (runs.events, runs.history, runs.status):
        with pytest.raises(RunError, match=rf"run {bad.name}: .*cannot be read: \w+"):
            ask(bad)


@pytest.mark.parametrize(
    "odd",
    [{"epoch": "3"}, {"epoch": 3.5}, {"val_dice": None}, {"loss": "low"}, {"best": 1}],
    ids=str,
)
def test_an_epoch_of_which_a_number_is_odd_does_not_count(run: Path, odd: dict):
    for event in (record(1), record(3) | odd, record(2, seconds=4)):
        runs.append_event(run, event)
    assert [record.epoch for record in runs.history(run)] == [1, 2]
    assert runs.status(run).epoch == 2


@pytest.mark.parametrize(
    "odd",
    [
        {"kind": "state", "state": ["running"]},
        {"kind": "state", "state": "asleep"},
        {"kind": "state"},
        {"kind": "state", "state": "failed", "reason": 3},
        {"kind": "state", "state": "running", "time": "noon"},
        {"kind": "state", "state": "running", "time": 1e20},
        {"kind": "phase", "text": {}},
    ],
    ids=str,
)
def test_a_line_that_says_what_no_worker_says_is_no_event(run: Path, odd: dict):
    before = runs.status(run)
    runs.append_event(run, odd)
    assert runs.status(run) == before
    assert len(runs.events(run)) == 1


def test_nothing_is_made_again_of_an_epoch_that_is_known(run: Path):
    runs.append_event(run, record(1))
    first = runs.history(run)[0]
    assert runs.history(run) is runs.history(run)
    runs.append_event(run, record(2))
    assert runs.history(run)[0] is first


def test_a_known_log_that_grows_drives_no_other_out(run: Path, monkeypatch: pytest.MonkeyPatch):
    other = runs.create(recipe("quick", model="unet", data="x"), SPLIT)
    monkeypatch.setattr(run_log, "_read", {})
    monkeypatch.setattr(run_log, "_KEPT", 2)
    known = runs.events(other)
    for epoch in (1, 2, 3):
        runs.append_event(run, record(epoch))
        assert len(runs.history(run)) == epoch
    assert runs.events(other) is known


def test_of_somewhat_more_logs_than_are_kept_most_are_found_again(
    home: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(run_log, "_read", {})
    monkeypatch.setattr(run_log, "_KEPT", 50)
    made = [home / str(number) for number in range(52)]
    for folder in made:
        folder.mkdir()
        (folder / "config.json").touch()
        runs.append_event(folder, record(1))
    known = [runs.events(folder) for folder in made]
    again = [runs.events(folder) for folder in made]
    assert sum(one is other for one, other in zip(known, again, strict=True)) > 25


def test_nothing_is_written_into_a_run_that_was_removed(run: Path):
    (run / "config.json").unlink()
    (run / "events.jsonl").unlink()
    with pytest.raises(OSError, match="removed"):
        runs.append_event(run, record(1))
    with pytest.raises(RunError, match=f"{run.name} is gone: its folder .* was removed"):
        runs.events(run)
    assert not list(run.iterdir())
