from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks import not_heads
from brainseg import gate, networks
from brainseg.data.catalog import read_catalog, read_image
from brainseg.ensemble import Ensemble
from brainseg.errors import NetworkError, ScanError
from brainseg.gate import GateSlices, HeadStatistics, Witness
from brainseg.inference import Segmenter, load
from brainseg.training.planning import open_data
from brainseg.types import Prediction, Scan

NAMES = ("unet", "resunet", "ensemble")


@pytest.fixture(scope="module", params=NAMES)
def shipped(request: pytest.FixtureRequest) -> Segmenter:
    return load(request.param)


@pytest.fixture(scope="module")
def features() -> np.ndarray:
    """500 correlated features of 20 channels: 3 directions and a little noise."""
    random = np.random.default_rng(0)
    directions = random.normal(size=(3, 20))
    return (random.normal(size=(500, 3)) @ directions + random.normal(0, 0.1, (500, 20))).astype(
        np.float32
    )


@pytest.fixture(scope="module")
def statistics(features: np.ndarray) -> HeadStatistics:
    return gate.describe(features[:400], features[400:])


def test_one_in_a_hundred_of_those_held_back_lies_beyond_the_limit(
    statistics: HeadStatistics, features: np.ndarray
) -> None:
    far = statistics.distance(features[400:]) > statistics.limit
    assert far.mean() == pytest.approx(0.01)


def test_a_head_lies_about_one_standard_deviation_away(
    statistics: HeadStatistics, features: np.ndarray
) -> None:
    distance = statistics.distance(features)
    assert np.sqrt(np.mean(distance**2)) == pytest.approx(1, abs=0.1)
    assert statistics.distance(statistics.mean) == pytest.approx(0, abs=1e-3)
    assert statistics.distance(features[3]) == pytest.approx(distance[3], rel=1e-5)


def test_a_small_step_off_the_directions_of_heads_is_a_large_distance(
    statistics: HeadStatistics, features: np.ndarray
) -> None:
    step = np.zeros(20, np.float32)
    step[np.abs(statistics.components[:3]).sum(axis=0).argmin()] = 2.0
    assert (statistics.distance(features[:50] + step) > statistics.limit).all()


def test_a_channel_that_is_dead_on_heads_does_not_divide_by_nothing() -> None:
    dead = np.random.default_rng(1).random((200, 6), dtype=np.float32)
    dead[:, 2] = 0
    found = gate.describe(dead[:150], dead[150:])
    assert np.isfinite(found.distance(dead)).all()
    assert np.isfinite(found.limit)


def test_features_of_another_network_are_refused(statistics: HeadStatistics) -> None:
    with pytest.raises(NetworkError, match="made for 20 features and the network gives 7"):
        statistics.distance(np.zeros(7, np.float32))


def test_what_is_written_is_read_back(statistics: HeadStatistics, tmp_path: Path) -> None:
    gate.write(tmp_path / "gate.npz", statistics)
    found = gate.read(tmp_path / "gate.npz")
    for name in HeadStatistics.__dataclass_fields__:
        assert getattr(found, name) == pytest.approx(getattr(statistics, name), rel=1e-6)


@pytest.mark.parametrize(
    "changes",
    [
        {"mean": np.zeros(3, np.float32)},
        {"components": np.zeros((3, 4), np.float32)},
        {"limit": np.nan},
        {"rest": np.zeros(2)},
    ],
)
def test_statistics_that_do_not_fit_are_refused(
    statistics: HeadStatistics, tmp_path: Path, changes: dict
) -> None:
    gate.write(tmp_path / "gate.npz", replace(statistics, **changes))
    with pytest.raises(NetworkError, match="is damaged"):
        gate.read(tmp_path / "gate.npz")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x80\x04."])
def test_a_file_that_is_no_statistics_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "gate.npz").write_bytes(content)
    with pytest.raises(NetworkError, match="is damaged"):
        gate.read(tmp_path / "gate.npz")


