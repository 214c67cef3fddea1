"""What two_devices.py trains on two logical processors equals what it trains on one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    program = Path(__file__).with_name("two_devices.py")
    done = subprocess.run(
        [sys.executable, str(program), str(tmp_path_factory.mktemp("mirrored"))],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY), "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_two_devices_learn_what_one_learns(found: dict[str, Any]):
    """Over shards filled up, and a last batch of one slice for two devices."""
    np.testing.assert_allclose(found["two"]["curves"], found["one"]["curves"], rtol=1e-4)
    for two, one in zip(found["two"]["weights"], found["one"]["weights"], strict=True):
        np.testing.assert_allclose(two, one, atol=1e-5)


def test_two_devices_take_the_steps_of_muon_together(found: dict[str, Any]):
    one, two = found["muon"]
    np.testing.assert_allclose(two["curves"], one["curves"], rtol=1e-3)
    for of_two, of_one in zip(two["weights"], one["weights"], strict=True):
        np.testing.assert_allclose(of_two, of_one, atol=1e-4)


def test_a_stopped_and_resumed_run_equals_an_uninterrupted_one(found: dict[str, Any]):
    assert found["resumed"] == found["two"]


def test_batch_norm_keeps_the_mean_of_the_statistics_of_all_devices(found: dict[str, Any]):
    one, two = found["batch norm"]
    assert len(two["moving"]) == 2
    for moving in two["moving"]:
        np.testing.assert_allclose(moving, one["moving"][0], rtol=1e-4, atol=1e-6)


def test_every_picture_gets_one_answer(found: dict[str, Any]):
    assert [told["answers"] for told in found["batch norm"]] == [3, 3]


def test_half_precision_scales_its_loss_on_every_device(found: dict[str, Any]):
    _, full = found["batch norm"]
    assert found["float16"]["loss"] == pytest.approx(full["loss"], rel=0.02)
