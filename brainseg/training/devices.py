"""What training runs on here. All that is one backend's own sits in this module."""

from __future__ import annotations

import os


def prepare(threads: int) -> None:
    """Set up the backend before Keras is imported: quiet, GPU memory by need, ``threads``."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    if backend == "torch" and threads:
        import torch

        torch.set_num_threads(threads)
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


def describe() -> str:
    """Return the device that training uses, in words."""
    first = available()[0]
    return f"{first['kind']}: {first['name']}"
