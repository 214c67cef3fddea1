"""Average the weights of two networks: ``python -m benchmarks.average FIRST SECOND OUT``.

FIRST and SECOND are network folders of one form, the second trained on from the first; OUT becomes
a network with ``--share`` of the second's weights and the rest of the first's, batch-norm
statistics too, that otherwise is as the second. Networks that have one origin and are
averaged so keep what training on gained and get back much of the robustness that it cost
(Wortsman et al., Robust fine-tuning of zero-shot models, CVPR 2022).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from brainseg import export, networks


def average(first: Path, second: Path, out: Path, share: float) -> None:
    """Write the network ``out``; a share of 0 has the weights of ``first``, 1 of ``second``.

    Raises:
        ValueError: the networks are not of one form, or the second has no split.
    """
    before, after = (export.load_model(folder) for folder in (first, second))
    weights = list(zip(before.get_weights(), after.get_weights(), strict=True))
    if any(np.shape(old) != np.shape(new) for old, new in weights):
        raise ValueError("the two networks differ in form")
    split = networks.read_split(second)
    if split is None:
        raise ValueError(f"{second} has no split.json: which slices was it trained on?")
    after.set_weights([(1 - share) * np.array(old) + share * np.array(new) for old, new in weights])
    export.write_network(after, out, networks.read_network(second), split)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--share", type=float, default=0.6)
    options = parser.parse_args()
    if not 0 <= options.share <= 1:
        sys.exit("--share lies in 0..1")
    average(options.first, options.second, options.out, options.share)
    print(options.out)


if __name__ == "__main__":
    main()
