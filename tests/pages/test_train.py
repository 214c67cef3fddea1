from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from brainseg import runs
from brainseg.training import process
from brainseg.training.recipes import recipe
from brainseg.types import Split
from ui import training_live

Open = Callable[..., AppTest]
SPLIT = Split(train=(0, 1), val=(2,), test=(3,), seed=0, unit="patient")


def make_run(model: str, epochs: int, state: str = "finished", reason: str | None = None) -> Path:
    """A run folder with a history, as the worker would have left it."""
    run = runs.create(recipe("quick", model=model, data="/nowhere/demo", epochs=12), SPLIT)
    runs.append_event(run, {"kind": "state", "state": "running", "time": time.time()})
    for epoch in range(1, epochs + 1):
        dice = 0.1 * epoch
        event = {"kind": "epoch", "time": time.time(), "epoch": epoch, "seconds": 2.0}
        event |= {"elapsed": 2.0 * epoch, "learning_rate": 1e-3, "loss": 2 - dice}
        event |= {"val_loss": 2.1 - dice, "dice": dice, "val_dice": dice, "accuracy": 0.98}
        event |= {"val_accuracy": 0.985, "val_background_accuracy": 0.979}
        event |= {"val_dice_loss": 1 - dice, "slices_per_second": 12.5, "best": epoch < 4}
        runs.append_event(run, event)
    last = {"kind": "state", "state": state, "time": time.time()}
    runs.append_event(run, last | ({"reason": reason} if reason else {}))
    return run


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Runs that would have been started; nothing is."""
    found: list[Path] = []
    monkeypatch.setattr(process, "start", lambda run: found.append(run) or 1)
    monkeypatch.setattr(process, "resume", lambda run: found.append(run) or 1)
    return found


def test_without_runs_it_offers_the_form_and_says_so(
    demo: Path, alone: Open, assert_frame: Callable[[AppTest], None],
    text_of: Callable[[AppTest], str],
) -> None:  # fmt: skip
    app = alone("train")
    assert_frame(app)
    assert "No run yet" in text_of(app)
    assert "Synthetic demo data" in text_of(app)


def test_the_command_line_follows_the_form(demo: Path, alone: Open) -> None:
    app = alone("train")
    app.button_group(key="train.network").set_value("resunet").run()
    app.number_input(key="train.quick.base").set_value(4).run()
    command = app.code[0].value
    assert "--model resunet --recipe quick" in command
    assert "--base 4" in command


def test_a_size_that_does_not_pool_is_one_sentence(demo: Path, alone: Open) -> None:
    app = alone("train")
    app.number_input(key="train.quick.size").set_value(100).run()
    assert not app.exception
    assert "multiple of 16" in app.error[0].value


def test_start_makes_a_run_per_network_and_watches_the_first(
    demo: Path, alone: Open, started: list[Path]
) -> None:
    app = alone("train")
    app.button_group(key="train.network").set_value("both").run()
    app.button_group(key="train.quick.epochs").set_value("Other").run()
    app.number_input(key="train.quick.other").set_value(3).run()
    app.button(key="train.start").click().run()
    assert not app.exception
    assert [runs.config(run).model for run in started] == ["unet", "resunet"]
    assert {runs.config(run).epochs for run in started} == {3}
    assert runs.split(started[0]) == runs.split(started[1])
    assert app.selectbox(key="train.watched").value == started[0].name


def test_a_finished_run_shows_its_numbers_and_what_they_mean(
    demo: Path, alone: Open, text_of: Callable[[AppTest], str]
) -> None:
    make_run("unet", 5)
    app = alone("train")
    assert not app.exception
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown["Validation Dice"] == "0.500"
    assert "Epoch 5 of 12" in text_of(app)
    assert "best epoch, whose weights are kept, by the" in text_of(app)


def test_the_run_in_the_address_is_the_one_that_is_shown(demo: Path, alone: Open) -> None:
    first, second = make_run("unet", 2), make_run("resunet", 3)
    assert alone("train").selectbox(key="train.watched").value == second.name
    for _ in range(2):  # a reload, or a second tab
        app = alone("train", train__run=first.name)
        assert app.selectbox(key="train.watched").value == first.name


def test_curves_of_several_runs_lie_over_each_other(demo: Path, alone: Open) -> None:
    first, second = make_run("unet", 2), make_run("resunet", 3)
    app = alone("train", train__run=first.name)
    app.multiselect(key="train.with").set_value([second.name]).run()
    assert not app.exception
    drawn = [chart.proto.spec for chart in app.get("plotly_chart")]
    assert len(drawn) == 3
    assert all(first.name in spec and second.name in spec for spec in drawn)


def test_a_failed_run_gives_its_reason_and_last_log_lines(
    demo: Path, alone: Open, text_of: Callable[[AppTest], str]
) -> None:
    run = make_run("unet", 1, "failed", "disk full: 3 MB left")
    (run / "worker.log").write_text("first\nNo space left on device\n")
    app = alone("train")
    assert "disk full" in app.error[0].value
    assert "No space left on device" in [block.value for block in app.code][-1]


def test_a_lost_run_says_so_and_offers_to_resume(
    demo: Path, alone: Open, started: list[Path]
) -> None:
    run = make_run("unet", 1, "running")
    app = alone("train")
    assert app.error[0].value.startswith("Lost")
    app.button(key="train.resume").click().run()
    assert started == [run]


def test_stop_asks_the_worker(demo: Path, alone: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run("unet", 1, "running")
    monkeypatch.setattr(runs, "is_locked", lambda _: True)
    app = alone("train")
    app.button(key="train.stop").click().run()
    assert (run / "stop").exists()
    assert not app.exception


def test_deleting_a_run_leaves_the_others(demo: Path, alone: Open) -> None:
    first, second = make_run("unet", 1), make_run("resunet", 1)
    app = alone("train", train__run=first.name)
    app.button(key="train.delete").click().run()
    assert not app.exception
    assert [status.run_id for status in runs.list_runs()] == [second.name]
    assert app.selectbox(key="train.watched").value == second.name


def test_a_torn_log_still_renders(demo: Path, alone: Open) -> None:
    run = make_run("unet", 2)
    with (run / "events.jsonl").open("ab") as log:
        log.write(b'\x00\x00{"kind": "epo\n{"kind": "epoch", "epoch": 3')
    assert not alone("train").exception


def test_opens_through_the_app(
    demo: Path, through_app: Open, assert_frame: Callable[[AppTest], None]
) -> None:
    make_run("unet", 2)
    assert_frame(through_app("train"))


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (59.7, "1 min 0 s"), (200, "3 min 20 s"), (-5, "0 s"),
                           (7500, "2 h 5 min")],
)  # fmt: skip
def test_durations_are_said_in_words(seconds: float, words: str) -> None:
    assert training_live.duration(seconds) == words


def test_remaining_time_comes_from_the_last_epochs() -> None:
    run = make_run("unet", 2, "running")
    status = runs.status(run)
    assert training_live.remaining(status, runs.history(run)) is None  # lost
    alive = {field: getattr(status, field) for field in status.__slots__} | {"state": "running"}
    left = training_live.remaining(type(status)(**alive), runs.history(run))
    assert left == pytest.approx((12 - 2) * 2.0)
