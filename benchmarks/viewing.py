"""What the Segment screen costs: bytes in to one slice's layers out, and what the browser is sent.

Run ``python -m benchmarks.viewing SCAN`` with a file or the folder of a DICOM series.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

from brainseg import inference, mesh
from brainseg.data import decoding
from ui import pictures


def main() -> None:
    """Measure one scan with the shipped UNet and print a line a quantity."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scan", type=Path)
    parser.add_argument("--repeat", type=int, default=9)
    options = parser.parse_args()
    paths = sorted(options.scan.iterdir()) if options.scan.is_dir() else [options.scan]
    files = [(path.name, path.read_bytes()) for path in paths]
    network = inference.load("unet")
    seconds = [_one_slice(files, network) for _ in range(options.repeat)]
    whole, alone = np.median(np.array(seconds), axis=0)
    print(f"warm, bytes in to layers out   {whole * 1000:8.0f} ms (of which decoding apart "
          f"{(whole - alone) * 1000:.0f} ms)")  # fmt: skip

    volume = decoding.read_limited(files)
    started = time.perf_counter()
    found = network.predict_many([volume.slice(i) for i in range(volume.depth)])
    print(f"all {volume.depth} slices predicted        {time.perf_counter() - started:8.2f} s")
    levels = np.stack([pictures.quantise(one.probability) for one in found])
    scale = pictures.value_scale(volume.voxels)
    values = [pictures.pack(pictures.scaled(one, scale), effort=2) for one in volume.voxels]
    print(f"raw values, all slices         {sum(map(len, values)) / 1000:8.0f} kB")
    masks = [pictures.pack(one) for one in levels]
    print(f"probabilities of one network   {sum(map(len, masks)) / 1000:8.1f} kB")
    for name, surface in (
        ("head surface", mesh.head(volume.voxels)),
        ("tumour surface at 0.5", mesh.tumour(levels, pictures.STEPS // 2)),
    ):
        if surface is not None:
            size = (surface.points.nbytes + surface.triangles.nbytes) * 4 / 3  # base64
            print(f"{name:30} {size / 1000:8.0f} kB ({len(surface.triangles):,} triangles)")


def _one_slice(files: list[tuple[str, bytes]], network: inference.Segmenter) -> tuple[float, float]:
    started = time.perf_counter()
    volume = decoding.read_limited(files)
    read = time.perf_counter()
    middle = volume.slice((volume.depth - 1) // 2)
    levels = pictures.quantise(network.predict(middle).probability)
    scale = pictures.value_scale(middle.pixels)
    json.dumps([
        pictures.pack(pictures.scaled(middle.pixels, scale), effort=2),
        pictures.pack(levels), pictures.counts(levels),
    ])  # fmt: skip
    done = time.perf_counter()
    return done - started, done - read


if __name__ == "__main__":
    main()
