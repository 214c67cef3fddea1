"""Slices a second of a whole training epoch, against a bare ``fit`` and against PyTorch.

``python -m benchmarks.training`` trains the same network on the same random slices three ways:
Keras' own ``fit`` on finished arrays in memory, our training loop with augmentation, checkpoints'
bookkeeping and weight average, and a PyTorch U-Net of the same shape where torch is importable
(``--torch PYTHON`` names another interpreter that has it). Each way is a process of its own and
the epoch that compiles does not count; the ways take turns in ``--rounds``, and the table gives
their medians with the slowest and fastest round. ``--grid`` varies batch size, threads, precision,
XLA, steps_per_execution and oneDNN (0: as TensorFlow comes on a processor without AVX-512) of the
bare ``fit``. What takes longer than ``--limit`` seconds is skipped.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

Measured = dict[str, float | str]
GRID = (
    {"onednn": 0},
    {"batch": 4},
    {"batch": 16},
    {"threads": 1},
    {"precision": "mixed_bfloat16"},
    {"precision": "mixed_bfloat16", "batch": 16},
    {"jit": True},
    {"steps_per_execution": 4},
)


def _slices(count: int, size: int):
    import numpy as np

    random = np.random.default_rng(0)
    images = (random.random((count, size, size)) * 255).astype(np.uint8)
    return images, (images > 250).astype(np.uint8)


def _trainer(options: argparse.Namespace, folder: Path):
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = str(options.onednn)
    from brainseg.training import devices

    devices.prepare(options.threads)
    from brainseg import runs
    from brainseg.training.fit import Data, Trainer
    from brainseg.training.recipes import recipe
    from brainseg.training.reporter import Reporter
    from brainseg.types import Split

    settings = {
        "size": options.size,
        "base": options.base,
        "batch_size": options.batch,
        "precision": options.precision,
        "threads": options.threads,
        "epochs": options.epochs + 1,
        "patience": 0,
    }
    config = recipe("reference", model=options.model, data="x", **settings)
    train, val = tuple(range(options.slices)), tuple(range(options.batch))
    split = Split(train=train, val=val, test=(), seed=0, unit="slice")
    runs.write_config(folder, config, split)
    images, masks = _slices(options.slices, options.size)
    data = Data(images=images, masks=masks, train=train, val=val)
    return Trainer(config, folder / "checkpoint", Reporter(folder, options.model)), data


def ours(options: argparse.Namespace) -> Measured:
    """Our loop from the end of one epoch to the end of the next, with all that lies between.

    Augmented batches made ahead, average, stop file, heartbeat, the validation of one batch,
    checkpoints, previews, record.
    """
    from brainseg import runs
    from brainseg.training.batches import Batches

    with tempfile.TemporaryDirectory() as folder:
        trainer, data = _trainer(options, Path(folder))
        trainer.fit(data)
        ends = [e["time"] for e in runs.events(Path(folder)) if e["kind"] == "epoch"]
        speeds = [options.slices / (end - begun) for begun, end in pairwise(ends)]
    batches = Batches(
        images=data.images,
        masks=data.masks,
        rows=data.train,
        batch_size=options.batch,
        seed=0,
        augment="upright",
    )
    begun = time.perf_counter()
    made = sum(len(images) for images, _ in batches.epoch(1))
    augmenting = (time.perf_counter() - begun) / made
    return {"slices_per_second": statistics.median(speeds), "augment_ms": augmenting * 1000}


def bare(options: argparse.Namespace) -> Measured:
    """Keras' ``fit`` of the same compiled network on float32 arrays that lie ready in memory.

    One ``fit``, from the end of an epoch to the end of the next, as our loop is timed.
    """
    import numpy as np

    with tempfile.TemporaryDirectory() as folder:
        trainer, data = _trainer(options, Path(folder))
        import keras

        model = trainer.trained
        if options.jit or options.steps_per_execution > 1:
            from brainseg.losses import LOSSES, MeanDice, accuracy

            model.compile(
                optimizer=trainer.optimizer,
                loss=LOSSES[trainer.config.loss],
                metrics=[MeanDice(), accuracy],
                jit_compile=options.jit,
                steps_per_execution=options.steps_per_execution,
            )
        x = data.images.astype(np.float32)[..., np.newaxis] / 255.0
        y = data.masks.astype(np.float32)[..., np.newaxis]
        ends: list[float] = []
        told = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: ends.append(time.perf_counter())
        )
        model.fit(
            x, y, batch_size=options.batch, epochs=options.epochs + 1, verbose=0, callbacks=[told]
        )
    return {"slices_per_second": statistics.median(len(x) / (b - a) for a, b in pairwise(ends))}


def with_torch(options: argparse.Namespace) -> Measured:
    """A PyTorch U-Net of the same shape, loss and optimiser, channels last, on ready tensors."""
    try:
        from benchmarks.torch_unet import train
    except ImportError as error:
        return {"skipped": str(error)}
    images, masks = _slices(options.slices, options.size)
    return {"slices_per_second": train(images, masks, options)}


WAYS = {"bare": bare, "ours": ours, "torch": with_torch}


def _measured(way: str, options: argparse.Namespace, **changes: object) -> Measured:
    """Measure one way in a process of its own."""
    values = vars(options) | changes | {"way": way}
    interpreter = options.torch if way == "torch" else sys.executable
    try:
        done = subprocess.run(
            [interpreter, "-m", "benchmarks.training", "--child", json.dumps(values)],
            capture_output=True,
            text=True,
            check=False,
            timeout=options.limit,
        )
    except subprocess.TimeoutExpired:
        return {"skipped": f"not done in {options.limit} s"}
    if done.returncode:
        return {"skipped": (done.stderr.strip().splitlines() or ["no output"])[-1]}
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _in_rounds(options: argparse.Namespace) -> dict[str, Measured]:
    """Measure the three ways in turn, several times: a machine's speed drifts. Medians of each."""
    rounds = [{way: _measured(way, options) for way in WAYS} for _ in range(options.rounds)]
    found: dict[str, Measured] = {}
    for way in WAYS:
        of_way = [measured[way] for measured in rounds]
        skipped = [measured for measured in of_way if "skipped" in measured]
        names = of_way[0]
        found[way] = skipped[0] if skipped else {
            name: statistics.median(float(measured[name]) for measured in of_way) for name in names
        }  # fmt: skip
        if not skipped:
            speeds = [float(measured["slices_per_second"]) for measured in of_way]
            found[way] |= {"slowest": min(speeds), "fastest": max(speeds)}
    return found


