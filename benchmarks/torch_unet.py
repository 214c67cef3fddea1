"""The same UNet in PyTorch, for ``benchmarks.training``: torch is no requirement of ours."""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional


def _unit(inputs: int, outputs: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for features in (inputs, outputs):
        layers += [nn.Conv2d(features, outputs, 3, padding=1, bias=False)]
        layers += [nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


class UNet(nn.Module):
    """Depth 4, 2x2 max pooling, 2x2 transposed convolutions, logits in float32."""

    def __init__(self, base: int, depth: int = 4) -> None:
        super().__init__()
        widths = [1] + [base * 2**level for level in range(depth + 1)]
        self.down = nn.ModuleList(map(_unit, widths[:-1], widths[1:]))
        ups = list(zip(widths[2:], widths[1:-1], strict=True))[::-1]
        self.up = nn.ModuleList(nn.ConvTranspose2d(big, small, 2, 2) for big, small in ups)
        self.join = nn.ModuleList(_unit(2 * small, small) for _, small in ups)
        self.head = nn.Conv2d(base, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (B, 1, H, W)."""
        kept = []
        for unit in self.down[:-1]:
            x = unit(x)
            kept.append(x)
            x = functional.max_pool2d(x, 2)
        x = self.down[-1](x)
        for up, join in zip(self.up, self.join, strict=True):
            x = join(torch.cat([kept.pop(), up(x)], 1))
        return self.head(x).float()


def _loss(logits: Tensor, masks: Tensor) -> Tensor:
    p, axes = logits.sigmoid(), (1, 2, 3)
    dice = (2 * (p * masks).sum(axes) + 1) / (p.sum(axes) + masks.sum(axes) + 1)
    return functional.binary_cross_entropy_with_logits(logits, masks) + (1 - dice).mean()


def train(images: np.ndarray, masks: np.ndarray, options: argparse.Namespace) -> float:
    """Train and return the median slices/s of the epochs after the first."""
    if options.threads:
        torch.set_num_threads(options.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    to = {"device": device, "memory_format": torch.channels_last}
    model = UNet(options.base).to(**to)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, weight_decay=1e-4)
    x = torch.from_numpy(images)[:, None].float().div(255).to(**to)
    y = torch.from_numpy(masks)[:, None].float().to(**to)
    half = {"mixed_bfloat16": torch.bfloat16, "mixed_float16": torch.float16}
    kind = half.get(options.precision)
    speeds = []
    for _ in range(options.epochs + 1):
        begun = time.perf_counter()
        for rows in torch.randperm(len(x)).split(options.batch):
            with torch.autocast(device, dtype=kind, enabled=kind is not None):
                logits = model(x[rows])
            loss = _loss(logits, y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss.item()  # as a loop that watches its loss must
        speeds.append(len(x) / (time.perf_counter() - begun))
    return statistics.median(speeds[1:])
