"""Make a network folder that marks what is bright: ``python tests/tiny_network.py unet FOLDER``.

No training, no Keras: a box filter and a threshold on the min-max scaled slice, in the format of a
shipped network. Enough for a screen to have something to show.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from openvino import opset13 as ops

from brainseg import networks
from brainseg.runtime import openvino

SIZE = 64
CUT = {"unet": 0.55, "resunet": 0.65}


def make(name: str, folder: Path) -> None:
    """Write network.xml, network.bin, network.json and SHA256SUMS."""
    folder.mkdir(parents=True)
    image = ops.parameter([-1, SIZE, SIZE, 1], np.float32, name="image")
    first = ops.transpose(image, np.array([0, 3, 1, 2], dtype=np.int64))
    box = np.full((1, 1, 3, 3), 1 / 9, dtype=np.float32)
    smooth = ops.convolution(first, box, [1, 1], [1, 1], [1, 1], [1, 1])
    logits = ops.multiply(ops.subtract(smooth, np.float32(CUT[name])), np.float32(30))
    last = ops.transpose(logits, np.array([0, 2, 3, 1], dtype=np.int64))
    openvino.save_model(
        openvino.Model([last], [image], name), folder / "network.xml", compress_to_fp16=False
    )
    config = networks.NetworkConfig(name=name, architecture=name, size=SIZE, base=16, depth=4)
    networks.write_network_json(folder, config)
    networks.seal(folder)


if __name__ == "__main__":
    make(sys.argv[1], Path(sys.argv[2]))
