"""The end of a training: its best weights become the network that prediction uses.

TensorFlow writes the network for every backend, so that it is the same one. A run that trained with
another lets a process of its own do it: ``python -m brainseg.training.finish RUN``. With ``--last``
that takes the last epoch instead of the best, as the shipped networks do (docs/MODEL_CARD.md).
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import keras

from brainseg import export, runs
from brainseg.errors import RunError
from brainseg.gate import GateSlices
from brainseg.training import checkpoint, devices
from brainseg.training.fit import Data
from brainseg.training.prepare import load_data


def export_best(run: Path, model: keras.Model, data: Data, *, last: bool = False) -> None:
    """Put the best or the ``last`` weights of ``run`` into its ``model`` and export that.

    Raises:
        RunError: with another backend than TensorFlow, where that cannot be opened.
    """
    if keras.backend.backend() != "tensorflow":
        _ask_tensorflow(run, last=last)
        return
    config = runs.config(run)
    arrays = _load(run, checkpoint.LATEST if last else checkpoint.BEST)
    part = "average" if last and config.ema_decay else "model"
    for i, variable in enumerate(model.variables):
        variable.assign(arrays[f"{part}/{i:03d}"])
    export.export_network(
        model,
        run / "network",
        name=run.name,
        config=config,
        split=runs.split(run),
        heads=GateSlices.spread(data.images, data.train, data.val),
    )


def _load(run: Path, pointer: str) -> checkpoint.Arrays:
    try:
        return checkpoint.load(run / "checkpoint", pointer)[0]
    except RunError as error:
        if pointer == checkpoint.LATEST:
            raise
        raise RunError(
            f"the training is done, but its best weights are lost ({error}): restore them and "
            f"resume, or `python -m brainseg.training.finish {run} --last` takes the last epoch"
        ) from error


def _ask_tensorflow(run: Path, *, last: bool) -> None:
    """Do the same in another process, on the processor: the GPU's memory is still this one's."""
    other = {"KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": ""}
    words = [sys.executable, "-m", "brainseg.training.finish", str(run)]
    words += ["--last"] if last else []
    done = subprocess.run(words, env=os.environ | other, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise RunError(
            "the training is done, but TensorFlow, which writes the network, failed as the log "
            "says: the weights are kept; `pip install -r requirements.txt` and resume the run"
        )


def main() -> None:
    """Export the run folder named on the command line."""
    run = Path(sys.argv[1])
    config = runs.config(run)
    devices.prepare(config.threads)
    data = load_data(config, runs.split(run)).data
    export_best(run, export.untrained(config), data, last="--last" in sys.argv[2:])


if __name__ == "__main__":
    main()
