from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from brainseg import files, liveness, paths, run_folder, runs
from brainseg.errors import RunError
from brainseg.training.recipes import recipe
from brainseg.types import CaseScore, Evaluation, RunLabel
from tests.run_records import SPLIT, record


@pytest.fixture
def run() -> Path:
    return runs.create(recipe("quick", model="unet", data="x"), SPLIT, facts={"digest": "d"})


def test_what_was_written_is_read(run: Path):
    assert runs.config(run) == recipe("quick", model="unet", data="x")
    assert runs.split(run) == SPLIT
    assert runs.facts(run) == {"digest": "d"}
    assert runs.find(run.name) == run


def test_a_stop_or_a_pid_that_is_no_text_or_number_is_no_traceback(run: Path):
    (run / "stop").write_bytes(b"\xff")
    (run / "process.json").write_text('{"pid": 1e999, "started": 1}')
    assert runs.stop_wish(run) not in (None, runs.EPOCH)
    assert runs.process_of(run) is None


def test_two_runs_of_one_second_have_two_names():
    config = recipe("quick", model="unet", data="x")
    assert len({runs.create(config, SPLIT) for _ in range(3)}) == 3


def test_a_torn_or_garbled_line_is_ignored(run: Path):
    runs.append_event(run, record(1))
    with (run / "events.jsonl").open("ab") as log:
        log.write(b"\x00\x00\n[1]\n{}\n" + json.dumps(record(2)).encode()[:30])
    assert [record.epoch for record in runs.history(run)] == [1]


def test_mending_cuts_the_torn_line_only(run: Path):
    whole = (run / "events.jsonl").read_bytes()
    (run / "events.jsonl").write_bytes(whole + b'{"kind": "epo')
    runs.mend_log(run)
    assert (run / "events.jsonl").read_bytes() == whole


def test_after_a_resume_the_newer_record_counts(run: Path):
    for loss in (0.9, 0.4):
        runs.append_event(run, record(1, loss=loss))
    assert [record.loss for record in runs.history(run)] == [0.4]


def test_epochs_that_a_damaged_checkpoint_took_back_do_not_count(run: Path):
    for epoch in (1, 2, 3):
        runs.append_event(run, record(epoch))
    runs.append_event(run, {"kind": "restored", "epoch": 2, "time": 1.0})
    assert [record.epoch for record in runs.history(run)] == [1]
    runs.append_event(run, record(2, loss=0.4))
    assert [(record.epoch, record.loss) for record in runs.history(run)] == [(1, 0.5), (2, 0.4)]
    runs.append_event(run, {"kind": "restored", "epoch": "nonsense", "time": 1.0})
    assert len(runs.history(run)) == 2


def test_a_run_folder_that_nobody_may_enter_hides_no_other_run(
    run: Path, monkeypatch: pytest.MonkeyPatch
):
    bad, is_file = runs.create(recipe("quick", model="unet", data="x"), SPLIT), Path.is_file

    def refuse(path: Path) -> bool:
        if path.parent == bad:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return is_file(path)

    monkeypatch.setattr(Path, "is_file", refuse)
    assert [status.run_id for status in runs.list_runs()] == [run.name]


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
    assert "no heartbeat since" in status.reason
    assert "ended without a word" in status.reason


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


@pytest.mark.parametrize(
    "text",
    ["{", "[]", "{}", '{"config": {"epochs": "x"}, "created": 1}', '{"config": 3}']
    + [f'{{"config": {{"epochs": 1}}, "created": {when}}}' for when in ("1e20", "NaN", '"x"')],
)
def test_a_damaged_run_does_not_hide_the_others_and_is_one_sentence(run: Path, text: str):
    bad = run.parent / "bad"
    bad.mkdir()
    (bad / "config.json").write_text(text)
    assert [status.run_id for status in runs.list_runs()] == [run.name]
    for act in (runs.status, runs.config, runs.delete):
        with pytest.raises(RunError, match="damaged"):
            act(bad)


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
    assert not list(run.parent.iterdir())


def test_delete_removes_the_folder_that_a_link_leads_to_and_the_link(run: Path, tmp_path: Path):
    real = run.rename(tmp_path / "real")
    run.symlink_to(real)
    assert [status.run_id for status in runs.list_runs()] == [run.name]
    runs.delete(run)
    assert not real.exists()
    assert not list(run.parent.iterdir())
    assert not list(tmp_path.glob(".deleted-*"))


