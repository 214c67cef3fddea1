"""Run an exported network on scans, through OpenVINO. No Keras here.

The exported network takes (B, size, size, C) float32 in 0..1, C being 1 unless it was trained with
saliency maps beside the scan, and gives (B, size, size, 1) logits
and, unless it was exported by version 0.1, (B, F) features of its bottleneck, for the gate.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from brainseg import gate, networks, orientation, preprocess, uncertainty, views
from brainseg.ensemble import Ensemble
from brainseg.errors import NetworkError
from brainseg.gate import HeadStatistics
from brainseg.networks import NetworkConfig, Precision
from brainseg.orientation import Turns
from brainseg.runtime import core
from brainseg.types import SALIENCY_INPUTS, FloatArray, Geometry, Prediction, Scan

AT_ONCE = 2  # predictions that run at the same moment in one process; more only wait
_BATCH = 8  # images a network sees at once: bounds the memory, and is all eight views
_slots = threading.BoundedSemaphore(AT_ONCE)


def load(name: str, *, precision: Precision | None = None) -> Segmenter | Ensemble:
    """Return what predicts under a name: ``unet``, ``resunet``, ``ensemble``, a run, a folder.

    Raises:
        NetworkError: there is no such network, or it is damaged.
    """
    folders = networks.member_folders(name)
    members = [Segmenter.load(folder, precision=precision) for folder in folders]
    return Ensemble(members) if name == networks.ENSEMBLE else members[0]


class Segmenter:
    """One exported network, ready to predict. May be shared by any number of threads.

    ``heads`` is what the gate compares a scan's features with; None where nobody fitted it.
    """

    def __init__(
        self, config: NetworkConfig, compiled: Any, heads: HeadStatistics | None = None
    ) -> None:
        """Use ``Segmenter.load``; ``compiled`` is an OpenVINO CompiledModel."""
        self.config = config
        self.heads = heads
        self.has_features = len(compiled.outputs) > 1
        self._requests: queue.LifoQueue[Any] = queue.LifoQueue()
        for _ in range(AT_ONCE):
            self._requests.put(compiled.create_infer_request())

    @property
    def name(self) -> str:
        """Name of the network, as in its ``network.json``."""
        return self.config.name

    @property
    def channels(self) -> int:
        """How many channels its input has: the scan, and the maps beside it."""
        return 1 + len(SALIENCY_INPUTS[self.config.saliency])

    @classmethod
    def load(cls, folder: Path, *, precision: Precision | None = None) -> Segmenter:
        """Load the network of a ``network/`` folder after checking its checksums.

        ``"bf16"`` is about twice as fast on processors that have it, and differs by up to 5e-3
        (``benchmarks/README.md``: its effect on Dice). None: as ``networks.precision`` says.

        Raises:
            ConfigError: as ``networks.precision``.
            NetworkError: the folder is incomplete or altered, or holds another kind of network.
        """
        config = networks.read_network(folder)
        try:
            model = core().read_model(folder / networks.XML, folder / networks.BIN)
            _check_ends(model, config)
            hint = precision or networks.precision()
            options = {"INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "LATENCY"}
            compiled = core().compile_model(model, "CPU", options)
        except RuntimeError as error:
            raise NetworkError(
                f"the network in {folder} cannot be loaded; export it again"
            ) from error
        path = folder / networks.GATE
        return cls(config, compiled, gate.read(path) if path.is_file() else None)

    def predict(self, scan: Scan, *, symmetries: bool = False) -> Prediction:
        """Return the tumour probability of a scan, in the scan's own geometry.

        Args:
            scan: raw pixels; standardised as in training.
            symmetries: average over the eight views of ``views.OF`` (slower, steadier).

        Raises:
            ScanError: the scan is empty, holds values that are not finite, or lacks a saliency map
                that the network needs.
        """
        started = time.perf_counter()
        image, geometry = self.seen(scan)
        shown = views.OF[self.config.orientation] if symmetries else views.SYMMETRIES[:1]
        answers, features = self.infer(np.stack([make(image) for make, _ in shown]))
        turned_back = [undo(a) for a, (_, undo) in zip(answers, shown, strict=True)]
        probability = np.asarray(np.mean(turned_back, axis=0), dtype=np.float32)
        restored = preprocess.restore(probability, geometry)
        seen = None if features is None else features[0]
        return self._prediction(scan, restored, time.perf_counter() - started, seen)

    def uncertainty(self, scan: Scan) -> FloatArray:
        """Return the entropy in bits of the average over the eight views, (H, W) in 0..1.

        Raises:
            ScanError: as ``predict``.
        """
        return uncertainty.entropy(self.predict(scan, symmetries=True).probability)

    def predict_many(self, scans: Sequence[Scan]) -> list[Prediction]:
        """Predict several scans together; ``seconds`` of each is its share of the time."""
        predictions: list[Prediction] = []
        for first in range(0, len(scans), _BATCH):
            part, started = scans[first : first + _BATCH], time.perf_counter()
            fitted = [self.seen(scan) for scan in part]
            maps, features = self.infer(np.stack([image for image, _ in fitted]))
            restored = [preprocess.restore(m, g) for m, (_, g) in zip(maps, fitted, strict=True)]
            seconds = (time.perf_counter() - started) / len(part)
            seen = [None] * len(part) if features is None else list(features)
            predictions += [
                self._prediction(s, p, seconds, f)
                for s, p, f in zip(part, restored, seen, strict=True)
            ]
        return predictions

    def probabilities(self, batch: FloatArray) -> FloatArray:
        """Return (B, size, size) probabilities; as ``infer``."""
        return self.infer(batch)[0]

    def infer(self, batch: FloatArray) -> tuple[FloatArray, FloatArray | None]:
        """Return probabilities (B, size, size) and features (B, F), or None where it has none.

        A network that knows heads upright only sees them so, however they lie in the batch.

        Args:
            batch: (B, size, size, C) float32 in 0..1.

        Raises:
            ValueError: the batch has another shape.
            NetworkError: the network's answer is not finite.
        """
        turns = self.turns(batch)
        logits, features = self._answer(orientation.turned(batch, -turns))
        logits = orientation.turned(logits, turns)
        halves = np.tanh(0.5 * logits)  # the sigmoid, without overflow
        return np.asarray(0.5 + 0.5 * halves, dtype=np.float32), features

    def logits(self, batch: FloatArray) -> FloatArray:
        """Return (B, size, size) logits, which tell apart what the sigmoid rounds to 0 or 1.

        The images are taken as they lie: turn them by ``turns`` where that matters.

        Raises:
            ValueError, NetworkError: as ``infer``.
        """
        return self._answer(self._checked(batch))[0]

    def turns(self, batch: FloatArray) -> Turns:
        """Return the quarters by which each image is turned from how the network sees it, (B,).

        Raises:
            ValueError: as ``infer``.
            NetworkError: the network that tells the orientation is missing or damaged.
        """
        return orientation.turns_for(self.config.orientation, self._checked(batch))

    def _checked(self, batch: FloatArray) -> FloatArray:
        wanted = (self.config.size, self.config.size, self.channels)
        if batch.ndim != 4 or batch.shape[1:] != wanted:
            told = ", ".join(map(str, wanted))
            raise ValueError(f"a batch must be (B, {told}); received {batch.shape}")
        return batch

    def _answer(self, batch: FloatArray) -> tuple[FloatArray, FloatArray | None]:
        images = np.ascontiguousarray(batch, dtype=np.float32)
        logits = np.empty(images.shape[:3], dtype=np.float32)
        features: list[FloatArray] = []
        for first in range(0, len(images), _BATCH):
            part = slice(first, first + _BATCH)
            logits[part], *rest = self._run(images[part])
            features += rest
        if not np.isfinite(logits).all():
            raise NetworkError(f"network {self.name} answered with values that are not finite")
        return logits, np.concatenate(features) if features else None

    def seen(self, scan: Scan) -> tuple[FloatArray, Geometry]:
        """Return a scan as the network takes it, (size, size, C), and how it was fitted.

        Raises:
            ScanError: as ``predict``.
        """
        config = self.config
        return preprocess.network_input(scan, config.size, config.saliency, config.contrast)

    def _run(self, images: FloatArray) -> list[FloatArray]:
        with _slots:
            request = self._requests.get()
            try:
                result = request.infer({0: images}, share_inputs=True)
                answers = [result[0][..., 0], *([result[1]] if self.has_features else [])]
                return [np.array(answer, dtype=np.float32) for answer in answers]
            finally:
                self._requests.put(request)

    def _prediction(
        self, scan: Scan, probability: FloatArray, seconds: float, features: FloatArray | None
    ) -> Prediction:
        return Prediction(
            probability=probability,
            spacing_mm=scan.spacing_mm,
            model=self.name,
            seconds=seconds,
            features=() if features is None else (features,),
        )


def _check_ends(model: Any, config: NetworkConfig) -> None:
    channels = 1 + len(SALIENCY_INPUTS[config.saliency])
    for kind, ends, most, depth in (
        ("input", model.inputs, 1, channels),
        ("output", model.outputs, 2, 1),
    ):
        wanted = [str(config.size), str(config.size), str(depth)]
        shape = ends[0].partial_shape
        dynamic = len(shape) == 4 and shape[0].is_dynamic
        if len(ends) > most or not dynamic or [str(n) for n in list(shape)[1:]] != wanted:
            raise NetworkError(
                f"network {config.name} has {kind} {shape}, but (batch, {config.size}, "
                f"{config.size}, {depth}) is needed; export it again"
            )
