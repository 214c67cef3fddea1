"""Put a trained network into the package: ``python -m benchmarks.ship RUN NAME``.

RUN is the folder of a finished run, or of a network (then ``--data`` says what it was trained on).
Everything that a shipped network needs is made here: the export with its features, the threshold
where tuning it helps in the third decimal, the gate's statistics, the split and the checksums.
Weights too large for the repository are stored in float16, if the Dice of the validation slices
does not move in the third decimal; what float16 would do is printed always. ``--history`` names the
runs that led to it, in order, so that the Learn screen can draw how it was trained; the first may
be the network that it began from, whose own history goes ahead.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from brainseg import export, gate, history, networks, paths, runs, thresholds, tuning
from brainseg.data.cache import build_cache
from brainseg.data.catalog import Catalog, read_catalog
from brainseg.data.demo import make_demo
from brainseg.gate import GateSlices
from brainseg.inference import Segmenter
from brainseg.networks import NetworkConfig
from brainseg.training.planning import open_data

MOST_BYTES = 24 * 2**20 - 2**20  # of a network in the repository, gate and results included
DICE_MAY_MOVE = 0.0005
KEPT = ("results.json", networks.HISTORY)  # of a network that is shipped again from its own folder
DEMO_SEED = 7  # not that of the demo data, whose slices the gate is measured on
DEMO_TIMES = 3  # so that 60 demo heads count beside 640 real ones


def opened_data(source: Path, options: argparse.Namespace) -> list[Catalog]:
    """Return the folders that a run was trained on, or those named on the command line."""
    if options.data:
        return open_data(options.data, options.tumour_free)
    if not (source.parent / "config.json").is_file():
        sys.exit(f"{source} belongs to no run: say with --data what it was trained on")
    config = runs.config(source.parent)
    return open_data(config.data, config.tumour_free)


def heads(
    opened: list[Catalog], train: tuple[int, ...], val: tuple[int, ...], config: NetworkConfig
) -> GateSlices:
    """Return what the gate learns from: training slices, demo heads; and validation slices."""
    as_seen = {"side": config.size, "contrast": config.contrast}
    row_of: dict[int, np.ndarray] = {}
    for catalog in opened:
        cache = build_cache(catalog, **as_seen)
        row_of |= dict(zip(cache.numbers, cache.images, strict=True))
    chosen = [*train, *val]
    images = np.stack([row_of[number] for number in chosen])
    real = GateSlices.spread(images, range(len(train)), range(len(train), len(chosen)))
    with tempfile.TemporaryDirectory() as name:
        demo = read_catalog(make_demo(Path(name) / "demo", seed=DEMO_SEED))
        painted = np.array(build_cache(demo, **as_seen).images)
    return GateSlices(known=np.concatenate([real.known, *[painted] * DEMO_TIMES]), held=real.held)


def measured(folder: Path, opened: list[Catalog], val: tuple[int, ...]) -> tuning.Curve:
    """Return Dice and false alarms of a network folder on the validation slices."""
    return tuning.curve(Segmenter.load(folder), opened, val)


def bytes_of(folder: Path) -> int:
    """Return how much the files of a folder take."""
    return sum(path.stat().st_size for path in folder.iterdir())


def stages_of(led: Path) -> tuple[history.Stage, ...]:
    """Return the trainings of a run's folder, or of a network's that carries its history."""
    if (led / networks.HISTORY).is_file():
        return history.read(led / networks.HISTORY)
    return (history.of_run(led),)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("name", choices=networks.ARCHITECTURES)
    parser.add_argument("--data", type=Path, help="only where RUN is no run")
    parser.add_argument("--tumour-free", type=Path)
    parser.add_argument(
        "--history", type=Path, nargs="+", metavar="RUN",
        help="the runs, or networks with a history, that made it, in order: their epochs go along",
    )  # fmt: skip
    options = parser.parse_args()
    source = options.run / "network" if (options.run / "network").is_dir() else options.run
    target = paths.PRETRAINED / options.name
    split = networks.read_split(source)
    if split is None:
        sys.exit(f"{source} has no split.json: which slices was it trained on?")
    opened = opened_data(source, options)
    config = replace(networks.read_network(source), name=options.name, threshold=thresholds.START)
    model, start = export.load_model(source), thresholds.START
    again = target.is_dir() and source.samefile(target)
    stages = [stage for led in options.history or () for stage in stages_of(led)]
    present = [target / name for name in KEPT if again and (target / name).is_file()]
    kept = {path.name: path.read_bytes() for path in present}

    with tempfile.TemporaryDirectory() as name:
        whole = export.write_network(model, Path(name) / "f32", config, split)
        exact = measured(whole, opened, split.val)
        small = export.write_network(model, Path(name) / "f16", config, split, half=True)
        rounded = measured(small, opened, split.val)
        print(f"validation Dice: float32 {exact.at(start):.5f}, float16 {rounded.at(start):.5f}")
        half = bytes_of(whole) > MOST_BYTES
        if bytes_of(small if half else whole) > MOST_BYTES:
            sys.exit(f"float16 takes more than the {MOST_BYTES / 2**20:.0f} MB allowed")
        if half and abs(rounded.at(start) - exact.at(start)) >= DICE_MAY_MOVE:
            sys.exit("float32 is too large and float16 moves the Dice: train a smaller network")
        model = export.load_model(small if half else whole)
    found = rounded if half else exact
    threshold = tuning.best_threshold(found, thresholds.START)
    print(f"threshold {threshold:g}: validation Dice {found.at(threshold):.5f}")

    config = replace(config, threshold=threshold)
    learned = heads(opened, split.train, split.val, config)
    export.write_network(model, target, config, split, heads=learned, half=half)
    for name, data in kept.items():
        (target / name).write_bytes(data)
    if options.history:
        history.write(target / networks.HISTORY, stages)
    networks.seal(target)
    statistics = gate.read(target / networks.GATE)
    print(f"{target}: {bytes_of(target) / 2**20:.1f} MB, {'float16' if half else 'float32'}")
    print(f"gate: {len(statistics.components)} components, limit {statistics.limit:.3f}")
    print("next: python -m tests.shipped_outputs, and what benchmarks/README.md names")


if __name__ == "__main__":
    main()
