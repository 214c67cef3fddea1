from __future__ import annotations

import keras
import numpy as np
import pytest

from brainseg.architecture import describe
from brainseg.errors import ConfigError
from brainseg.models import MODEL_NAMES, build

PARAMETERS = {  # depth 4, one channel, from the reference table
    ("unet", 64): 31_048_257,
    ("unet", 32): 7_768_353,
    ("unet", 16): 1_945_233,
    ("resunet", 64): 32_461_569,
    ("resunet", 32): 8_126_849,
    ("resunet", 16): 2_037_441,
}


@pytest.mark.parametrize(("name", "base"), PARAMETERS)
def test_parameter_counts_equal_the_reference_table(name: str, base: int):
    model = build(name, size=32, base=base, depth=4, bn_momentum=0.9)
    assert model.count_params() == PARAMETERS[name, base]


@pytest.mark.parametrize("name", MODEL_NAMES)
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_logits_have_the_shape_of_the_scan(name: str, depth: int):
    model = build(name, size=32, base=2, depth=depth, bn_momentum=0.9)
    assert model(np.zeros((3, 32, 32, 1), np.float32)).shape == (3, 32, 32, 1)


@pytest.mark.parametrize("name", MODEL_NAMES)
def test_half_precision_keeps_the_logits_in_float32(name: str):
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        model = build(name, size=16, base=2, depth=1, bn_momentum=0.9)
    finally:
        keras.mixed_precision.set_global_policy(before)
    assert model.output.dtype == "float32"
    assert model.get_layer("bottleneck_1_conv").compute_dtype == "bfloat16"


def test_a_size_that_does_not_pool_names_one_that_does():
    with pytest.raises(ConfigError, match="for instance 96"):
        build("unet", size=100, base=2, depth=4, bn_momentum=0.9)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ConfigError, match="unet, resunet"):
        build("vnet", size=32, base=2, depth=1, bn_momentum=0.9)


def test_resunet_adds_a_shortcut_to_every_unit_of_unet():
    plain = {layer["name"] for layer in describe("unet", size=32, base=2, depth=2)}
    residual = {layer["name"] for layer in describe("resunet", size=32, base=2, depth=2)}
    added = residual - plain
    assert plain <= residual
    parts = ["bottleneck", "decoder1", "decoder2", "encoder1", "encoder2"]
    kinds = ["add", "shortcut_bn", "shortcut_conv"]
    assert sorted(added) == sorted(f"{part}_{kind}" for part in parts for kind in kinds)


def test_described_parameters_add_up_to_the_model():
    layers = describe("unet", size=32, base=16, depth=4)
    assert sum(layer["parameters"] for layer in layers) == 1_945_233
