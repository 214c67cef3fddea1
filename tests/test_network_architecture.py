from __future__ import annotations

import pytest

from brainseg.architecture import describe, receptive_field


def layer(name: str, kind: str, *inputs: str, kernel: int = 1, stride: int = 1) -> dict:
    return {"name": name, "kind": kind, "inputs": inputs, "kernel": kernel, "stride": stride}


SCAN = layer("scan", "InputLayer")


def test_two_3x3_convolutions_see_five_pixels() -> None:
    first = layer("first", "Conv2D", "scan", kernel=3)
    second = layer("second", "Conv2D", "first", kernel=3)
    layers = [SCAN, first, layer("relu", "ReLU", "first"), second]
    assert [receptive_field(layers, name) for name in ("scan", "relu", "second")] == [1, 3, 5]


def test_a_pooling_doubles_the_step_of_what_follows() -> None:
    pool = layer("pool", "MaxPooling2D", "scan", kernel=2, stride=2)
    layers = [SCAN, pool, layer("conv", "Conv2D", "pool", kernel=3)]
    assert receptive_field(layers, "pool") == 2
    assert receptive_field(layers, "conv") == 6  # three values, each of two pixels


def test_a_shortcut_does_not_narrow_what_the_long_way_sees() -> None:
    wide, narrow = layer("wide", "Conv2D", "scan", kernel=3), layer("narrow", "Conv2D", "scan")
    for order in (("wide", "narrow"), ("narrow", "wide")):
        assert receptive_field([SCAN, wide, narrow, layer("add", "Add", *order)], "add") == 3


@pytest.mark.parametrize("name", ["unet", "resunet"])
def test_the_fields_of_a_built_network_are_those_worked_by_hand(name: str) -> None:
    """3x3 twice: 5. Pool: 6. Twice 3x3 at step 2: 6 + 8 = 14. Pool: 16. At step 4: 16 + 16 = 32.

    Up to step 2 two values of the bottleneck at most, or three, are needed by five neighbours; with
    an even start -2..2 -> -1..1: three, 32 + 2 x 4 = 40. Up to step 1 again: -2..2 -> -1..1 of
    decoder2, which are -3..3 of its concatenation and -2..1 of the bottleneck: 32 + 3 x 4 = 44.
    """
    layers = describe(name, size=16, base=2, depth=2)
    fields = {layer["name"]: layer["receptive_field"] for layer in layers}
    blocks = ("encoder1", "encoder2", "bottleneck", "decoder2", "decoder1")
    assert [fields[f"{block}_2_relu"] for block in blocks] == [5, 14, 32, 40, 44]
    assert fields["logits"] == fields["decoder1_2_relu"]


def test_what_lies_outside_the_field_changes_nothing_and_its_rim_does() -> None:
    import keras
    import numpy as np

    from brainseg import models

    keras.utils.set_random_seed(0)
    model = models.build("unet", size=32, base=8, depth=1)
    deepest = keras.Model(model.input, model.get_layer("bottleneck_2_relu").output)
    side = {r["name"]: r["receptive_field"] for r in describe("unet", size=32, base=8, depth=1)}
    scan = np.random.default_rng(0).random((1, 32, 32, 1)).astype(np.float32)

    def moved(column: int) -> bool:
        other = scan.copy()
        other[:, :, column] += 100.0  # far above the rest: no ReLU and no pooling hides it
        change = np.abs(np.asarray(deepest(other)) - np.asarray(deepest(scan)))[0, 8, 8]
        return bool(change.max() > 0)

    left = 2 * 8 - 4 - 2  # of value 8: two steps of 2 and the two pixels of the first level
    right = left + side["bottleneck_2_relu"] - 1
    assert [moved(c) for c in (left - 1, left, right, right + 1)] == [False, True, True, False]
