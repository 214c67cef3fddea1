"""Train the network that tells which side of a head is up: ``python -m benchmarks.orientation``.

It sees the training and validation slices of the shipped UNet (no slice of a test patient), turned
by quarters and augmented as in training, and is then asked about its test slices. Prints how many
it turns right, alone and averaged over the four turns as ``brainseg.orientation`` uses it, and with
``--write`` puts it into the package. About three minutes on one core; ``--only-measure`` asks the
shipped one.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from brainseg import networks, orientation, paths, runtime
from brainseg.data.cache import build_cache
from brainseg.data.catalog import Catalog, read_catalog, upright
from brainseg.orientation import SIDE
from brainseg.training import augment
from brainseg.training.planning import open_data

BATCH = 64
Slices = dict[int, np.ndarray]


def upright_slices(opened: list[Catalog]) -> Slices:
    """Return every slice by number, upright, (SIDE, SIDE) uint8."""
    found: Slices = {}
    for catalog in opened:
        cache = build_cache(catalog, side=SIDE)
        for number, image in zip(cache.numbers, cache.images, strict=True):
            found[number] = np.ascontiguousarray(upright(image, catalog))
    return found


def untrained() -> keras.Model:
    """Return six convolutions and two dense layers: (B, SIDE, SIDE, 1) to four logits."""
    x = given = keras.Input((SIDE, SIDE, 1))
    for width, strides in ((16, 2), (32, 2), (32, 1), (64, 2), (64, 1), (64, 2)):
        x = keras.layers.Conv2D(width, 3, strides=strides, padding="same", use_bias=False)(x)
        x = keras.layers.BatchNormalization(momentum=0.9)(x)
        x = keras.layers.ReLU()(x)
    x = keras.layers.Dropout(0.5)(keras.layers.Flatten()(x))
    x = keras.layers.Dropout(0.3)(keras.layers.Dense(64, activation="relu")(x))
    return keras.Model(given, keras.layers.Dense(4)(x))


def drawn(image: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, int]:
    """Return the image augmented and turned by quarters, and how many."""
    draw = replace(augment.draw(random), flip_rows=False, transpose=False)
    plain = image.astype(np.float32) / 255
    turn = int(random.integers(4))
    return np.rot90(augment.apply(plain, np.zeros_like(plain), draw)[0], turn), turn


def train(slices: Slices, numbers: list[int], epochs: int) -> keras.Model:
    model = untrained()
    steps = -(-len(numbers) // BATCH) * epochs
    schedule = keras.optimizers.schedules.CosineDecay(2e-3, steps)
    model.compile(
        optimizer=keras.optimizers.AdamW(schedule, weight_decay=1e-3),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    random = np.random.default_rng(0)
    for epoch in range(epochs):
        order, losses = random.permutation(numbers), []
        for first in range(0, len(order), BATCH):
            pairs = [drawn(slices[number], random) for number in order[first : first + BATCH]]
            images = np.stack([image for image, _ in pairs])[..., np.newaxis]
            turns = np.array([turn for _, turn in pairs])
            losses.append(float(model.train_on_batch(images, turns)))
        print(f"epoch {epoch + 1}: loss {np.mean(losses):.3f}", flush=True)
    return model


def write(model: keras.Model) -> None:
    """Put the network into the package, stored in float16."""
    orientation.FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        whole = Path(name) / orientation.XML
        model(np.zeros((1, SIDE, SIDE, 1), np.float32))
        model.export(str(whole), format="openvino", verbose=False)
        exported = runtime.openvino.Core().read_model(whole)
        path = orientation.FOLDER / orientation.XML
        runtime.openvino.save_model(exported, path, compress_to_fp16=True)
    orientation.write_sums(orientation.FOLDER)


def told(slices: np.ndarray, turns_of: Callable[[np.ndarray], np.ndarray]) -> str:
    """Return the share of upright (N, SIDE, SIDE) slices, in each turn, whose turn is found."""
    images = slices[..., np.newaxis].astype(np.float32) / 255
    right = [turns_of(np.rot90(images, turn, axes=(1, 2))) == turn for turn in range(4)]
    return f"{np.mean(right):.4f} of {len(slices)} slices in four turns"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tumour-free", type=Path)
    parser.add_argument("--demo", type=Path, help="synthetic slices to be asked about, too")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--only-measure", action="store_true")
    options = parser.parse_args()
    split = networks.read_split(paths.PRETRAINED / "unet")
    assert split is not None
    slices = upright_slices(open_data(options.data, options.tumour_free))
    test = np.stack([slices[number] for number in split.test if number in slices])
    if not options.only_measure:
        known = [number for number in (*split.train, *split.val) if number in slices]
        model = train(slices, known, options.epochs)
        print("alone: ", told(test, lambda x: model.predict(x, verbose=0).argmax(axis=1)))
        if options.write:
            write(model)
    if options.only_measure or options.write:
        print("as used: ", told(test, orientation.quarter_turns))
        if options.demo:
            demo = upright_slices([read_catalog(options.demo)])
            print("synthetic: ", told(np.stack(list(demo.values())), orientation.quarter_turns))


if __name__ == "__main__":
    main()
