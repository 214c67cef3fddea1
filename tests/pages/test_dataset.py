from __future__ import annotations

import json
import shutil
from types import SimpleNamespace

import pytest

from ui import dataset_scores, evaluation

pytestmark = pytest.mark.usefixtures("demo", "networks")


def cards(app):
    """The cards of the gallery as the browser gets them."""
    sent = [json.loads(part.proto.json or "null") for part in app.get("bidi_component")]
    return next((one["cards"] for one in sent if one and "cards" in one), [])


def test_the_gallery_shows_every_slice_of_the_demo(alone, assert_frame, text_of):
    app = alone("dataset")
    assert_frame(app)
    assert [card["number"] for card in cards(app)] == list(range(24))
    assert all(card["picture"].startswith("data:image/webp;base64,") for card in cards(app))
    assert "Synthetic demo data" in text_of(app)


def test_dataset_through_the_app(through_app, assert_frame):
    assert_frame(through_app("dataset"))


def test_facets_narrow_together_and_are_taken_away_at_once(alone):
    app = alone("dataset")
    app.pills(key="dataset.tumour").set_value(["glioma"]).run()
    gliomas = cards(app)
    assert 0 < len(gliomas) < 24
    assert {card["note"] for card in gliomas} == {"glioma"}
    app.pills(key="dataset.plane").set_value(["axial"]).run()
    assert len(cards(app)) < len(gliomas)
    app.button(key="dataset.clear").click().run()
    assert len(cards(app)) == 24


def test_the_address_reproduces_filters_and_order(alone):
    app = alone("dataset", dataset__tumour="glioma", dataset__order="Tumour size",
                dataset__down="true")  # fmt: skip
    assert app.pills(key="dataset.tumour").value == ["glioma"]
    assert app.toggle(key="dataset.down").value
    shown = [card["number"] for card in cards(app)]
    assert {card["note"] for card in cards(app)} == {"glioma"}
    app.toggle(key="dataset.down").set_value(False).run()
    assert [card["number"] for card in cards(app)] == shown[::-1]


def test_a_chosen_network_is_offered_to_be_scored_and_then_sorts_by_its_dice(
    alone, scored, no_known_scores
):
    app = alone("dataset", dataset__network="UNet")
    assert not app.exception
    assert "Dice" not in app.selectbox(key="dataset.order").options
    scored("evaluate")
    app = alone("dataset", dataset__network="UNet", dataset__order="Dice")
    assert not app.exception
    assert app.selectbox(key="dataset.order").value == "Dice"


def choices(app, facet):
    """The choices of a facet as they are written, with their counts."""
    return {option.content for option in app.pills(key=f"dataset.{facet}").proto.options}


def test_choices_are_counted_given_the_other_filters_and_stay_out_of_the_address(alone):
    app = alone("dataset", dataset__tumour="glioma")
    planes = choices(app, "plane")
    gliomas = len(cards(app))
    assert sum(int(text.split("(")[1].rstrip(")")) for text in planes) == gliomas
    assert f"glioma ({gliomas})" in choices(app, "tumour")  # of all, not of the gliomas only
    assert len([text for text in choices(app, "tumour") if not text.endswith("(0)")]) > 1
    app.pills(key="dataset.plane").set_value(["axial"]).run()
    assert f"axial ({len(cards(app))})" in planes
    assert app.query_params["dataset.plane"] == "axial"


def test_a_range_narrows_is_in_the_address_and_goes_with_the_filters(alone, text_of):
    app = alone("dataset", dataset__size=["0.5", "2"], dataset__order="Tumour size")
    assert app.slider(key="dataset.size").value == (0.5, 2.0)
    assert "share of the slice: 0.5 % to 2.0 %" in text_of(app).replace("\\", "")
    assert 0 < len(cards(app)) < 24
    assert "no tumour" not in {card["note"] for card in cards(app)}
    first = [card["number"] for card in cards(app)]
    app.slider(key="dataset.size").set_value((0.5, 1.0)).run()
    assert app.query_params["dataset.size"] == ["0.5", "1"]
    fewer = [card["number"] for card in cards(app)]
    assert fewer == first[: len(fewer)]
    app.button(key="dataset.clear").click().run()
    assert "dataset.size" not in app.query_params
    assert len(cards(app)) == 24


@pytest.mark.parametrize("asked", ["7", ["a", "b"], ["nan", "1"], ["20", "30"], ["1", "2", "3"]])
def test_a_range_that_means_nothing_is_the_whole_scale(alone, asked):
    app = alone("dataset", dataset__top="nonsense", dataset__size=asked)
    assert not app.exception
    low, high = app.slider(key="dataset.size").value
    assert low == 0.0
    assert high == app.slider(key="dataset.size").max
    assert len(cards(app)) == 24


@pytest.fixture
def no_known_scores():
    """Scores of other tests, which have the same slices and networks, are forgotten."""
    dataset_scores._of_network.clear()
    yield
    dataset_scores._of_network.clear()


