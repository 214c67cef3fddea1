"""What a link brings back, and what it asks for in vain."""

from __future__ import annotations

import pytest

from brainseg.data.catalog import read_catalog
from brainseg.networks import NetworkRef
from ui import cases, compare_scores, evaluation

pytestmark = pytest.mark.usefixtures("demo", "networks")


def test_a_link_to_what_is_not_here_says_so_until_something_else_is_chosen(alone):
    app = alone("compare", compare__sample="9999", compare__second="*Gone*", compare__dataset="X")
    assert [told.value.replace("\\", "") for told in app.warning] == [
        "The link asks for dataset X, which is not here; shown instead: demo.",
        "The link asks for network *Gone*, which is not among the networks here; "
        "shown instead: ResUNet.",
        "The link asks for slice 9999, which is not among the slices of demo; "
        f"shown instead: slice {app.selectbox(key='compare.sample').value}.",
    ]
    assert app.get("bidi_component")
    app.toggle(key="compare.swipe").set_value(True).run()
    assert len(app.warning) == 3
    app.button(key="compare.sample.next").click().run()
    assert len(app.warning) == 2
    app.button(key="compare.sample.previous").click().run()
    assert len(app.warning) == 2


def test_a_link_to_a_slice_and_a_network_that_are_not_here_says_so(alone):
    app = alone("segment", segment__sample="x", segment__networks="Gone", segment__threshold="7")
    assert [told.value.replace("\\", "") for told in app.warning] == [
        "The link asks for network Gone, which is not among the networks here; "
        "shown instead: UNet and ResUNet.",
        "The link asks for slice x, which is not among the slices of demo; "
        f"shown instead: slice {app.selectbox(key='segment.sample').value}.",
    ]
    assert "segment.threshold" not in app.query_params
    assert app.get("bidi_component")


def test_the_slice_shown_at_first_is_one_that_no_network_shown_was_trained_on(
    alone, monkeypatch, demo
):
    samples = [s for s in read_catalog(demo).samples if s.tumour == "glioma"]
    seen, held, other = (sample.number for sample in samples[:3])

    def parts(ref: NetworkRef, _catalogs: object) -> dict[str, tuple[int, ...]]:
        if ref.name == "unet":
            return {"train": (seen,), "test": (held, other)}
        return {"train": (seen,), "val": (held,), "test": (other,)}

    monkeypatch.setattr(evaluation, "known_parts", parts)
    shown: list[int] = []
    plain = cases.of_sample
    monkeypatch.setattr(
        cases, "of_sample", lambda *given: shown.append(given[1].number) or plain(*given)
    )
    alone("home")
    assert shown == [other]
    for screen in ("segment", "compare", "saliency"):
        assert alone(screen).selectbox(key=f"{screen}.sample").value == other
        linked = alone(screen, **{f"{screen}__sample": str(seen)})
        assert linked.selectbox(key=f"{screen}.sample").value == seen
    for screen in ("segment", "saliency"):
        only = alone(screen, **{f"{screen}__networks": "UNet"})
        assert only.selectbox(key=f"{screen}.sample").value == held
        app = alone(screen)
        app.multiselect(key=f"{screen}.networks").set_value(["UNet"]).run()
        assert app.selectbox(key=f"{screen}.sample").value == held  # as that address says
        app.selectbox(key=f"{screen}.sample").set_value(seen).run()
        app.multiselect(key=f"{screen}.networks").set_value(["UNet", "ResUNet"]).run()
        assert app.selectbox(key=f"{screen}.sample").value == seen


def test_the_address_brings_threshold_and_uncertainty_back(alone):
    app = alone("segment", segment__threshold="0.995", segment__uncertainty="true")
    assert "at threshold 0.995" in app.info[0].value
    assert app.query_params["segment.threshold"] == "0.995"
    assert app.toggle(key="segment.uncertainty").value


def test_the_address_chooses_which_slices_are_plotted_from_the_first_moment(alone, monkeypatch):
    asked: list[int] = []
    monkeypatch.setattr(evaluation, "known_parts", lambda *_: {"test": (3, 4)})
    monkeypatch.setattr(compare_scores, "kept", lambda *given: asked.append(len(given[-1])))
    everything = "All slices with a known mask (24)"
    app = alone("compare", compare__part=everything)
    assert app.selectbox(key="compare.part").value == everything
    assert asked == [24]


def test_the_address_of_evaluate_brings_the_chosen_slices_back(alone, monkeypatch):
    monkeypatch.setattr(evaluation, "known_parts", lambda *_: {"test": (3, 4), "val": (5, 6, 7)})
    validation = "Validation slices of UNet (3)"
    app = alone("evaluate", evaluate__part=validation)
    assert app.selectbox(key="evaluate.part").value == validation
    assert app.selectbox(key="evaluate.part").proto.query_param_key == "evaluate.part"
    assert not [told for told in app.warning if "The link asks" in told.value]


def test_a_link_to_slices_that_cannot_be_scored_any_more_says_so(alone):
    app = alone("evaluate", evaluate__part="Test slices of Gone (9)")
    assert app.selectbox(key="evaluate.part").value == "All slices with a known mask (24)"
    assert [told.value.replace("\\", "") for told in app.warning] == [
        "The link asks for the slices Test slices of Gone (9), which cannot be chosen here; "
        "shown instead: All slices with a known mask (24).",
    ]


def test_a_link_to_a_slice_that_the_dataset_has_not_says_so(alone):
    app = alone("dataset", dataset__slice="99999")
    assert [told.value.replace("\\", "") for told in app.warning] == [
        "The link asks for slice 99999, which is not in this dataset; shown instead: all of them."
    ]
