"""Keep the epochs of runs for the Learn screen: ``python -m benchmarks.record NAME TITLE=RUN ...``.

They go to ``brainseg/recorded/NAME.json``, each with the command and the day it was started; the
runs themselves are not needed any more. What is there was made of the demo data, in three runs of

    python -m brainseg demo --to data/demo
    python -m brainseg train --data data/demo --model unet --recipe quick ...

whose options stand in the files.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from brainseg import history


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", help="of the file, without .json")
    parser.add_argument("runs", nargs="+", metavar="TITLE=RUN", help="in the order of the screen")
    options = parser.parse_args()
    named = [text.partition("=") for text in options.runs]
    stages = [history.of_run(Path(run), title) for title, _, run in named]
    history.RECORDED.mkdir(exist_ok=True)
    path = history.RECORDED / f"{options.name}.json"
    history.write(path, stages)
    for stage in stages:
        print(f"{stage.name}: {len(stage.epochs)} epochs, {stage.command}")
    print(path)


if __name__ == "__main__":
    main()
