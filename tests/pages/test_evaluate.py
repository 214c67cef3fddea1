from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from brainseg import networks, paths, runs
from brainseg.data.catalog import read_catalog
from brainseg.training.recipes import recipe
from brainseg.types import CaseScore, Evaluation, Split
from ui import evaluation

Open = Callable[..., AppTest]


def case(number: int, dice: float | None, truth_px: int, predicted_px: int = 5) -> CaseScore:
    return CaseScore(
        number=number, tumour="glioma" if truth_px else "none", patient="p", truth_px=truth_px,
        predicted_px=predicted_px, dice=dice, iou=dice, precision=None, sensitivity=dice,
        specificity=1.0, accuracy=0.99, background_accuracy=0.98,
    )  # fmt: skip


def made(model: str = "UNet") -> Evaluation:
    summary = {"dice": 0.4, "dice_low": 0.3, "dice_high": 0.5, "misses": 0.5, "iou": None}
    return Evaluation(
        model=model, data="demo", threshold=0.5, orientation="file",
        cases=(case(1, 0.0, 50), case(2, 0.8, 50), case(3, None, 0), case(4, None, 0, 0)),
        summary=summary, by_tumour={"glioma": {"dice": 0.4, "slices": 2}},
    )  # fmt: skip


def test_both_networks_are_scored_on_the_demo_at_once(
    demo: Path, networks: Path, alone: Open, assert_frame: Callable[[AppTest], None],
    text_of: Callable[[AppTest], str],
) -> None:  # fmt: skip
    app = alone("evaluate")
    assert_frame(app)
    assert [metric.label for metric in app.metric] == ["UNet", "ResUNet"]
    assert all(0.0 <= float(metric.value) <= 1.0 for metric in app.metric)
    assert "Mean Dice per slice" in text_of(app)
    assert len(app.get("plotly_chart")) == 3
    kept = list((paths.cache() / "evaluations").glob("*.json"))
    assert len(kept) == 2


def test_the_second_visit_computes_nothing(
    demo: Path, networks: Path, alone: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone("evaluate")
    monkeypatch.setattr(evaluation, "compute", lambda *_: pytest.fail("computed again"))
    assert not alone("evaluate").exception


def test_without_networks_it_offers_to_train(
    demo: Path, no_networks: None, alone: Open, assert_frame: Callable[[AppTest], None],
    text_of: Callable[[AppTest], str],
) -> None:  # fmt: skip
    app = alone("evaluate")
    assert_frame(app)
    assert "No trained network yet" in text_of(app)


def test_without_a_chosen_network_it_asks_for_one(demo: Path, networks: Path, alone: Open) -> None:
    app = alone("evaluate")
    app.multiselect(key="evaluate.networks").set_value([]).run()
    assert not app.exception
    assert "at least one network" in app.info[0].value


def run_on(demo: Path, network: Path) -> networks.NetworkRef:
    """A run made from the demo data, whose network is a copy of a shipped one."""
    numbers = [sample.number for sample in read_catalog(demo).with_truth]
    split = Split(
        train=tuple(numbers[4:]), val=tuple(numbers[2:4]), test=tuple(numbers[:2]), seed=0,
        unit="patient",
    )  # fmt: skip
    run = runs.create(recipe("quick", model="unet", data=str(demo)), split)
    (run / "network").symlink_to(network, target_is_directory=True)
    return next(ref for ref in networks.list_networks() if ref.kind == "run")


@pytest.fixture
def run_ref(demo: Path, tiny_networks: Path) -> networks.NetworkRef:
    return run_on(demo, tiny_networks / "unet")


def test_a_run_offers_its_own_test_slices_first(demo: Path, run_ref: networks.NetworkRef) -> None:
    labels = list(evaluation.choices([run_ref], read_catalog(demo)))
    assert labels[0].startswith("Test slices")
    assert labels[1].startswith("Validation slices")
    assert labels[-1].startswith("All slices")


def test_training_slices_are_counted_as_seen(demo: Path, run_ref: networks.NetworkRef) -> None:
    catalog = read_catalog(demo)
    everything = tuple(sample.number for sample in catalog.with_truth)
    seen = evaluation.seen_in_training(run_ref, catalog, everything)
    assert seen == len(everything) - 2
    test = runs.split(run_ref.folder.parent).test
    assert evaluation.seen_in_training(run_ref, catalog, test) == 0


def test_the_screen_warns_of_slices_that_were_trained_on(
    demo: Path, no_networks: None, run_ref: networks.NetworkRef, alone: Open
) -> None:
    app = alone("evaluate")
    assert not app.warning
    chosen = app.selectbox(key="evaluate.part")
    chosen.set_value(chosen.options[-1]).run()
    assert "in training or tuning" in app.warning[0].value


def test_the_runs_own_result_is_shown(demo: Path, run_ref: networks.NetworkRef) -> None:
    run, catalog = run_ref.folder.parent, read_catalog(demo)
    numbers = runs.split(run).test
    cases = tuple(case(number, 0.5, 10) for number in numbers)
    result = Evaluation(
        model="x", data="demo", threshold=0.5, orientation="file", cases=cases, summary={},
        by_tumour={},
    )  # fmt: skip
    runs.write_evaluation(run / "result.json", result)
    found = evaluation.kept(run_ref, catalog, numbers)
    assert found is not None
    assert found.cases == cases
    assert found.model == run_ref.label


def test_undefined_scores_are_dashes() -> None:
    row = {row["Score"]: row["UNet"] for row in evaluation.table([made()])}
    assert row["IoU (Jaccard)"] == "–"  # noqa: RUF001
    assert row["Mean Dice per slice"] == "0.400 (0.30 to 0.50)"
    assert row["Tumours missed altogether"] == "50.0%"


def test_worst_cases_are_the_lowest_dice_or_the_largest_false_alarm() -> None:
    assert [c.number for c in evaluation.worst(made(), tumour_free=False)] == [1, 2]
    assert [c.number for c in evaluation.worst(made(), tumour_free=True)] == [3]


def test_downloads_hold_every_case() -> None:
    rows = list(csv.DictReader(io.StringIO(evaluation.as_csv([made("UNet"), made("ResUNet")]))))
    assert len(rows) == 8
    assert rows[0]["dice"] == "0.0"
    assert rows[2]["dice"] == ""
    assert len(json.loads(evaluation.as_json([made()]))[0]["cases"]) == 4
