from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from brainseg import paths, scoring

REPOSITORY = Path(__file__).resolve().parents[2]
DISCLAIMER = "not a medical device"


@pytest.fixture(scope="session")
def tiny_networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like ``brainseg/pretrained`` with two networks that mark what is bright."""
    folder = tmp_path_factory.mktemp("pretrained")
    for name in ("unet", "resunet"):
        maker = [sys.executable, str(REPOSITORY / "tests" / "tiny_network.py")]
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
        subprocess.run([*maker, name, str(folder / name)], check=True, env=environment)
    return folder


@pytest.fixture
def networks(tiny_networks: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shipped networks are the two tiny ones."""
    monkeypatch.setattr(paths, "PRETRAINED", tiny_networks)
    return tiny_networks


@pytest.fixture
def no_networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no shipped network."""
    monkeypatch.setattr(paths, "PRETRAINED", tmp_path / "none")


@pytest.fixture
def demo(demo_data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The small demo dataset is the only dataset."""
    monkeypatch.setenv("BRAINSEG_DATA", str(demo_data))
    return demo_data


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], AppTest]:
    """Open one screen by itself, as a function of its name."""
    monkeypatch.chdir(REPOSITORY)

    def open_screen(name: str, **query: str) -> AppTest:
        app = AppTest.from_file(str(REPOSITORY / "pages" / f"{name}.py"), default_timeout=60)
        for key, value in query.items():
            app.query_params[key.replace("__", ".")] = value
        return app.run()

    return open_screen


@pytest.fixture(autouse=True)
def wait_for_scores() -> Iterator[Callable[[], None]]:
    """Wait for the threads of the server that make scores: none outlives its test."""

    def wait() -> None:
        for thread in threading.enumerate():
            if thread.name == "scoring":
                thread.join(timeout=120)
                assert not thread.is_alive()

    yield wait
    wait()
    scoring._jobs.clear()


@pytest.fixture
def scored(
    alone: Callable[..., AppTest], wait_for_scores: Callable[[], None]
) -> Callable[..., AppTest]:
    """Open one screen by itself, and again once every slice has its scores."""

    def open_screen(name: str, **query: str) -> AppTest:
        app = alone(name, **query)
        wait_for_scores()
        return app.run()

    return open_screen


@pytest.fixture
def through_app(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], AppTest]:
    """Open one screen through the app, as a function of its name."""
    monkeypatch.chdir(REPOSITORY)

    def open_screen(name: str) -> AppTest:
        app = AppTest.from_file(str(REPOSITORY / "streamlit_app.py"), default_timeout=60).run()
        return app if name == "home" else app.switch_page(f"pages/{name}.py").run()

    return open_screen


@pytest.fixture
def text_of() -> Callable[[AppTest], str]:
    """All text on a screen, as one string."""

    def text(app: AppTest) -> str:
        parts = [*app.title, *app.subheader, *app.markdown, *app.caption, *app.info, *app.error]
        return "\n".join(str(part.value) for part in parts)

    return text


@pytest.fixture
def assert_frame(text_of: Callable[[AppTest], str]) -> Callable[[AppTest], None]:
    """Assert what every screen must have: a title, the disclaimer, and no exception."""

    def check(app: AppTest) -> None:
        assert not app.exception, [str(fault.message) for fault in app.exception]
        assert len(app.title) == 1
        assert DISCLAIMER in text_of(app)

    return check
