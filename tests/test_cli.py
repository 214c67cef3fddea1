from __future__ import annotations

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from brainseg import cli, runs

VERBS = (
    "demo",
    "download",
    "inspect",
    "train",
    "evaluate",
    "tune",
    "predict",
    "protocol",
    "saliency",
    "study-saliency",
    "runs",
    "devices",
    "architecture",
)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as stop:
        cli.main([verb, "--help"])
    assert stop.value.code == 0
    assert "usage" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["inspect", "--data", "/nowhere"], "/nowhere"),
        (["train", "--data", "/nowhere", "--model", "unet"], "/nowhere"),
        (["train", "--model", "unet"], "--data DIR"),
        (["train", "--resume"], "--run DIR"),
        (["train", "--data", ".", "--model", "unet", "--epochs", "0"], "epochs"),
        (["predict", "--model", "nope", "--out", "o", "pyproject.toml"], "nope"),
        (["predict", "--model", "unet", "--out", "o", "/nowhere.png"], "/nowhere.png"),
        (
            ["predict", "--model", "unet", "--out", "o", "--smallest", "2", "pyproject.toml"],
            "--sma",
        ),
        (["saliency", "--model", "ensemble", "--method", "m", "--out", "o", "a"], "only predicts"),
        (["tune", "--model", "nope", "--data", "/nowhere"], "no"),
        (["study-saliency", "--data", "/nowhere"], "/nowhere"),
        (["evaluate", "--model", "nope", "--data", "/nowhere"], "no"),
        (["architecture", "--model", "unet", "--size", "0"], "size"),
        (["architecture", "--model", "unet", "--base", "0"], "base"),
        (["architecture", "--model", "unet", "--depth", "-1"], "depth"),
        (["architecture", "--model", "unet", "--size", "100"], "multiple of 16"),
        (["download", "--from", "z.zip", "--to", "here"], "leave out --to"),
        (["download", "--from", "z.zip", "--slug", "a/b"], "leave out --slug"),
        (["runs", "show", "nope"], "nope"),
        (["runs", "stop", "nope"], "nope"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_2(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
):
    assert cli.main(words) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.err.count("\n") == 1
    assert "Traceback" not in captured.err


def test_demo_then_inspect(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert cli.main(["demo", "--to", str(tmp_path / "d"), "--count", "12"]) == 0
    capsys.readouterr()
    assert cli.main(["inspect", "--data", str(tmp_path / "d"), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["slices"] == facts["with_truth"] == 12
    assert facts["synthetic"]
    assert facts["problems"] == []


def test_inspect_names_what_is_wrong(demo_data: Path, tmp_path: Path, capsys):
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
    for number in (1, 2):
        cv2.imwrite(str(tmp_path / "images" / f"{number}.png"), np.zeros((8, 8), np.uint8))
    cv2.imwrite(str(tmp_path / "masks" / "1_mask.png"), np.zeros((4, 4), np.uint8))
    cv2.imwrite(str(tmp_path / "masks" / "9_mask.png"), np.zeros((8, 8), np.uint8))
    assert cli.main(["inspect", "--data", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    for part in ("orphan mask", "9_mask.png", "size mismatch", "missing mask", "2.png"):
        assert part in said


@pytest.mark.parametrize(
    ("total", "rate", "left", "said"),
    [
        (790_000_000, 3_400_000.0, 229.0, "downloading 12.0 of 790.0 MB, 3.4 MB/s, 229 s left"),
        (None, None, None, "downloading 12.0 MB"),
    ],
)
def test_a_download_tells_how_far_it_is(
    total: int | None, rate: float | None, left: float | None, said: str,
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    from brainseg.data import kaggle

    def download(slug, to, *, progress):
        progress(
            kaggle.DownloadProgress(
                stage="downloading", done_bytes=12_000_000, total_bytes=total,
                bytes_per_second=rate, seconds_left=left,
            )
        )  # fmt: skip
        return to

    monkeypatch.setattr(kaggle, "download", download)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert cli.main(["download", "--to", str(tmp_path)]) == 0
    assert capsys.readouterr().err.strip() == said


def test_runs_list_and_show_speak_json(demo_data: Path, capsys: pytest.CaptureFixture[str]):
    from brainseg.training.planning import new_run
    from brainseg.training.recipes import recipe

    run = new_run(recipe("quick", model="unet", data=str(demo_data)))
    assert cli.main(["runs", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["run_id"] == run.name
    assert cli.main(["runs", "show", run.name, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["status"]["state"] == "queued"
    assert runs.status(run).epoch == 0


def test_a_resumed_run_refuses_settings_that_are_not_its_own(
    demo_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):  # fmt: skip
    begun: list[Path] = []
    monkeypatch.setattr("brainseg.training.process.start", lambda run: begun.append(run) or 1)
    own = ["--data", str(demo_data), "--model", "unet", "--recipe", "quick", "--test-folds", "2"]
    own += ["--size", "64", "--split", "slice"]
    words = ["train", "--run", str(tmp_path / "run"), "--background"]
    assert cli.main([*words, *own]) == 0
    for same in ([], own, ["--size", "64"]):
        assert cli.main([*words, "--resume", *same]) == 0
    assert begun == [tmp_path / "run"] * 4
    for other in (
        ["--epochs", "3"], ["--data", "/nonexistent"], ["--model", "resunet"],
        ["--recipe", "reference"], ["--split", "patient"], ["--from", "unet"],
    ):  # fmt: skip
        capsys.readouterr()
        assert cli.main([*words, "--resume", *other]) == 2
        assert f"leave out {other[0]}" in capsys.readouterr().err
    assert len(begun) == 4


@pytest.mark.parametrize("after", ["batch", "epoch"])
def test_a_stop_says_what_comes_of_it(
    demo_data: Path, capsys: pytest.CaptureFixture[str], after: str
):
    from brainseg.training import process
    from brainseg.training.planning import new_run
    from brainseg.training.recipes import recipe

    run = new_run(recipe("quick", model="unet", data=str(demo_data)))
    claimed = process.claim(run)  # it waits in the queue
    words = ["runs", "stop", run.name, *(["--after-epoch"] if after == "epoch" else [])]
    assert cli.main(words) == 0
    claimed.ticket.give_back()
    os.close(claimed.lock)
    assert capsys.readouterr().out == f"{run.name}: stopping: leaves before it begins\n"
