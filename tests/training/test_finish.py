from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from brainseg import export, networks, runs
from brainseg.errors import RunError
from brainseg.training import checkpoint, finish
from brainseg.training.planning import new_run
from brainseg.training.prepare import load_data
from brainseg.training.recipes import recipe


@pytest.fixture
def trained(demo_data: Path) -> tuple[Path, keras.Model]:
    """A run whose training is over, and its network."""
    tiny = {"size": 32, "base": 2, "depth": 1, "threads": 1}
    config = recipe("quick", model="unet", data=str(demo_data), **tiny)
    run, model = new_run(config), export.untrained(config)
    arrays = {f"model/{i:03d}": np.asarray(v) for i, v in enumerate(model.variables)}
    checkpoint.commit(run / "checkpoint", arrays, {"epoch": 1, "batch": 0}, pointer=checkpoint.BEST)
    return run, model


def test_another_backend_gets_the_same_network_from_a_process_of_its_own(
    trained: tuple[Path, keras.Model], monkeypatch: pytest.MonkeyPatch
):
    run, model = trained
    finish.export_best(run, model, load_data(runs.config(run), runs.split(run)).data)
    here = shutil.move(run / "network", run / "here")
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    finish.export_best(run, model, None)
    assert networks.read_network(run / "network").name == run.name
    weights = Path(here) / networks.WEIGHTS, run / "network" / networks.WEIGHTS
    with np.load(weights[0]) as ours, np.load(weights[1]) as theirs:
        assert ours.files == theirs.files
        for key in ours.files:
            np.testing.assert_array_equal(theirs[key], ours[key])


def test_the_last_epoch_is_asked_of_that_process_too(
    trained: tuple[Path, keras.Model], monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    interpreter: Callable[[str], None],
):  # fmt: skip
    run, model = trained
    told = tmp_path / "told"
    interpreter(f'echo "$@" >> {told}')
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    finish.export_best(run, model, None)
    finish.export_best(run, model, None, last=True)
    best, last = told.read_text().splitlines()
    assert last == f"{best} --last"


def test_without_its_best_weights_a_run_says_what_helps(trained: tuple[Path, keras.Model]):
    run, model = trained
    folder = run / "checkpoint"
    arrays, state = checkpoint.load(folder, checkpoint.BEST)
    checkpoint.commit(folder, arrays, state, pointer=checkpoint.LATEST)
    (folder / checkpoint.BEST).unlink()
    next(folder.glob("best-*")).unlink()
    with pytest.raises(RunError, match=r"best weights are lost \(no intact .*finish .* --last"):
        finish.export_best(run, model, None)


def test_without_tensorflow_it_says_what_to_do(
    trained: tuple[Path, keras.Model], monkeypatch: pytest.MonkeyPatch
):
    run, model = trained
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(RunError, match="the weights are kept"):
        finish.export_best(run, model, None)
    assert checkpoint.exists(run / "checkpoint", checkpoint.BEST)
