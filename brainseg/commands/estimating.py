"""The verb that says how long a training would take here."""

from __future__ import annotations

import json
from argparse import Namespace
from dataclasses import asdict, replace

from brainseg.commands.training import configuration
from brainseg.errors import ConfigError
from brainseg.training import estimate as estimates
from brainseg.training.planning import open_data, split_of
from brainseg.training.recipes import RunConfig


def estimate(options: Namespace) -> int:
    """Measure a few steps and print how long the epochs would take."""
    if not options.data or not options.model:
        raise ConfigError("estimate needs --data DIR and --model unet|resunet")
    first = configuration(options)
    configs = [first, *(replace(first, model=also) for also in options.also)]
    split = split_of(first, open_data(first.data, first.tumour_free))
    for number, config in enumerate(configs):
        measured = _measured(config, number / len(configs), 1 / len(configs), options.json)
        estimates.keep(config, measured)
        epoch = estimates.epoch_seconds(config, measured, split)
        total = estimates.total_seconds(config, measured, split)
        told = {"model": config.model, "epoch_seconds": epoch, "total_seconds": total}
        if options.json:
            print(json.dumps({"kind": "estimate", **told, **asdict(measured)}), flush=True)
            continue
        print(
            f"{config.model} on {measured.device}: {measured.step_seconds:.3f} s a step, "
            f"{epoch:.1f} s an epoch, {config.epochs} epochs {total / 60:.1f} minutes at most"
        )
    return 0


def _measured(config: RunConfig, done: float, share: float, as_json: bool) -> estimates.Measurement:
    def tell(text: str, part: float) -> None:
        if as_json:
            event = {"kind": "progress", "model": config.model, "text": text}
            print(json.dumps({**event, "share": done + share * part}), flush=True)

    tell("Opens the backend", 0.0)
    from brainseg.training import devices

    devices.prepare(config.threads)
    from brainseg.training import measure

    return measure.measure(config, tell)
