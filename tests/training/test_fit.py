from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from brainseg import metrics, runs
from brainseg.losses import LOSSES
from brainseg.training import checkpoint, fit
from brainseg.training.checkpoint import DivergedError
from brainseg.training.fit import Data, Progress, Trainer
from brainseg.training.recipes import RunConfig, recipe
from brainseg.training.reporter import Reporter
from brainseg.training.validate import Scores, validate
from brainseg.types import Split

SPLIT = Split(train=tuple(range(24)), val=tuple(range(24, 30)), test=(), seed=0, unit="slice")


class StopsAt(Reporter):
    """Asks to stop before batch ``at``."""

    at, seen = 0, 0

    def stop_requested(self) -> bool:
        self.seen += 1
        return self.seen == self.at


def _config(**overrides) -> RunConfig:
    settings = {"size": 32, "base": 2, "depth": 2, "epochs": 3} | overrides
    return recipe("quick", model="resunet", data="x", **settings)


def _data(train: int = 24) -> Data:
    random = np.random.default_rng(0)
    images = (random.random((30, 32, 32)) * 120).astype(np.uint8)
    masks = np.zeros_like(images)
    for image, mask, (row, column) in zip(
        images, masks, random.integers(4, 24, (30, 2)), strict=True
    ):
        image[row : row + 6, column : column + 6] += 100
        mask[row : row + 6, column : column + 6] = 1
    return Data(images=images, masks=masks, train=SPLIT.train[:train], val=SPLIT.val)


def _trainer(config: RunConfig, run: Path, kind: type[Reporter] = Reporter) -> Trainer:
    return Trainer(config, run / "checkpoint", kind(run, config.model, transposed=False))


def _curves(run: Path) -> list[tuple[float, ...]]:
    return [(r.loss, r.dice, r.accuracy, r.val_loss, r.val_dice) for r in runs.history(run)]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("whole")
    runs.write_config(run, _config(), SPLIT)
    assert _trainer(_config(), run).fit(_data())
    return run


@pytest.fixture(scope="module")
def whole(finished: Path) -> list[tuple[float, ...]]:
    return _curves(finished)


def test_the_weights_of_the_network_itself_come_first_in_every_checkpoint(tmp_path: Path):
    """Also with the further heads of deep supervision: `finish --last` reads them so."""
    config = _config(deep_supervision=True, ema_decay=0.0)
    runs.write_config(tmp_path, config, SPLIT)
    trainer = _trainer(config, tmp_path)
    trainer.save()
    arrays, _ = checkpoint.load(tmp_path / "checkpoint")
    for i, variable in enumerate(trainer.model.variables):
        np.testing.assert_array_equal(arrays[f"model/{i:03d}"], np.asarray(variable))
    assert "heads/000" in arrays


@pytest.mark.parametrize("stop_before_batch", [1, 5])
def test_a_stopped_and_resumed_run_equals_an_uninterrupted_one(
    tmp_path: Path, whole: list[tuple[float, ...]], stop_before_batch: int
):
    runs.write_config(tmp_path, _config(), SPLIT)
    first = _trainer(_config(), tmp_path, StopsAt)
    first.reporter.at = stop_before_batch
    assert not first.fit(_data())
    second = _trainer(_config(), tmp_path)
    second.restore()
    assert second.fit(_data())
    assert _curves(tmp_path) == whole


@pytest.mark.parametrize(
    ("other", "train"),
    [
        ({"deep_supervision": True, "norm": "group"}, 24),
        ({"optimizer": "muon"}, 24),
        ({"base": 8}, 18),  # the last batch of an epoch is smaller
    ],
)
def test_other_networks_optimisers_and_batches_resume_exactly_too(
    tmp_path: Path, other: dict[str, Any], train: int
):
    config, data = _config(**other), _data(train)
    weights, runs_of = [], [tmp_path / "whole", tmp_path / "stopped"]
    for run, stop_before_batch in zip(runs_of, (0, 12), strict=True):
        run.mkdir()
        runs.write_config(run, config, SPLIT)
        trainer = _trainer(config, run, StopsAt)
        trainer.reporter.at = stop_before_batch
        if not trainer.fit(data):
            trainer = _trainer(config, run)
            trainer.restore()
            assert trainer.fit(data)
        weights.append([np.asarray(v) for v in trainer.model.variables])
    assert _curves(runs_of[0]) == _curves(runs_of[1])
    for whole, stopped in zip(*weights, strict=True):  # with the statistics of batch norm
        np.testing.assert_array_equal(stopped, whole)


def test_the_loss_scale_of_float16_is_part_of_a_checkpoint(tmp_path: Path):
    config = _config(precision="mixed_float16")
    trainer = _trainer(config, tmp_path)
    scale = trainer.optimizer.dynamic_scale
    assert any(variable is scale for variable in trainer._variables().values())
    trainer.optimizer.learning_rate = 0.25
    assert float(trainer.optimizer.inner_optimizer.learning_rate.numpy()) == 0.25
    keras.mixed_precision.set_global_policy("float32")


