from __future__ import annotations

import json
import shutil
from pathlib import Path
from urllib.parse import parse_qs

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from brainseg import metrics, palette
from brainseg.errors import DataError
from brainseg.networks import NetworkRef
from brainseg.types import CaseScore, Evaluation, Prediction
from ui import compare_scores, compare_view, evaluate_progress, evaluation, widgets
from ui.cases import Case


@pytest.fixture
def no_truth(demo_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The only dataset has pictures and nothing else."""
    shutil.copytree(demo_data / "images", tmp_path / "plain" / "images")
    monkeypatch.setenv("BRAINSEG_DATA", str(tmp_path / "plain"))


def figures(app: AppTest) -> dict[str, dict]:
    """The charts of the screen by the name of their last axis title."""
    specs = [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]
    return {spec["layout"]["xaxis"]["title"]["text"]: spec for spec in specs}


def score(number: int, dice: float | None, truth_px: int = 100) -> CaseScore:
    return CaseScore(
        number=number, tumour="glioma" if truth_px else "none", patient="p", truth_px=truth_px,
        predicted_px=0 if dice is None else 50, dice=dice, iou=dice, precision=dice,
        sensitivity=dice, specificity=1.0, accuracy=1.0, background_accuracy=0.9,
    )  # fmt: skip


def evaluation_of(*scores: CaseScore) -> Evaluation:
    return Evaluation(
        model="m", data="d", threshold=0.5, orientation="file", cases=scores, summary={},
        by_tumour={},
    )  # fmt: skip


@pytest.mark.usefixtures("demo", "networks")
def test_two_networks_are_compared_on_one_slice(alone, assert_frame):
    app = alone("compare")
    assert_frame(app)
    assert app.get("bidi_component")
    assert app.selectbox(key="compare.first").value == "UNet"
    assert app.selectbox(key="compare.second").value == "ResUNet"
    rows = app.table[0].value
    assert list(rows[""]) == ["UNet", "ResUNet", "UNet against ResUNet"]


@pytest.mark.usefixtures("demo", "networks")
def test_compare_through_the_app(through_app, assert_frame):
    assert_frame(through_app("compare"))


@pytest.mark.usefixtures("demo", "no_networks")
def test_without_a_network_the_next_step_is_to_train_one(alone, assert_frame, text_of):
    app = alone("compare")
    assert_frame(app)
    assert "No trained network yet" in text_of(app)


@pytest.mark.usefixtures("demo", "networks")
def test_the_same_network_twice_offers_another(alone, text_of):
    app = alone("compare", compare__second="UNet")
    assert not app.exception
    assert "same network twice" in text_of(app)
    app.button(key="empty.Compare with ResUNet").click().run()
    assert app.selectbox(key="compare.second").value == "ResUNet"
    assert app.get("bidi_component")


@pytest.mark.usefixtures("no_truth", "networks")
def test_without_a_truth_the_networks_are_compared_with_each_other(alone, assert_frame, text_of):
    app = alone("compare")
    assert_frame(app)
    assert list(app.table[0].value[""]) == ["UNet against ResUNet"]
    curves = [trace["name"] for trace in figures(app)["Threshold"]["data"] if "name" in trace]
    assert curves == ["UNet against ResUNet"]
    assert not app.get("button_group")  # right and wrong cannot be known
    assert "No slice here has a known mask" in text_of(app)
    assert "go by Dice, and no slice here has a known mask" in text_of(app)


@pytest.mark.usefixtures("demo", "networks")
def test_the_address_reproduces_the_view(alone):
    app = alone(
        "compare", compare__sample="9", compare__first="ResUNet", compare__second="UNet",
        compare__view="Right and wrong", compare__swipe="true", compare__threshold="0.3",
    )  # fmt: skip
    assert app.selectbox(key="compare.sample").value == 9
    assert app.selectbox(key="compare.first").value == "ResUNet"
    assert app.selectbox(key="compare.second").value == "UNet"
    assert app.toggle(key="compare.swipe").value
    assert app.get("button_group")[0].value == "Right and wrong"
    assert any("at threshold 0.3" in text.value for text in app.markdown)
    assert app.query_params["compare.threshold"] == "0.3"


@pytest.mark.usefixtures("demo", "networks")
@pytest.mark.parametrize("screen", ["segment", "compare", "saliency"])
def test_a_slice_that_a_network_saw_in_training_is_said_to_be_one(
    alone, text_of, monkeypatch, screen
):
    def parts(ref: NetworkRef, _catalogs: object) -> dict[str, tuple[int, ...]]:
        return {"train": (7,)} if ref.name == "unet" else {"val": (8,), "test": (7,)}

    monkeypatch.setattr(evaluation, "known_parts", parts)
    app = alone(screen, **{f"{screen}__sample": "7"})
    assert "UNet saw it in training or tuning" in text_of(app)
    app.button(key=f"{screen}.sample.next").click().run()
    assert "ResUNet saw it in training or tuning" in text_of(app)
    app.button(key=f"{screen}.sample.next").click().run()
    assert "saw it" not in text_of(app)


@pytest.mark.usefixtures("demo", "networks")
@pytest.mark.parametrize("nonsense", ["nan", "7", "-1", "half"])
def test_a_threshold_that_is_none_is_taken_out_of_the_address(alone, nonsense):
    app = alone("compare", compare__threshold=nonsense)
    assert not app.exception
    assert any("at threshold 0.5" in text.value for text in app.markdown)
    assert "compare.threshold" not in app.query_params


@pytest.mark.usefixtures("demo", "networks")
def test_every_slice_with_a_tumour_is_a_dot_and_the_present_one_has_a_ring(scored, demo_data):
    from brainseg.data.catalog import read_catalog

    app = scored("compare", compare__sample="3")
    spec = figures(app)["Dice of UNet"]
    dots = [trace for trace in spec["data"] if trace.get("mode") == "markers"]
    shown = sorted(point[0] for trace in dots[:-1] for point in trace["customdata"])
    samples = read_catalog(demo_data).samples
    assert shown == [s.number for s in samples if s.tumour not in ("none", None)]
    assert dots[-1]["customdata"] == [3]


@pytest.mark.usefixtures("demo", "networks")
def test_the_tour_goes_on_and_starts_again_after_anything_else(scored):
    app = scored("compare")
    visited = []
    for _ in range(3):
        app.button(key="compare.differ").click().run()
        visited.append(app.selectbox(key="compare.sample").value)
    assert len(set(visited)) == 3
    assert "difference rank 3 of" in " ".join(text.value for text in app.caption)
    app.button(key="compare.sample.next").click().run()
    app.button(key="compare.differ").click().run()
    assert app.selectbox(key="compare.sample").value == visited[0]
    app.button(key="compare.worst").click().run()
    assert "worst rank 1 of" in " ".join(text.value for text in app.caption)


@pytest.mark.usefixtures("demo", "networks")
def test_until_there_are_scores_the_tour_waits_and_the_slice_does_not(
    alone, monkeypatch, text_of, wait_for_scores
):
    monkeypatch.setattr(evaluate_progress, "AT_ONCE", 0)
    app = alone("compare")
    assert app.get("bidi_component")
    assert app.button(key="compare.differ").disabled
    assert "Evaluate these networks first" in text_of(app)
    assert "Arrow keys step through the slices. The address" in text_of(app)
    app.button(key="compare.score").click().run()
    wait_for_scores()
    assert not app.run().button(key="compare.differ").disabled
    assert "Evaluate these networks first" not in text_of(app)
    assert ", D leads to where the networks differ most, W leads to the worst." in text_of(app)


@pytest.mark.usefixtures("demo", "networks")
def test_the_tour_that_waits_leads_to_the_evaluation_of_this_very_pair(through_app, monkeypatch):
    monkeypatch.setattr(evaluate_progress, "AT_ONCE", 0)
    links = [link.proto for link in through_app("compare").get("page_link")]
    found = next(link for link in links if link.label == "Evaluate these networks first")
    assert parse_qs(found.query_string) == {
        "evaluate.dataset": ["demo"], "evaluate.networks": ["UNet", "ResUNet"],
        "evaluate.part": ["All slices with a known mask (24)"],
    }  # fmt: skip


@pytest.mark.usefixtures("demo", "networks")
def test_a_scoring_that_fails_says_why_and_can_be_tried_again(alone, monkeypatch, wait_for_scores):
    def fail(*_args: object, **_options: object) -> None:
        raise DataError("slice 3 has no mask")

    with monkeypatch.context() as broken:
        broken.setattr("brainseg.evaluate.evaluate", fail)
        alone("compare")
        wait_for_scores()
    app = alone("compare")
    assert "slice 3 has no mask" in app.error[0].value.replace("\\", "")
    assert app.get("bidi_component")
    app.button(key="compare.score").click().run()
    wait_for_scores()
    assert not app.run().error


def test_the_orders_take_a_painted_tumour_free_slice_for_wrong_and_a_clean_one_for_right():
    first = evaluation_of(score(1, 0.9), score(2, 0.2), score(3, None, 0), score(4, 0.0, 0))
    second = evaluation_of(score(1, 0.8), score(2, 0.2), score(3, 0.0, 0), score(4, 0.0, 0))
    assert compare_scores.most_different((first, second)) == [3, 1]
    assert compare_scores.worst((first, second)) == [4, 2, 3, 1]


def test_the_sweep_is_the_dice_of_the_mask_at_every_threshold():
    random = np.random.default_rng(0)
    truth = random.random((40, 30)) < 0.2
    maps = {name: random.random((40, 30)).astype(np.float32) for name in ("A", "B")}
    found = {
        name: Prediction(probability=p, spacing_mm=None, model=name, seconds=0.0)
        for name, p in maps.items()
    }
    case = Case(name="x", pixels=maps["A"], truth=truth, predictions=found,
                colours={"A": "#000000", "B": "#ffffff"})  # fmt: skip
    first, second, between = compare_view.sweep(case)
    for place, level in ((0, 1), (59, 60), (198, 199)):
        masks = [found[name].mask(level / 200) for name in ("A", "B")]
        assert first.dice[place] == metrics.dice(metrics.confusion(masks[0], truth))
        assert second.dice[place] == metrics.dice(metrics.confusion(masks[1], truth))
        assert between.dice[place] == metrics.dice(metrics.confusion(*masks))


def test_a_sweep_over_two_empty_masks_is_undefined():
    nothing = Prediction(
        probability=np.zeros((8, 8), np.float32), spacing_mm=None, model="m", seconds=0.0
    )
    case = Case(
        name="x", pixels=nothing.probability, truth=np.zeros((8, 8), np.bool_),
        predictions={"A": nothing, "B": nothing}, colours={"A": "#000000", "B": "#ffffff"},
    )  # fmt: skip
    assert {value for curve in compare_view.sweep(case) for value in curve.dice} == {None}


def test_every_network_of_a_view_has_its_own_colour(tmp_path):
    names = ["unet", "resunet", "20260101-000000-unet", "20260102-000000-resunet"]
    refs = [NetworkRef(name=n, label=n, folder=tmp_path, kind="run") for n in names]
    colours = widgets.colours(refs)
    assert colours["unet"] == palette.UNET
    assert colours["resunet"] == palette.RESUNET
    assert len(set(colours.values())) == 4
    assert palette.TRUTH not in colours.values()
