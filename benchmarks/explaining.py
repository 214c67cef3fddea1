"""What a saliency map costs: every method on both shipped networks, one slice of the demo data.

    python -m benchmarks.explaining [--rounds 3]

Wall time is the median; the processor's time beside it hardly depends on what else runs here.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from statistics import median

from brainseg import networks
from brainseg.data.catalog import read_catalog, read_image
from brainseg.data.demo import make_demo
from brainseg.saliency_request import METHODS
from brainseg.types import Scan


def a_slice() -> Scan:
    """Return the first demo slice with a tumour."""
    with tempfile.TemporaryDirectory() as name:
        catalog = read_catalog(make_demo(Path(name) / "demo", count=12))
        sample = next(s for s in catalog.with_truth if s.tumour != "none")
        return Scan(pixels=read_image(sample))


def main() -> None:
    """Print one line a network and method."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    begun = time.perf_counter()
    from brainseg import saliency

    print(f"{os.cpu_count()} cores, load before the run {os.getloadavg()[0]:.1f}")
    print(f"opening Keras: {time.perf_counter() - begun:.1f} s")
    scan = a_slice()
    for name in networks.ARCHITECTURES:
        opened = saliency.open_network(networks.find_network(name))
        saliency.explain(opened, scan)  # the first call also builds what the others use
        for method in METHODS:
            wall, cpu = [], []
            for _ in range(rounds):
                busy, found = time.process_time(), saliency.explain(opened, scan, method)
                cpu.append(time.process_time() - busy)
                wall.append(found.seconds)
            error = found.completeness_error
            missed = "" if error is None else f", completeness missed by {error:.2%}"
            print(f"{name} {method}: {median(wall):.2f} s, processor {median(cpu):.2f} s{missed}")


if __name__ == "__main__":
    main()
