"""What the Dataset screen takes: ``BRAINSEG_DATA=DIR python -m benchmarks.browsing``.

The survey of the dataset is made first where there is none, and timed. Then a screen is opened, and
one facet after the other is changed; a change is a whole run of the script. The browser's own
drawing is not in it.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from statistics import median

from streamlit.testing.v1 import AppTest

from brainseg.data import survey
from brainseg.data.catalog import read_catalog

SCREEN = Path(__file__).resolve().parent.parent / "pages" / "dataset.py"
CHANGES = (
    ("pills", "tumour", ["glioma"]),
    ("slider", "size", (0.5, 3.0)),
    ("pills", "plane", ["axial"]),
    ("pills", "tumour", []),
    ("slider", "size", (0.0, 2.0)),
    ("pills", "plane", ["sagittal"]),
)


def main() -> None:
    """Print one line a quantity."""
    catalog = read_catalog(Path(os.environ["BRAINSEG_DATA"]))
    print(f"{len(catalog.samples):,} slices; load of the machine {os.getloadavg()[0]:.1f}")
    made = survey.load(catalog) is None
    start = time.perf_counter()
    survey.make(catalog)
    print(f"survey {'made' if made else 'read'}: {time.perf_counter() - start:.2f} s")
    AppTest.from_file(str(SCREEN), default_timeout=600).run()  # imports
    app = AppTest.from_file(str(SCREEN), default_timeout=600)
    start = time.perf_counter()
    app.run()
    print(f"first paint, warm server: {1000 * (time.perf_counter() - start):.0f} ms")
    seconds = []
    for kind, facet, value in CHANGES * 5:
        getattr(app, kind)(key=f"dataset.{facet}").set_value(value)
        start = time.perf_counter()
        app.run()
        seconds.append(time.perf_counter() - start)
    middle, slowest = 1000 * median(seconds), 1000 * max(seconds)
    print(f"filter change: median {middle:.0f} ms, slowest {slowest:.0f} ms")


if __name__ == "__main__":
    main()
