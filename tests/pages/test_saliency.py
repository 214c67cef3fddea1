from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from brainseg import paths
from ui import explaining

Open = Callable[..., AppTest]


def test_shows_the_datasets_maps_with_their_scale(
    demo: Path, networks: Path, alone: Open, assert_frame: Callable[[AppTest], None],
    text_of: Callable[[AppTest], str],
) -> None:  # fmt: skip
    app = alone("saliency")
    assert_frame(app)
    shown = text_of(app)
    assert "Saliency map 1" in shown
    assert "Saliency map 2" in shown
    assert shown.count("Scale 0 to 255") == 2
    assert "Synthetic demo data" in shown


def test_keras_waits_for_a_click(demo: Path, networks: Path, alone: Open) -> None:
    app = alone("saliency")
    assert app.button(key="saliency.open").label == "Show where the networks looked"


def test_the_networks_maps_share_one_scale_and_print_their_raw_range(
    demo: Path, networks: Path, alone: Open, text_of: Callable[[AppTest], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def values(folder: str, sums: str, root: str, digest: str, number: int, method: str):
        top = 4.0 if Path(folder).name == "unet" else 0.5
        return np.linspace(-top, top / 2, 512 * 512, dtype=np.float32).reshape(512, 512), "a test"

    monkeypatch.setattr(explaining, "_values", values)
    app = alone("saliency")
    app.button(key="saliency.open").click().run()
    assert not app.exception
    shown = text_of(app)
    assert shown.count("Scale 0 to 4.") == 2
    assert "Raw values: -4 to 2" in shown
    assert "Raw values: -0.5 to 0.25" in shown
    app.button_group(key="saliency.scale").set_value("Each its own largest").run()
    assert "Scale 0 to 0.5." in text_of(app)


def test_without_networks_the_datasets_maps_are_still_there(
    demo: Path, no_networks: None, alone: Open, assert_frame: Callable[[AppTest], None],
    text_of: Callable[[AppTest], str],
) -> None:  # fmt: skip
    app = alone("saliency")
    assert_frame(app)
    assert "Saliency map 1" in text_of(app)
    assert "No trained network yet" in text_of(app)


def test_the_methods_are_those_of_the_library() -> None:
    """Read from the source: importing it would open Keras."""
    tree = ast.parse((paths.PACKAGE / "saliency.py").read_text())
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == "METHODS":
            assert node.value is not None
            assert ast.literal_eval(node.value) == explaining.METHODS
            return
    pytest.fail("brainseg/saliency.py has no METHODS")


def test_every_method_says_what_it_is() -> None:
    assert set(explaining.MEANINGS) == set(explaining.METHODS)


def test_the_study_waits_for_a_click_and_then_says_what_the_maps_tell(
    demo: Path, networks: Path, alone: Open, text_of: Callable[[AppTest], str]
) -> None:
    app = alone("saliency")
    assert "Map 1:" not in text_of(app)
    app.button(key="saliency.study").click().run()
    assert not app.exception
    shown = text_of(app)
    assert "Map 1: no better than the baselines." in shown
    assert "computed from the picture alone" in shown
    assert not [button for button in app.button if button.key == "saliency.study"]
    again = alone("saliency")
    assert "Map 1: no better than the baselines." in text_of(again)


def test_a_dataset_without_maps_has_nothing_to_study(
    demo: Path, networks: Path, alone: Open, text_of: Callable[[AppTest], str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    for folder in ("images", "masks"):
        (tmp_path / "plain" / folder).parent.mkdir(exist_ok=True)
        (tmp_path / "plain" / folder).symlink_to(demo / folder)
    monkeypatch.setenv("BRAINSEG_DATA", str(tmp_path / "plain"))
    app = alone("saliency")
    assert not app.exception
    assert "nothing to study" in text_of(app)
