"""F24: hours of training and watching cost no memory and no handles (shortened, scaled up)."""

from __future__ import annotations

import json
import time

import psutil
import pytest

from brainseg import runs
from brainseg.training import process
from brainseg.types import EpochRecord
from tests.chaos.tools import LIMIT_MB_AN_HOUR, MakeRun, Tell, epochs_of, grows, wait


def test_f24_watching_a_run_of_300_epochs_costs_nothing(make_run: MakeRun, tell: Tell) -> None:
    polls = 300
    row = tell("F24", f"{polls} polls of a run of 300 epochs", "< 200 ms, memory and handles flat")
    run = make_run()
    numbers = dict.fromkeys(EpochRecord.__dataclass_fields__, 0.5) | {"best": False}
    with (run / "events.jsonl").open("a") as log:
        for epoch in range(1, 301):
            event = {"kind": "epoch", "time": 1.0} | numbers | {"epoch": epoch}
            log.write(json.dumps(event) + "\n")
    me = psutil.Process()
    runs.status(run)
    handles, before = me.num_fds(), me.memory_info().rss
    begun = time.perf_counter()
    for _ in range(polls):
        assert runs.status(run).epoch == 300
        assert len(runs.list_runs()) >= 1
    each = (time.perf_counter() - begun) / polls
    grown = (me.memory_info().rss - before) / 2**20
    more = me.num_fds() - handles
    row.seen = f"{each * 1000:.1f} ms a poll, {grown:.1f} MB and {more} handles more"
    assert each < 0.2
    assert more == 0
    assert grown < 5


def test_f24_a_long_training_does_not_grow(make_run: MakeRun, tell: Tell, full: bool) -> None:
    if not full:
        pytest.skip("minutes of training; `make chaos` takes them")
    minutes = 12.0
    tried = f"{minutes:.0f} minutes of epochs"
    row = tell("F24", tried, "slope < 5 MB an hour, handles constant")
    run = make_run(size=128, epochs=10_000)  # at 32 px, 5000 were over before the time was
    process.start(run)
    wait(lambda: len(epochs_of(run)) >= 20)
    worker = psutil.Process(runs.process_of(run).pid)
    try:
        grown = grows(worker, minutes, lambda: runs.history(run))
    except psutil.NoSuchProcess:
        status = runs.status(run)
        pytest.fail(f"the training ended at epoch {status.epoch}, {status.state}: {status.reason}")
    epochs = len(epochs_of(run))
    runs.request_stop(run, now=True)
    wait(lambda: not runs.is_locked(run), 60)
    row.seen = f"{epochs} epochs, {grown.slope:+.1f} MB an hour and one jump of {grown.jump:.1f}, "
    row.seen += f"{grown.handles} handles apart"
    assert grown.slope < LIMIT_MB_AN_HOUR
    assert grown.handles <= 2
