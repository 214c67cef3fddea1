from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from benchmarks.ship import stages_of
from brainseg import history, runs
from brainseg.errors import NetworkError, RunError
from brainseg.training.recipes import recipe
from brainseg.types import EpochRecord, Split

SPLIT = Split(train=(1,), val=(2,), test=(3,), seed=0, unit="patient")
RECORD = EpochRecord(
    epoch=1, seconds=2.0, elapsed=2.0, learning_rate=1e-3, loss=0.123456789, val_loss=1.1, dice=0.4,
    val_dice=0.3, accuracy=0.98, val_accuracy=0.97, val_background_accuracy=0.979,
    val_dice_loss=0.7, slices_per_second=10.0, best=True,
)  # fmt: skip


@pytest.fixture
def run() -> Path:
    config = recipe("quick", model="unet", data="/home/me/slices", size=64, loss="ce")
    return runs.create(config, SPLIT)


def test_a_run_becomes_a_stage_that_names_no_folder_of_this_machine(run: Path) -> None:
    runs.append_event(run, {"kind": "epoch", **asdict(RECORD)})
    stage = history.of_run(run)
    assert (stage.name, stage.size, stage.epochs) == (run.name, 64, (RECORD,))
    assert "--data slices" in stage.command
    assert "--loss ce" in stage.command
    assert "/home" not in stage.command
    runs.set_label(run, title="The first")
    assert history.of_run(run).name == "The first"
    assert history.of_run(run, "Mine").name == "Mine"


def test_a_run_without_an_epoch_has_no_history(run: Path) -> None:
    with pytest.raises(RunError, match="no epoch yet"):
        history.of_run(run)


def test_what_is_written_is_read_back_to_six_digits(run: Path, tmp_path: Path) -> None:
    runs.append_event(run, {"kind": "epoch", **asdict(RECORD)})
    history.write(tmp_path / "history.json", [history.of_run(run)])
    (stage,) = history.read(tmp_path / "history.json")
    assert stage.epochs[0].loss == 0.123457
    assert stage.epochs[0].best is True


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"stages": [{"name": "a", "command": "b", "size": 1, "epochs": []}]}',
        '{"stages": [{"name": "a", "command": "b", "size": 1, "epochs": [{"epoch": 1}]}]}',
    ],
)
def test_a_damaged_history_is_one_sentence(text: str, tmp_path: Path) -> None:
    path = tmp_path / "history.json"
    path.write_text(text)
    with pytest.raises(NetworkError, match="holds no readable history"):
        history.read(path)


def test_the_recorded_trainings_differ_in_their_loss_alone() -> None:
    dice, entropy = history.read(history.RECORDED / "losses.json")
    assert dice.command.replace('--loss "dice"', '--loss "ce"') == entropy.command
    assert len(dice.epochs) == len(entropy.epochs)
    assert dice.epochs[0].val_background_accuracy == entropy.epochs[0].val_background_accuracy


def test_patience_changes_where_the_recorded_training_would_have_stopped() -> None:
    from ui import learning

    (stage,) = history.read(history.RECORDED / "patience.json")
    losses = [record.val_dice_loss for record in stage.epochs]
    found = [learning.stop_early(losses, patience) for patience in (5, 20)]
    assert found[0].stopped_at < found[1].stopped_at
    assert losses[found[1].best_epoch - 1] < losses[found[0].best_epoch - 1]


def test_a_network_trained_on_takes_the_stages_before_along(run: Path, tmp_path: Path) -> None:
    runs.append_event(run, {"kind": "epoch", **asdict(RECORD)})
    first = history.of_run(run, "First")
    history.write(tmp_path / "history.json", [first, first])
    assert [stage.name for stage in stages_of(tmp_path)] == ["First", "First"]
    assert [stage.name for stage in stages_of(run)] == [run.name]
