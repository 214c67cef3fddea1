from __future__ import annotations

import shutil

import pytest

pytestmark = pytest.mark.usefixtures("demo", "networks")


def opens(app):
    return [b for b in app.button if b.key and b.key.startswith("dataset.open.")]


def test_the_gallery_shows_every_slice_of_the_demo(alone, assert_frame, text_of):
    app = alone("dataset")
    assert_frame(app)
    assert len(opens(app)) == 24
    assert "Synthetic demo data" in text_of(app)


def test_dataset_through_the_app(through_app, assert_frame):
    assert_frame(through_app("dataset"))


def test_filters_leave_what_they_say(alone):
    app = alone("dataset")
    app.pills(key="dataset.tumour").set_value(["glioma"]).run()
    shown = opens(app)
    assert 0 < len(shown) < 24
    assert all(button.label.endswith("glioma") for button in shown)


def test_sorting_by_size_leaves_out_slices_without_tumour(alone):
    app = alone("dataset")
    app.selectbox(key="dataset.order").set_value("Largest tumour").run()
    assert not app.exception
    shown = opens(app)
    assert shown
    assert not any("no tumour" in button.label for button in shown)


def test_opening_a_slice_shows_its_maps_and_the_way_back(alone):
    app = alone("dataset")
    opens(app)[3].click().run()
    assert not app.exception
    assert app.get("bidi_component")
    assert app.selectbox(key="dataset.slice").value is not None
    app.button(key="dataset.back").click().run()
    assert len(opens(app)) == 24


def test_the_address_opens_a_slice(alone):
    app = alone("dataset", dataset__slice="5")
    assert app.selectbox(key="dataset.slice").value == 5
    assert not opens(app)


def test_the_files_view_lists_problems_by_name(alone, demo, tmp_path, monkeypatch):
    broken = tmp_path / "broken"
    shutil.copytree(demo, broken)
    next((broken / "masks").iterdir()).unlink()
    (broken / "images" / "notes.txt").write_text("stray")
    monkeypatch.setenv("BRAINSEG_DATA", str(broken))
    app = alone("dataset", dataset__view="Files")
    assert not app.exception
    assert "missing mask" in set(app.dataframe[-1].value["Problem"])


def test_checking_every_file_finds_the_one_that_does_not_open(alone, demo, tmp_path, monkeypatch):
    broken = tmp_path / "damaged"
    shutil.copytree(demo, broken)
    (broken / "images" / "3.png").write_bytes(b"not a picture")
    monkeypatch.setenv("BRAINSEG_DATA", str(broken))
    app = alone("dataset", dataset__view="Files")
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
    assert sum("cannot be read" in caption.value for caption in app.caption) == 1
