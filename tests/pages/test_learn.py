from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from brainseg import history, paths
from brainseg.errors import NetworkError
from brainseg.history import Stage
from brainseg.types import EpochRecord
from ui import built
from ui.lessons import TOUR

Open = Callable[..., AppTest]
TextOf = Callable[[AppTest], str]
NUMBER = {title: f"{place}. {title}" for place, title in enumerate(TOUR, start=1)}
LAYERS = [
    {"name": "scan", "kind": "InputLayer", "shape": [32, 32, 1], "parameters": 0},
    {"name": "encoder1_1_conv", "kind": "Conv2D", "shape": [32, 32, 8], "parameters": 80},
    {"name": "bottleneck_1_conv", "kind": "Conv2D", "shape": [16, 16, 16], "parameters": 1168},
    {"name": "decoder1_1_conv", "kind": "Conv2D", "shape": [32, 32, 8], "parameters": 1160},
    {"name": "logits", "kind": "Conv2D", "shape": [32, 32, 1], "parameters": 9},
]


@pytest.fixture
def lesson(demo: Path, alone: Open) -> Open:
    """Open one lesson of the tour on the small demo dataset, as a function of its title."""
    return lambda title, **query: alone("learn", learn__lesson=NUMBER[title], **query)


def shown(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


@pytest.mark.parametrize("title", [t for t in TOUR if t != "The networks"])
def test_every_lesson_opens_and_names_its_neighbours(
    title: str, lesson: Open, no_networks: None, assert_frame: Callable[[AppTest], None]
) -> None:
    app = lesson(title)
    assert_frame(app)
    assert [header.value for header in app.header] == [title]
    titles = list(TOUR)
    place = titles.index(title)
    near = {NUMBER[t] for t in (titles[place - 1 : place] + titles[place + 1 : place + 2])}
    assert near <= {button.label for button in app.button}


def test_next_goes_on_with_the_same_slice(lesson: Open) -> None:
    app = lesson("The problem", learn__sample="3")
    before = shown(app)["of them tumour"]
    app.button(key="learn.lesson.1").click().run()
    assert app.header[0].value == "The four folders"
    app.button(key="learn.lesson.-1").click().run()
    assert shown(app)["of them tumour"] == before
    assert app.selectbox(key="learn.sample").value == 3


def test_a_lost_mask_shifts_every_later_pair_by_position(lesson: Open, text_of: TextOf) -> None:
    app = lesson("The four folders")
    assert "By position 5 of 6 images" in text_of(app)
    app.select_slider(key="learn.lost").set_value("none").run()
    assert "By position 0 of 6 images" in text_of(app)


def test_the_download_is_a_command_and_no_button_is_promised(lesson: Open, text_of: TextOf) -> None:
    app = lesson("The four folders")
    assert any("python -m brainseg download" in code.value for code in app.code)
    assert "every screen offers it under Dataset, as Kaggle" in text_of(app)
    assert "with a button" not in text_of(app)


def test_the_mask_lesson_opens_on_the_two_by_two_example(lesson: Open) -> None:
    app = lesson("A mask is numbers")
    assert app.code[0].value == "[0, 1, 1, 0]"
    assert app.code[1].value == "[1, 2]"


def test_typing_indices_gives_the_mask_back(lesson: Open, text_of: TextOf) -> None:
    app = lesson("A mask is numbers")
    app.text_input[0].set_value("0, 3").run()
    assert r"\begin{pmatrix} 1 & 0 \\ 0 & 1 \end{pmatrix}" in [part.value for part in app.latex][-1]
    assert "another mask" in text_of(app)


def test_an_index_outside_the_mask_is_one_sentence(lesson: Open) -> None:
    app = lesson("A mask is numbers")
    app.text_input[0].set_value("9").run()
    assert not app.exception
    assert "outside a 2 x 2 mask" in app.error[0].value


def test_a_narrow_slice_is_padded_and_the_last_step_has_the_asked_size(
    lesson: Open, text_of: TextOf
) -> None:
    app = lesson("Preprocessing")
    assert "It is square: nothing to do." in text_of(app)
    app.toggle(key="learn.narrow").set_value(True).run()
    app.segmented_control(key="learn.size").set_value(64).run()
    assert "padded, never stretched" in text_of(app)
    assert re.search(r"64 x 64\s+float32", text_of(app))


def test_taking_the_whole_tumour_away_leaves_accuracy_high(lesson: Open) -> None:
    app = lesson("Why Dice")
    assert 0.5 < float(shown(app)["Dice"]) < 1.0
    app.slider(key="learn.gone").set_value(100).run()
    assert float(shown(app)["Dice"]) == 0.0
    assert float(shown(app)["Accuracy"]) > 0.95


def test_only_cross_entropy_cares_how_sure_a_prediction_is(lesson: Open) -> None:
    app = lesson("Why Dice")
    before = shown(app)
    app.slider(key="learn.sure").set_value(0.6).run()
    after = shown(app)
    assert {name for name in before if before[name] != after[name]} == {"Cross-entropy"}


def test_a_slice_without_tumour_offers_one_that_has_it(
    demo: Path, lesson: Open, text_of: TextOf
) -> None:
    from brainseg.data.catalog import read_catalog

    samples = read_catalog(demo).samples
    free = next(s.number for s in samples if s.tumour == "none")
    app = lesson("The problem", learn__sample=str(free))
    assert "This slice has no tumour" in text_of(app)
    next(b for b in app.button if b.label.startswith("Take slice")).click().run()
    assert int(shown(app)["of them tumour"].replace(",", "")) > 0


def test_more_patience_stops_later(lesson: Open, text_of: TextOf) -> None:
    def stopped(app: AppTest) -> int:
        found = re.search(r"Stops after epoch \*\*(\d+)\*\*", text_of(app))
        assert found is not None
        return int(found[1])

    app = lesson("Early stopping")
    early = stopped(app)
    app.slider(key="learn.patience").set_value(60).run()
    assert stopped(app) > early


def test_without_a_network_the_largest_is_drawn_bare(
    lesson: Open, no_networks: None, text_of: TextOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(built, "_build", lambda _: LAYERS)
    app = lesson("The networks")
    assert not app.exception
    assert "2,417 parameters" in text_of(app)
    assert "nothing that its blocks answered" in text_of(app)


def test_a_network_that_cannot_be_built_is_one_message(
    lesson: Open, no_networks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise NetworkError("unet could not be built to be drawn: no Keras here")

    monkeypatch.setattr(built, "_build", fail)
    app = lesson("The networks")
    assert not app.exception
    assert len(app.error) == 1


def test_what_was_built_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(built, "_build", lambda design: asked.append(design) or LAYERS)
    design = built.Design(model="unet", size=32, base=8)
    first = built.layers(design)
    assert built.is_kept(design)
    assert built.layers(design) == first == LAYERS
    assert len(asked) == 1


def test_both_networks_are_scored_on_the_slice(
    lesson: Open, networks: Path, text_of: TextOf
) -> None:
    app = lesson("Results")
    assert not app.exception
    assert len(re.findall(r"Dice \*\*0\.\d{3}\*\*", text_of(app))) == 2


def test_the_scores_that_the_shipped_networks_carry_are_shown(
    lesson: Open, text_of: TextOf
) -> None:
    app = lesson("Evaluation")
    assert not app.exception
    assert list(shown(app)) == ["UNet", "ResUNet"]
    assert all(0 < float(dice) < 1 for dice in shown(app).values())
    assert len(app.table) == 2


def record(epoch: int, *, best: bool = False) -> EpochRecord:
    return EpochRecord(
        epoch=epoch, seconds=60.0, elapsed=60.0 * epoch, learning_rate=1e-3, loss=1.0, val_loss=1.1,
        dice=0.5, val_dice=0.4, accuracy=0.98, val_accuracy=0.98, val_background_accuracy=0.979,
        val_dice_loss=0.6, slices_per_second=10.0, best=best,
    )  # fmt: skip


STAGES = (
    Stage(name="first", command="train one", size=32, epochs=(record(1, best=True), record(2))),
    Stage(name="second", command="train two", size=64, epochs=(record(1), record(2, best=True))),
)


def test_a_history_that_a_network_carries_is_drawn(
    lesson: Open, networks: Path, text_of: TextOf
) -> None:
    path = paths.PRETRAINED / "unet" / "history.json"
    history.write(path, STAGES)
    try:
        app = lesson("Training statistics")
    finally:
        path.unlink()
    assert not app.exception
    assert "ResUNet carries no record" in text_of(app)
    assert "train one\ntrain two" in [code.value for code in app.code]
    assert len(app.get("plotly_chart")) == 3


def test_stages_go_on_counting_one_after_the_other() -> None:
    from ui.lessons import trained

    records = trained.in_a_row(STAGES)
    assert [r.epoch for r in records] == [1, 2, 3, 4]
    assert [r.elapsed for r in records] == [60.0, 120.0, 180.0, 240.0]
    assert trained.best_epoch(STAGES) == 4
