"""Batches whose order and augmentation follow from (seed, epoch) alone, so a resume is exact."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from brainseg.preprocess import with_channels
from brainseg.training import augment
from brainseg.types import ByteArray, FloatArray

Batch = tuple[FloatArray, FloatArray]
THREADS = max(1, min(4, (os.cpu_count() or 1) // 2))  # each makes one batch ahead
_makers = ThreadPoolExecutor(THREADS)  # one for all: a thread that ends leaves a kilobyte behind


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batches:
    """Training slices: arrays (N, S, S) uint8 and the rows of them that are used.

    Images with saliency maps are (N, S, S, C). ``augment`` is ``"none"`` or a kind that
    ``augment.draw`` knows, and ``augment_strength`` how much of it.
    """

    images: ByteArray
    masks: ByteArray
    rows: Sequence[int]
    batch_size: int
    seed: int
    augment: str
    augment_strength: float = 1.0

    def __len__(self) -> int:
        """Batches an epoch; the last one may be smaller."""
        return -(-len(self.rows) // self.batch_size)

    def _one(self, epoch: int, place: int) -> Batch:
        row = self.rows[place]
        image = self.images[row].astype(np.float32) / 255.0
        mask = self.masks[row].astype(np.float32)
        if self.augment != "none":
            random = np.random.default_rng((self.seed, epoch, place))  # rows move with other files
            drawn = augment.draw(random, self.augment, self.augment_strength)
            image, mask = augment.apply(image, mask, drawn)
        return image, mask

    def _batch(self, epoch: int, places: Sequence[int]) -> Batch:
        pairs = [self._one(epoch, place) for place in places]
        images = with_channels(np.stack([image for image, _ in pairs]))
        masks = np.stack([mask for _, mask in pairs])[..., np.newaxis]
        return images, masks

    def epoch(self, epoch: int, *, start: int = 0) -> Iterator[Batch]:
        """Yield (B, S, S, C) float32 images and masks from batch ``start`` on, made ahead."""
        order = np.random.default_rng((self.seed, epoch)).permutation(len(self.rows))
        parts = [order[i : i + self.batch_size] for i in range(0, len(order), self.batch_size)][
            start:
        ]
        ahead: deque[Future[Batch]] = deque()
        try:
            for part in parts:
                ahead.append(_makers.submit(self._batch, epoch, part))
                if len(ahead) > THREADS:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for unwanted in ahead:
                unwanted.cancel()