class Teller:
    """A network whose two features are the mean and spread of the slice; counts its answers."""

    has_features = True
    heads: HeadStatistics | None = None

    def __init__(self) -> None:
        self.predictions = 0

    def infer(self, batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        features = np.stack([batch.mean(axis=(1, 2, 3)), batch.std(axis=(1, 2, 3))], axis=1)
        return batch[..., 0], features

    def predict(self, scan: Scan) -> Prediction:
        self.predictions += 1
        features = np.array([scan.pixels.mean(), scan.pixels.std()], np.float32)
        return Prediction(
            probability=scan.pixels, spacing_mm=None, model="t", seconds=0, features=(features,)
        )


@pytest.fixture
def slices() -> GateSlices:
    images = np.random.default_rng(2).integers(0, 256, (120, 64, 64), np.uint8)
    return GateSlices.spread(images, range(80), range(80, 120))


def test_fitting_writes_what_it_returns(slices: GateSlices, tmp_path: Path) -> None:
    found = gate.fit(Teller(), slices, tmp_path / "gate.npz")
    assert found is not None
    assert gate.read(tmp_path / "gate.npz").limit == pytest.approx(found.limit)


def test_too_few_slices_make_no_gate(slices: GateSlices, tmp_path: Path) -> None:
    few = GateSlices(known=slices.known[:10], held=slices.held)
    assert gate.fit(Teller(), few, tmp_path / "gate.npz") is None
    assert not (tmp_path / "gate.npz").exists()


def test_slices_are_spread_over_the_lists() -> None:
    images = np.arange(5000, dtype=np.uint16).reshape(-1, 1, 1)
    found = GateSlices.spread(images, range(4000), range(4000, 4003))
    assert len(found.known) == 640
    assert (found.known.min(), found.known.max()) == (0, 3999)
    assert found.held.ravel().tolist() == [4000, 4001, 4002]


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(3).random(shape, dtype=np.float32)


def one_hot_pixel() -> np.ndarray:
    pixels = noise(90, 90) / 50
    pixels[0, 0] = 1
    return pixels


@pytest.mark.parametrize(
    ("scan", "fault"),
    [
        (Scan(pixels=np.full((99, 99), 7, np.float32)), "blank"),
        (Scan(pixels=one_hot_pixel()), "blank"),
        (Scan(pixels=noise(30, 90)), "shorter side has 30 pixels and needs 48"),
        (Scan(pixels=noise(60, 200)), "200 by 60 pixels, too long and thin"),
        (Scan(pixels=np.round(noise(90, 90) * 3)), "only 4 grey levels"),
        (Scan(pixels=noise(90, 90), coloured=True), "in colour"),
    ],
)
def test_a_plain_rule_needs_no_network(scan: Scan, fault: str) -> None:
    teller = Teller()
    verdict = gate.judge(scan, teller)
    assert not verdict.accepted
    assert "does not look like a head MRI; the networks were trained on" in verdict.reason
    assert fault in verdict.reason
    assert (verdict.distance, verdict.limit, teller.predictions) == (None, None, 0)


def test_a_network_without_statistics_accepts_what_the_rules_accept() -> None:
    verdict = gate.judge(Scan(pixels=noise(90, 90)), Teller())
    assert verdict == gate.Verdict(accepted=True, reason=None, distance=None, limit=None)


def test_a_prediction_that_is_there_is_not_made_again() -> None:
    teller, scan = Teller(), Scan(pixels=noise(90, 90))
    gate.judge(scan, teller, teller.predict(scan))
    assert teller.predictions == 1


def test_values_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ScanError, match="not finite"):
        gate.judge(Scan(pixels=np.full((90, 90), np.inf, np.float32)), Teller())
    with pytest.raises(ScanError, match="one grey image"):
        gate.judge(Scan(pixels=np.zeros((0, 90), np.float32)), Teller())


