from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from sklearn import metrics as peers

from brainseg.data.catalog import Catalog, read_catalog, read_image, read_mask
from brainseg.data.patients import PatientFacts, pixel_mm
from brainseg.errors import ConfigError, DataError
from brainseg.evaluate import batch_dice, evaluate
from brainseg.preprocess import network_input, standardise_mask
from brainseg.scores import SYMMETRY_NAMES
from brainseg.types import Geometry, Prediction, Scan


class Bright:
    """A stand-in for a network: the brighter, the likelier. Keeps what it was shown."""

    name = "bright"
    config = SimpleNamespace(threshold=0.6, size=32, saliency="none")

    def __init__(self) -> None:
        self.shown: list[np.ndarray] = []

    def predict(self, scan: Scan) -> Prediction:
        self.shown.append(scan.pixels)
        likely = (scan.pixels / scan.pixels.max()).astype(np.float32)
        return Prediction(probability=likely, spacing_mm=None, model=self.name, seconds=0.0)

    def seen(self, scan: Scan) -> tuple[np.ndarray, Geometry]:
        return network_input(scan, self.config.size)

    def probabilities(self, batch: np.ndarray) -> np.ndarray:
        return batch[..., 0]


@pytest.fixture(scope="module")
def catalog(demo_data: Path) -> Catalog:
    return read_catalog(demo_data)


def test_every_score_of_every_slice_agrees_with_scikit_learn(catalog: Catalog):
    numbers = [sample.number for sample in catalog.with_truth][2:12:2]
    found = evaluate(Bright(), catalog, numbers)
    assert {case.tumour for case in found.cases} > {"none"}
    assert [case.number for case in found.cases] == numbers
    for case in found.cases:
        sample = catalog.by_number(case.number)
        truth, image = read_mask(sample).ravel(), read_image(sample).ravel()
        mask = image / image.max() >= 0.6
        assert case.truth_px == truth.sum()
        assert case.accuracy == pytest.approx(peers.accuracy_score(truth, mask))
        for name, peer, label in (
            ("dice", peers.f1_score, True),
            ("iou", peers.jaccard_score, True),
            ("precision", peers.precision_score, True),
            ("sensitivity", peers.recall_score, True),
            ("specificity", peers.recall_score, False),
        ):
            value = peer(truth, mask, pos_label=label, zero_division=0)
            shown = getattr(case, name)
            if shown is None:  # undefined: the denominator is 0
                assert not truth.any()
                assert name == "sensitivity" or not mask.any()
            else:
                assert shown == pytest.approx(value), name


def test_a_network_of_single_pixels_scores_alike_in_all_eight_orientations(catalog: Catalog):
    numbers = [catalog.with_truth[0].number, catalog.with_truth[5].number]
    views, cases = set(), []
    for orientation in SYMMETRY_NAMES:
        network = Bright()
        cases.append(evaluate(network, catalog, numbers, orientation=orientation).cases)
        views.add(network.shown[0].tobytes())
    assert len(views) == 8
    for name in ("dice", "specificity", "predicted_px", "hausdorff95_px", "surface_distance_px"):
        scores = [[getattr(case, name) for case in found] for found in cases]
        assert scores == [pytest.approx(scores[0])] * 8, name


@pytest.mark.parametrize("value", [0, 255])
def test_a_mask_of_another_size_than_its_image_is_named(tmp_path: Path, value: int):
    for folder, side in (("images", 16), ("masks", 8)):
        (tmp_path / folder).mkdir()
        cv2.imwrite(str(tmp_path / folder / "1.png"), np.full((side, side), value, np.uint8))
    with pytest.raises(DataError, match=r"1\.png is 8x8 but its image is 16x16"):
        evaluate(Bright(), read_catalog(tmp_path), [1])


def test_as_stored_is_the_upright_slice_transposed(catalog: Catalog):
    assert catalog.orientation == "transposed"
    stored, turned = Bright(), Bright()
    number = catalog.with_truth[0].number
    evaluate(stored, catalog, [number])
    evaluate(turned, catalog, [number], orientation="mirrored-rot90")
    assert np.array_equal(stored.shown[0], turned.shown[0])


def test_millimetres_are_known_for_public_slices_of_512_pixels_only(catalog: Catalog):
    public = PatientFacts(height=512, width=512)
    assert pixel_mm(public, 512) == 0.49
    assert pixel_mm(public, 256) == 0.98
    assert pixel_mm(PatientFacts(height=256, width=256), 256) is None
    found = evaluate(Bright(), catalog, [catalog.with_truth[0].number])
    assert found.cases[0].pixel_mm is found.summary["hausdorff95_mm"] is None


@pytest.mark.real_data
def test_real_public_slices_are_measured_in_millimetres(real_data: Path):
    public = read_catalog(real_data / "kaggle_sample")
    found = evaluate(Bright(), public, [sample.number for sample in public.with_truth])
    sides = {case.pixel_mm for case in found.cases}
    assert sides == {0.49, None}  # one of the thirteen was published at 256 pixels
    assert found.summary["hausdorff95_mm_undefined"] >= 1


def test_calibration_is_counted_near_tumours_and_in_the_summary(catalog: Catalog):
    found = evaluate(Bright(), catalog, [sample.number for sample in catalog.with_truth])
    ill = sum(case.truth_px for case in found.cases)
    assert sum(found.calibration.tumour) == ill < sum(found.calibration.pixels)
    assert 0 < found.summary["ece"] < 1


def test_the_document_s_dice_is_the_soft_dice_of_whole_batches(catalog: Catalog):
    numbers = [sample.number for sample in catalog.with_truth][:6]
    truths = [standardise_mask(read_mask(catalog.by_number(n)), 32) for n in numbers]

    class Half(Bright):
        def probabilities(self, batch: np.ndarray) -> np.ndarray:
            return np.full(batch.shape[:3], 0.5, np.float32)

    ill = sum(int(truth.sum()) for truth in truths)
    expected = (2 * 0.5 * ill + 1) / (0.5 * 6 * 32 * 32 + ill + 1)
    assert batch_dice(Half(), catalog, numbers) == pytest.approx(expected)
    two = batch_dice(Half(), catalog, numbers, batch_size=3)
    assert two != pytest.approx(expected, abs=1e-6)
    assert two == batch_dice(Half(), catalog, tuple(numbers), batch_size=3)


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"numbers": [], "orientation": "file"}, DataError, "no slice"),
        ({"numbers": [123456], "orientation": "file"}, DataError, "123456"),
        ({"numbers": [0], "orientation": "sideways"}, ConfigError, "mirrored-rot90"),
    ],
)
def test_what_cannot_be_scored_is_said(catalog: Catalog, arguments, error, said):
    with pytest.raises(error, match=said):
        evaluate(Bright(), catalog, **arguments)
