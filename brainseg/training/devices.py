"""What training runs on here. All that is one backend's own sits in this module."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from brainseg.errors import ConfigError
from brainseg.types import FloatArray

if TYPE_CHECKING:
    from brainseg.training.validate import Predict

Step = Callable[[FloatArray, FloatArray], Mapping[str, Any]]  # (images, masks) to their metrics


def prepare(threads: int) -> None:
    """Set up the backend before Keras is imported: quiet, GPU memory by need, ``threads``.

    TensorFlow leaves oneDNN off where a processor has no AVX-512; training is about 1.5 times as
    fast with it there too (``python -m benchmarks.training --grid``).
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    if backend == "torch" and threads:
        import torch

        torch.set_num_threads(threads)
    if backend == "jax":
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
        if threads:
            os.environ.setdefault("PJRT_NPROC", str(threads))
    if backend != "tensorflow":
        return
    import tensorflow as tf

    if threads:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)


def available() -> list[dict[str, str]]:
    """List the devices that the backend would train on, the first one first."""
    import keras

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        found = []
        for gpu in tf.config.list_physical_devices("GPU"):
            details = tf.config.experimental.get_device_details(gpu)
            found.append({"kind": "GPU", "name": str(details.get("device_name", gpu.name))})
        return [*found, _cpu()]
    if keras.backend.backend() == "torch":
        import torch

        cuda = range(torch.cuda.device_count())
        return [*({"kind": "GPU", "name": torch.cuda.get_device_name(i)} for i in cuda), _cpu()]
    names = [name for name in keras.distribution.list_devices() if not name.startswith("cpu")]
    return [*({"kind": name.split(":")[0].upper(), "name": name} for name in names), _cpu()]


def _cpu() -> dict[str, str]:
    return {"kind": "CPU", "name": f"{os.cpu_count()} cores"}


def describe(*, mirrored: bool = False) -> str:
    """Return the device that training uses, in words; ``mirrored``: all of its kind."""
    found = available()
    used = [one for one in found if one["kind"] == found[0]["kind"]] if mirrored else found[:1]
    return " and ".join(f"{one['kind']}: {one['name']}" for one in used)


def step(model: Any) -> Step:
    """Return what trains the compiled model on a batch (B, H, W, 1) and returns its metrics."""
    import keras

    if keras.backend.backend() != "tensorflow":
        return partial(model.train_on_batch, return_dict=True)
    run = _by_size(model.train_step)

    def step(images: FloatArray, masks: FloatArray) -> Mapping[str, Any]:
        model.reset_metrics()
        metrics: Mapping[str, Any] = run((images, masks))
        return metrics

    return step


def predictor(model: Any) -> Predict:
    """Return what gives the answer of ``model`` to (B, H, W, 1) pictures."""
    import keras

    if keras.backend.backend() != "tensorflow":
        predict: Predict = model.predict_on_batch
        return predict
    run = _by_size(lambda images: model(images, training=False))
    return lambda images: np.asarray(run(images))


def _by_size(work: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return ``work`` as graphs of TensorFlow, one for each size of a batch.

    Keras, after the first batch of another size, uses one graph for all, which rounds otherwise: a
    resume, which begins anew, would give other numbers.
    """
    import tensorflow as tf

    function: Callable[[Any], Any] = tf.function(work, autograph=False)
    return function


class Mirror:
    """A network that lies on several devices at once, through TensorFlow's MirroredStrategy.

    Every batch is divided into equal shards. The last are filled up with slices of the batch again
    that weigh nothing, so that loss, gradient and metrics are those of the whole batch on one
    device. What looks at a batch as a whole sees its shard alone: the statistics of batch norm.
    """

    def __init__(self, names: Sequence[str]) -> None:
        import tensorflow as tf

        self._strategy = tf.distribute.MirroredStrategy(list(names))

    def scope(self) -> AbstractContextManager[Any]:
        """Return the context in which model, optimiser and metrics are made."""
        scope: AbstractContextManager[Any] = self._strategy.scope()
        return scope

    def step(self, model: Any) -> Step:
        """Return what trains the compiled model on a batch (B, H, W, 1) and returns its metrics."""
        run = self._everywhere(model.train_step)

        def step(images: FloatArray, masks: FloatArray) -> Mapping[str, Any]:
            shown, weights = self._shares(len(images))
            model.reset_metrics()
            run(self._divided(images[shown], masks[shown], weights))
            metrics: Mapping[str, Any] = model.get_metrics_result()  # summed over the devices
            return metrics

        return step

    def predictor(self, model: Any) -> Predict:
        """Return what gives the answer of ``model`` to (B, H, W, 1) pictures."""
        run = self._everywhere(lambda batch: model(batch[0], training=False))

        def predict(images: FloatArray) -> FloatArray:
            shown, _ = self._shares(len(images))
            shards = self._strategy.experimental_local_results(run(self._divided(images[shown])))
            return np.concatenate([shard.numpy() for shard in shards])[: len(images)]

        return predict

    def _everywhere(self, work: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return _by_size(lambda batch: self._strategy.run(work, args=(batch,)))

    def _shares(self, images: int) -> tuple[np.ndarray, FloatArray]:
        """Return which image stands where once the shards are equal, and how much it weighs.

        Keras takes the mean of a shard and 1 / devices of it: the weights make that the mean over
        the images.
        """
        devices = self._strategy.num_replicas_in_sync
        places = np.arange(-(-images // devices) * devices)
        weights = np.where(places < images, len(places) / images, 0.0)
        return places % images, weights.astype(np.float32)

    def _divided(self, *arrays: np.ndarray) -> Any:
        import tensorflow as tf

        devices = self._strategy.num_replicas_in_sync
        shards = list(zip(*(np.split(array, devices) for array in arrays), strict=True))
        return self._strategy.experimental_distribute_values_from_function(
            lambda context: tuple(
                tf.constant(part) for part in shards[context.replica_id_in_sync_group]
            )
        )


def mirror() -> Mirror | None:
    """Return a mirror over all devices of the first kind, or None where there is only one.

    Raises:
        ConfigError: another backend than TensorFlow.
    """
    import keras

    if keras.backend.backend() != "tensorflow":
        raise ConfigError(
            "mirrored needs the TensorFlow backend: leave out KERAS_BACKEND or --mirrored. "
            f"Received: {keras.backend.backend()}"
        )
    import tensorflow as tf

    found = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return Mirror([device.name for device in found]) if len(found) > 1 else None
