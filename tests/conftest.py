from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


def _turn(item: pytest.Item) -> int:
    """Journeys keep a browser and servers open to the end: nothing else runs beside them."""
    if item.path.parent.name == "browser":
        return 2
    return 1 if item.path.name == "test_watchers.py" else 0  # opens and ends browsers of its own


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what drives a browser last."""
    items.sort(key=_turn)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test writes under its own empty home."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("BRAINSEG_HOME", str(folder))
    return folder


@pytest.fixture
def interpreter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a shell script in the place of Python, for the children that are started from now on."""

    def put(script: str) -> None:
        path = tmp_path / "interpreter"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(path))

    return put


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real slices, or a skip that says what is missing."""
    folder = Path(os.environ.get("BRAINSEG_REAL_DATA", REPOSITORY.parent / "shared" / "data"))
    if not (folder / "cheng256").is_dir():
        pytest.skip(f"no real slices here: {folder}/cheng256 is missing (set BRAINSEG_REAL_DATA)")
    return folder


@pytest.fixture(scope="session")
def demo_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small embedded demo dataset, made once a session."""
    from brainseg.data.demo import make_demo

    return make_demo(tmp_path_factory.mktemp("demo") / "demo", count=24, seed=0)
