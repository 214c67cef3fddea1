"""Every hyper-parameter of a run in one validated record, and the named recipes."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from brainseg.errors import ConfigError
from brainseg.types import ARCHITECTURES, CONTRASTS, NORMS, SALIENCY_INPUTS

SCHEMA = 1

CHOICES: dict[str, tuple[str, ...]] = {
    "model": ARCHITECTURES,
    "split_unit": ("patient", "slice"),
    "loss": ("dice_batch", "dice", "dice_ce", "ce"),
    "optimizer": ("adam", "adamw", "muon"),
    "schedule": ("constant", "cosine"),
    "augment": ("none", "reference", "upright"),
    "monitor": ("val_dice_loss", "val_dice"),
    "norm": NORMS,
    "saliency": tuple(SALIENCY_INPUTS),
    "contrast": CONTRASTS,
    "precision": ("float32", "mixed_bfloat16", "mixed_float16"),
}
_RANGES: dict[str, tuple[float, float]] = {
    "size": (32, 1024),
    "base": (2, 128),
    "depth": (1, 6),
    "bn_momentum": (0.0, 0.9999),
    "batch_size": (1, 512),
    "epochs": (1, 10_000),
    "learning_rate": (1e-8, 1e20),
    "weight_decay": (0.0, 1.0),
    "warmup_epochs": (0, 1000),
    "augment_strength": (0.0, 2.0),
    "ema_decay": (0.0, 0.99999),
    "patience": (0, 10_000),
    "val_fraction": (0.01, 0.5),
    "test_fraction": (0.01, 0.9),
    "threads": (0, 1024),
    "seed": (0, 2**32 - 1),
}


_KINDS: dict[str, tuple[Any, str]] = {
    "str": (str, "a text"),
    "bool": (bool, "true or false"),
    "int": (int, "a whole number"),
    "float": (int | float, "a number"),
    "tuple[int, ...]": (tuple, "whole numbers"),
}

MEANINGS: dict[str, str] = {
    "epochs": "the most there will be; early stopping may end the run before",
    "size": "side of the square input in pixels",
    "base": "features of the first level; every next has twice as many",
    "depth": "how many times the input is halved",
    "norm": "normalisation layers",
    "bn_momentum": "momentum of the batch-norm statistics",
    "contrast": "how a scan is shown: as it is in 0..1, or its grey levels spread evenly",
    "augment": "symmetries shown: heads upright, all eight, or no augmentation at all",
    "augment_strength": "how far the other changes go; 1 is as far as nnU-Net's",
    "loss": "per-image Dice, with cross-entropy; Dice of the batch; cross-entropy alone",
    "optimizer": "Muon moves convolutions by orthogonal steps, the rest as AdamW",
    "learning_rate": "of the optimiser, before the schedule",
    "weight_decay": "of AdamW and Muon",
    "warmup_epochs": "epochs in which the learning rate rises from 0",
    "schedule": "of the learning rate afterwards; cosine falls to 0",
    "batch_size": "slices a step",
    "ema_decay": "of the moving average of the weights, per step; 0: none",
    "patience": "epochs without a better score before the run ends; 0: never",
    "monitor": "the score that decides what is best",
    "val_fraction": "share of the training patients (or slices) that validate",
    "test_fraction": "share held out where there are no folds",
    "saliency": "the dataset's maps beside the scan, as further channels",
    "precision": "of the arithmetic",
    "threads": "of the processor; 0: as many as there are",
    "seed": "of split, weights, order and augmentation",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """All that decides a training run, apart from the pixels.

    ``patience`` counts epochs without a better ``monitor``; 0 never stops early. ``ema_decay`` is
    per step; 0 switches the weight average off. ``threads`` 0 leaves the number to the backend.
    ``deep_supervision`` adds a loss at every decoder level but the last.
    ``mirrored`` divides every batch over all GPUs of the machine, and waits for all of them.
    ``tensorboard`` writes its event files into the run folder, too.
    ``initial`` names a run or network whose weights the training starts from.
    ``saliency`` names the dataset's maps that the network sees beside the scan; ``contrast``
    ``"equalised"`` shows it the scan as :func:`brainseg.preprocess.equalise` makes it.
    ``augment`` ``"upright"`` shows heads as ``brainseg.orientation`` turns them, and makes the
    network predict in the same way; ``"reference"`` shows all eight symmetries of the square.
    ``augment_strength`` is how far the other changes go, 1 as far as nnU-Net's.
    ``optimizer`` ``"muon"`` is :class:`brainseg.training.optimizers.ConvMuon`.
    """

    model: str
    data: str
    recipe: str = "reference"
    tumour_free: str = ""
    split_unit: str = "patient"
    test_folds: tuple[int, ...] = (3,)
    val_fraction: float = 0.1
    test_fraction: float = 0.25
    val_is_test: bool = False
    seed: int = 0
    size: int = 256
    base: int = 32
    depth: int = 4
    norm: str = "batch"
    bn_momentum: float = 0.9
    deep_supervision: bool = False
    loss: str = "dice_ce"
    optimizer: str = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    warmup_epochs: int = 5
    schedule: str = "cosine"
    batch_size: int = 16
    epochs: int = 300
    patience: int = 40
    monitor: str = "val_dice"
    augment: str = "upright"
    augment_strength: float = 1.0
    ema_decay: float = 0.995
    precision: str = "float32"
    threads: int = 0
    mirrored: bool = False
    tensorboard: bool = False
    initial: str = ""
    saliency: str = "none"
    contrast: str = "linear"
    schema: int = SCHEMA

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            ConfigError: a value is out of range; the message names it and what would do.
        """
        for field in fields(self):
            value, (kind, words) = getattr(self, field.name), _KINDS[str(field.type)]
            if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
                raise ConfigError(f"{field.name} must be {words}. Received: {value!r}")
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ConfigError(
                    f"{name} must be one of {', '.join(allowed)}. Received: {getattr(self, name)!r}"
                )
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise ConfigError(f"{name} must lie in {low:g}..{high:g}. Received: {value!r}")
        if self.schema != SCHEMA:
            raise ConfigError(f"configuration schema {self.schema} is not {SCHEMA}")
        if self.mirrored and self.loss == "dice_batch":
            raise ConfigError(
                "mirrored divides a batch, and the loss dice_batch needs the whole of it: "
                "choose the loss dice or dice_ce, or train on one device"
            )
        step = 2**self.depth
        if self.size % step:
            raise ConfigError(
                f"an input side (size) of {self.size} px cannot be halved {self.depth} times: "
                f"use a multiple of {step}"
            )

    @property
    def channels(self) -> int:
        """How many channels the network sees: the scan, and the maps beside it."""
        return 1 + len(SALIENCY_INPUTS[self.saliency])

    @property
    def upright(self) -> bool:
        """Whether heads are turned upright, for training and for prediction alike.

        Also where nothing is augmented, if there are tumour-free slices: their folder lies another
        way than the public slices, and which way up a head lies would give its label away.
        """
        return self.augment == "upright" or (self.augment == "none" and bool(self.tumour_free))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return asdict(self) | {"test_folds": list(self.test_folds)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> RunConfig:
        """Read what :meth:`to_dict` wrote.

        Raises:
            ConfigError: a key is unknown or missing, or a value is out of range.
        """
        known = {f.name for f in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ConfigError(f"unknown settings: {', '.join(unknown)}")
        if not {"model", "data"} <= set(values):
            raise ConfigError("a configuration needs at least `model` and `data`")
        plain = dict(values)
        if "test_folds" in plain:
            try:
                plain["test_folds"] = tuple(int(fold) for fold in plain["test_folds"])
            except (TypeError, ValueError) as error:
                folds = plain["test_folds"]
                raise ConfigError(f"test_folds must be numbers. Received: {folds!r}") from error
        return cls(**plain)


_RECIPES: dict[str, dict[str, Any]] = {
    "quick": {
        "size": 128,
        "base": 8,
        "epochs": 40,
        "warmup_epochs": 1,
        "learning_rate": 3e-3,
        "patience": 0,
        "ema_decay": 0.98,
        "batch_size": 4,
    },
    "document": {
        "split_unit": "slice",
        "val_is_test": True,
        "size": 256,
        "base": 32,
        "bn_momentum": 0.99,
        "loss": "dice_batch",
        "optimizer": "adam",
        "learning_rate": 1e-4,
        "weight_decay": 0.0,
        "warmup_epochs": 0,
        "schedule": "constant",
        "batch_size": 32,
        "epochs": 75,
        "patience": 5,
        "monitor": "val_dice_loss",
        "augment": "none",
        "ema_decay": 0.0,
    },
    "reference": {},
}
RECIPES: tuple[str, ...] = tuple(_RECIPES)
SUMMARIES: dict[str, str] = {
    "quick": "A small network at 128 px, 40 short epochs: minutes on two cores with the 60 slices "
    "of the demo data, longer with more.",
    "document": "The plain recipe of the document that this app began with, to compare with: Dice "
    "loss, Adam 1e-4, batch 32, 75 epochs, patience 5, no augmentation, random 75/25 slice split "
    "whose test part also stops it.",
    "reference": "Augmentation, Dice + cross-entropy, AdamW with warm-up and cosine, weight "
    "average, split by patient.",
}


def recipe(name: str, **overrides: Any) -> RunConfig:
    """Return the named recipe with ``overrides`` (at least ``model`` and ``data``).

    Raises:
        ConfigError: unknown recipe or setting, or a value out of range.
    """
    if name not in _RECIPES:
        raise ConfigError(f"no recipe is called {name!r}; choose one of {', '.join(RECIPES)}")
    return RunConfig.from_dict({"recipe": name, **_RECIPES[name], **overrides})


def command(config: RunConfig) -> str:
    """Return the command line that starts the same run."""
    base = recipe(config.recipe, model=config.model, data=config.data).to_dict()
    for name in (*FORM, "learning_rate") if config.initial else ():
        del base[name]  # the network that it starts from has its own (lineage.settings)
    words = [
        "python -m brainseg train",
        f"--data {shlex.quote(config.data)}",
        f"--model {config.model}",
        f"--recipe {config.recipe}",
    ]
    for name, value in config.to_dict().items():
        if name in ("model", "data", "recipe", "schema") or value == base.get(name):
            continue
        words.append(_option(name, value))
    return " ".join(words)


_FLAGS = {"split_unit": "split", "initial": "from"}
FORM = ("base", "depth", "norm", "saliency", "contrast")  # what first weights decide
_TUNING_RATE = 0.1  # of the recipe's learning rate: trained weights want smaller steps


def tuning_rate(rate: float) -> float:
    """Return the learning rate that tunes trained weights where ``rate`` trains new ones."""
    return float(f"{rate * _TUNING_RATE:.6g}")


def flag_of(name: str) -> str:
    """Return the option of the command line that sets a field of :class:`RunConfig`."""
    return "--" + _FLAGS.get(name, name).replace("_", "-")


def _option(name: str, value: Any) -> str:
    flag = flag_of(name)
    if isinstance(value, bool):
        return flag if value else flag.replace("--", "--no-", 1)
    if isinstance(value, list):
        return f"{flag} {' '.join(map(str, value))}"
    return f"{flag} {shlex.quote(str(value))}"
