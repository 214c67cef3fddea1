"""The training loop: epochs of batches, a validation, a checkpoint; stop and resume are exact."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from brainseg import models
from brainseg.losses import LOSSES, MeanDice, accuracy
from brainseg.models.supervision import at_every_level, with_heads
from brainseg.training import checkpoint, devices, optimizers
from brainseg.training.batches import Batches
from brainseg.training.checkpoint import DivergedError
from brainseg.training.ema import WeightAverage
from brainseg.training.recipes import RunConfig
from brainseg.training.reporter import Reporter, StopNowError
from brainseg.training.schedule import learning_rate
from brainseg.training.validate import Scores, validate
from brainseg.types import ByteArray, EpochRecord, FloatArray

PREVIEWS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a run stands: ``batch`` batches of ``epoch`` are done.

    The sums run over the images of the epoch so far (Keras forgets its metrics at every
    ``train_on_batch``); ``dice_sum`` over the ``tumours`` of them that have one.
    """

    epoch: int = 1
    batch: int = 0
    elapsed: float = 0.0
    in_epoch: float = 0.0
    images: int = 0
    tumours: int = 0
    loss_sum: float = 0.0
    dice_sum: float = 0.0
    accuracy_sum: float = 0.0
    best: float | None = None
    wait: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Data:
    """Arrays (N, S, S) uint8 and the rows of the training and validation slices.

    Images with saliency maps are (N, S, S, C).
    """

    images: ByteArray
    masks: ByteArray
    train: tuple[int, ...]
    val: tuple[int, ...]


