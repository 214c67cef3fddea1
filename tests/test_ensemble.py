from __future__ import annotations

import numpy as np
import pytest

from brainseg.ensemble import Ensemble
from brainseg.errors import NetworkError
from brainseg.networks import NetworkConfig
from brainseg.types import Prediction, Scan


class Constant:
    """A network that answers one probability everywhere, another one where it is averaged."""

    def __init__(self, plain: float, averaged: float, *, size: int, threshold: float) -> None:
        self.values = {False: plain, True: averaged}
        self.config = NetworkConfig(
            name="one", architecture="unet", size=size, base=1, depth=1, threshold=threshold
        )

    def predict(self, scan: Scan, *, symmetries: bool = False) -> Prediction:
        return Prediction(
            probability=np.full(scan.pixels.shape, self.values[symmetries], np.float32),
            spacing_mm=scan.spacing_mm,
            model="one",
            seconds=0.5,
            features=(np.array([self.values[False]], np.float32),),
        )

    def predict_many(self, scans: list[Scan]) -> list[Prediction]:
        return [self.predict(scan) for scan in scans]


SCAN = Scan(pixels=np.zeros((6, 9), np.float32), spacing_mm=(0.5, 0.7))


@pytest.fixture
def both() -> Ensemble:
    return Ensemble(
        [
            Constant(0.2, 0.0, size=64, threshold=0.3),
            Constant(0.8, 1.0, size=128, threshold=0.5),
        ]
    )


def test_it_is_the_mean_of_its_members_and_takes_the_time_of_both(both: Ensemble) -> None:
    found = both.predict(SCAN)
    assert found.probability.shape == (6, 9)
    assert found.probability.dtype == np.float32
    assert np.allclose(found.probability, 0.5)
    assert (found.model, found.seconds, found.spacing_mm) == ("ensemble", 1.0, (0.5, 0.7))
    assert np.concatenate(found.features) == pytest.approx([0.2, 0.8])


def test_many_scans_are_predicted_as_each_alone(both: Ensemble) -> None:
    for found in both.predict_many([SCAN, SCAN]):
        assert np.array_equal(found.probability, both.predict(SCAN).probability)
    assert both.predict_many([]) == []


def test_it_looks_like_one_network(both: Ensemble) -> None:
    assert both.name == both.config.name == "ensemble"
    assert (both.config.size, both.config.threshold) == (128, 0.5)


def test_members_that_oppose_each_other_are_as_unsure_as_can_be(both: Ensemble) -> None:
    assert np.allclose(both.uncertainty(SCAN), 1)
    assert np.allclose(both.disagreement(SCAN), 1)


def test_members_that_are_certain_together_are_certain() -> None:
    sure = Constant(1.0, 1.0, size=64, threshold=0.5)
    both = Ensemble([sure, sure])
    assert not both.uncertainty(SCAN).any()
    assert not both.disagreement(SCAN).any()


def test_one_network_is_no_ensemble() -> None:
    with pytest.raises(NetworkError, match="needs two networks; 1 given"):
        Ensemble([Constant(0, 0, size=64, threshold=0.5)])