def test_what_a_killed_delete_left_of_a_run_of_the_same_name_is_in_nobodys_way(run: Path):
    left = run.with_name(f".deleted-{run.name}")
    left.mkdir()
    (left / "config.json").touch()
    runs.delete(run)
    assert not list(run.parent.iterdir())


def test_the_folder_one_stands_in_has_its_name(run: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(run)
    assert runs.find(".") == run
    runs.delete(runs.find("."))
    assert not run.exists()


@pytest.mark.parametrize("name", ["my run", "_test", "größe", "x" * 101, ".hid", "-x"])
def test_a_folder_whose_name_no_command_takes_is_not_listed(run: Path, name: str):
    shutil.copytree(run, paths.runs() / name)
    assert [status.run_id for status in runs.list_runs()] == [run.name]


def test_delete_waits_for_a_worker_that_is_leaving(run: Path):
    runs.append_event(run, {"kind": "state", "state": "stopped", "time": time.time()})
    held = liveness.take(run / "lock")
    threading.Timer(0.3, os.close, [held]).start()
    runs.delete(run)
    assert not run.exists()


def test_what_a_killed_delete_left_is_no_run_and_goes_with_the_next(run: Path):
    left = run.with_name(".deleted-before")
    left.mkdir()
    (left / "config.json").write_bytes((run / "config.json").read_bytes())
    assert [status.run_id for status in runs.list_runs()] == [run.name]
    runs.delete(run)
    assert not left.exists()


def test_delete_refuses_what_is_no_run(tmp_path: Path):
    with pytest.raises(RunError, match="not a run folder"):
        runs.delete(tmp_path)
    assert tmp_path.is_dir()


def test_a_label_is_kept_changed_in_part_and_cleaned(run: Path):
    assert runs.label(run) == RunLabel()
    runs.set_label(run, title="  first\n\x00try  ", note="two\nlines")
    runs.set_label(run, title=None)
    assert runs.label(run) == RunLabel(title="first try", note="two\nlines")
    assert len(runs.set_label(run, title="x" * 500).title) == 80
    (run / "label.json").write_text("{")
    assert runs.label(run) == RunLabel()


@pytest.mark.parametrize(
    ("now", "wish", "said"), [(True, "now", "this batch"), (False, "epoch", "the epoch")]
)
def test_two_ways_to_stop(
    run: Path, monkeypatch: pytest.MonkeyPatch, now: bool, wish: str, said: str
):
    monkeypatch.setattr(runs, "is_locked", lambda _: True)
    runs.append_event(run, {"kind": "state", "state": "running", "time": time.time()})
    assert runs.stop_wish(run) is None
    runs.request_stop(run, now=now)
    assert runs.stop_wish(run) == wish
    assert runs.status(run).state == "stopping"
    assert said in runs.status(run).reason


def test_a_phase_is_the_reason_until_the_next_epoch(run: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(runs, "is_locked", lambda _: True)
    runs.append_event(run, {"kind": "state", "state": "running", "time": 1.0})
    runs.append_event(run, {"kind": "phase", "text": "reads the slices", "time": 2.0})
    assert runs.status(run).reason == "reads the slices"
    runs.append_event(run, record(1))
    assert runs.status(run).reason is None


def test_after_a_restart_of_the_computer_the_reason_says_so(run: Path):
    runs.append_event(run, {"kind": "state", "state": "running", "time": time.time()})
    (run / "lock").touch()
    (run / "process.json").write_text('{"pid": 1, "started": 5.0, "boot": "another"}')
    said = "the computer was restarted, or the run was copied from another"
    assert runs.status(run).reason.endswith(said)


def test_a_heartbeat_that_stopped_under_a_held_lock_is_lost(
    run: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(runs, "is_locked", lambda _: True)
    runs.append_event(run, {"kind": "state", "state": "running", "time": time.time()})
    for ago, state in ((1.0, "running"), (-5000.0, "running"), (5000.0, "lost")):
        (run / "heartbeat").write_text(f"{time.monotonic() - ago:020.3f}\n")
        assert runs.status(run).state == state


def test_a_hung_worker_is_lost_also_when_a_stop_was_asked_for(
    run: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(runs, "is_locked", lambda _: True)
    runs.append_event(run, {"kind": "state", "state": "running", "time": time.time()})
    runs.request_stop(run)
    for ago, state in ((1.0, "stopping"), (5000.0, "lost")):
        (run / "heartbeat").write_text(f"{time.monotonic() - ago:020.3f}\n")
        assert runs.status(run).state == state
    assert "resume ends it" in runs.status(run).reason


def _hung(run: Path) -> subprocess.Popen[str]:
    """A worker that holds the lock and does nothing more, silent for an hour."""
    code = (
        "import sys, time; from pathlib import Path; from brainseg import liveness; "
        "liveness.take(Path(sys.argv[1])); print('held', flush=True); time.sleep(600)"
    )
    words = [sys.executable, "-c", code, str(run / "lock")]
    worker = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert worker.stdout
    assert worker.stdout.readline() == "held\n"
    files.write_json(run / "process.json", liveness.identify(worker.pid).to_dict())
    runs.append_event(run, {"kind": "state", "state": "running", "time": time.time()})
    (run / "heartbeat").write_text(f"{time.monotonic() - 3600:020.3f}\n")
    return worker


def test_delete_ends_a_worker_that_hangs_though_a_stop_was_asked_for(run: Path):
    with _hung(run) as worker:
        runs.request_stop(run)
        begun = time.monotonic()
        runs.delete(run)
        assert time.monotonic() - begun < runs.LEAVING_SECONDS
        assert worker.wait(10) == -signal.SIGKILL
    assert not run.exists()


def test_a_stop_while_it_finishes_promises_no_epoch(run: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(runs, "is_locked", lambda _: True)
    runs.append_event(run, {"kind": "state", "state": "running", "time": 1.0})
    runs.append_event(run, {"kind": "phase", "text": runs.FINISHING, "time": 2.0})
    runs.request_stop(run)
    assert runs.status(run).reason.startswith("already finishing")
    runs.request_stop(run, now=True)
    assert "a resume exports and measures again" in runs.status(run).reason


def test_a_stop_before_the_first_batch_leaves_before_it_begins(
    run: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(runs, "is_locked", lambda _: True)
    runs.request_stop(run, now=True)
    assert (runs.status(run).state, runs.status(run).reason) == (
        "stopping",
        "leaves before it begins",
    )
    runs.append_event(run, {"kind": "state", "state": "running", "time": 1.0})
    runs.append_event(run, {"kind": "phase", "text": runs.STARTING[0], "time": 2.0})
    assert runs.status(run).reason == "leaves before it begins"


@pytest.mark.parametrize(
    "change",
    [
        runs.request_stop,
        runs.delete,
        lambda run: runs.set_label(run, title="x"),
        lambda _: runs.create(recipe("quick", model="unet", data="x"), SPLIT),
    ],
    ids=["stop", "delete", "label", "create"],
)
def test_a_full_disk_is_one_sentence_whatever_was_asked_for(
    run: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], object]
):
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = sorted(run.parent.iterdir())
    monkeypatch.setattr(files, "write_atomically", refuse)
    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(RunError, match="cannot be written: No space left on device; make room"):
        change(run)
    assert sorted(run.parent.iterdir()) == before


def test_a_second_look_reads_no_configuration_again(run: Path, monkeypatch: pytest.MonkeyPatch):
    before = runs.config(run)
    with monkeypatch.context() as closed:
        closed.setattr(run_folder, "read_json", lambda _: None)
        assert runs.config(run) == before
    changed = json.loads((run / "config.json").read_text())
    changed["config"]["epochs"] = 7
    (run / "config.json").write_text(json.dumps(changed))
    assert runs.status(run).epochs == 7


def test_the_log_is_read_on_from_where_it_was_and_again_where_it_is_another(run: Path):
    for epoch in (1, 2):
        runs.append_event(run, record(epoch))
        assert len(runs.history(run)) == epoch
    (run / "events.jsonl").unlink()
    for epoch in (5, 6, 7, 8):
        runs.append_event(run, record(epoch, time=2.0))
    assert [record.epoch for record in runs.history(run)] == [5, 6, 7, 8]
