from __future__ import annotations

import json
import shlex

import pytest

from brainseg import cli
from brainseg.errors import ConfigError
from brainseg.training.recipes import RECIPES, SUMMARIES, RunConfig, command, recipe
from brainseg.training.schedule import learning_rate


class _At:
    def __init__(self, epoch: int, batch: int = 0) -> None:
        self.epoch, self.batch = epoch, batch


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_survives_json(name: str):
    config = recipe(name, model="unet", data="x")
    assert RunConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert SUMMARIES[name]


def test_the_document_recipe_is_the_documents():
    c = recipe("document", model="resunet", data="x")
    assert (c.loss, c.optimizer, c.learning_rate, c.batch_size) == ("dice_batch", "adam", 1e-4, 32)
    assert (c.epochs, c.patience, c.monitor) == (75, 5, "val_dice_loss")
    assert (c.size, c.augment, c.split_unit, c.test_fraction) == (256, "none", "slice", 0.25)


def test_unknown_keys_are_refused():
    with pytest.raises(ConfigError, match="dropout"):
        RunConfig.from_dict({"model": "unet", "data": "x", "dropout": 0.5})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("size", 100),
        ("loss", "mse"),
        ("epochs", "many"),
        ("base", True),
        ("epochs", 2.5),
        ("mirrored", "no"),
        ("initial", 3),
        ("test_folds", ["a"]),
        ("test_folds", 3),
    ],
)
def test_values_out_of_range_are_refused_by_name(name: str, value: object):
    with pytest.raises(ConfigError, match=name):
        recipe("quick", model="unet", data="x", **{name: value})


def test_a_divided_batch_is_refused_where_the_loss_needs_the_whole_of_it():
    assert recipe("quick", model="unet", data="x", mirrored=True).mirrored
    with pytest.raises(ConfigError, match="choose the loss dice or dice_ce"):
        recipe("document", model="unet", data="x", mirrored=True)


def test_the_shown_command_gives_the_same_configuration():
    config = recipe(
        "document",
        model="resunet",
        data="/a b/c",
        epochs=300,
        initial="unet",
        val_is_test=False,
        loss="dice",
        mirrored=True,
    )
    words = shlex.split(command(config))
    options = cli.parser().parse_args(words[3:])
    from brainseg.commands.training import configuration

    assert configuration(options) == config


def test_the_rate_warms_up_and_falls_to_zero():
    config = recipe("reference", model="unet", data="x", warmup_epochs=2, epochs=10)
    rates = [learning_rate(config, _At(e, b), 4) for e in range(1, 11) for b in range(4)]
    top = rates.index(max(rates))
    assert rates[:top] == sorted(rates[:top])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert max(rates) == pytest.approx(config.learning_rate)
    assert learning_rate(config, _At(11), 4) == pytest.approx(0)


def test_a_constant_rate_is_constant():
    config = recipe("document", model="unet", data="x")
    assert {learning_rate(config, _At(e), 7) for e in (1, 30, 75)} == {1e-4}
