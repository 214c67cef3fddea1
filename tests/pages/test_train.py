from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Multiselect, Selectbox

from brainseg import runs, summary
from brainseg.scores import CaseScore
from brainseg.training import estimate, hardware, process, queue
from brainseg.training.estimate import Measurement
from brainseg.training.recipes import recipe
from brainseg.types import Split
from ui import training_estimate, training_news, training_table, training_words

Open = Callable[..., AppTest]
SPLIT = Split(train=(0, 1), val=(2,), test=(3,), seed=0, unit="patient")


def make_run(
    model: str, epochs: int, state: str = "finished", reason: str | None = None, **settings: Any
) -> Path:
    """A run folder with a history, as the worker would have left it."""
    settings = {"epochs": 12, **settings}
    run = runs.create(recipe("quick", model=model, data="/nowhere/demo", **settings), SPLIT)
    if state == "queued":
        return run
    runs.append_event(run, {"kind": "state", "state": "running", "time": time.time()})
    for epoch in range(1, epochs + 1):
        dice = 0.1 * epoch
        event = {"kind": "epoch", "time": time.time(), "epoch": epoch, "seconds": 2.0}
        event |= {"elapsed": 2.0 * epoch, "learning_rate": 1e-3, "loss": 2 - dice}
        event |= {"val_loss": 2.1 - dice, "dice": dice, "val_dice": dice, "accuracy": 0.98}
        event |= {"val_accuracy": 0.985, "val_background_accuracy": 0.979}
        event |= {"val_dice_loss": 1 - dice, "slices_per_second": 12.5, "best": epoch < 4}
        runs.append_event(run, event)
    if state != "running":
        last = {"kind": "state", "state": state, "time": time.time()}
        runs.append_event(run, last | ({"reason": reason} if reason else {}))
    return run


def figures(app: AppTest) -> list[dict[str, Any]]:
    """The charts on a screen, as the browser gets them."""
    sent = [json.loads(part.proto.json or "null") for part in app.get("bidi_component")]
    return [figure for figure in sent if figure]


def watched(app: AppTest) -> Selectbox:
    """The field of the run that is watched; its key has a turn in it."""
    return next(field for field in app.selectbox if field.label == "Run")


def laid_over(app: AppTest) -> Multiselect:
    """The field of the runs that lie over it."""
    return next(field for field in app.multiselect if field.label == "Compare with")


