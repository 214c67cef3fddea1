"""The optimiser of a run, by its name: Adam, AdamW, or Muon for convolutions."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from brainseg.training.recipes import RunConfig


class ConvMuon(keras.optimizers.Muon):
    """Muon (Jordan 2024) whose matrices are the kernels of convolutions.

    Keras 3 moves only matrices by Muon. Here a kernel (row, column, in, out) counts as the matrix
    (row * column * in, out) that multiplies the patches of its input, and that of a transposed
    convolution (row, column, out, in) as (row * column * out, in). Biases, batch normalisation,
    and kernels from or to a single channel are moved by AdamW. An update is as long as AdamW's,
    so both take the same learning rate (Liu et al. 2025, arXiv:2502.16982).
    """

    def _should_use_adamw(self, variable: Any) -> bool:
        return len(variable.shape) != 4 or 1 in variable.shape[-2:]

    def _muon_update_step(self, gradient: Any, variable: Any, lr: Any, m: Any) -> None:
        self.assign_add(m, (gradient - m) * (1.0 - self.momentum))
        step = gradient * (1.0 - self.momentum) + m * self.momentum  # Nesterov's look ahead
        matrix = ops.reshape(step, (-1, variable.shape[-1]))
        update = self.lr_adjust(lr * self.zeropower_via_newtonschulz5(matrix, self.ns_steps))
        self.assign_sub(variable, ops.reshape(update, variable.shape))


def build(config: RunConfig) -> keras.optimizers.Optimizer:
    """Return the optimiser that a run asks for."""
    rate, decay = config.learning_rate, config.weight_decay
    if config.optimizer == "muon":
        return ConvMuon(rate, weight_decay=decay, adam_weight_decay=decay)
    if config.optimizer == "adamw":
        return keras.optimizers.AdamW(rate, weight_decay=decay)
    return keras.optimizers.Adam(rate)
