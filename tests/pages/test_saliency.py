from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from brainseg import overlay
from brainseg.data.catalog import Catalog, read_catalog
from brainseg.errors import ConfigError
from brainseg.networks import NetworkRef
from brainseg.saliency_measures import Removal, SanityCheck, Stability, Stage
from brainseg.saliency_request import METHODS, Progress, Question, Saliency
from ui import (
    explaining,
    pictures,
    saliency_controls,
    saliency_jobs,
    saliency_maps,
    saliency_trust,
    viewer,
)
from ui.saliency_controls import Asked

Open = Callable[..., AppTest]
TOP = {"unet": 4.0, "resunet": 0.5}


def _answer(ref: NetworkRef, asked: Asked, progress: Progress) -> Saliency:
    """What Keras would say: values from -top to top / 2, and the half of them is the target."""
    progress(1, 1)
    if asked.kind == "component" and ref.name == "resunet":
        raise ConfigError("the predicted mask has 1 component; there is no number 2")
    top = TOP[ref.name]
    values = np.linspace(-top, top / 2, 512 * 512, dtype=np.float32).reshape(512, 512)
    grid = values[::8, ::8]
    return Saliency(
        values=values,
        grid=grid,
        question=Question(image=grid[..., np.newaxis], weights=np.ones_like(grid)),
        method=asked.method,
        target=f"a test of {asked.target}",
        difference=2 * float(grid.sum()) if asked.method == "integrated" else None,
        seconds=0.1,
    )


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The networks' maps without Keras, and nothing kept from another test."""
    saliency_jobs.shelf.clear()
    monkeypatch.setattr(saliency_maps, "_ask", _answer)


@pytest.fixture
def opened(demo: Path, networks: Path, answers: None, alone: Open) -> Open:
    """The screen after the click that opens Keras."""

    def open_screen(**query: str) -> AppTest:
        app = alone("saliency", **query)
        return app.button(key="saliency.open").click().run()

    return open_screen


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
    assert "Guided backpropagation is left out" in shown


