"""The Train screen where a start is refused, and where a stop is asked for outside an epoch."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from brainseg import files, runs
from brainseg.errors import RunError
from brainseg.training import process
from brainseg.training.recipes import recipe
from brainseg.types import Split

Open = Callable[..., AppTest]
Text = Callable[[AppTest], str]


@pytest.fixture
def run(demo: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that some process holds, before it has said anything."""
    monkeypatch.setattr(runs, "is_locked", lambda _: True)
    split = Split(train=(0, 1), val=(2,), test=(3,), seed=0, unit="patient")
    return runs.create(recipe("quick", model="unet", data=str(demo)), split)


def _say(run: Path, **event: Any) -> None:
    runs.append_event(run, {"time": 1.0, **event})


def test_cancelling_the_start_trains_no_epoch_first(run: Path, alone: Open, text_of: Text) -> None:
    app = alone("train")
    button = app.button(key="train.stop.start")
    assert button.label == "Cancel the start"
    button.click().run()
    assert runs.stop_wish(run) == runs.NOW
    assert "leaves before it begins" in text_of(app)
    _say(run, kind="state", state="running")
    _say(run, kind="phase", text=runs.STARTING[0])
    assert "leaves before it begins" in text_of(app.run())


def test_a_run_that_finishes_offers_no_epoch_to_finish(
    run: Path, alone: Open, text_of: Text
) -> None:
    _say(run, kind="state", state="running")
    _say(run, kind="phase", text=runs.FINISHING)
    runs.request_stop(run)
    app = alone("train")
    assert "already finishing" in text_of(app)
    assert "train.stop.epoch" not in [button.key for button in app.button]
    app.button(key="train.stop.now").click().run()
    app.button(key="train.stop.now.yes").click().run()
    assert runs.stop_wish(run) == runs.NOW
    assert not app.exception


def test_a_full_disk_is_said_when_a_stop_is_asked_for(
    run: Path, alone: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    app = alone("train")
    monkeypatch.setattr(files, "write_atomically", refuse)
    app.button(key="train.stop.start").click().run()
    assert not app.exception
    assert "No space left on device" in app.error[0].value


@pytest.mark.parametrize("refused", [("resunet",), ("unet", "resunet")])
def test_what_was_not_started_is_said_beside_what_was(
    demo: Path, alone: Open, monkeypatch: pytest.MonkeyPatch, refused: tuple[str, ...]
) -> None:
    def start(run: Path) -> int:
        if runs.config(run).model in refused:
            raise RunError("disk full")
        return 1

    monkeypatch.setattr(process, "start", start)
    app = alone("train")
    app.button_group(key="train.network").set_value("both").run()
    app.button(key="train.start").click().run()
    assert not app.exception
    assert r"ResUNet was not started\: disk full" in app.error[0].value
    left = [runs.config(runs.find(one.run_id)).model for one in runs.list_runs()]
    assert left == [model for model in ("unet", "resunet") if model not in refused]
