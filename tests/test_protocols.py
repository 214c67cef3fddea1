from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import protocol_tables
from brainseg import (
    cli,
    evaluate,
    networks,
    protocol_results,
    protocol_table,
    protocols,
    runs,
    summary,
    tuning,
)
from brainseg.commands import protocols as commands
from brainseg.data.catalog import read_catalog
from brainseg.errors import ConfigError, RunError
from brainseg.protocols import PlannedRun
from brainseg.training import foreground, planning

TINY = {"size": 32, "base": 2, "depth": 2, "batch_size": 4, "threads": 1, "warmup_epochs": 0}


def _silent(words: str) -> None:
    pass


def _splits(planned: list[PlannedRun]) -> list:
    opened = planning.open_data(planned[0].config.data)
    return [planning.split_of(one.config, opened) for one in planned]


def _fold_of(data: Path) -> dict[int, int]:
    return {sample.number: sample.fold for sample in read_catalog(data).samples}


@pytest.fixture(scope="module")
def tiny_network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny") / "unet"
    maker = Path(__file__).with_name("tiny_network.py")
    environment = {**os.environ, "PYTHONPATH": str(maker.parent.parent)}
    subprocess.run([sys.executable, str(maker), "unet", str(folder)], check=True, env=environment)
    return folder


