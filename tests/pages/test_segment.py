from __future__ import annotations

import base64
import json
import math
import shutil
import threading
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from benchmarks import not_heads
from brainseg.data import readers
from brainseg.data.catalog import read_catalog, read_image
from brainseg.data.masks import png_mask
from brainseg.errors import NetworkError
from brainseg.inference import Segmenter
from brainseg.networks import NetworkRef
from brainseg.types import Prediction, Volume
from tests.data.scan_files import dicom
from ui import pictures, segment_corrections, segment_exports, segment_resume, segment_view
from ui.segment_levels import SliceLevels
from ui.segment_study import Finding, Look, Study, of_sample


@pytest.fixture
def png() -> bytes:
    """A grey slice that the gate takes for a head: soft, bright in one place."""
    rows, columns = np.indices((90, 70))
    head = np.clip(1.2 - np.hypot((rows - 45) / 40, (columns - 35) / 30), 0, 0.45)
    spot = 0.5 * (np.hypot(rows - 40, columns - 45) < 10)
    return cv2.imencode(".png", ((head + spot) * 255).astype(np.uint8))[1].tobytes()


@pytest.mark.usefixtures("demo", "networks")
def test_a_sample_is_segmented_by_both_networks(alone, assert_frame):
    app = alone("segment")
    assert_frame(app)
    assert app.get("bidi_component")
    assert app.multiselect(key="segment.networks").value == ["UNet", "ResUNet"]
    assert len(app.get("download_button")) == 4


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
    assert len(app.get("download_button")) == 3


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
    assert "Drop a scan above" in text_of(app)
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
def test_the_field_names_every_kind_of_file_that_is_read(alone):
    app = alone("segment", segment__source="My own scan")
    assert readers.KINDS in app.file_uploader(key="segment.upload").label


@pytest.mark.usefixtures("demo", "networks")
def test_of_several_files_that_are_no_series_the_newest_is_read(alone, text_of, png):
    app = alone("segment", segment__source="My own scan")
    field = app.file_uploader(key="segment.upload")
    field.set_value([("text.png", b"no scan", "image/png"), ("real.png", png, "image/png")]).run()
    assert not app.error
    assert "Only the newest file is read, real.png" in text_of(app).replace("\\", "")
    assert "1 slice of 90 by 70 pixels" in text_of(app)


@pytest.mark.usefixtures("demo", "networks")
@pytest.mark.parametrize(
    ("others", "told"),
    [(1, "0.png is no DICOM image"), (3, "0.png and 2 more are no DICOM images")],
)
def test_a_file_among_dicom_images_that_is_none_is_to_be_removed(alone, png, others, told):
    image = dicom(np.zeros((1, 8, 8), np.uint16))
    files = [("a.dcm", image), *((f"{i}.png", png) for i in range(others)), ("b.dcm", image)]
    app = alone("segment", segment__source="My own scan")
    app.file_uploader(key="segment.upload").set_value([(*one, "x/y") for one in files]).run()
    (error,) = app.error
    assert told in error.value.replace("\\", "")
    assert "with the 2 that are: remove" in error.value.replace("\\", "")


@pytest.fixture
def leave_and_return() -> Callable[[AppTest], AppTest]:
    """Go to another screen of the app and come back to one's own scan."""

    def go(app: AppTest) -> AppTest:
        app.switch_page("pages/learn.py").run()
        app.switch_page("pages/segment.py").run()
        return app.segmented_control(key="segment.source").set_value("My own scan").run()

    return go


@pytest.fixture
def own_scan(through_app, png) -> AppTest:
    """The Segment screen of the app with an upload."""
    app = through_app("segment")
    app.segmented_control(key="segment.source").set_value("My own scan").run()
    return app.file_uploader(key="segment.upload").upload("scan.png", png, "image/png").run()


@pytest.mark.usefixtures("demo", "networks")
def test_an_upload_is_there_still_when_its_owner_comes_back(own_scan, leave_and_return, text_of):
    app = leave_and_return(own_scan)
    assert not app.file_uploader(key="segment.upload").value
    assert "**scan.png** is still here" in text_of(app).replace("\\", "")
    assert "1 slice of 90 by 70 pixels" in text_of(app)
    assert app.get("bidi_component")
    app = leave_and_return(app)
    app.button(key="segment.upload.remove").click().run()
    assert "Drop a scan above" in text_of(app)
    assert "Drop a scan above" in text_of(leave_and_return(app))


