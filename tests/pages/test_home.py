from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest


@pytest.mark.usefixtures("demo", "networks")
def test_home_shows_a_segmented_slice_at_once(alone, assert_frame, text_of):
    app = alone("home")
    assert_frame(app)
    assert [m.value for m in app.metric][:1] == ["24"]
    assert "Synthetic demo data" in text_of(app)
    assert app.get("bidi_component")


@pytest.mark.usefixtures("demo", "no_networks")
def test_home_without_networks_says_to_train_one(alone, assert_frame, text_of):
    app = alone("home")
    assert_frame(app)
    assert "No trained network yet" in text_of(app)


@pytest.mark.usefixtures("demo", "networks")
def test_home_through_the_app(through_app, assert_frame):
    assert_frame(through_app("home"))


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


@pytest.mark.usefixtures("networks")
@pytest.mark.parametrize("screen", ["home", "segment", "compare", "dataset"])
def test_a_mask_of_another_size_than_its_image_is_one_sentence(
    alone, assert_frame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, screen: str
):
    for folder, side in (("images", 32), ("masks", 16)):
        (tmp_path / "set" / folder).mkdir(parents=True)
        pixels = np.tile(np.arange(side, dtype=np.uint8), (side, 1))
        cv2.imwrite(str(tmp_path / "set" / folder / "1.png"), pixels * 7)
    monkeypatch.setenv("BRAINSEG_DATA", str(tmp_path / "set"))
    app = alone(screen, dataset__slice="1")
    assert_frame(app)
    said = [error.value for error in app.error]
    assert len(said) == 1
    assert "16x16 but its image is 32x32" in said[0].replace("\\", "")
