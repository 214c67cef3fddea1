from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path

import pytest

from brainseg import runs
from brainseg.errors import RunError
from brainseg.training.recipes import recipe
from brainseg.types import CaseScore, EpochRecord, Evaluation, Split

SPLIT = Split(train=(1, 2), val=(3,), test=(4,), seed=7, unit="patient")


def _record(epoch: int, **values) -> dict:
    numbers = dict.fromkeys(EpochRecord.__dataclass_fields__, 0.5)
    return numbers | {"kind": "epoch", "epoch": epoch, "best": False, "time": 1.0} | values


@pytest.fixture
def run() -> Path:
    return runs.create(recipe("quick", model="unet", data="x"), SPLIT, facts={"digest": "d"})


def test_what_was_written_is_read(run: Path):
    assert runs.config(run) == recipe("quick", model="unet", data="x")
    assert runs.split(run) == SPLIT
    assert runs.facts(run) == {"digest": "d"}
    assert runs.find(run.name) == run


def test_two_runs_of_one_second_have_two_names():
    config = recipe("quick", model="unet", data="x")
    assert len({runs.create(config, SPLIT) for _ in range(3)}) == 3


def test_a_torn_or_garbled_line_is_ignored(run: Path):
    runs.append_event(run, _record(1))
    with (run / "events.jsonl").open("ab") as log:
        log.write(b"\x00\x00\n[1]\n{}\n" + json.dumps(_record(2)).encode()[:30])
    assert [record.epoch for record in runs.history(run)] == [1]


def test_mending_cuts_the_torn_line_only(run: Path):
    whole = (run / "events.jsonl").read_bytes()
    (run / "events.jsonl").write_bytes(whole + b'{"kind": "epo')
    runs.mend_log(run)
    assert (run / "events.jsonl").read_bytes() == whole


def test_after_a_resume_the_newer_record_counts(run: Path):
    for loss in (0.9, 0.4):
        runs.append_event(run, _record(1, loss=loss))
    assert [record.loss for record in runs.history(run)] == [0.4]


def test_running_with_the_lock_held_is_running(run: Path):
    runs.append_event(run, {"kind": "state", "state": "running", "time": time.time()})
    handle = os.open(run / "lock", os.O_CREAT | os.O_RDWR)
    fcntl.flock(handle, fcntl.LOCK_EX)
    assert runs.status(run).state == "running"
    runs.request_stop(run)
    assert runs.status(run).state == "stopping"
    with pytest.raises(RunError, match="still working"):
        runs.delete(run)
    os.close(handle)


def test_running_with_the_lock_free_is_lost(run: Path):
    runs.append_event(run, {"kind": "state", "state": "running", "time": time.time()})
    (run / "lock").touch()
    status = runs.status(run)
    assert status.state == "lost"
    assert "last sign of life" in status.reason


def test_states_that_ended_keep_their_reason(run: Path):
    event = {"kind": "state", "state": "failed", "reason": "disk full", "time": time.time()}
    runs.append_event(run, event)
    (run / "worker.log").write_text("one\ntwo\n")
    status = runs.status(run)
    assert (status.state, status.reason) == ("failed", "disk full")
    assert status.log_tail == ("one", "two")


@pytest.mark.parametrize("name", ["nope", "../..", "", "a/b", "x" * 300])
def test_an_unknown_run_is_one_sentence(name: str):
    with pytest.raises(RunError, match="no run"):
        runs.find(name)


def test_a_damaged_run_does_not_hide_the_others(run: Path):
    bad = run.parent / "bad"
    bad.mkdir()
    (bad / "config.json").write_text("{")
    assert [status.run_id for status in runs.list_runs()] == [run.name]


def test_an_evaluation_survives_the_file(run: Path):
    numbers = dict.fromkeys(CaseScore.__dataclass_fields__)
    case = CaseScore(**numbers | {"number": 4, "truth_px": 0, "predicted_px": 0, "accuracy": 1.0})
    found = Evaluation(
        model="m",
        data="d",
        threshold=0.5,
        orientation="file",
        cases=(case,),
        summary={"dice": None},
        by_tumour={},
    )
    assert runs.evaluation(run) is None
    runs.write_evaluation(run / "result.json", found)
    assert runs.evaluation(run) == found


def test_delete_removes_the_folder(run: Path):
    runs.delete(run)
    assert not run.exists()