def labels(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


@pytest.fixture
def at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every run is held by a worker."""
    monkeypatch.setattr(runs, "is_locked", lambda _: True)


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
    app.checkbox(key="train.quick.tensorboard").check().run()
    assert "--tensorboard" in app.code[0].value


def test_a_size_that_does_not_pool_is_one_sentence_at_the_form(demo: Path, alone: Open) -> None:
    make_run("unet", 2)
    app = alone("train")
    app.number_input(key="train.quick.size").set_value(100).run()
    assert not app.exception
    assert "multiple of 16" in app.error[0].value
    assert app.button(key="train.start").disabled
    assert figures(app)  # the rest of the screen stays


def test_the_form_says_how_the_data_is_divided(
    demo: Path, alone: Open, text_of: Callable[[AppTest], str]
) -> None:
    app = alone("train")
    config = recipe("quick", model="unet", data=str(demo))
    assert config.batch_size == 4
    words = text_of(app)
    assert "slices to learn from" in words
    assert "divided by patient" in words


def test_several_gpus_can_share_a_run_unless_its_loss_needs_the_whole_batch(
    demo: Path, alone: Open, monkeypatch: pytest.MonkeyPatch
):
    assert "train.quick.mirrored" not in [toggle.key for toggle in alone("train").toggle]
    monkeypatch.setattr(hardware, "_ask", lambda: 2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    app = alone("train")
    app.toggle(key="train.quick.mirrored").set_value(True).run()
    assert "--mirrored" in app.code[0].value
    app.selectbox(key="train.quick.precision").set_value("mixed_float16").run()
    assert "--precision mixed_float16" in app.code[0].value
    app.button_group(key="train.recipe").set_value("document").run()
    assert app.toggle(key="train.document.mirrored").disabled


def test_a_gpu_that_the_backend_cannot_use_is_named_and_no_choice_depends_on_it(
    demo: Path, alone: Open, monkeypatch: pytest.MonkeyPatch, text_of: Callable[[AppTest], str]
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(hardware, "nodes", lambda: ("0", "1"))
    monkeypatch.setattr(hardware, "_gpu_names", lambda: ("NVIDIA A100, 40 GB",))
    monkeypatch.setattr(hardware, "_ask", lambda: 0)
    app = alone("train")
    assert not app.exception
    assert "Trains on CPU" in text_of(app)
    said = app.warning[0].value
    assert "Not used: NVIDIA A100, 40 GB. TensorFlow" in said
    assert "`make run GPU=1`" in said
    assert "train.quick.precision" not in [box.key for box in app.selectbox]
    assert "train.quick.mirrored" not in [toggle.key for toggle in app.toggle]


def test_of_several_gpus_a_run_takes_one(
    demo: Path, alone: Open, monkeypatch: pytest.MonkeyPatch, text_of: Callable[[AppTest], str]
) -> None:
    monkeypatch.setattr(hardware, "usable", lambda: ("A, 40 GB", "B, 80 GB"))
    assert "Trains on one of A, 40 GB and B, 80 GB" in text_of(alone("train"))


def test_tuning_starts_from_trained_weights_in_smaller_steps(
    demo: Path, networks: Path, alone: Open
) -> None:
    app = alone("train")
    app.selectbox(key="train.start_from.unet").set_value("Shipped weights").run()
    command = app.code[0].value
    assert "--from unet" in command
    assert "--learning-rate 0.0003" in command
    base = app.number_input(key="train.quick.Shipped weights.base")
    assert base.disabled
    assert f"--base {base.value}" in command


MEASURED = Measurement(
    device="CPU: 2 cores", startup_seconds=10.0, step_seconds=0.5, validation_seconds=0.25,
    save_seconds=0.5, memory_mb=1024.0, steps=10,
)  # fmt: skip


def test_a_known_measurement_is_an_estimate_of_this_very_run(
    demo: Path, alone: Open, text_of: Callable[[AppTest], str]
) -> None:
    config = recipe("quick", model="unet", data=str(demo))
    estimate.keep(config, MEASURED)
    words = text_of(alone("train"))
    assert "40 epochs of" in words
    assert "would take about" in words
    assert "Measured over 10 steps" in words
    assert "early stopping" not in words  # the quick recipe has none


def test_what_does_not_change_a_step_needs_no_new_measurement(demo: Path) -> None:
    config = recipe("quick", model="unet", data=str(demo))
    same = recipe("quick", model="unet", data="/else", epochs=75, learning_rate=0.1, seed=3)
    other = recipe("quick", model="unet", data=str(demo), base=4)
    assert estimate.key(config) == estimate.key(same) != estimate.key(other)


def test_the_estimate_is_steps_and_checks_and_checkpoints() -> None:
    config = recipe("quick", model="unet", data="x", epochs=3)
    split = Split(train=tuple(range(9)), val=(9, 10), test=(), seed=0, unit="patient")
    epoch = 3 * 0.5 + 1 * 0.25 + 2 * 0.5  # batches of 4
    assert estimate.epoch_seconds(config, MEASURED, split) == pytest.approx(epoch)
    assert estimate.total_seconds(config, MEASURED, split) == pytest.approx(10 + 3 * epoch)
    long = recipe("document", model="unet", data="x")
    many = Split(train=tuple(range(20_000)), val=(), test=(), seed=0, unit="slice")
    words = training_estimate.sentence({long: MEASURED}, many)
    assert "hours" in words
    assert "long for a CPU" in words


@pytest.fixture
def fake_job(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Sequence[Any]]:
    """Measuring starts a process that only sleeps, and reports one step."""
    asked: list[Sequence[Any]] = []

    def start(configs: Sequence[Any]) -> estimate.Job:
        asked.append(configs)
        report = tmp_path / "report"
        event = {"kind": "progress", "model": "unet", "text": "Step 3", "share": 0.5}
        report.write_text(json.dumps(event) + "\n")
        sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
        return estimate.Job(process=subprocess.Popen(sleep), report=report, begun=time.monotonic())

    monkeypatch.setattr(estimate, "start", start)
    return asked


def test_measuring_shows_its_step_and_can_be_cancelled(
    demo: Path, alone: Open, fake_job: list[Sequence[Any]]
) -> None:
    app = alone("train")
    app.button(key="train.estimate").click().run()
    assert len(fake_job) == 1
    assert "train.estimate.cancel" in [button.key for button in app.button]
    app.button(key="train.estimate.cancel").click().run()
    assert not app.exception
    assert "train.estimate" in [button.key for button in app.button]


def test_what_is_known_can_be_measured_again(
    demo: Path, alone: Open, fake_job: list[Sequence[Any]], text_of: Callable[[AppTest], str]
) -> None:
    estimate.keep(recipe("quick", model="unet", data=str(demo)), replace(MEASURED, busy=True))
    app = alone("train")
    assert "beside another training" in text_of(app)
    app.button(key="train.estimate.again").click().run()
    assert [config.model for config in fake_job[0]] == ["unet"]
    assert "train.estimate.cancel" in [button.key for button in app.button]
    app.button(key="train.estimate.cancel").click().run()
    assert not app.exception
    assert "Measured over 10 steps" in text_of(app)


def test_a_start_ends_every_measuring_of_the_session(
    demo: Path, alone: Open, fake_job: list[Sequence[Any]], started: list[Path]
) -> None:
    app = alone("train")
    app.button(key="train.estimate").click().run()
    key = estimate.key_of(fake_job[0])
    job = training_estimate._jobs()[key]
    assert job.running
    app.number_input(key="train.quick.batch").set_value(2).run()
    app.button(key="train.start").click().run()
    assert not app.exception
    assert len(started) == 1
    assert job.process.returncode is not None
    assert key not in training_estimate._jobs()


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
    assert watched(app).value == started[0].name


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
    assert watched(alone("train")).value == second.name
    for _ in range(2):  # a reload, or a second tab
        app = alone("train", train__run=first.name)
        assert watched(app).value == first.name


def test_a_link_to_a_run_that_is_not_here_says_so(demo: Path, alone: Open) -> None:
    run = make_run("unet", 2)
    app = alone("train", train__run="gone")
    told = [warning.value.replace("\\", "") for warning in app.warning]
    assert any("asks for run gone, which is not here" in words for words in told)
    assert watched(app).value == run.name
    app.button(key="train.delete").click().run()
    app.button(key="train.delete.yes").click().run()
    assert training_table.RUN not in app.query_params


def test_the_run_at_work_is_shown_before_those_that_wait_for_it(
    demo: Path, alone: Open, at_work: None
) -> None:
    busy, _ = make_run("unet", 1, "running"), make_run("resunet", 0, "queued")
    assert watched(alone("train")).value == busy.name


def test_who_comes_back_by_the_menu_sees_what_was_left(
    demo: Path, through_app: Open
) -> None:  # fmt: skip
    first, second, _ = make_run("unet", 2), make_run("resunet", 3), make_run("unet", 4)
    app = through_app("train")
    watched(app).set_value(first.name).run()
    laid_over(app).set_value([second.name]).run()
    app.query_params.clear()
    app.switch_page("pages/learn.py").run()
    app.query_params.clear()  # as the menu's links do
    app.switch_page("pages/train.py").run()
    assert watched(app).value == first.name
    assert laid_over(app).value == [second.name]


def test_who_comes_back_by_the_menu_finds_form_and_charts_as_they_were(
    demo: Path, through_app: Open
) -> None:
    run = make_run("unet", 2)
    (run / "previews").mkdir()
    for epoch in (1, 2):
        (run / "previews" / f"epoch-{epoch:05d}-0.webp").write_bytes(b"picture")
    app = through_app("train")
    app.button_group(key="train.recipe").set_value("document").run()
    app.button_group(key="train.document.epochs").set_value("Other").run()
    app.number_input(key="train.document.other").set_value(7)
    app.number_input(key="train.document.batch").set_value(3)
    app.button_group(key="train.axis").set_value("time")
    app.slider(key="train.smoothing").set_value(0.0)
    app.select_slider(key=f"train.preview.{run.name}").set_value(1).run()
    app.switch_page("pages/learn.py").run()
    app.run()
    app.switch_page("pages/train.py").run()
    assert not app.exception
    assert "--recipe document" in app.code[0].value
    assert "--epochs 7" in app.code[0].value
    assert "--batch-size 3" in app.code[0].value
    assert app.button_group(key="train.axis").value == "time"
    assert app.slider(key="train.smoothing").value == 0.0
    assert app.select_slider(key=f"train.preview.{run.name}").value == 1


def test_curves_of_several_runs_lie_over_each_other(demo: Path, alone: Open) -> None:
    first, second = make_run("unet", 2), make_run("resunet", 3)
    app = alone("train", train__run=first.name)
    laid_over(app).set_value([second.name]).run()
    assert not app.exception
    drawn = [json.dumps(figure) for figure in figures(app)]
    assert len(drawn) == 3
    assert all(first.name in spec and second.name in spec for spec in drawn)
    table = app.dataframe[1].value
    assert list(table["Network"]) == ["UNet", "ResUNet"]
    assert list(table["Best Dice"]) == pytest.approx([0.2, 0.3])


def test_without_a_point_there_is_nothing_to_steer(demo: Path, alone: Open, at_work: None) -> None:
    first, second = make_run("unet", 0, "queued"), make_run("resunet", 0, "queued")
    app = alone("train", train__run=first.name)
    laid_over(app).set_value([second.name]).run()
    assert not app.exception
    assert not figures(app)
    keys = {one.key for one in (*app.button_group, *app.slider)}
    assert keys.isdisjoint({"train.axis", "train.scale", "train.smoothing"})


def test_a_run_keeps_its_colour_when_others_come_and_go(demo: Path, alone: Open) -> None:
    first, second, third = make_run("unet", 2), make_run("unet", 3), make_run("unet", 4)
    app = alone("train", train__run=first.name)

    def colour_of(run: Path) -> str:
        lines = figures(app)[0]["data"]
        return next(line["line"]["color"] for line in lines if line.get("name") == run.name)

    laid_over(app).set_value([second.name]).run()
    before = colour_of(second)
    laid_over(app).set_value([third.name, second.name]).run()
    assert colour_of(second) == before
    assert len({colour_of(first), colour_of(second), colour_of(third)}) == 3


def test_a_waiting_run_says_for_whom_and_at_which_place(
    demo: Path, alone: Open, at_work: None, monkeypatch: pytest.MonkeyPatch,
    text_of: Callable[[AppTest], str],
) -> None:  # fmt: skip
    busy, waiting = make_run("unet", 1, "running"), make_run("resunet", 0, "queued")
    monkeypatch.setattr(queue, "place", lambda run: 2 if run == waiting else None)
    runs.set_label(busy, title="The long one")
    app = alone("train", train__run=waiting.name)
    assert not app.exception
    words = text_of(app)
    assert "The long one" in words
    assert "place 2" in words
    assert "Leave the queue" in labels(app)


def test_the_first_in_the_queue_of_an_idle_machine_waits_for_nobody(
    demo: Path, alone: Open, at_work: None, monkeypatch: pytest.MonkeyPatch,
    text_of: Callable[[AppTest], str],
) -> None:  # fmt: skip
    make_run("unet", 0, "queued")
    monkeypatch.setattr(queue, "place", lambda _: 1)
    words = text_of(alone("train"))
    assert "its process starts" in words
    assert "Waits for" not in words


def test_a_resumed_run_says_how_it_starts_and_promises_nothing_yet(
    demo: Path, alone: Open, at_work: None, text_of: Callable[[AppTest], str]
) -> None:
    run = make_run("unet", 5, "running")
    said = (("phase", "opens the backend"), ("phase", "reads the slices"), ("facts", ""))
    shown = ("Opens TensorFlow", "Reads the slices", "Compiles the network")
    for (kind, text), words in zip(said, shown, strict=True):
        runs.append_event(run, {"kind": kind, "text": text, "time": time.time()})
        app = alone("train")
        assert words in [bar.proto.text for bar in app.get("progress")]
        assert "of training left" not in text_of(app)
        assert "slices/s" not in text_of(app)


@pytest.mark.parametrize(
    ("epochs", "words"),
    [(9, "less than 10 seconds of training left"), (1, "about 20 seconds of training left")],
)
def test_the_time_left_has_no_digits_that_nobody_can_know(
    demo: Path, alone: Open, at_work: None, text_of: Callable[[AppTest], str], epochs: int,
    words: str,
) -> None:  # fmt: skip
    make_run("unet", epochs, "running")
    assert words in text_of(alone("train"))


def test_an_ended_run_learned_and_may_be_as_good_as_all_background(
    demo: Path, alone: Open, text_of: Callable[[AppTest], str]
) -> None:
    run = make_run("unet", 2, "running")
    event = next(e for e in reversed(runs.events(run)) if e["kind"] == "epoch")
    runs.append_event(run, event | {"epoch": 3, "val_accuracy": 0.9793})
    runs.append_event(run, {"kind": "state", "state": "stopped", "time": time.time()})
    app = alone("train")
    assert "learned at 12.5 slices/s" in text_of(app)
    assert [one.delta for one in app.metric if "accuracy" in one.label] == [
        "same as all background"
    ]


def test_the_previews_follow_the_training_until_an_epoch_is_chosen(
    demo: Path, alone: Open, at_work: None
) -> None:
    run = make_run("unet", 2, "running")

    def train(epoch: int) -> None:
        (run / "previews").mkdir(exist_ok=True)
        (run / "previews" / f"epoch-{epoch:05d}-0.webp").write_bytes(b"picture %d" % epoch)

    def shown(app: AppTest) -> bytes:
        address = app.image[0].proto.imgs[0].url
        return base64.b64decode(address.removeprefix("data:image/webp;base64,"))

    for epoch in (1, 2, 3):
        train(epoch)
    app = alone("train")
    assert shown(app) == b"picture 2"
    assert app.select_slider(key=f"train.preview.{run.name}.newest").disabled
    event = next(e for e in reversed(runs.events(run)) if e["kind"] == "epoch")
    runs.append_event(run, event | {"epoch": 3})
    app.run()
    assert shown(app) == b"picture 3"
    app.toggle(key=f"train.preview.{run.name}.follow").set_value(False).run()
    app.select_slider(key=f"train.preview.{run.name}").set_value(1).run()
    assert shown(app) == b"picture 1"
    train(4)
    runs.append_event(run, event | {"epoch": 4})
    app.run()
    assert shown(app) == b"picture 1"


@pytest.mark.parametrize("chosen", [None, 2])
def test_the_previews_end_at_the_best_epoch_where_nobody_chose_one(
    demo: Path, alone: Open, monkeypatch: pytest.MonkeyPatch, chosen: int | None
) -> None:
    monkeypatch.setattr(runs, "is_locked", lambda _: True)
    run = make_run("unet", 5, "running")  # the third is the best
    (run / "previews").mkdir()
    for epoch in range(1, 6):
        (run / "previews" / f"epoch-{epoch:05d}-0.webp").write_bytes(b"picture %d" % epoch)
    app = alone("train")
    assert app.select_slider[0].value == 5
    if chosen is not None:
        app.toggle(key=f"train.preview.{run.name}.follow").set_value(False).run()
        app.select_slider(key=f"train.preview.{run.name}").set_value(chosen).run()
    monkeypatch.setattr(runs, "is_locked", lambda _: False)
    runs.append_event(run, {"kind": "state", "state": "finished", "time": time.time()})
    app.run()
    assert app.select_slider[0].value == (chosen or 3)


def test_a_run_tells_its_settings_and_what_differs_from_the_recipe(demo: Path, alone: Open) -> None:
    make_run("unet", 2, seed=12345, base=4)
    app = alone("train")
    folded = next(part for part in app.expander if part.label.startswith("Settings"))
    assert folded.label == "Settings: quick, seed 12345, base 4, epochs 12"
    table = folded.dataframe[0].value
    assert list(table["Setting"][:3]) == ["Seed", "Base", "Epochs"]
    assert list(table["Value"][:3]) == ["12345", "4", "12"]
    assert "--seed 12345" in folded.code[0].value


def test_a_run_of_another_version_has_its_curves_still(demo: Path, alone: Open) -> None:
    run = make_run("unet", 2)
    path = run / "config.json"
    path.write_text(path.read_text().replace('"quick"', '"of-tomorrow"'))
    app = alone("train")
    assert not app.exception
    assert not app.error
    assert figures(app)


def test_runs_that_are_compared_show_the_settings_that_differ(demo: Path, alone: Open) -> None:
    first, second = make_run("unet", 2, seed=1), make_run("unet", 3, size=64)
    app = alone("train", train__run=first.name)
    laid_over(app).set_value([second.name]).run()
    table = app.dataframe[1].value
    assert list(table["Seed"]) == ["1", "0"]
    assert list(table["Size"]) == ["128", "64"]
    assert "Base" not in table


def test_a_finished_run_says_what_it_scored_on_the_test_slices(
    demo: Path, alone: Open, text_of: Callable[[AppTest], str]
) -> None:
    run = make_run("unet", 5)
    assert "Test:" not in text_of(alone("train"))
    case = CaseScore(
        number=3, tumour=None, patient="p3", truth_px=40, predicted_px=44, dice=0.75, iou=0.6,
        precision=0.7, sensitivity=0.8, specificity=0.99, accuracy=0.99, background_accuracy=0.98,
    )  # fmt: skip
    told = {"model": "unet", "data": "demo", "threshold": 0.5, "orientation": ""}
    runs.write_evaluation(run / "result.json", summary.evaluation([case], None, **told))
    app = alone("train")
    assert "test **0.750**. Test: one slice with a tumour." in text_of(app)
    assert list(app.dataframe[-1].value["Test Dice"]) == [0.75]


def test_a_test_that_also_chose_is_told(
    demo: Path, alone: Open, text_of: Callable[[AppTest], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run("unet", 5, split_unit="slice", val_is_test=True)
    tested = training_news.cache.Tested(dice=0.75, low=0.7, high=0.8, tumours=12)
    monkeypatch.setattr(training_news.cache, "tested", lambda _: tested)
    told = "Test: 12 slices with a tumour, which also chose the best epoch, 95 % 0.700 to 0.800."
    assert told in text_of(alone("train"))


def test_changed_details_are_told_and_can_be_taken_back(
    demo: Path, alone: Open, text_of: Callable[[AppTest], str]
) -> None:
    app = alone("train")
    assert "Not as in the recipe" not in text_of(app)
    app.number_input(key="train.quick.seed").set_value(7).run()
    app.number_input(key="train.quick.base").set_value(4).run()
    assert "Not as in the recipe: seed 7, base 4." in text_of(app)
    app.button(key="train.back").click().run()
    assert "Not as in the recipe" not in text_of(app)
    seed = next(field for field in app.number_input if field.label == "Seed")
    assert seed.value == 0
    assert seed.key != "train.quick.seed"  # in which the browser goes on showing 7


def test_a_row_of_the_table_chooses_the_run(demo: Path, alone: Open) -> None:
    older, newer = make_run("unet", 2), make_run("resunet", 2)
    app = alone("train")
    assert watched(app).value == newer.name
    before = watched(app).proto.id
    app.session_state[training_table.CLICKED] = older.name  # as a tick in its row leaves it
    app.run()
    assert watched(app).value == older.name
    assert watched(app).proto.id != before  # what a late poll says of the old field is nobody's


def test_a_tick_keeps_the_curves_that_lie_over_the_run(demo: Path, alone: Open) -> None:
    first, second, third = make_run("unet", 2), make_run("resunet", 3), make_run("unet", 4)
    app = alone("train", train__run=first.name)
    laid_over(app).set_value([second.name, third.name]).run()
    app.session_state[training_table.CLICKED] = second.name
    app.run()
    assert watched(app).value == second.name
    assert laid_over(app).value == [third.name]


def test_the_ticked_row_is_the_watched_run_however_it_was_chosen(demo: Path, alone: Open) -> None:
    older, newer = make_run("unet", 2), make_run("resunet", 2)
    app = alone("train")

    def ticked() -> list[int]:
        return json.loads(app.dataframe[-1].proto.selection_default)["selection"]["rows"]

    assert ticked() == [0]
    first = app.dataframe[-1].proto.id
    app.session_state[training_table.CLICKED] = older.name
    app.run()
    assert app.dataframe[-1].proto.id == first  # ticked in it: it stays, with its order
    watched(app).set_value(newer.name).run()
    again = app.dataframe[-1].proto.id
    assert again != first  # a table anew, that begins with the chosen run ticked
    assert ticked() == [0]
    watched(app).set_value(older.name).run()
    assert app.dataframe[-1].proto.id not in (first, again)
    assert ticked() == [1]


def test_a_zoom_lasts_over_new_epochs_but_not_over_another_run_or_axis(
    demo: Path, alone: Open, at_work: None
) -> None:
    run, other = make_run("unet", 2, "running"), make_run("resunet", 2)
    app = alone("train", train__run=run.name)

    def views() -> list[str]:
        layouts = [figure["layout"] for figure in figures(app)]
        assert all(one["xaxis"]["uirevision"] == one["yaxis"]["uirevision"] for one in layouts)
        return [one["xaxis"]["uirevision"] for one in layouts]

    before, kept = views(), [figure["layout"]["uirevision"] for figure in figures(app)]
    event = next(e for e in reversed(runs.events(run)) if e["kind"] == "epoch")
    runs.append_event(run, event | {"epoch": 3})
    app.run()
    assert views() == before
    app.button_group(key="train.scale").set_value("log").run()
    assert [old == new for old, new in zip(before, views(), strict=True)] == [True, True, False]
    app.button_group(key="train.axis").set_value("time").run()
    in_seconds = views()
    assert not set(in_seconds) & set(before)
    runs.append_event(run, event | {"epoch": 4, "elapsed": 600.0})
    app.run()
    assert not set(views()) & set(in_seconds)  # now in minutes
    in_minutes = views()
    watched(app).set_value(other.name).run()
    assert not set(views()) & set(in_minutes)
    assert [figure["layout"]["uirevision"] for figure in figures(app)] == kept


def test_a_run_of_another_version_is_listed_with_its_reason_and_can_be_watched(
    demo: Path, alone: Open, text_of: Callable[[AppTest], str]
) -> None:
    strange, usual = make_run("unet", 3), make_run("resunet", 2)
    (strange / "previews").mkdir()
    (strange / "previews" / "epoch-00003-0.webp").write_bytes(b"picture")
    written = json.loads((strange / "config.json").read_text())
    written["config"]["novelty"] = 7
    (strange / "config.json").write_text(json.dumps(written))
    app = alone("train", train__run=strange.name)
    assert not app.exception
    assert not app.error
    assert len(figures(app)) == 3
    assert len(app.image) == 1
    assert "novelty" in app.warning[0].value
    table = app.dataframe[-1].value
    assert list(table["Run"]) == [usual.name, strange.name]
    assert "unknown settings: novelty" in table["Note"][1]
    watched(app).set_value(usual.name).run()
    laid_over(app).set_value([strange.name]).run()
    assert not app.exception
    assert not app.warning
    assert list(app.dataframe[1].value["Run"]) == [usual.name, strange.name]


def test_a_running_run_says_where_it_is_and_how_patient_it_still_is(
    demo: Path, alone: Open, at_work: None, text_of: Callable[[AppTest], str]
) -> None:
    run = make_run("unet", 5, "running", patience=6)
    (run / "progress").write_text("6 3 10 4.5\n")
    app = alone("train")
    assert not app.exception
    bars = [bar.proto.text for bar in app.get("progress")]
    assert "Epoch 6 · batch 3 of 10" in bars
    assert any("4 of 6 epochs left" in text and "epoch 3" in text for text in bars)
    assert "Epoch 5 of 12" in text_of(app)
    assert "slices/s" in text_of(app)


def test_a_run_before_its_first_epoch_says_when_it_began_whatever_the_clock_does(
    demo: Path, alone: Open, at_work: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run("unet", 0, "running")
    began = time.strftime("%H:%M", time.localtime(runs.status(run).started))
    honest = time.time
    for hour in (-3600, 3600):
        monkeypatch.setattr(time, "time", lambda hour=hour: honest() + hour)
        app = alone("train")
        assert not app.exception
        assert any(f"Began at {began}" in one.value for one in app.caption)


def test_a_failed_run_gives_its_reason_its_log_and_what_to_do(
    demo: Path, alone: Open, text_of: Callable[[AppTest], str]
) -> None:
    run = make_run("unet", 1, "failed", "disk full: 3 MB left")
    (run / "worker.log").write_text("first\nNo space left on device\n")
    app = alone("train")
    assert "disk full" in app.error[0].value
    assert "Make room" in app.error[0].value
    assert any("No space left on device" in block.value for block in app.code)


def test_a_lost_run_says_so_and_offers_to_resume(
    demo: Path, alone: Open, started: list[Path]
) -> None:
    run = make_run("unet", 1, "running")
    app = alone("train")
    assert app.error[0].value.startswith("**Lost")
    app.button(key="train.resume").click().run()
    assert started == [run]


def test_a_stopped_run_says_by_whom_and_offers_to_resume(
    demo: Path, alone: Open, started: list[Path], text_of: Callable[[AppTest], str]
) -> None:
    run = make_run("unet", 2, "stopped", "stopped by you")
    app = alone("train")
    assert "stopped by you" in text_of(app)
    app.button(key="train.resume").click().run()
    assert started == [run]


def test_stop_lets_the_epoch_end_or_asks_before_it_stops_now(
    demo: Path, alone: Open, at_work: None, text_of: Callable[[AppTest], str]
) -> None:
    run = make_run("unet", 1, "running")
    app = alone("train")
    app.button(key="train.stop.epoch").click().run()
    assert runs.stop_wish(run) == runs.EPOCH
    assert "finishes the epoch" in text_of(app)
    app.button(key="train.stop.now").click().run()
    assert runs.stop_wish(run) == runs.EPOCH  # it asked first
    app.button(key="train.stop.now.yes").click().run()
    assert runs.stop_wish(run) == runs.NOW
    assert not app.exception


def test_stop_now_asks_while_a_run_exports_too(
    demo: Path, alone: Open, at_work: None, text_of: Callable[[AppTest], str]
) -> None:
    run = make_run("unet", 1, "running")
    runs.append_event(run, {"kind": "phase", "text": runs.FINISHING, "time": time.time()})
    app = alone("train")
    app.button(key="train.stop.now").click().run()
    assert runs.stop_wish(run) is None
    assert "All epochs are done and saved" in text_of(app)
    app.button(key="train.stop.now.yes").click().run()
    assert runs.stop_wish(run) == runs.NOW
    assert app.button(key="train.stop.now").disabled


def test_deleting_asks_and_leaves_the_others(demo: Path, alone: Open) -> None:
    first, second = make_run("unet", 1), make_run("resunet", 1)
    app = alone("train", train__run=first.name)
    app.button(key="train.delete").click().run()
    assert first.is_dir()
    app.button(key="train.delete.yes").click().run()
    assert not app.exception
    assert [status.run_id for status in runs.list_runs()] == [second.name]
    assert watched(app).value == second.name


def test_a_name_and_a_note_are_shown_wherever_the_run_is(
    demo: Path, alone: Open, text_of: Callable[[AppTest], str]
) -> None:
    run, other = make_run("unet", 2), make_run("resunet", 2)
    app = alone("train", train__run=run.name)
    app.button(key="train.label.open").click().run()
    app.text_input(key="train.title").set_value("Small one")
    app.text_area(key="train.note").set_value("base 8")
    next(button for button in app.button if button.label == "Save").click().run()
    assert not app.exception
    assert watched(app).value == run.name
    assert "base 8" in text_of(app)
    table = app.dataframe[-1].value
    assert set(table["Run"]) == {"Small one", other.name}
    assert "Small one" in json.dumps(figures(app)[0])


def test_a_run_that_ends_while_one_watches_is_announced_once(
    demo: Path, alone: Open, monkeypatch: pytest.MonkeyPatch, text_of: Callable[[AppTest], str]
) -> None:
    ending, watched = make_run("unet", 3, "running"), make_run("resunet", 2)
    monkeypatch.setattr(runs, "is_locked", lambda run: run == ending)
    app = alone("train", train__run=watched.name)
    assert not app.toast
    runs.append_event(ending, {"kind": "state", "state": "finished", "time": time.time()})
    app.run()
    assert [ending.name.replace("-", "\\-") in toast.value for toast in app.toast] == [True]
    app.run()
    assert not app.toast
    assert text_of(app).count("has finished") == 2  # the watched run's line, and the news
    app.button(key="train.dismiss").click().run()
    assert text_of(app).count("has finished") == 1


def test_a_run_that_ends_is_announced_on_another_screen_once(
    demo: Path, through_app: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run("unet", 3, "running")
    monkeypatch.setattr(runs, "is_locked", lambda _: True)
    app = through_app("train")
    app.switch_page("pages/learn.py").run()
    assert not app.toast
    runs.append_event(run, {"kind": "state", "state": "finished", "time": time.time()})
    app.run()
    assert len(app.toast) == 1
    app.run()
    assert not app.toast
    app.switch_page("pages/train.py").run()
    assert not app.exception
    assert not app.toast


@pytest.mark.parametrize("begun", ["a new one", "one that had ended"])
def test_a_run_begun_elsewhere_is_seen_though_nothing_lived(
    demo: Path, monkeypatch: pytest.MonkeyPatch, begun: str
) -> None:
    run, drawn = make_run("unet", 1, "stopped"), []
    monkeypatch.setattr(training_news.st, "rerun", lambda **_: drawn.append(1))
    monkeypatch.setattr(training_news.st, "session_state", {})
    training_news.remember(runs.list_runs())
    training_news.look()
    assert not drawn
    if begun == "a new one":
        make_run("unet", 0, "queued")
    else:
        runs.append_event(run, {"kind": "state", "state": "running", "time": time.time()})
        monkeypatch.setattr(runs, "is_locked", lambda _: True)
    training_news.look()
    assert drawn


def test_a_run_that_ends_closes_no_dialog(demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, drawn = make_run("unet", 1, "running"), []
    monkeypatch.setattr(training_news.st, "rerun", lambda **_: drawn.append(1))
    monkeypatch.setattr(training_news.st, "session_state", {})
    monkeypatch.setattr(runs, "is_locked", lambda _: True)
    training_news.remember(runs.list_runs())
    training_news.look()
    assert not drawn
    runs.append_event(run, {"kind": "state", "state": "finished", "time": time.time()})
    training_news.st.session_state[training_news.ASKING] = True
    training_news.look()
    assert not drawn
    training_news.st.session_state[training_news.ASKING] = False
    training_news.look()
    assert drawn


@pytest.mark.parametrize(
    ("state", "button"),
    [("finished", "train.label.open"), ("finished", "train.delete"), ("running", "train.stop.now")],
)
def test_an_open_dialog_is_known_until_it_closes(
    demo: Path, alone: Open, at_work: None, state: str, button: str
) -> None:
    make_run("unet", 1, state)
    app = alone("train")
    assert not app.session_state[training_news.ASKING]
    app.button(key=button).click().run()
    assert app.session_state[training_news.ASKING]
    app.run()  # as its dismissal does
    assert not app.session_state[training_news.ASKING]


def test_no_dialog_is_thought_open_once_the_last_run_is_gone(demo: Path, alone: Open) -> None:
    make_run("unet", 1)
    app = alone("train")
    app.button(key="train.delete").click().run()
    app.button(key="train.delete.yes").click().run()
    assert not runs.list_runs()
    assert not app.session_state[training_news.ASKING]


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
    assert training_words.duration(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(3, "10 seconds"), (71, "70 seconds"), (600, "10 minutes"),
                           (9 * 3600 + 60, "9.0 hours"), (80 * 3600, "80 hours")],
)  # fmt: skip
def test_estimates_have_no_digits_that_nobody_can_know(seconds: float, words: str) -> None:
    assert training_words.roughly(seconds) == words


def test_maps_can_be_further_channels_where_the_dataset_has_them(
    demo: Path, alone: Open, started: list[Path]
) -> None:
    app = alone("train")
    chosen = next(box for box in app.selectbox if box.label == "Saliency maps beside the scan")
    assert not chosen.disabled
    chosen.select("both").run()
    assert "--saliency both" in app.code[0].value
    app.button(key="train.start").click().run()
    assert [runs.config(run).saliency for run in started] == ["both"]


def test_without_maps_the_choice_is_disabled(
    demo: Path, alone: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("images", "masks"):
        (tmp_path / "plain" / folder).parent.mkdir(exist_ok=True)
        (tmp_path / "plain" / folder).symlink_to(demo / folder)
    monkeypatch.setenv("BRAINSEG_DATA", str(tmp_path / "plain"))
    app = alone("train")
    chosen = next(box for box in app.selectbox if box.label == "Saliency maps beside the scan")
    assert chosen.disabled
    assert chosen.value == "none"
