from __future__ import annotations

import numpy as np
import pytest

from ui import pictures


@pytest.fixture
def png() -> bytes:
    image = np.zeros((90, 70), dtype=np.float32)
    image[30:60, 20:40] = 255
    return pictures.mask_png(image > 0)


@pytest.mark.usefixtures("demo", "networks")
def test_a_sample_is_segmented_by_both_networks(alone, assert_frame):
    app = alone("segment")
    assert_frame(app)
    assert app.get("bidi_component")
    assert app.multiselect(key="segment.networks").value == ["UNet", "ResUNet"]
    assert len(app.get("download_button")) == 3


@pytest.mark.usefixtures("demo", "networks")
def test_segment_through_the_app(through_app, assert_frame):
    assert_frame(through_app("segment"))


@pytest.mark.usefixtures("demo", "no_networks")
def test_without_a_network_the_next_step_is_to_train_one(alone, assert_frame, text_of):
    app = alone("segment")
    assert_frame(app)
    assert "No trained network yet" in text_of(app)
    assert not app.get("bidi_component")


@pytest.mark.usefixtures("demo", "networks")
def test_the_address_chooses_slice_and_network(alone):
    app = alone("segment", segment__sample="7", segment__networks="ResUNet")
    assert app.selectbox(key="segment.sample").value == 7
    assert app.multiselect(key="segment.networks").value == ["ResUNet"]
    assert len(app.get("download_button")) == 2


@pytest.mark.usefixtures("demo", "networks")
def test_next_and_previous_step_through_the_slices(alone):
    app = alone("segment")
    first = app.selectbox(key="segment.sample").value
    app.button(key="segment.sample.next").click().run()
    assert app.selectbox(key="segment.sample").value == first + 1
    app.button(key="segment.sample.previous").click().run()
    assert app.selectbox(key="segment.sample").value == first


@pytest.mark.usefixtures("demo", "networks")
def test_an_upload_is_segmented_in_pixels_only(alone, assert_frame, text_of, png):
    app = alone("segment", segment__source="My own scan")
    assert "Nothing uploaded yet" in text_of(app)
    app.file_uploader(key="segment.upload").upload("scan.png", png, "image/png").run()
    assert_frame(app)
    assert "1 slice of 90 by 70 pixels" in text_of(app)
    assert "areas are in pixels" in text_of(app)
    assert app.get("bidi_component")


@pytest.mark.usefixtures("demo", "networks")
def test_a_bad_upload_is_one_sentence_and_its_name_stays_text(alone):
    app = alone("segment", segment__source="My own scan")
    name = "<img src=x onerror=alert(1)>[a](b).png"
    app.file_uploader(key="segment.upload").upload(name, b"not a picture", "image/png").run()
    assert not app.exception
    assert len(app.error) == 1
    assert "<img" not in app.error[0].value
    assert "](" not in app.error[0].value


@pytest.mark.usefixtures("demo", "networks")
def test_a_volume_has_a_slice_slider_and_square_millimetres(alone, text_of, real_data):
    app = alone("segment", segment__source="My own scan")
    data = (real_data / "scans" / "tcga_fg_6692_t1c.nii.gz").read_bytes()
    app.file_uploader(key="segment.upload").upload("t1c.nii.gz", data).run()
    assert not app.exception
    assert app.slider(key="segment.slice").max == 26
    assert "pixels of 0.90 by 0.90 mm" in text_of(app)


@pytest.mark.usefixtures("demo", "networks")
def test_an_empty_result_is_told_with_its_highest_probability(alone, text_of):
    app = alone("segment", segment__source="My own scan")
    flat = pictures.mask_png(np.zeros((64, 64), dtype=bool))
    app.file_uploader(key="segment.upload").upload("flat.png", flat, "image/png").run()
    assert "found no tumour on this slice" in text_of(app)


@pytest.mark.parametrize("threshold", [0.005, 0.3, 0.5, 0.7, 0.995])
def test_the_levels_sent_to_the_browser_cut_exactly_where_the_library_cuts(threshold):
    rng = np.random.default_rng(0)
    grid = np.arange(201, dtype=np.float32) / np.float32(200)
    probability = np.concatenate([rng.random(5000, dtype=np.float32), grid, np.nextafter(grid, 0)])
    levels = pictures.quantise(probability)
    assert np.array_equal(levels >= round(threshold * 200), probability >= threshold)
    assert pictures.counts(levels)[round(threshold * 200)] == (probability >= threshold).sum()


def test_raw_values_of_a_twelve_bit_scan_are_sent_exactly():
    pixels = np.random.default_rng(1).integers(-1000, 3000, (40, 50)).astype(np.float32)
    layer = pictures.value_layer(pixels)
    assert layer["wide"]
    assert layer["high"] - layer["low"] == layer["steps"]
    assert layer["digits"] == 0
