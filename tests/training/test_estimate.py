from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from brainseg import cli
from brainseg.errors import RunError
from brainseg.training import estimate
from brainseg.training.recipes import recipe

TINY = ["--recipe", "quick", "--size", "32", "--base", "2", "--depth", "2", "--epochs", "3"]


def test_the_verb_measures_both_networks_and_remembers(
    demo_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["estimate", "--data", str(demo_data), "--model", "unet", *TINY]
    assert cli.main([*words, "--also", "resunet", "--json"]) == 0
    lines = capsys.readouterr().out.splitlines()
    told = [json.loads(line) for line in lines if line.startswith("{")]
    found = {line["model"]: line for line in told if line["kind"] == "estimate"}
    assert set(found) == {"unet", "resunet"}
    shares = [line["share"] for line in told if line["kind"] == "progress"]
    assert shares == sorted(shares)
    for model, line in found.items():
        settings = {"size": 32, "base": 2, "depth": 2}
        config = recipe("quick", model=model, data="elsewhere", **settings)
        measured = estimate.known(config)
        assert measured is not None
        assert measured.step_seconds == line["step_seconds"] > 0
        assert measured.steps >= 3
        assert line["total_seconds"] > 3 * line["epoch_seconds"]


def test_nothing_is_known_before_it_is_measured() -> None:
    assert estimate.known(recipe("quick", model="unet", data="x")) is None


def test_another_backend_is_measured_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    config = recipe("quick", model="unet", data="x")
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    before = estimate.key(config)
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert estimate.key(config) != before


def test_a_cancelled_measuring_leaves_nothing_where_files_are_put_for_a_while(
    demo_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    interpreter: Callable[[str], None],
) -> None:  # fmt: skip
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    interpreter('touch "$TMPDIR/checkpoint"\nexec sleep 60')
    job = estimate.start([recipe("quick", model="unet", data=str(demo_data))])
    _until(lambda: list(tmp_path.glob("brainseg-estimate-*/checkpoint")))
    job.cancel()
    _until(lambda: not list(tmp_path.glob("brainseg-estimate-*")))


def _until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_no_room_for_the_measuring_is_one_sentence(
    demo_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(RunError, match="no process could be started: No such file"):
        estimate.start([recipe("quick", model="unet", data=str(demo_data))])


def test_a_measuring_that_cannot_be_started_leaves_nothing(
    demo_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(RunError, match="no process could be started: No such file"):
        estimate.start([recipe("quick", model="unet", data=str(demo_data))])
    assert not list(tmp_path.glob("brainseg-estimate-*"))


def test_the_process_is_asked_for_exactly_these_settings(
    demo_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    class Process:
        returncode = 2

        def __init__(self, words: list[str], **_: object) -> None:
            asked.append(words)

        def poll(self) -> int:
            return 2

        wait = poll

    monkeypatch.setattr("subprocess.Popen", Process)
    both = [
        recipe("quick", model=model, data=str(demo_data), base=4, initial="unet")
        for model in ("unet", "resunet")
    ]
    job = estimate.start(both)
    words = " ".join(asked[0])
    assert "brainseg estimate" in words
    assert "--model unet" in words
    assert "--base 4" in words
    assert words.endswith("--json --also resunet")
    assert "--from" not in words
    assert job.report.stem == "+".join(estimate.key(config) for config in both)
    job.report.write_text("noise\nbrainseg: the reason\n")
    assert not job.running
    assert job.last() == {}
    assert job.problem() == "brainseg: the reason"


def test_a_measuring_that_nobody_looks_at_is_not_left_in_the_list_of_processes(
    demo_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/true")
    job = estimate.start([recipe("quick", model="unet", data=str(demo_data))])
    deadline = time.monotonic() + 60
    while job.process.returncode is None:  # set by whoever waited, never by looking here
        assert time.monotonic() < deadline
        time.sleep(0.01)