class Trainer:
    """One network in training, with all that a checkpoint holds."""

    def __init__(self, config: RunConfig, folder: Path, reporter: Reporter) -> None:
        self.config, self.folder, self.reporter = config, folder, reporter
        keras.mixed_precision.set_global_policy(config.precision)
        keras.utils.set_random_seed(config.seed)
        self._mirror = devices.mirror() if config.mirrored else None
        with self._mirror.scope() if self._mirror else nullcontext():
            self._build()
        on = self._mirror or devices
        self._step = on.step(self.trained)
        self.predict = on.predictor(self.model)
        self.average = WeightAverage(self.model, config.ema_decay)
        self.progress = Progress()

    def _build(self) -> None:
        config = self.config
        self.model = models.build(
            config.model,
            size=config.size,
            base=config.base,
            depth=config.depth,
            bn_momentum=config.bn_momentum,
            norm=config.norm,
            channels=config.channels,
        )
        self.trained, loss = self.model, LOSSES[config.loss]
        if config.deep_supervision:
            self.trained = with_heads(self.model, config.depth)
            loss = at_every_level(loss)
        self.optimizer = optimizers.build(config)
        self.trained.compile(
            optimizer=self.optimizer,
            loss=loss,
            weighted_metrics=[MeanDice(), keras.metrics.MeanMetricWrapper(accuracy, "accuracy")],
            jit_compile=keras.backend.backend() == "jax",
        )
        self.optimizer = self.trained.optimizer  # float16 wraps it to scale the loss
        self.optimizer.build(self.trained.trainable_variables)

    # ------------------------------------------------------------------ checkpoints
    def _variables(self) -> dict[str, Any]:
        own = {id(variable) for variable in self.model.variables}
        heads = [v for v in self.trained.variables if id(v) not in own]  # of deep supervision
        named = {f"model/{i:03d}": v for i, v in enumerate(self.model.variables)}
        named |= {f"heads/{i:03d}": v for i, v in enumerate(heads)}
        return named | {f"optimizer/{i:03d}": v for i, v in enumerate(self.optimizer.variables)}

    def _arrays(self) -> dict[str, NDArray[Any]]:
        named = self._variables().items()
        arrays = {name: np.asarray(keras.ops.convert_to_numpy(v)) for name, v in named}
        return arrays | self.average.arrays()

    def save(self, record: EpochRecord | None = None) -> None:
        """Commit a checkpoint from which :meth:`restore` goes on exactly here.

        ``record`` travels with it: a kill between checkpoint and log then loses no epoch.
        """
        checkpoint.commit(
            self.folder,
            self._arrays(),
            asdict(self.progress) | {"record": asdict(record) if record else None},
            pointer=checkpoint.LATEST,
        )

    def restore(self) -> None:
        """Go back to the newest intact checkpoint."""
        arrays, state = checkpoint.load(self.folder)
        for name, variable in self._variables().items():
            variable.assign(arrays[name])
        self.average.load(arrays)
        record = state.pop("record")
        if record:
            self.reporter.make_sure_of(EpochRecord(**record))
        state.pop("best_epoch", None)  # in checkpoints of earlier versions; nobody read it
        self.progress = Progress(**state)
        self.reporter.restored(self.progress.epoch)

    def _save_best(self) -> None:
        arrays = {f"model/{i:03d}": array for i, array in enumerate(self.average.weights())}
        state = {"epoch": self.progress.epoch, "batch": 0, "best": self.progress.best}
        checkpoint.commit(self.folder, arrays, state, pointer=checkpoint.BEST)

    # ------------------------------------------------------------------ training
    def fit(self, data: Data) -> bool:
        """Train to the end; return False where the user stopped it first.

        Raises:
            DivergedError: a loss or a weight is not finite; the checkpoints before it stand.
        """
        batches = Batches(
            images=data.images,
            masks=data.masks,
            rows=data.train,
            batch_size=self.config.batch_size,
            seed=self.config.seed,
            augment=self.config.augment,
            augment_strength=self.config.augment_strength,
        )
        self.folder.mkdir(parents=True, exist_ok=True)
        checkpoint.check_room(self.folder, sum(array.nbytes for array in self._arrays().values()))
        try:
            return self._train(data, batches)
        except DivergedError as error:
            raise DivergedError(self._what_is_left(error)) from error

    def _train(self, data: Data, batches: Batches) -> bool:
        try:
            while not self._is_done():
                self._train_epoch(batches)
                self._finish_epoch(data, len(batches))
                if self.reporter.stop_after_epoch() and not self._is_done():
                    return False
        except StopNowError:
            self.save()
            return False
        return True

    def _what_is_left(self, error: DivergedError) -> str:
        best = checkpoint.epoch_of(self.folder, checkpoint.BEST)
        kept = "none are good yet" if best is None else f"those of epoch {best} are kept"
        cause = str(error).removeprefix("diverged: ")
        return f"diverged at epoch {self.progress.epoch}: {cause}; of the weights {kept}"

    def _is_done(self) -> bool:
        return self.progress.epoch > self.config.epochs or self._out_of_patience()

    def _out_of_patience(self) -> bool:
        return 0 < self.config.patience <= self.progress.wait

    def _train_epoch(self, batches: Batches) -> None:
        p = self.progress
        begun = time.monotonic() - p.in_epoch
        for images, masks in batches.epoch(p.epoch, start=p.batch):
            self.reporter.breathe()
            rate = learning_rate(self.config, self.progress, len(batches))
            # TensorFlow keeps every Python float it has met for ever, but no array
            self.optimizer.learning_rate = np.float32(rate)
            logs = self._step(images, masks)
            self._count(logs, masks, time.monotonic() - begun)
            self.average.update((p.epoch - 1) * len(batches) + self.progress.batch)
            done = self.progress
            self.reporter.progress(p.epoch, done.batch, len(batches), done.in_epoch)

    def _count(self, logs: Mapping[str, Any], masks: FloatArray, seconds: float) -> None:
        """Add one batch to the sums of the epoch."""
        p = self.progress
        loss = float(logs["loss"])
        if not np.isfinite(loss):
            raise DivergedError(f"diverged: the loss became {loss} in batch {p.batch + 1}")
        tumours = int(np.count_nonzero(masks.any(axis=(1, 2, 3))))
        self.progress = replace(
            p,
            batch=p.batch + 1,
            in_epoch=seconds,
            images=p.images + len(masks),
            tumours=p.tumours + tumours,
            loss_sum=p.loss_sum + loss * len(masks),
            dice_sum=p.dice_sum + float(logs["dice"]) * tumours,
            accuracy_sum=p.accuracy_sum + float(logs["accuracy"]) * len(masks),
        )

    def _finish_epoch(self, data: Data, batches: int) -> None:
        begun = time.monotonic()
        with self.average.in_place():
            scores = validate(
                self.predict,
                LOSSES[self.config.loss],
                data.images,
                data.masks,
                data.val,
                batch_size=self.config.batch_size,
                keep=PREVIEWS,
                beat=self.reporter.breathe,
            )
        checkpoint.check_finite(self._arrays())  # before the best is written and the epoch counted
        self._judge(scores)
        p = self.progress
        seconds = p.in_epoch + time.monotonic() - begun
        record = EpochRecord(
            epoch=p.epoch,
            seconds=seconds,
            elapsed=p.elapsed + seconds,
            learning_rate=learning_rate(self.config, replace(p, batch=batches - 1), batches),
            loss=p.loss_sum / p.images,
            dice=p.dice_sum / max(p.tumours, 1),
            accuracy=p.accuracy_sum / p.images,
            val_loss=scores.loss,
            val_dice=scores.dice,
            val_accuracy=scores.accuracy,
            val_background_accuracy=scores.background_accuracy,
            val_dice_loss=scores.dice_loss,
            slices_per_second=len(data.train) / p.in_epoch,
            best=p.wait == 0,
        )
        if record.best:
            self._save_best()
        self.progress = Progress(
            epoch=p.epoch + 1,
            elapsed=record.elapsed,
            best=p.best,
            wait=p.wait,
        )
        shown = list(data.val[:PREVIEWS])  # before the checkpoint: an epoch that counts has them
        self.reporter.previews(p.epoch, data.images[shown], data.masks[shown], scores.probabilities)
        self.save(record)
        self.reporter.epoch(record)

    def _judge(self, scores: Scores) -> None:
        """Update best and wait; only a finite score can be the best."""
        value = scores.dice if self.config.monitor == "val_dice" else -scores.dice_loss
        if not np.isfinite(value):
            raise DivergedError(f"diverged: {self.config.monitor} became {value}")
        p = self.progress
        if p.best is None or value > p.best:
            self.progress = replace(p, best=value, wait=0)
        else:
            self.progress = replace(p, wait=p.wait + 1)
