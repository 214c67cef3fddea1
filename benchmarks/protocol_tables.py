"""Put the results of protocols into docs/MODEL_CARD.md.

    python -m benchmarks.protocol_tables OUT/protocol.json ...

Each file is what ``python -m brainseg protocol`` wrote. A table says at which input size and for
how many epochs at most the networks were trained, and whether all runs of the plan are in it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from benchmarks import card
from brainseg.protocol_table import table

DOC = card.CARD


def section(found: dict[str, Any]) -> str:
    """One protocol: what was trained, and the table."""
    trained = found["runs"][0]
    batches = {run["batch_size"] for run in found["runs"]}
    partly = "" if found["complete"] else " Not complete: the other runs of the plan are missing."
    return "\n\n".join(
        [
            f"**{found['protocol'].capitalize()}**, input {trained['size']} px, base "
            f"{trained['base']}, batches of {' or '.join(map(str, sorted(batches)))}, at most "
            f"{trained['max_epochs']} epochs.{partly}",
            table(found),
        ]
    )


def main(words: list[str] | None = None) -> None:
    names = sys.argv[1:] if words is None else words
    if not names:
        sys.exit(__doc__)
    found = [json.loads(Path(name).read_text()) for name in names]
    print(card.replace("protocols", "\n\n".join(section(one) for one in found), DOC))


if __name__ == "__main__":
    main()