@pytest.fixture
def trained(tiny_network: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replace training by a ready network, and keep the names of what was trained."""
    names: list[str] = []

    def train(one: PlannedRun, out: Path, tell) -> Path:
        run = out / one.name
        if not run.exists():
            names.append(one.name)
            planning.new_run(one.config, run)
            shutil.copytree(tiny_network, run / "network")
            runs.write_evaluation(run / "result.json", evaluate.evaluate_run(run))
        return run

    monkeypatch.setattr(protocols, "train", train)
    return names


def test_patient_trains_on_folds_0_to_2_and_reports_fold_3(demo_data: Path):
    planned = protocols.plan("patient", demo_data)
    assert [one.name for one in planned] == ["unet", "resunet"]
    assert {one.fold for one in planned} == {3}
    fold_of = _fold_of(demo_data)
    for split in _splits(planned):
        assert {fold_of[n] for n in split.test} == {3}
        assert {fold_of[n] for n in split.train + split.val} <= {0, 1, 2}


def test_a_fold_beyond_the_third_is_neither_trained_on_nor_reported(demo_data: Path, monkeypatch):
    catalog = read_catalog(demo_data)
    moved = [replace(s, fold=4) if s.fold == 1 else s for s in catalog.samples]
    opened = [replace(catalog, samples=tuple(moved))]
    monkeypatch.setattr(protocols, "open_data", lambda *_: opened)
    one = protocols.plan("patient", demo_data, networks=["unet"])[0]
    split = planning.split_of(one.config, opened)
    fold_of = {sample.number: sample.fold for sample in moved}
    assert {fold_of[n] for n in split.test} == {3, 4}
    monkeypatch.setattr(runs, "split", lambda run: split)
    reported = protocols.reported_numbers(one, Path(), opened)
    assert {fold_of[n] for n in reported} == {3}


def test_cross_validation_tests_every_patient_once(demo_data: Path):
    planned = protocols.plan("cross-validation", demo_data, networks=["unet"])
    fold_of = _fold_of(demo_data)
    assert len(planned) == len(set(fold_of.values()))
    tested = [number for split in _splits(planned) for number in split.test]
    assert sorted(tested) == sorted(fold_of)


def test_document_runs_both_recipes_on_one_leaking_split_and_ours_on_patients(demo_data: Path):
    planned = protocols.plan("document", demo_data, networks=["unet"], settings={"epochs": 7})
    arms = {one.arm: one for one in planned}
    assert list(arms) == ["document-by-slice", "reference-by-slice", "reference-by-patient"]
    document, reference, patient = _splits(planned)
    assert document == reference
    assert document.val == document.test
    assert not set(patient.val) & set(patient.test)
    assert arms["document-by-slice"].config.loss == "dice_batch"
    assert arms["reference-by-slice"].config.augment == "upright"
    assert {one.config.epochs for one in planned} == {7}


@pytest.mark.parametrize(
    ("protocol", "settings", "said"),
    [
        ("patient", {"epochs": 0}, "epochs"),
        ("holdout", {}, "cross-validation"),
        ("document", {"tumour_free": Path("x")}, "--tumour-free"),
        ("document", {"epochs": 3, "loss": "dice_ce"}, "recipes as they are; loss"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(demo_data: Path, protocol, settings, said, monkeypatch):
    monkeypatch.setattr(protocols, "open_data", lambda *_: [read_catalog(demo_data)])
    free = settings.pop("tumour_free", None)
    with pytest.raises(ConfigError, match=said):
        protocols.plan(protocol, demo_data, tumour_free=free, settings=settings)


def test_data_without_folds_cannot_be_cross_validated(demo_data: Path, tmp_path: Path):
    data = shutil.copytree(demo_data, tmp_path / "data")
    (data / "patients.csv").unlink()
    with pytest.raises(ConfigError, match=r"patients\.csv"):
        protocols.plan("cross-validation", data)


def test_other_settings_in_the_same_folder_are_refused(demo_data: Path, tmp_path: Path):
    first = protocols.plan("patient", demo_data, networks=["unet"], settings=TINY)
    planning.new_run(first[0].config, tmp_path / "unet")
    protocols.check_folders(first, tmp_path)
    other = protocols.plan("patient", demo_data, networks=["unet"], settings={**TINY, "seed": 1})
    with pytest.raises(ConfigError, match=r"seed 0 \(now 1\)"):
        protocols.check_folders(other, tmp_path)


def test_the_document_protocol_ends_with_both_dices_of_every_arm(
    demo_data: Path, tmp_path: Path, trained: list[str], capsys: pytest.CaptureFixture[str]
):
    words = ["protocol", "document", "--data", str(demo_data), "--out", str(tmp_path / "o")]
    assert cli.main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == json.loads((tmp_path / "o" / "protocol.json").read_text())
    assert found["complete"]
    assert len(trained) == len(found["runs"]) == 6
    for run in found["runs"]:
        assert 0 < run["batch_dice"] < 1
        assert run["summary"]["dice"] is not None
    same = found["unet less resunet"]["document-by-slice"]["by_slice"]
    assert same["difference"] == 0  # one network stands in for both
    tested = [
        {case.number for case in runs.evaluation(tmp_path / "o" / f"unet-{arm}").cases}
        for arm in ("reference-by-slice", "reference-by-patient")
    ]
    leak = found["by slice less by patient"]["unet"]["by_slice"]
    assert leak["difference"] == 0
    assert 0 < leak["pairs"] <= len(set.intersection(*tested))
    assert cli.main(words) == 0
    table = capsys.readouterr().out
    assert "batch Dice" in table
    arms = ("document-by-slice", "reference-by-slice", "reference-by-patient")
    assert table.startswith("| score | unet-document-by-slice | ")
    assert all(f"UNet less ResUNet, {arm}: " in table for arm in arms)
    said = f"resunet, our recipe, by slice less by patient, on the {leak['pairs']} slices that"
    assert said in table
    assert "Not measured by this protocol: " in table
    assert len(trained) == 6


def test_cross_validation_pools_the_folds_and_fills_the_model_card(
    demo_data: Path, tmp_path: Path, trained: list[str], monkeypatch: pytest.MonkeyPatch
):
    planned = protocols.plan("cross-validation", demo_data)
    found = protocol_results.carry_out("cross-validation", planned, tmp_path, _silent)
    assert len(trained) == len(planned)
    tuned = [tmp_path / one.name / "tuned.json" for one in planned if one.config.model == "unet"]
    parts = [runs.read_evaluation(path) for path in tuned]
    whole = found["all folds"]["unet"]["summary"]
    assert whole["slices"] == len(_fold_of(demo_data))
    assert whole["dice"] == pytest.approx(summary.pool(parts).summary["dice"])
    assert whole["dice_low"] < whole["dice"] < whole["dice_high"]
    assert "resunet, all folds" in protocol_table.table(found)

    document = tmp_path / "CARD.md"
    document.write_text("a\n<!-- protocols -->\nNot run yet.\n<!-- protocols -->\nb\n")
    monkeypatch.setattr(protocol_tables, "DOC", document)
    protocol_tables.main([str(tmp_path / "protocol.json")])
    text = document.read_text()
    told = "**Cross-validation**, input 256 px, base 32, batches of 16, at most 300 epochs."
    assert told in text
    assert "| score | unet, all folds | resunet, all folds |" in text
    assert "Not run yet" not in text


def test_a_protocol_reports_at_the_threshold_that_suits_the_validation_slices(
    demo_data: Path, tmp_path: Path, trained: list[str], monkeypatch: pytest.MonkeyPatch
):
    asked: list[set[int]] = []

    def curve(segmenter, opened, numbers) -> None:
        asked.append(set(numbers))

    monkeypatch.setattr(tuning, "curve", curve)
    monkeypatch.setattr(tuning, "best_threshold", lambda found, start: 0.35)
    planned = protocols.plan("patient", demo_data, networks=["unet"])
    found = protocol_results.carry_out("patient", planned, tmp_path, _silent)
    split = runs.split(tmp_path / "unet")
    assert asked == [set(split.val)]
    run = found["runs"][0]
    assert run["threshold"] == 0.35
    assert run["summary"]["slices"] == len(split.test)
    assert len(run["symmetries"]) == 8
    assert {one["slices"] for one in run["symmetries"].values()} == {len(split.test)}
    told = protocol_table.table(found)
    for name, one in run["symmetries"].items():
        assert f"| Dice, {name} | {one['dice']:.3f} |" in told


def test_an_interrupted_protocol_says_that_it_is_not_complete(
    demo_data: Path, tmp_path: Path, trained: list[str], monkeypatch: pytest.MonkeyPatch
):
    ready = protocols.train

    def fail_second(one: PlannedRun, out: Path, tell) -> Path:
        if trained:
            raise RunError("disk full")
        return ready(one, out, tell)

    planned = protocols.plan("patient", demo_data)
    monkeypatch.setattr(protocols, "train", fail_second)
    with pytest.raises(RunError, match="disk full"):
        protocol_results.carry_out("patient", planned, tmp_path, _silent)
    assert not json.loads((tmp_path / "protocol.json").read_text())["complete"]
    monkeypatch.setattr(protocols, "train", ready)
    assert protocol_results.carry_out("patient", planned, tmp_path, _silent)["complete"]
    assert trained == ["unet", "resunet"]


def test_a_real_protocol_is_interrupted_goes_on_and_trains_nothing_twice(
    demo_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(foreground, "_POLL_SECONDS", 0.1)
    epochs = 12
    settings = {**TINY, "epochs": epochs, "patience": 0}
    planned = protocols.plan("patient", demo_data, networks=["unet"], settings=settings)

    def interrupt(words: str) -> None:
        if "running" in words and "epoch 0" not in words:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        protocol_results.carry_out("patient", planned, tmp_path, interrupt)
    status = runs.status(tmp_path / "unet")
    assert status.state == "stopped"
    assert 0 < status.epoch < epochs

    found = protocol_results.carry_out("patient", planned, tmp_path, _silent)
    assert found["complete"]
    assert found["runs"][0]["epochs"] == epochs
    assert [r.epoch for r in runs.history(tmp_path / "unet")] == list(range(1, epochs + 1))
    assert networks.read_network(tmp_path / "unet" / "network").architecture == "unet"

    told: list[str] = []
    assert protocol_results.carry_out("patient", planned, tmp_path, told.append) == found
    assert told[0] == "unet: finished before"


@pytest.mark.parametrize(("protocol", "count"), [("cross-validation", 2), ("document", 3)])
def test_a_protocol_is_interrupted_and_goes_on_by_the_same_command(
    protocol: str, count: int, demo_data: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(foreground, "_POLL_SECONDS", 0.1)
    data, out = shutil.copytree(demo_data, tmp_path / "data"), tmp_path / "out"
    _keep_two_folds(data / "patients.csv")
    words = ["protocol", protocol, "--data", str(data), "--out", str(out), "--networks", "unet"]
    settings = {"size": 32, "base": 2, "depth": 1, "batch-size": 4, "epochs": 1, "threads": 1}
    words += [word for name, value in settings.items() for word in (f"--{name}", str(value))]
    told = commands._tell

    def interrupt(line: str) -> None:
        if "measuring" in line and (out / "protocol.json").exists():
            raise KeyboardInterrupt
        told(line)

    monkeypatch.setattr(commands, "_tell", interrupt)
    assert cli.main(words) == 130
    begun = json.loads((out / "protocol.json").read_text())
    assert not begun["complete"]
    assert len(begun["runs"]) == 1

    monkeypatch.setattr(commands, "_tell", told)
    capsys.readouterr()
    assert cli.main([*words, "--json"]) == 0
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    assert found == json.loads((out / "protocol.json").read_text())
    assert found["complete"]
    assert len(found["runs"]) == count
    assert found["runs"][0] == begun["runs"][0]
    assert printed.err.count("finished before") == 2
    assert {run["epochs"] for run in found["runs"]} == {1}
    table = protocol_table.table(found)
    for run in found["runs"]:
        assert networks.read_network(out / run["name"] / "network").size == 32
        assert f"{run['summary']['dice']:.3f}" in table
    assert "| Dice by patient, mean (95 %) |" in table


def _keep_two_folds(path: Path) -> None:
    """Halve the number of folds, and with it the work."""
    with path.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    with path.open("w", newline="") as lines:
        writer = csv.DictWriter(lines, list(rows[0]))
        writer.writeheader()
        writer.writerows(row | {"fold": int(row["fold"]) % 2} for row in rows)