def test_a_network_brings_its_dice_and_undefined_ones_are_said(
    alone, text_of, monkeypatch, no_known_scores
):
    def kept(ref, catalogs, numbers):
        dice = {number: None if number % 3 == 0 else number / 24 for number in numbers}
        assert all(number in {s.number for c in catalogs for s in c.samples} for number in numbers)
        return SimpleNamespace(cases=[SimpleNamespace(number=n, dice=d) for n, d in dice.items()])

    monkeypatch.setattr(evaluation, "kept", kept)
    app = alone("dataset", dataset__network="UNet", dataset__dice=["0.5", "1"])
    assert not app.exception
    assert {card["number"] for card in cards(app)} == {n for n in range(12, 24) if n % 3}
    assert "8 slices have no such value" in text_of(app)


def test_filters_outlast_a_look_at_another_view(alone):
    app = alone("dataset", dataset__tumour="glioma", dataset__fold="1")
    shown = cards(app)
    app.segmented_control(key="dataset.view").set_value("Health").run()
    app.segmented_control(key="dataset.view").set_value("Gallery").run()
    assert cards(app) == shown
    assert app.pills(key="dataset.fold").value == ["1"]


def test_slices_without_tumour_have_the_smallest_size(alone):
    app = alone("dataset", dataset__order="Tumour size")
    notes = [card["note"] for card in cards(app)]
    none = notes.count("no tumour")
    assert none
    assert notes[:none] == ["no tumour"] * none


def test_an_opened_slice_shows_its_maps_and_the_way_through(alone, text_of):
    app = alone("dataset", dataset__slice="5")
    assert not app.exception
    assert app.selectbox(key="dataset.slice").value == 5
    sent = [json.loads(part.proto.json or "null") for part in app.get("bidi_component")]
    shown = next(one for one in sent if one and "panels" in one)
    titles = ["Image", "True mask", "Saliency map 1", "Saliency map 2"]
    assert [panel["title"] for panel in shown["panels"]] == titles
    assert [one["kind"] for one in shown["layers"]] == ["mask", "map", "map", "value"]
    assert "(estimated)" in text_of(app)
    assert len(cards(app)) == 3  # of the same patient
    app.button(key="dataset.next").click().run()
    assert app.selectbox(key="dataset.slice").value == 6
    app.button(key="dataset.back").click().run()
    assert len(cards(app)) == 24


def test_what_the_network_sees_is_shown_beside_the_file(alone):
    app = alone("dataset", dataset__slice="5", dataset__pictures="What the network sees")
    assert not app.exception
    sent = [json.loads(part.proto.json or "null") for part in app.get("bidi_component")]
    shown = next(one for one in sent if one and "panels" in one)
    titles = ["The file, 512 x 512", "The input, 256 x 256", "Equalised"]
    assert [panel["title"] for panel in shown["panels"]] == titles


def test_statistics_follow_the_filters(alone, text_of):
    app = alone("dataset", dataset__view="Statistics", dataset__tumour="glioma")
    assert not app.exception
    assert len(app.get("plotly_chart")) >= 5
    assert "slices that fit the filters" in text_of(app)


def test_a_folder_of_plain_pairs_has_no_facets_it_knows_nothing_of(
    alone, demo, tmp_path, monkeypatch
):
    own = tmp_path / "own"
    for name in ("images", "masks"):
        (own / name).mkdir(parents=True)
    for number, name in enumerate(("ann", "bob", "cem")):
        shutil.copy(demo / "images" / f"{number}.png", own / "images" / f"{name}.png")
        shutil.copy(demo / "masks" / f"{number}_mask.png", own / "masks" / f"{name}.png")
    monkeypatch.setenv("BRAINSEG_DATA", str(own))
    app = alone("dataset")
    assert not app.exception
    assert len(cards(app)) == 3
    keys = {widget.key for widget in (*app.pills, *app.selectbox)}
    assert not keys & {"dataset.tumour", "dataset.patient", "dataset.fold"}
    assert "dataset.dice" not in {widget.key for widget in app.slider}
    app.selectbox(key="dataset.slice").set_value(cards(app)[0]["number"]).run()
    assert not app.exception


def test_the_health_view_lists_problems_by_name(alone, demo, tmp_path, monkeypatch):
    broken = tmp_path / "broken"
    shutil.copytree(demo, broken)
    next((broken / "masks").iterdir()).unlink()
    (broken / "images" / "notes.txt").write_text("stray")
    monkeypatch.setenv("BRAINSEG_DATA", str(broken))
    app = alone("dataset", dataset__view="Health")
    assert not app.exception
    assert "missing mask" in set(app.dataframe[-1].value["Problem"])


def test_checking_every_file_finds_the_one_that_does_not_open(alone, demo, tmp_path, monkeypatch):
    broken = tmp_path / "damaged"
    shutil.copytree(demo, broken)
    (broken / "images" / "3.png").write_bytes(b"not a picture")
    monkeypatch.setenv("BRAINSEG_DATA", str(broken))
    app = alone("dataset", dataset__view="Health")
    app.button(key="dataset.check").click().run()
    assert not app.exception
    assert app.dataframe[-1].value["File"].str.endswith("3.png").any()


def test_an_unreadable_image_does_not_break_the_gallery(alone, demo, tmp_path, monkeypatch):
    broken = tmp_path / "unreadable"
    shutil.copytree(demo, broken)
    next((broken / "images").iterdir()).write_bytes(b"not a picture")
    monkeypatch.setenv("BRAINSEG_DATA", str(broken))
    app = alone("dataset")
    assert not app.exception
    assert sum(card["picture"] is None for card in cards(app)) == 1