def test_an_epoch_whose_record_was_lost_in_a_kill_comes_back(
    tmp_path: Path, whole: list[tuple[float, ...]]
):
    runs.write_config(tmp_path, _config(), SPLIT)
    trainer = _trainer(_config(), tmp_path, StopsAt)
    trainer.reporter.epoch = lambda record: (_ for _ in ()).throw(KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(_data())
    assert runs.history(tmp_path) == ()
    again = _trainer(_config(), tmp_path)
    again.restore()
    again.fit(_data())
    assert _curves(tmp_path) == whole


def test_the_training_curve_is_the_mean_over_the_whole_epoch(tmp_path: Path):
    config = _config(epochs=1, learning_rate=1e-8, warmup_epochs=0, ema_decay=0.0, augment="none")
    runs.write_config(tmp_path, config, SPLIT)
    trainer, data = _trainer(config, tmp_path), _data()
    seen: list[tuple[float, int]] = []
    step = trainer._step

    def watched(images, masks):
        logs = step(images, masks)
        seen.append((float(logs["loss"]), len(images)))
        return logs

    trainer._step = watched
    trainer.fit(data)
    mean = sum(loss * images for loss, images in seen) / sum(images for _, images in seen)
    assert len(seen) > 2
    assert runs.history(tmp_path)[0].loss == pytest.approx(mean)


def test_learning_happens(whole: list[tuple[float, ...]]):
    assert whole[-1][0] < whole[0][0]


def test_patience_ends_a_run_that_does_not_improve(tmp_path: Path):
    config = _config(epochs=50, patience=2, learning_rate=1e-8, ema_decay=0.0, warmup_epochs=0)
    runs.write_config(tmp_path, config, SPLIT)
    trainer = _trainer(config, tmp_path)
    assert trainer.fit(_data())
    assert len(runs.history(tmp_path)) < 50
    assert trainer.progress.wait == 2


def test_a_rate_that_explodes_fails_and_keeps_the_best_finite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    runs.write_config(tmp_path, _config(), SPLIT)
    rate = fit.learning_rate
    monkeypatch.setattr(
        fit, "learning_rate", lambda c, at, n: 1e20 if at.epoch == 2 else rate(c, at, n)
    )
    with pytest.raises(DivergedError, match=r"diverged at epoch 2: .*those of epoch 1 are kept"):
        _trainer(_config(), tmp_path).fit(_data())
    arrays, state = checkpoint.load(tmp_path / "checkpoint", checkpoint.BEST)
    assert state["epoch"] == 1
    assert all(np.isfinite(array).all() for array in arrays.values())


def test_an_epoch_records_the_rate_of_its_last_step(finished: Path):
    """Of a cosine that ends in 0 the next one would be 0."""
    last = Progress(epoch=3, batch=5)  # of 6 batches
    rates = [record.learning_rate for record in runs.history(finished)]
    assert rates[-1] == fit.learning_rate(_config(), last, 6) > 0


def test_what_goes_bad_at_the_end_of_an_epoch_names_it_and_best_stays_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    runs.write_config(tmp_path, _config(), SPLIT)
    trainer = _trainer(_config(), tmp_path)

    def poison(*arguments: Any, **options: Any) -> Scores:
        scores = validate(*arguments, **options)
        if trainer.progress.epoch == 2:  # a momentum, which no score sees
            bad = next(v for v in trainer.optimizer.variables if len(v.shape) == 4)
            bad.assign(np.full(bad.shape, np.nan, np.float32))
        return replace(scores, dice=0.1 * trainer.progress.epoch)

    monkeypatch.setattr(fit, "validate", poison)
    with pytest.raises(DivergedError, match=r"diverged at epoch 2: .*those of epoch 1 are kept"):
        trainer.fit(_data())
    assert [record.epoch for record in runs.history(tmp_path)] == [1]
    assert checkpoint.epoch_of(tmp_path / "checkpoint", checkpoint.BEST) == 1


def test_a_stop_with_bad_weights_says_which_epoch_diverged(tmp_path: Path):
    runs.write_config(tmp_path, _config(), SPLIT)
    trainer = _trainer(_config(), tmp_path, StopsAt)
    trainer.reporter.at = 1
    trainer.model.variables[0].assign(np.full(trainer.model.variables[0].shape, np.nan))
    with pytest.raises(DivergedError, match="diverged at epoch 1"):
        trainer.fit(_data())


def test_a_checkpoint_of_an_earlier_version_with_its_best_epoch_is_read(tmp_path: Path):
    runs.write_config(tmp_path, _config(), SPLIT)
    trainer = _trainer(_config(), tmp_path)
    trainer.folder.mkdir()
    state = {**asdict(Progress(epoch=2, best=0.5)), "best_epoch": 1, "record": None}
    checkpoint.commit(trainer.folder, trainer._arrays(), state, pointer=checkpoint.LATEST)
    trainer.restore()
    assert trainer.progress == Progress(epoch=2, best=0.5)


def test_validating_keeps_the_first_answers_only_and_scores_them_all():
    data, answer = _data(), np.float32(8.0)

    def predict(pictures: np.ndarray) -> np.ndarray:
        return (pictures - 0.5) * answer

    def score(keep: int) -> Scores:
        return validate(
            predict, LOSSES["dice_ce"], data.images, data.masks, data.val, batch_size=4, keep=keep
        )

    few, every = score(5), score(len(data.val))
    assert (len(few.probabilities), len(every.probabilities)) == (5, len(data.val))
    assert np.array_equal(few.probabilities, every.probabilities[:5])
    dice = [
        metrics.dice(metrics.confusion(likely >= 0.5, data.masks[row] > 0))
        for likely, row in zip(every.probabilities, data.val, strict=True)
    ]
    assert few.dice == pytest.approx(np.mean(dice))


def test_the_best_weights_are_those_of_the_best_epoch(finished: Path):
    _, state = checkpoint.load(finished / "checkpoint", checkpoint.BEST)
    best = [record for record in runs.history(finished) if record.best][-1]
    assert state["epoch"] == best.epoch
    assert state["best"] == pytest.approx(best.val_dice)


def test_previews_show_the_same_slices_every_epoch(finished: Path):
    found = runs.previews(finished)
    assert {epoch: len(pictures) for epoch, pictures in found.items()} == {1: 4, 2: 4, 3: 4}
