"""Put the network of a finished run into the package: ``python -m benchmarks.ship RUN NAME``.

The files are the run's own, under a new name, with new checksums.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path

from brainseg import networks, paths


def main() -> None:
    run, name = Path(sys.argv[1]), sys.argv[2]
    source, target = run / "network", paths.PRETRAINED / name
    config = networks.read_network(source)
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
    networks.write_network_json(target, replace(config, name=name))
    networks.seal(target)
    size = sum(path.stat().st_size for path in target.iterdir())
    print(f"{target}: {size / 2**20:.1f} MB")


if __name__ == "__main__":
    main()