@pytest.mark.usefixtures("demo", "networks")
def test_another_upload_takes_the_place_of_the_one_that_was_kept(
    own_scan, leave_and_return, text_of, png
):
    app = leave_and_return(own_scan)
    app.file_uploader(key="segment.upload").upload("text.png", b"no scan").run()
    assert len(app.error) == 1
    app.file_uploader(key="segment.upload").set_value([]).run()
    assert "**scan.png** is still here" in text_of(app).replace("\\", "")
    app.file_uploader(key="segment.upload").upload("other.png", png).run()
    assert "is still here" not in text_of(app)
    assert "**other.png** is still here" in text_of(leave_and_return(app)).replace("\\", "")


@pytest.mark.usefixtures("demo", "networks")
def test_an_upload_that_is_taken_out_of_the_field_is_not_kept(own_scan, leave_and_return, text_of):
    own_scan.file_uploader(key="segment.upload").set_value([]).run()
    assert "Drop a scan above" in text_of(own_scan)
    assert "Drop a scan above" in text_of(leave_and_return(own_scan))


def test_where_an_upload_was_left_is_kept_for_the_last_few(monkeypatch):
    monkeypatch.setattr(segment_resume.st, "session_state", {})
    volume = Volume(voxels=np.zeros((7, 4, 5), np.float32))
    studies = [Study(name="x", scene=f"scan {i}", volume=volume) for i in range(6)]
    assert segment_resume.index(studies[0]) is None
    for study in studies:
        segment_resume.keep(study, 6, 0.9, start=0.5)
    kept = [(segment_resume.index(study), segment_resume.threshold(study)) for study in studies]
    assert kept == [(None, None)] * 2 + [(6, 0.9)] * 4
    segment_resume.keep(studies[5], 0, 0.5, start=0.5)
    assert segment_resume.index(studies[5]) == 0
    assert segment_resume.threshold(studies[5]) is None  # as every network starts


@pytest.mark.usefixtures("demo", "networks")
def test_a_volume_is_segmented_whole_and_measured(alone, text_of, real_data):
    app = alone("segment", segment__source="My own scan")
    data = (real_data / "scans" / "tcga_fg_6692_t1c.nii.gz").read_bytes()
    app.file_uploader(key="segment.upload").upload("t1c.nii.gz", data).run()
    assert not app.exception
    assert "26 slices" in text_of(app)
    assert "pixels of 0.90 by 0.90 mm, 5.50 mm from slice to slice" in text_of(app)
    for _ in range(60):
        if app.get("dataframe"):
            break
        app.run()
    table = app.dataframe[0].value
    assert list(table["Network"]) == ["UNet", "ResUNet"]
    assert table["Volume"].str.endswith(" ml").all()
    labels = [button.proto.label for button in app.get("download_button")]
    assert "UNet NIfTI mask" in labels
    assert not any("DICOM" in label for label in labels)


@pytest.mark.usefixtures("demo", "networks")
def test_frames_that_lie_nobody_knows_how_far_apart_have_areas_and_no_volume(alone, text_of, png):
    grey = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE)
    frames = dicom(np.stack([grey] * 3).astype(np.uint16), PixelSpacing=[0.5, 0.5])
    app = alone("segment", segment__source="My own scan")
    app.file_uploader(key="segment.upload").upload("a.dcm", frames).run()
    assert "pixels of 0.50 by 0.50 mm, an unknown distance from slice to slice" in text_of(app)
    for _ in range(60):
        if app.get("dataframe"):
            break
        app.run()
    assert not app.exception
    assert set(app.dataframe[0].value["Volume"]) == {"\N{EN DASH}"}
    assert "no ml" in text_of(app)
    button = next(b for b in app.get("download_button") if b.proto.label == "UNet DICOM SEG")
    assert button.proto.disabled  # and not one that fails when it is pressed
    assert "their headers lack FrameOfReferenceUID" in button.proto.help
    app.toggle(key="segment.surface").set_value(True).run()
    assert not app.exception


