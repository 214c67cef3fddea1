"""The suite of docs/TRAINING.md: each fault says what was tried, expected and seen."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from brainseg import runs
from brainseg.training.planning import new_run
from tests.chaos.tools import CHAOS, MakeRun, Row, Tell, tiny, wait

_rows = pytest.StashKey[list[Row]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--chaos", choices=("short", "full"), default="short")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_rows] = []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed and call.excinfo:
        for row in item.config.stash[_rows]:
            if row.test == item.nodeid:
                row.seen = f"FAILED ({row.seen}): {call.excinfo.exconly().splitlines()[0]}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    rows = terminalreporter.config.stash[_rows]
    if not rows:
        return
    terminalreporter.section("chaos: tried, expected, seen")
    for row in sorted(rows, key=lambda row: int(row.fault[1:])):
        line = f"{row.fault:<4}| {row.tried:<58}| {row.expected:<50}| {row.seen}"
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def full(request: pytest.FixtureRequest) -> bool:
    """Whether the counts are those of the full suite."""
    return request.config.getoption("--chaos", default="short") == "full"


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Tell:
    """Begin a line of the table at the end, so that it is there however the test ends."""

    def begin(fault: str, tried: str, expected: str) -> Row:
        row = Row(test=request.node.nodeid, fault=fault, tried=tried, expected=expected)
        request.config.stash[_rows].append(row)
        return row

    return begin


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