def test_a_slice_without_any_map_says_so_in_one_line(
    demo: Path, networks: Path, alone: Open, text_of: Callable[[AppTest], str],
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    partly = shutil.copytree(demo, tmp_path / "partly")
    number = read_catalog(demo).samples[0].number
    for path in partly.glob("saliency_maps_*/*"):
        if path.stem == str(number):
            path.unlink()
    monkeypatch.setenv("BRAINSEG_DATA", str(partly))
    app = alone("saliency", saliency__sample=str(number))
    assert text_of(app).count("This slice came without saliency maps.") == 1
    assert "Maps that came with the slice" not in [header.value for header in app.subheader]
    app.button(key="saliency.sample.next").click().run()
    assert app.subheader[0].value == "Maps that came with the slice"


def test_keras_waits_for_a_click(demo: Path, networks: Path, alone: Open) -> None:
    app = alone("saliency")
    assert app.button(key="saliency.open").label == "Show where the networks looked"


def test_the_networks_maps_share_one_scale_and_print_their_raw_range(
    opened: Open, text_of: Callable[[AppTest], str]
) -> None:
    app = opened()
    assert not app.exception
    shown = text_of(app)
    assert shown.count("Scale 0 to 4.") == 2
    assert "Raw values: -4 to 2" in shown
    assert "Raw values: -0.5 to 0.25" in shown
    app.button_group(key="saliency.scale").set_value("Each its own largest").run()
    assert "Scale 0 to 0.5." in text_of(app)


@pytest.mark.parametrize(("value", "told"), [
    (2923.4, "2,923"), (-104_221.0, "-104,221"), (100.4, "100"), (4.0, "4"), (-0.25, "-0.25"),
    (0.0, "0"), (0.00001234, "0.0000123"),
])  # fmt: skip
def test_the_scale_of_a_map_is_told_in_plain_numbers(value: float, told: str) -> None:
    assert explaining.number(value) == told
    values = np.array([value, value], np.float32)
    assert f"Scale 0 to {told}. Raw values: {told}" in explaining.scale_of(values, value)


def test_a_faint_map_of_a_dataset_stays_faint_and_tells_its_values(
    alone: Open, text_of: Callable[[AppTest], str], demo: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    root = shutil.copytree(demo, tmp_path / "faint")
    for path in (root / "saliency_maps_1").iterdir():
        deep = np.full(cv2.imread(str(path), cv2.IMREAD_UNCHANGED).shape[:2], 257, np.uint16)
        cv2.imwrite(str(path), deep)
    monkeypatch.setenv("BRAINSEG_DATA", str(root))
    shown = text_of(alone("saliency"))
    assert "Saliency map 1** (as given). Scale 0 to 255. Values: 1 to 1." in shown
    faint = np.ones((2, 2), np.float32)
    assert np.array_equal(pictures.heat(faint), overlay.heat(faint / 255))
    assert np.array_equal(pictures.heat(faint, top=1.0), overlay.heat(faint))
    assert viewer._map(viewer.Layer(name="map", colour="", values=faint, heat=True))["top"] == 255


def test_integrated_gradients_show_how_far_they_miss_completeness(
    opened: Open, text_of: Callable[[AppTest], str]
) -> None:
    shown = text_of(opened(saliency__method="Integrated gradients"))
    assert shown.count("completeness is missed by 50.00%") == 2


def test_every_map_is_measured_the_datasets_too(opened: Open) -> None:
    rows = opened().table[0].value
    assert list(rows["Map"])[2:] == ["Saliency map 1", "Saliency map 2"]
    assert rows["Its share of the area"].nunique() == 1
    own = rows[rows["Map"] == "Saliency map 1"].iloc[0]
    assert own["Correlation, map 1"] == own["AUC, map 1"] == "–"  # noqa: RUF001
    assert float(own["Correlation, map 2"]) <= 1


def test_a_component_that_one_network_lacks_leaves_the_other_its_map(
    opened: Open, text_of: Callable[[AppTest], str]
) -> None:
    app = opened(saliency__target="One component", saliency__component="2")
    assert not app.exception
    shown = text_of(app)
    assert "a test of component 2" in shown
    assert "there is no number 2" in shown


def test_a_pixel_is_a_row_and_a_column_in_the_address(
    opened: Open, text_of: Callable[[AppTest], str]
) -> None:
    app = opened(saliency__target="One pixel", saliency__row="17", saliency__column="300")
    assert not app.exception
    assert app.number_input(key="saliency.row").value == 17
    assert "a test of pixel" in text_of(app)
    app.button_group(key="saliency.target").set_value("mask").run()
    assert not app.number_input  # they are there for one pixel only


@pytest.mark.parametrize(("orientation", "expected"), [
    ("upright", "pixel 3,7"), ("transposed", "pixel 7,3"),
])  # fmt: skip
def test_a_pixel_of_the_picture_is_found_in_the_file(
    demo: Path, orientation: str, expected: str
) -> None:
    catalog: Catalog = replace(read_catalog(demo), orientation=orientation)
    asked = Asked(
        catalog=catalog, sample=catalog.samples[0], method="gradient", kind="pixel", row=3, column=7
    )
    assert str(asked.target) == expected
    assert asked.pixel == (3, 7)


def test_the_depth_of_gradcam_can_be_chosen(opened: Open) -> None:
    app = opened(saliency__method="Seg-Grad-CAM")
    options = app.selectbox(key="saliency.depth").options
    assert options[0] == "Encoder 1"
    assert options[len(options) // 2] == "Bottleneck"


def _interrupted() -> None:
    """A computation that the script leaves in the middle, the first time."""
    import streamlit as st

    from ui import saliency_jobs

    def make(progress):
        progress(1, 2)
        if "left" not in st.session_state:
            st.session_state["left"] = True
            st.stop()
        return "made"

    st.write(saliency_jobs.computed(("test",), "A map", make))


def test_what_was_cancelled_is_not_begun_again_unasked() -> None:
    saliency_jobs.shelf.clear()
    app = AppTest.from_function(_interrupted).run()
    assert [button.label for button in app.button] == ["Cancel"]
    app.button[0].click().run()
    assert "cancelled" in app.caption[0].value
    assert [button.label for button in app.button] == ["Compute it"]
    app.button[0].click().run()
    assert app.markdown[0].value == "made"
    assert not app.button


def test_the_shelf_forgets_what_was_not_asked_for_longest() -> None:
    shelf = saliency_jobs.Shelf(2)
    for name in ("a", "b"):
        shelf.put((name,), name)
    assert shelf.get(("a",)) == "a"
    shelf.put(("c",), "c")
    assert [shelf.get((name,)) for name in ("a", "b", "c")] == ["a", None, "c"]


def test_what_asks_the_networks_often_waits_for_a_click_and_a_failure_is_marked(
    opened: Open, monkeypatch: pytest.MonkeyPatch, text_of: Callable[[AppTest], str]
) -> None:
    falling = Removal(shares=np.linspace(0, 1, 5), deletion=np.linspace(1, 0, 5),
                      insertion=np.linspace(0, 1, 5))  # fmt: skip
    ends = {"unet": 0.9, "resunet": 0.1}

    def check(one: saliency_maps.Explained, progress: Progress) -> SanityCheck:
        values = (1.0, ends[one.ref.name])
        return SanityCheck(
            stages=tuple(Stage(layer="x", rank_correlation=v, overlap=v) for v in values)
        )

    results = {
        "removal": lambda one, progress: (falling, falling),
        "stability": lambda one, progress: Stability(sensitivity=0.25, rank_correlation=0.75),
        "sanity": check,
    }
    measures = tuple(replace(m, compute=results[m.name]) for m in saliency_trust._MEASURES)
    monkeypatch.setattr(saliency_trust, "_MEASURES", measures)
    app = opened()
    assert not app.get("plotly_chart")
    for name in results:
        app.button(key=f"saliency.{name}").click().run()
        assert not app.exception
    shown = text_of(app)
    assert "UNet, Gradient: FAILS, rank correlation 0.90" in shown
    assert "ResUNet, Gradient: passes, rank correlation 0.10" in shown
    assert list(app.table[1].value["Sensitivity"]) == ["0.25", "0.25"]
    assert len(app.get("plotly_chart")) == 3


def test_without_networks_the_datasets_maps_are_still_there(
    demo: Path, no_networks: None, alone: Open, assert_frame: Callable[[AppTest], None],
    text_of: Callable[[AppTest], str],
) -> None:  # fmt: skip
    app = alone("saliency")
    assert_frame(app)
    assert "Saliency map 1" in text_of(app)
    assert "No trained network yet" in text_of(app)


def test_every_method_says_what_it_is() -> None:
    assert set(saliency_controls.MEANINGS) == set(METHODS)


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


def test_a_dataset_without_maps_has_the_networks_maps_first_and_no_empty_section(
    demo: Path, networks: Path, alone: Open, text_of: Callable[[AppTest], str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    bare = tmp_path / "bare"
    shutil.copytree(demo, bare, ignore=shutil.ignore_patterns("saliency_maps_*"))
    monkeypatch.setenv("BRAINSEG_DATA", str(bare))
    app = alone("saliency")
    assert not app.exception
    assert [header.value for header in app.subheader] == ["Maps of the networks"]
    shown = text_of(app)
    assert shown.count("This dataset came without saliency maps") == 1
    assert "Shown as given" not in shown  # there is nothing shown
    assert "Yellow: true mask." in shown  # the slice is there before Keras is