@pytest.mark.usefixtures("demo", "networks")
def test_what_is_no_head_is_segmented_only_by_those_who_insist(alone, text_of):
    app = alone("segment", segment__source="My own scan")
    flat = png_mask(np.zeros((64, 64), dtype=bool))
    app.file_uploader(key="segment.upload").upload("flat.png", flat, "image/png").run()
    assert len(app.warning) == 1
    assert "does not look like a head MRI" in app.warning[0].value.replace("\\", "")
    assert not app.get("download_button")
    app.button(key="segment.go-on").click().run()
    assert "no tumour found on this slice" in text_of(app)
    assert "no finding" in text_of(app)
    assert app.get("download_button")
    assert len(app.warning) == 1  # it stays said


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the networks in the order in which they looked at a slice."""
    seen: list[str] = []
    plain = Segmenter.predict_many

    def counted(self, scans):
        seen.extend([self.name] * len(scans))
        return plain(self, scans)

    monkeypatch.setattr(Segmenter, "predict_many", counted)
    return seen


@pytest.mark.usefixtures("demo")
@pytest.mark.parametrize(
    ("draw", "chosen"), enumerate([["UNet"], ["UNet", "ResUNet"], ["UNet + ResUNet"]])
)
def test_a_hand_is_warned_of_by_both_networks_whichever_is_chosen(alone, looks, draw, chosen):
    app = alone("segment", segment__source="My own scan")
    app.multiselect(key="segment.networks").set_value(chosen).run()
    hand = not_heads.hand(np.random.default_rng(draw)).astype(np.uint8)  # new to every cache
    picture = cv2.imencode(".png", hand)[1].tobytes()
    app.file_uploader(key="segment.upload").upload("hand.png", picture, "image/png").run()
    assert len(app.warning) == 1
    assert "This does not look like a head MRI" in app.warning[0].value.replace("\\", "")
    app.button(key="segment.go-on").click().run()
    assert not app.exception
    assert app.get("download_button")
    assert sorted(looks) == ["resunet", "unet"]  # what the gate asked is not asked again


@pytest.mark.usefixtures("demo")
@pytest.mark.parametrize(("index", "warned"), [(0, True), (1, False)])
def test_the_slice_that_is_shown_is_the_one_that_is_judged(
    alone, text_of, demo_data, monkeypatch, index, warned
):
    hand = not_heads.hand(np.random.default_rng(0))
    head = cv2.resize(read_image(read_catalog(demo_data).samples[0]), hand.shape)
    frames = dicom(np.stack([hand, head, head]).astype(np.uint16), PixelSpacing=[0.9, 0.9])
    monkeypatch.setattr(segment_view, "_index", lambda study: index)
    app = alone("segment", segment__source="My own scan")
    app.file_uploader(key="segment.upload").upload("a.dcm", frames).run()
    assert not app.exception
    assert app.get("bidi_component")  # the volume stays on screen: one can page on
    told = [warning.value.replace("\\", "") for warning in app.warning]
    assert len(told) == warned
    assert all(text.startswith("Slice 1 of 3: this does not look like a head") for text in told)
    how = "beyond" if warned else "within"
    assert f"the networks were trained on, {how} the limit" in text_of(app)


@pytest.mark.usefixtures("demo", "networks")
def test_the_doubt_is_told_beside_the_result(alone, text_of):
    app = alone("segment", segment__sample="3")
    told = text_of(app).replace("\\", "")
    assert "UNet and ResUNet agree" in told
    assert "highest probability" in told
    assert "more uncertain than" not in told
    app.toggle(key="segment.uncertainty").set_value(True).run()
    assert not app.exception
    told = text_of(app).replace("\\", "")
    assert told.count("more uncertain than 0.5") == 2


@pytest.mark.usefixtures("demo", "networks")
def test_without_a_chosen_network_the_screen_says_so(alone, text_of, assert_frame):
    app = alone("segment")
    app.multiselect(key="segment.networks").set_value([]).run()
    assert_frame(app)
    assert "Choose a network" in text_of(app)


def answer(probability: np.ndarray) -> Prediction:
    seen = np.array([probability.mean()], np.float32)
    return Prediction(
        probability=probability, spacing_mm=None, model="t", seconds=0, features=(seen,)
    )


class Steps:
    """Predicts slice i as the constant i / 10, and waits where it is told to."""

    def __init__(self, hold: threading.Event | None = None) -> None:
        self.asked: list[int] = []
        self.hold = hold

    def __call__(self, part):
        if self.hold is not None:
            assert self.hold.wait(20)
        self.asked += part
        return [answer(np.full((4, 5), i / 10, np.float32)) for i in part]


def test_slices_are_predicted_once_whether_asked_for_or_in_the_background():
    steps = Steps()
    slices = SliceLevels((7, 4, 5), steps)
    assert slices.of(3).max() == 60
    slices.start(3)
    assert slices.wait(20)
    assert slices.complete
    assert sorted(steps.asked) == list(range(7))
    assert slices.mask(0.5).any(axis=(1, 2)).tolist() == [False] * 5 + [True] * 2


def test_a_cancel_keeps_what_is_known_and_can_be_taken_up_again():
    hold = threading.Event()
    slices = SliceLevels((40, 4, 5), Steps(hold))
    slices.start()
    assert slices.running
    slices.cancel()
    hold.set()
    assert slices.wait(20)
    assert 0 < slices.done < 40
    slices.start()
    assert slices.wait(20)
    assert slices.complete


def test_a_network_that_fails_in_the_background_is_told():
    def fail(_):
        raise NetworkError("the network is gone")

    slices = SliceLevels((3, 4, 5), fail)
    slices.start()
    assert slices.wait(20)
    assert slices.error == "the network is gone"


def test_what_nobody_foresaw_in_the_background_is_told_too():
    def fail(_):
        raise RuntimeError("out of memory")

    slices = SliceLevels((3, 4, 5), fail)
    slices.start()
    assert slices.wait(20)
    assert "RuntimeError: out of memory" in slices.error


def test_a_slice_that_changed_on_disk_is_another_scene(demo: Path, tmp_path: Path):
    folder = shutil.copytree(demo, tmp_path / "mine")
    before = read_catalog(folder)
    sample = before.samples[0]
    scene = of_sample(before, sample).scene
    shutil.copyfile(before.samples[1].image, sample.image)
    assert of_sample(read_catalog(folder), sample).scene != scene


def packed(mask: np.ndarray) -> str:
    return base64.b64encode(zlib.compress(mask.astype(np.uint8).tobytes())).decode()


def test_a_corrected_mask_comes_back_as_it_was_painted():
    mask = np.random.default_rng(0).random((30, 20)) > 0.5
    found = segment_corrections.unpack({"UNet|1": packed(mask)}, ["UNet"], (3, 30, 20))
    assert np.array_equal(found["UNet", 1], mask)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("UNet|9", packed(np.zeros((30, 20)))),
        ("Other|1", packed(np.zeros((30, 20)))),
        ("UNet|-1", packed(np.zeros((30, 20)))),
        ("UNet|1", packed(np.zeros((31, 20)))),
        ("UNet|1", packed(np.zeros((4000, 4000)))),
        ("UNet|1", "no base64!"),
        ("UNet|1", base64.b64encode(b"no deflate").decode()),
        ("UNet|1", 7),
    ],
)
def test_a_correction_that_does_not_fit_is_left_out(key, text):
    assert segment_corrections.unpack({key: text}, ["UNet"], (3, 30, 20)) == {}


def test_a_corrected_slice_is_what_counts_and_what_the_report_tells():
    volume = Volume(voxels=np.zeros((7, 4, 5), np.float32), spacing_mm=(3.0, 2.0, 1.0))
    ref = NetworkRef(name="unet", label="UNet", folder=Path(), kind="shipped")
    slices = SliceLevels((7, 4, 5), Steps())
    slices.start()
    assert slices.wait(20)
    finding = Finding(ref=ref, colour="#56B4E9", fingerprint="f", slices=slices)
    mask = np.zeros((4, 5), bool)
    mask[0, :3] = True
    look = Look(index=6, threshold=0.5, corrections={("UNet", 6): mask})
    assert np.array_equal(look.mask(finding), mask)
    assert look.masks(finding).sum(axis=(1, 2)).tolist() == [0, 0, 0, 0, 0, 20, 3]
    study = Study(name="x", scene="s", volume=volume)
    told = json.loads(segment_exports.report(study, [finding], look))
    assert told["results"][0]["area_mm2"][5:] == [40.0, 6.0]
    assert told["results"][0]["volume_ml"] == pytest.approx(46 * 3 / 1000)
    assert told["results"][0]["slices_corrected_by_hand"] == [7]
    assert told["gate"] is None
    assert "not a medical device" in told["disclaimer"]


@pytest.mark.parametrize("spacing", [None, (math.nan, 0.5, 0.5), (4.0, 0.5, 0.5)])
def test_a_report_is_plain_json_and_what_is_not_known_is_null(spacing):
    volume = Volume(voxels=np.zeros((1, 4, 5), np.float32), spacing_mm=spacing)
    ref = NetworkRef(name="unet", label="UNet", folder=Path(), kind="shipped")
    slices = SliceLevels((1, 4, 5), Steps())
    finding = Finding(ref=ref, colour="#56B4E9", fingerprint="f", slices=slices)
    slices.of(0)
    made = segment_exports.report(Study(name="x", scene="s", volume=volume), [finding],
                                  Look(index=0, threshold=0.5))  # fmt: skip
    assert b"NaN" not in made
    told = json.loads(made)
    known = spacing and [None if math.isnan(mm) else mm for mm in spacing]
    assert told["scan"]["spacing_mm"] == known
    assert (told["results"][0]["area_mm2"] is None) == (spacing is None)


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
