"""Scoring in the background: once, shared, told how far, cancelled without a trace."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from brainseg import networks, scoring
from brainseg.data.catalog import Catalog, read_catalog
from brainseg.errors import DataError, NetworkError
from brainseg.types import Prediction, Scan


class Gated:
    """A network that marks everything, one slice whenever the gate lets it."""

    name = "gated"
    config = SimpleNamespace(threshold=0.5, saliency="none")

    def __init__(self) -> None:
        self.gate = threading.Semaphore(0)
        self.calls = 0

    def predict(self, scan: Scan) -> Prediction:
        assert self.gate.acquire(timeout=20)
        self.calls += 1
        likely = np.ones(scan.pixels.shape, np.float32)
        return Prediction(probability=likely, spacing_mm=None, model=self.name, seconds=0.0)


class Broken(Gated):
    def predict(self, scan: Scan) -> Prediction:
        raise DataError("slice 2 is damaged")


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    for name in ("images", "masks"):
        (tmp_path / "data" / name).mkdir(parents=True)
    for number in range(1, 5):
        picture = np.full((16, 16), number, np.uint8)
        picture[2:8, 2:8] = 255
        cv2.imwrite(str(tmp_path / "data" / "images" / f"{number}.png"), picture)
        cv2.imwrite(
            str(tmp_path / "data" / "masks" / f"{number}_mask.png"), (picture > 9) * np.uint8(255)
        )
    return read_catalog(tmp_path / "data")


@pytest.fixture(autouse=True)
def named(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Any name is a network; nothing outlives its test."""
    monkeypatch.setattr(networks, "fingerprint", lambda name: f"digest of {name}")
    yield
    settle()
    scoring._jobs.clear()


def settle() -> None:
    for thread in threading.enumerate():
        if thread.name == "scoring":
            thread.join(timeout=20)
            assert not thread.is_alive()


def until(condition) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def task(catalog: Catalog, network: str = "a", numbers=(1, 2, 3, 4), **values) -> scoring.Task:
    return scoring.Task(network=network, catalogs=(catalog,), numbers=numbers, **values)


def test_scores_are_made_once_and_kept(catalog):
    wanted, network = task(catalog), Gated()
    assert scoring.standing([wanted]) is scoring.read(wanted) is None
    network.gate.release(8)
    scoring.start([wanted], lambda name: network)
    scoring.start([wanted], lambda name: network)  # another screen asks for the same
    settle()
    assert network.calls == 4
    assert scoring.standing([wanted]).state == "done"
    assert [case.number for case in scoring.read(task(catalog)).cases] == [1, 2, 3, 4]


def test_networks_wait_their_turn_and_stand_together(catalog):
    tasks, network = [task(catalog, "a"), task(catalog, "b")], Gated()
    scoring.start(tasks, lambda name: network)
    assert scoring.standing(tasks).seconds_left is None
    network.gate.release(3)
    until(lambda: scoring.standing(tasks).done == 3)
    now = scoring.standing(tasks)
    assert (now.state, now.done, now.total, now.network) == ("running", 3, 8, "a")
    assert now.seconds_left > 0
    only = scoring.standing(tasks[1:])
    assert (only.state, only.done, only.seconds_left) == ("waiting", 0, None)
    network.gate.release(5)
    settle()
    assert (scoring.standing(tasks).state, scoring.standing(tasks).done) == ("done", 8)


def cancelled_after_a_slice(catalog):
    """Two tasks that are cancelled while the first is at work, and their network."""
    tasks, network = [task(catalog, "a"), task(catalog, "b")], Gated()
    scoring.start(tasks, lambda name: network)
    network.gate.release(1)
    until(lambda: scoring.standing(tasks).done == 1)
    scoring.cancel(tasks)
    return tasks, network


def test_a_cancelled_scoring_ends_before_its_next_slice_and_leaves_nothing(catalog):
    tasks, network = cancelled_after_a_slice(catalog)
    network.gate.release(1)
    settle()
    assert network.calls == 2
    assert scoring.standing(tasks).state == "cancelled"
    assert not tasks[0].path.parent.exists()
    network.gate.release(8)
    scoring.start(tasks, lambda name: network)  # and it can be asked for again
    settle()
    assert None not in [scoring.read(one) for one in tasks]


def test_what_is_cancelled_and_asked_for_again_at_once_is_scored(catalog):
    tasks, network = cancelled_after_a_slice(catalog)
    waiting = scoring._jobs[tasks[1].key]
    assert waiting.segmenter is None
    scoring.start(tasks, lambda name: network)
    network.gate.release(9)
    settle()
    assert scoring.standing(tasks).state == "done"
    assert None not in [scoring.read(one) for one in tasks]


def test_a_failure_is_told_and_does_not_hold_up_the_next(catalog):
    network = Gated()
    network.gate.release(4)
    bad, good = task(catalog, "bad"), task(catalog, "good")
    scoring.start([bad, good], lambda name: Broken() if name == "bad" else network)
    settle()
    assert (scoring.standing([bad]).state, scoring.standing([bad]).error) == (
        "failed", "slice 2 is damaged",
    )  # fmt: skip
    assert scoring.read(good) is not None


def test_a_network_that_cannot_be_opened_queues_nothing(catalog):
    def refuse(name: str) -> Gated:
        raise NetworkError("altered")

    with pytest.raises(NetworkError, match="altered"):
        scoring.start([task(catalog)], refuse)
    assert scoring.standing([task(catalog)]) is None


def test_what_the_scores_depend_on_is_in_their_name(catalog, tmp_path, monkeypatch):
    keys = {
        task(catalog).key,
        task(catalog, "b").key,
        task(catalog, numbers=(1, 2)).key,
        task(catalog, orientation="rot90").key,
    }
    monkeypatch.setenv("BRAINSEG_PRECISION", "bf16")
    keys.add(task(catalog).key)
    monkeypatch.delenv("BRAINSEG_PRECISION")
    (tmp_path / "data" / "masks" / "4_mask.png").unlink()
    keys.add(task(read_catalog(tmp_path / "data")).key)
    assert len(keys) == 6
    assert task(catalog).key in keys
    assert task(catalog).key == task(catalog).key


def test_a_damaged_file_counts_as_no_scores(catalog):
    wanted = task(catalog)
    wanted.path.parent.mkdir(parents=True)
    wanted.path.write_text("{")
    assert scoring.read(wanted) is None
