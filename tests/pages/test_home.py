from __future__ import annotations

from types import SimpleNamespace
from urllib.parse import parse_qsl

import pytest

from brainseg import runs
from brainseg.data.catalog import read_catalog
from ui import evaluation, widgets


@pytest.mark.usefixtures("demo", "networks")
def test_home_shows_a_segmented_slice_at_once(alone, assert_frame, text_of):
    app = alone("home")
    assert_frame(app)
    assert [m.value for m in app.metric][:1] == ["24"]
    assert "Synthetic demo data" in text_of(app)
    assert app.get("bidi_component")


@pytest.mark.usefixtures("demo", "networks")
def test_home_names_the_slice_and_who_was_trained_on_it(alone, text_of, monkeypatch, demo):
    samples = read_catalog(demo).samples
    seen = {"train": tuple(sample.number for sample in samples)}
    monkeypatch.setattr(evaluation, "known_parts", lambda *_: seen)
    shown = text_of(alone("home")).replace("\\", "")
    assert f"Slice {widgets.first_slice(samples)} · " in shown
    assert "UNet and ResUNet saw it in training or tuning" in shown


@pytest.mark.usefixtures("demo", "no_networks")
def test_home_without_networks_says_to_train_one(alone, assert_frame, text_of):
    app = alone("home")
    assert_frame(app)
    assert "No trained network yet" in text_of(app)


@pytest.mark.usefixtures("demo", "networks")
@pytest.mark.parametrize(("states", "told"), [
    (("finished", "running", "queued"), "1 running, 1 queued"),
    (("queued", "queued"), "2 queued"), (("stopping", "failed"), "1 running"), (("lost",), ""),
])  # fmt: skip
def test_a_run_that_waits_is_not_counted_as_running(alone, monkeypatch, states, told):
    monkeypatch.setattr(runs, "list_runs", lambda: [SimpleNamespace(state=s) for s in states])
    counted = next(m for m in alone("home").metric if m.label == "Training runs")
    assert (counted.value, counted.delta) == (str(len(states)), told)


@pytest.mark.usefixtures("demo", "networks")
def test_home_through_the_app(through_app, assert_frame):
    assert_frame(through_app("home"))


@pytest.mark.usefixtures("demo", "networks")
def test_segment_your_own_scan_leads_to_where_one_is_uploaded(through_app, alone):
    links = {link.proto.label: link.proto for link in through_app("home").get("page_link")}
    query = dict(parse_qsl(links["Segment your own scan"].query_string))
    app = alone("segment", **{key.replace(".", "__"): value for key, value in query.items()})
    assert app.file_uploader(key="segment.upload")


@pytest.mark.usefixtures("networks")
def test_the_first_visit_makes_the_demo_data(alone, assert_frame, home, monkeypatch):
    monkeypatch.setattr("ui.cache.DEMO_SLICES", 4)
    monkeypatch.delenv("BRAINSEG_DATA", raising=False)
    assert_frame(alone("home"))
    assert len(list((home / "data" / "demo" / "images").iterdir())) == 4


@pytest.mark.usefixtures("networks")
def test_an_unwritable_home_is_one_sentence(alone, text_of, home, monkeypatch):
    monkeypatch.delenv("BRAINSEG_DATA", raising=False)
    (home / "data").write_text("a file where the folder should be")
    app = alone("home")
    assert not app.exception
    assert len(app.error) == 1
    assert "cannot be written" in app.error[0].value
