"""Train the network that tells which side of a head is up: ``python -m benchmarks.orientation``.

It sees the training and validation slices of the shipped UNet (no slice of a test patient), turned
by quarters and augmented as in training, and is then asked about its test slices. Prints how many
it turns right, alone and averaged over the four turns as ``brainseg.orientation`` uses it, and with
``--write`` puts it into the package. About five minutes on two cores; ``--only-measure`` asks the
shipped one.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from brainseg import files, networks, orientation, paths, runtime
from brainseg.data.cache import build_cache
from brainseg.data.catalog import Catalog, read_catalog, upright
from brainseg.orientation import SIDE
from brainseg.training import augment
from brainseg.training.planning import open_data

BATCH = 64
WIDTHS, STRIDES = (16, 32, 32, 64, 64, 64), (2, 2, 1, 2, 1, 2)
Slices = dict[int, np.ndarray]
Change = Callable[[np.ndarray], np.ndarray]
CHANGES: dict[str, Change] = {
    "gamma 0.5": lambda images: images**0.5,
    "gamma 2": lambda images: images**2,
    "one pixel 2.5 times as bright as the rest": lambda images: images * np.float32(0.4),
    "the brighter half cut off": lambda images: np.minimum(images * 2, 1),
}


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
    for width, strides in zip(WIDTHS, STRIDES, strict=True):
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
    shown = orientation.seen(augment.apply(plain, np.zeros_like(plain), draw)[0])
    return np.rot90(shown, turn), turn


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


def folded(model: keras.Model) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return kernel and bias of every layer in order, batch norm within its convolution."""
    layers: list[tuple[np.ndarray, np.ndarray]] = []
    for layer in model.layers:
        arrays = [keras.ops.convert_to_numpy(value) for value in layer.weights]
        if isinstance(layer, keras.layers.Conv2D):
            layers.append((arrays[0], np.zeros(arrays[0].shape[-1], np.float32)))
        elif isinstance(layer, keras.layers.BatchNormalization):
            gain, shift, mean, variance = arrays
            gain = gain / np.sqrt(variance + layer.epsilon)
            layers[-1] = (layers[-1][0] * gain, shift - mean * gain)
        elif isinstance(layer, keras.layers.Dense):
            layers.append((arrays[0], arrays[1]))
    return layers


def write(layers: list[tuple[np.ndarray, np.ndarray]]) -> None:
    """Put the network into the package in float16, as plain convolutions: 1 ms a slice.

    A graph exported by Keras pads and transposes at every layer, and takes three times as long.
    """
    ops, model = runtime.openvino.opset13, runtime.openvino.Model
    given = ops.parameter([-1, SIDE, SIDE, 1], np.float32, name="images")
    x = ops.reshape(given, np.array([-1, 1, SIDE, SIDE]), special_zero=False)
    for (kernel, bias), stride in zip(layers[:-2], STRIDES, strict=True):
        before = [0, 0] if stride == 2 else [1, 1]  # "same" of an even side
        weights = np.ascontiguousarray(kernel.transpose(3, 2, 0, 1), np.float32)
        x = ops.convolution(x, weights, [stride, stride], before, [1, 1], [1, 1])
        x = ops.relu(ops.add(x, bias.reshape(1, -1, 1, 1).astype(np.float32)))
    x = ops.reshape(
        ops.transpose(x, np.array([0, 2, 3, 1])), np.array([-1, len(layers[-2][0])]), False
    )
    for number, (kernel, bias) in enumerate(layers[-2:]):
        x = ops.relu(x) if number else x
        x = ops.add(ops.matmul(x, kernel.astype(np.float32), False, False), bias.astype(np.float32))
    orientation.FOLDER.mkdir(parents=True, exist_ok=True)
    path = orientation.FOLDER / orientation.XML
    runtime.openvino.save_model(model([x], [given], "orientation"), path, compress_to_fp16=True)
    files.write_sums(orientation.FOLDER / orientation.SUMS, (orientation.XML, orientation.BIN))


def told(
    slices: np.ndarray, turns_of: Callable[[np.ndarray], np.ndarray], change: Change = lambda x: x
) -> str:
    """Return the share of upright (N, SIDE, SIDE) slices, in each turn, whose turn is found."""
    images = change(slices[..., np.newaxis].astype(np.float32) / 255)
    right = [turns_of(np.rot90(images, turn, axes=(1, 2))) == turn for turn in range(4)]
    return f"{np.mean(right):.4f} of {len(slices)} slices in four turns"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tumour-free", type=Path)
    parser.add_argument("--demo", type=Path, help="synthetic slices to be asked about, too")
    parser.add_argument("--epochs", type=int, default=80)
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

        def alone(images: np.ndarray) -> np.ndarray:
            shown = np.stack([orientation.seen(image[..., 0]) for image in images])
            return np.asarray(model.predict(shown[..., np.newaxis], verbose=0).argmax(axis=1))

        print("alone: ", told(test, alone))
        if options.write:
            write(folded(model))
    if options.only_measure or options.write:
        print("as used: ", told(test, orientation.quarter_turns))
        for name, change in CHANGES.items():
            print(f"{name}: ", told(test, orientation.quarter_turns, change))
        if options.demo:
            demo = upright_slices([read_catalog(options.demo)])
            print("synthetic: ", told(np.stack(list(demo.values())), orientation.quarter_turns))


if __name__ == "__main__":
    main()