def _line(name: str, found: Measured) -> str:
    if "skipped" in found:
        return f"| {name} | skipped: {found['skipped']} |"
    spread = f" ({found['slowest']:.1f} to {found['fastest']:.1f})" if "slowest" in found else ""
    return f"| {name} | {found['slices_per_second']:.1f} slices/s{spread} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=("unet", "resunet"), default="unet")
    for name, value in (
        ("size", 128), ("base", 16), ("batch", 8), ("slices", 256), ("epochs", 3), ("threads", 0),
        ("steps_per_execution", 1), ("rounds", 3), ("onednn", 1), ("limit", 900),
    ):  # fmt: skip
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=value)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--jit", action="store_true", help="compile with XLA")
    parser.add_argument("--torch", default=sys.executable, metavar="PYTHON")
    parser.add_argument("--grid", action="store_true")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        values = argparse.Namespace(**json.loads(options.child))
        print(json.dumps(WAYS[values.way](values)))
        return
    print(f"{options.model} base {options.base}, {options.size} px, batch {options.batch}, "
          f"{options.precision}, {os.cpu_count()} cores\n")  # fmt: skip
    found = _in_rounds(options)
    print(_line("Keras fit, arrays in memory", found["bare"]))
    print(_line("our loop, augmentation and all", found["ours"]))
    print(_line("PyTorch, tensors in memory", found["torch"]))
    if "skipped" not in found["bare"] and "skipped" not in found["ours"]:
        share = found["ours"]["slices_per_second"] / found["bare"]["slices_per_second"]
        cost = found["ours"]["augment_ms"]
        print(f"\nours is {share:.1%} of the bare fit; augmentation alone {cost:.2f} ms a slice")
    for changes in GRID if options.grid else ():
        name = ", ".join(f"{key} {value}" for key, value in changes.items())
        print(_line(f"bare fit, {name}", _measured("bare", options, **changes)))


if __name__ == "__main__":
    main()
