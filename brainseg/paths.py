"""Where things are kept. Everything the app writes lies under one folder.

``BRAINSEG_HOME`` names it; without that it is the folder that holds ``streamlit_app.py``, and for
an installed library the current directory.
"""

from __future__ import annotations

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
PRETRAINED = PACKAGE / "pretrained"
ORIENTATION = PRETRAINED / "orientation"  # which way up; part of every answer


def search_path() -> str:
    """Return the ``PYTHONPATH`` with which a child finds this package wherever it is started."""
    return os.pathsep.join(filter(None, (str(PACKAGE.parent), os.environ.get("PYTHONPATH"))))


def home() -> Path:
    """Return the folder that holds data, runs and caches."""
    named = os.environ.get("BRAINSEG_HOME")
    if named:
        return Path(named).expanduser().resolve()
    checkout = PACKAGE.parent
    return checkout if (checkout / "streamlit_app.py").is_file() else Path.cwd()


def data() -> Path:
    """Return the folder in which dataset folders lie (``demo``, ``kaggle``)."""
    return home() / "data"


def demo() -> Path:
    """Return the folder of the embedded synthetic dataset."""
    return data() / "demo"


def kaggle() -> Path:
    """Return the folder into which the Kaggle dataset is unpacked."""
    return data() / "kaggle"


def runs() -> Path:
    """Return the folder of training runs."""
    return home() / "runs"


def cache() -> Path:
    """Return the folder of everything that can be made again."""
    return home() / "cache"
