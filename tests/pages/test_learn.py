from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from brainseg.errors import NetworkError
from ui import learning

Open = Callable[..., AppTest]
LAYERS = [
    {"name": "scan", "kind": "InputLayer", "shape": [32, 32, 1], "parameters": 0},
    {"name": "encoder1_1_conv", "kind": "Conv2D", "shape": [32, 32, 8], "parameters": 80},
    {"name": "bottleneck_1_conv", "kind": "Conv2D", "shape": [16, 16, 16], "parameters": 1168},
    {"name": "decoder1_1_conv", "kind": "Conv2D", "shape": [32, 32, 8], "parameters": 1160},
    {"name": "logits", "kind": "Conv2D", "shape": [32, 32, 1], "parameters": 9},
]


def test_opens_on_the_two_by_two_example(
    alone: Open, assert_frame: Callable[[AppTest], None]
) -> None:
    app = alone("learn")
    assert_frame(app)
    assert app.code[0].value == "[0, 1, 1, 0]"
    assert app.code[1].value == "[1, 2]"


def test_typing_indices_gives_the_mask_back(alone: Open, text_of: Callable[[AppTest], str]) -> None:
    app = alone("learn")
    app.text_input[0].set_value("0, 3").run()
    assert r"\begin{pmatrix} 1 & 0 \\ 0 & 1 \end{pmatrix}" in [part.value for part in app.latex][-1]
    assert "another mask" in text_of(app)


def test_an_index_outside_the_mask_is_one_sentence(alone: Open) -> None:
    app = alone("learn")
    app.text_input[0].set_value("9").run()
    assert not app.exception
    assert "outside a 2 x 2 mask" in app.error[0].value


def test_taking_the_whole_tumour_away_leaves_accuracy_high(alone: Open) -> None:
    app = alone("learn", learn__lesson="Why Dice")
    app.slider(key="learn.gone").set_value(100).run()
    shown = {metric.label: float(metric.value) for metric in app.metric}
    assert shown["Dice"] == 0.0
    assert shown["Accuracy"] > 0.95


def test_dice_is_shown_on_a_real_mask_where_there_is_one(
    demo: Path, alone: Open, assert_frame: Callable[[AppTest], None]
) -> None:
    app = alone("learn", learn__lesson="Why Dice")
    assert_frame(app)
    shown = {metric.label: float(metric.value) for metric in app.metric}
    assert 0.5 < shown["Dice"] < 1.0


def test_more_patience_stops_later(alone: Open, text_of: Callable[[AppTest], str]) -> None:
    def stopped(app: AppTest) -> int:
        found = re.search(r"Stops after epoch \*\*(\d+)\*\*", text_of(app))
        assert found is not None
        return int(found[1])

    app = alone("learn", learn__lesson="Early stopping")
    early = stopped(app)
    app.slider(key="learn.patience").set_value(60).run()
    assert stopped(app) > early


def test_networks_are_drawn_from_what_was_built(
    alone: Open, text_of: Callable[[AppTest], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learning, "_build", lambda *_: LAYERS)
    app = alone("learn", learn__lesson="The networks")
    assert not app.exception
    assert "2,417 parameters" in text_of(app)


def test_a_network_that_cannot_be_built_is_one_message(
    alone: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise NetworkError("unet could not be built to be drawn: no Keras here")

    monkeypatch.setattr(learning, "_build", fail)
    app = alone("learn", learn__lesson="The networks")
    assert not app.exception
    assert len(app.error) == 1


def test_the_saliency_lesson_opens(alone: Open, assert_frame: Callable[[AppTest], None]) -> None:
    assert_frame(alone("learn", learn__lesson="Saliency maps"))


def test_architecture_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(learning, "_build", lambda *a: asked.append(a) or LAYERS)
    first = learning.architecture("unet", size=32, base=8)
    assert learning.architecture("unet", size=32, base=8) == first == LAYERS
    assert len(asked) == 1