def test_demo_heads_pass_in_every_symmetry(shipped: Segmenter, demo_data: Path) -> None:
    catalog = read_catalog(demo_data)
    heads = [read_image(sample) for sample in catalog.samples]
    turned = [np.rot90(head.T if i % 2 else head, i // 2) for i, head in enumerate(heads)]
    verdicts = [gate.judge(Scan(pixels=np.ascontiguousarray(t)), shipped) for t in turned]
    assert np.mean([v.accepted for v in verdicts]) >= 0.85
    assert all(v.distance is not None and v.limit is not None for v in verdicts)


def ramp() -> np.ndarray:
    return np.tile(np.linspace(0, 1, 256, dtype=np.float32), (256, 1))


def wall() -> np.ndarray:
    """Rows of bricks in daylight: what a photograph has and a head has not, edges everywhere."""
    picture = np.full((256, 256), 150, np.float32)
    for row in range(0, 256, 22):
        picture[row : row + 3] = 210
        for column in range((row // 22 % 2) * 30, 256, 60):
            picture[row : row + 22, column : column + 3] = 210
    grain = np.random.default_rng(4).normal(0, 18, picture.shape).astype(np.float32)
    return cv2.GaussianBlur(picture + grain, (0, 0), 0.8) + 60 * ramp()


@pytest.mark.parametrize(
    "picture",
    [noise(200, 200), ramp(), wall(), np.kron(noise(8, 8), np.ones((32, 32), np.float32))],
    ids=["noise", "gradient", "wall", "tiles"],
)
def test_what_is_no_head_is_rejected(shipped: Segmenter, picture: np.ndarray) -> None:
    verdict = gate.judge(Scan(pixels=picture), shipped)
    assert not verdict.accepted
    assert verdict.distance > verdict.limit
    assert "standard deviations from heads" in verdict.reason


@pytest.fixture(scope="module")
def pair() -> Ensemble:
    """Both shipped networks, by which every upload is judged."""
    return load(networks.ENSEMBLE)


@pytest.mark.parametrize("paint", not_heads.PAINTED.values(), ids=not_heads.PAINTED)
def test_both_networks_together_reject_every_painted_picture(pair: Ensemble, paint) -> None:
    for draw in range(3):
        picture = paint(np.random.default_rng(draw))
        assert not gate.judge(Scan(pixels=picture), pair).accepted


def test_both_networks_together_reject_every_photograph(pair: Ensemble) -> None:
    pytest.importorskip("skimage")
    passed = [
        name
        for name, picture in not_heads.photographs().items()
        if gate.judge(Scan(pixels=picture), pair).accepted
    ]
    assert passed == []


@pytest.mark.real_data
def test_at_most_one_validation_slice_in_fifty_is_rejected(pair: Ensemble, real_data: Path) -> None:
    opened = open_data(real_data / "cheng256", real_data / "normal256")
    samples = {sample.number: sample for catalog in opened for sample in catalog.samples}
    split = networks.known_split(networks.ENSEMBLE)
    images = [read_image(samples[number]) for number in split.val[::5]]
    verdicts = [gate.judge(Scan(pixels=np.ascontiguousarray(image)), pair) for image in images]
    assert len(verdicts) >= 50
    assert np.mean([not verdict.accepted for verdict in verdicts]) <= 0.02


def witness(statistics: HeadStatistics, away: float, asked: list[str], name: str) -> Witness:
    """A network that sees a scan ``away`` limits from heads."""

    def features() -> np.ndarray:
        asked.append(name)
        direction = statistics.components[0] * statistics.scale
        unit = statistics.distance(statistics.mean + direction)
        return statistics.mean + direction * (away * statistics.limit / unit)

    return Witness(heads=statistics, features=features)


@pytest.mark.parametrize(
    ("shipped", "own", "accepted"),
    [
        ((0.5, 1.4), (), True),  # the mean decides
        ((0.7, 1.4), (), False),
        ((1.4, 1.4), (0.5,), True),  # a network of one's own knows it: made for something else
        ((1.4, 1.4), (0.5, 1.1), False),  # not all of them do
        ((0.5, 0.5), (1.4,), True),  # a head is a head, whatever the network was made for
        ((), (0.5,), True),
        ((), (1.4,), False),
        ((), (), True),
    ],
)
def test_the_shipped_networks_judge_together_and_ones_own_may_know_better(
    statistics: HeadStatistics, shipped: tuple, own: tuple, accepted: bool
) -> None:
    parts = [[witness(statistics, away, [], "") for away in part] for part in (shipped, own)]
    verdict = gate.judge_upload(Scan(pixels=noise(90, 90)), *parts)
    assert verdict.accepted == accepted
    assert (verdict.reason is None) == accepted


def test_a_network_of_ones_own_without_statistics_changes_no_verdict(
    statistics: HeadStatistics,
) -> None:
    own = [witness(statistics, 0.5, [], ""), Witness(heads=None, features=lambda: None)]
    far = [witness(statistics, 1.4, [], "")]
    assert not gate.judge_upload(Scan(pixels=noise(90, 90)), far, own).accepted


def test_nobody_is_asked_for_more_than_is_needed(statistics: HeadStatistics) -> None:
    asked: list[str] = []
    shipped, own = ([witness(statistics, 0.5, asked, who)] for who in ("shipped", "own"))
    assert not gate.judge_upload(Scan(pixels=noise(30, 90)), shipped, own).accepted
    assert asked == []
    assert gate.judge_upload(Scan(pixels=noise(90, 90)), shipped, own).accepted
    assert asked == ["shipped"]
