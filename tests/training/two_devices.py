"""Train on two logical processors and on one, and print as JSON what came of it.

A program of its own: TensorFlow can be given its devices only before it has opened them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from brainseg.training import devices
from brainseg.training.recipes import RunConfig, recipe
from brainseg.training.reporter import Reporter

TRAIN = tuple(range(21))  # in batches of 5 the last has one slice: fewer than devices
SIDE = 32


class StopsAt(Reporter):
    """Asks to stop before batch ``at``."""

    at, seen = 0, 0

    def stop_requested(self) -> bool:
        self.seen += 1
        return self.seen == self.at


def config(*, mirrored: bool, **changes: Any) -> RunConfig:
    tiny = {"size": SIDE, "base": 2, "depth": 1, "epochs": 2, "batch_size": 5, "norm": "group"}
    return recipe("quick", model="unet", data="x", mirrored=mirrored, **tiny | changes)


def data() -> Any:
    from brainseg.training.fit import Data

    random = np.random.default_rng(0)
    images = (random.random((27, SIDE, SIDE)) * 120).astype(np.uint8)
    masks = np.zeros_like(images)
    for i, (row, column) in enumerate(random.integers(4, 24, (27, 2))):
        if i % 4:
            images[i, row : row + 6, column : column + 6] += 100
            masks[i, row : row + 6, column : column + 6] = 1
    return Data(images=images, masks=masks, train=TRAIN, val=tuple(range(21, 27)))


def train(folder: Path, settings: RunConfig, *, stop_before: int = 0) -> dict[str, Any]:
    """Train to the end, over a stop and a resume if asked, and return curves and weights."""
    from brainseg import runs
    from brainseg.training.fit import Trainer

    def fresh() -> Trainer:
        return Trainer(settings, folder / "checkpoint", StopsAt(folder, "unet"))

    folder.mkdir()
    (folder / "config.json").touch()  # or it is no run
    trainer = fresh()
    trainer.reporter.at = stop_before
    if not trainer.fit(data()):
        trainer = fresh()
        trainer.restore()
        assert trainer.fit(data())
    told = ("loss", "dice", "accuracy", "val_loss", "val_dice", "val_accuracy")
    curves = [[getattr(r, name) for name in told] for r in runs.history(folder)]
    weights = [np.asarray(v).tolist() for v in trainer.model.variables]
    return {"curves": curves, "weights": weights}


def after_one_batch(folder: Path, settings: RunConfig) -> dict[str, Any]:
    """Return what one batch of batch norm leaves: the moving mean behind the first convolution."""
    from brainseg.training.fit import Trainer

    trainer = Trainer(settings, folder, Reporter(folder, "unet"))
    given = data()
    images = given.images[:4, ..., np.newaxis].astype(np.float32) / 255.0
    masks = given.masks[:4, ..., np.newaxis].astype(np.float32)
    logs = trainer._step(images, masks)
    layer = next(one for one in trainer.model.layers if one.name.endswith("_bn"))
    copies = getattr(layer.moving_mean.value, "values", [layer.moving_mean])
    return {
        "moving": [np.asarray(copy).tolist() for copy in copies],
        "loss": float(logs["loss"]),
        "answers": len(trainer.predict(images[:3])),
    }


def main() -> None:
    """Print everything that the tests of test_mirrored.py look at."""
    import tensorflow as tf

    devices.prepare(1)
    both = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], both)
    out = Path(sys.argv[1])
    one, two = config(mirrored=False), config(mirrored=True)
    found = {
        "one": train(out / "one", one),
        "two": train(out / "two", two),
        "resumed": train(out / "resumed", two, stop_before=7),
        "batch norm": [
            after_one_batch(out / f"norm{mirrored}", config(mirrored=mirrored, norm="batch"))
            for mirrored in (False, True)
        ],
        "muon": [
            train(out / f"muon{mirrored}", config(mirrored=mirrored, optimizer="muon", epochs=1))
            for mirrored in (False, True)
        ],
        "float16": after_one_batch(
            out / "half", config(mirrored=True, norm="batch", precision="mixed_float16")
        ),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
