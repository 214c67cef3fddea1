"""The suite of docs/TRAINING.md: each fault says what was tried, expected and seen."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from brainseg import runs
from brainseg.training.planning import new_run
from tests.chaos.tools import CHAOS, MakeRun, Tell, tiny, wait

_told: list[tuple[str, str, str, str]] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--chaos", choices=("short", "full"), default="short")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _told:
        return
    terminalreporter.section("chaos: tried, expected, seen")
    for row in sorted(_told, key=lambda row: int(row[0][1:])):
        terminalreporter.write_line("{:<4}| {:<58}| {:<50}| {}".format(*row))


@pytest.fixture(scope="session")
def full(request: pytest.FixtureRequest) -> bool:
    """Whether the counts are those of the full suite."""
    return request.config.getoption("--chaos", default="short") == "full"


@pytest.fixture
def tell() -> Tell:
    """Note a line of the table at the end: fault, tried, expected, seen."""
    return lambda *row: _told.append(row)


@pytest.fixture(scope="session")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("chaos-home")


@pytest.fixture(autouse=True)
def home(shared_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """One home for all, for its array cache; whatever still works at the end is ended."""
    monkeypatch.setenv("BRAINSEG_HOME", str(shared_home))
    monkeypatch.setenv("PYTHONPATH", f"{CHAOS / 'inject'}{os.pathsep}{CHAOS.parents[1]}")
    yield shared_home
    for folder in (shared_home / "runs").glob("[0-9]*"):
        if runs.is_locked(folder):
            runs.request_stop(folder, now=True)
    for folder in (shared_home / "runs").glob("[0-9]*"):
        wait(lambda folder=folder: not runs.is_locked(folder), 120)
    shutil.rmtree(shared_home / "runs", ignore_errors=True)


@pytest.fixture
def make_run(demo_data: Path) -> MakeRun:
    """Make a tiny run on the demo slices."""
    return lambda **overrides: new_run(tiny(demo_data, **overrides))
