from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from brainseg import evaluate, networks, paths, runs
from brainseg.data.catalog import TUMOUR_FREE_FIRST, read_catalog
from brainseg.scores import SYMMETRY_NAMES
from brainseg.training.planning import open_data
from brainseg.training.recipes import recipe
from brainseg.types import Split
from ui import cache, evaluate_progress, evaluation

Open = Callable[..., AppTest]


@pytest.mark.usefixtures("demo", "networks")
def test_both_networks_are_scored_on_the_demo_at_once(scored, assert_frame, text_of) -> None:
    app = scored("evaluate")
    assert_frame(app)
    assert [metric.label for metric in app.metric] == ["UNet", "ResUNet"]
    assert all(0.0 <= float(metric.value) <= 1.0 for metric in app.metric)
    assert "Mean Dice per slice" in text_of(app)
    assert "Tumour-free slices with a tumour painted on" in text_of(app)
    kept = [runs.read_evaluation(p) for p in (paths.cache() / "evaluations").glob("*.json")]
    shown = {m.label: m.value for m in app.metric}
    assert sorted(shown.values()) == sorted(f"{e.summary['dice']:.3f}" for e in kept)


@pytest.mark.usefixtures("demo", "networks")
def test_every_section_opens_and_the_second_visit_computes_nothing(
    scored, assert_frame, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = scored("evaluate")
    monkeypatch.setattr(evaluate, "evaluate", lambda *_, **__: pytest.fail("computed again"))
    charts = {
        "Groups": 1, "Distribution": 3, "Head to head": 1, "Probabilities": 3, "Gallery": 0,
        "Misses and false alarms": 0, "Symmetries": 0, "Export": 0,
    }  # fmt: skip
    for section, count in charts.items():
        app.button_group(key="evaluate.section").set_value(section).run()
        assert_frame(app)
        assert len(app.get("plotly_chart")) == count, section
    assert len(app.get("download_button")) == 4


@pytest.mark.usefixtures("demo", "networks")
def test_groups_are_by_kind_plane_size_and_patient(scored, assert_frame) -> None:
    app = scored("evaluate", evaluate__section="Groups")
    for by, title in (("plane", "Plane"), ("size", "Size of the tumour")):
        app.button_group(key="evaluate.by").set_value(by).run()
        assert_frame(app)
        dices, errors = (table.value for table in app.table)
        assert list(dices.columns)[:3] == [title, "Network", "Slices"]
        assert list(errors.columns)[-2:] == ["Missed", "False alarms"]
        assert all(len(table.columns) == 5 for table in (dices, errors))  # no wider than a phone
        assert list(errors[title]) == list(dices[title])
        assert set(dices["Network"]) == set(errors["Network"]) == {"UNet", "ResUNet"}
    app.button_group(key="evaluate.by").set_value("patient").run()
    patients = app.dataframe[0].value
    dices = list(patients["Dice, UNet"].dropna())
    assert len(dices) > 2
    assert dices == sorted(dices)


@pytest.mark.usefixtures("demo", "networks")
def test_a_large_scoring_is_asked_for_shown_and_cancelled(
    alone: Open, text_of, monkeypatch: pytest.MonkeyPatch, wait_for_scores
) -> None:
    gate = threading.Event()
    real = evaluate.score

    def slow(*args, **options):
        assert gate.wait(60)
        return real(*args, **options)

    monkeypatch.setattr(evaluate, "score", slow)
    monkeypatch.setattr(evaluate_progress, "AT_ONCE", 0)
    app = alone("evaluate")
    assert not app.metric
    app.button(key="evaluate.score").click().run()
    assert "of 48 predictions" in app.get("progress")[0].proto.text
    elsewhere = alone("evaluate")  # another session sees the same scoring
    assert elsewhere.button(key="evaluate.cancel")
    app.button(key="evaluate.cancel").click()
    app.run()
    gate.set()
    wait_for_scores()
    app = alone("evaluate")
    assert "Cancelled" in text_of(app)
    assert not list((paths.cache() / "evaluations").glob("*"))
    app.button(key="evaluate.score").click().run()
    wait_for_scores()
    assert len(app.run().metric) == 2


@pytest.mark.usefixtures("demo", "networks")
def test_the_walk_goes_through_every_false_alarm(scored, text_of) -> None:
    app = scored("evaluate", evaluate__section="Misses and false alarms")
    app.button_group(key="evaluate.error_kind").set_value("False alarms").run()
    listed = app.dataframe[0].value
    count = len(listed)
    assert count > 1
    assert list(listed.columns)[:3] == ["Slice", "True px", "Painted px"]  # what may not be cut
    seen = []
    for place in range(count):
        assert f"{place + 1} of {count}" in text_of(app)
        links = [link.proto for link in app.get("page_link")]
        seen += [link.query_string for link in links if link.label == "Open in Compare"]
        app.button(key="evaluate.next").click().run()
    assert len(set(seen)) in (0, count)  # 0 where the screen runs alone: there is nowhere to go
    assert f"1 of {count}" in text_of(app)


@pytest.mark.usefixtures("demo", "networks")
def test_the_eight_symmetries_are_scored_on_demand(scored, text_of, wait_for_scores) -> None:
    app = scored("evaluate", evaluate__section="Symmetries")
    before = len(list((paths.cache() / "evaluations").glob("*.json")))
    app.button(key="evaluate.symmetries.score").click().run()
    wait_for_scores()
    rows = app.run().table[0].value
    assert len(rows) == 9
    assert list(rows["Orientation"])[-1] == "Spread of the mean Dice"
    made = len(list((paths.cache() / "evaluations").glob("*.json"))) - before
    assert made == 2 * (len(SYMMETRY_NAMES) - 1)  # as the files lie is one of the eight


def test_a_folder_without_masks_can_be_vouched_for(
    demo: Path, networks: Path, scored: Open, tmp_path: Path, monkeypatch, text_of, wait_for_scores
) -> None:
    free = tmp_path / "free"
    shutil.copytree(demo / "images", free / "images")
    monkeypatch.setenv("BRAINSEG_DATA", str(free))
    app = scored("evaluate", evaluate__dataset="free")
    assert "No slice here has a known mask" in text_of(app)
    app.checkbox(key="evaluate.free_itself").check().run()
    wait_for_scores()
    app.run()
    assert all(metric.value.endswith("%") for metric in app.metric)
    assert "tumour-free slices on which something was painted" in text_of(app)
    monkeypatch.setenv("BRAINSEG_DATA", f"{demo}:{free}")
    app = scored("evaluate", evaluate__dataset=demo.name, evaluate__free="free")
    assert "All slices with a known mask (48)" in app.selectbox(key="evaluate.part").options


def test_a_slice_of_an_added_folder_is_found_under_its_own_number(demo: Path) -> None:
    catalogs = open_data(demo, demo)
    view = evaluation.View(
        refs=(), catalogs=tuple(catalogs), datasets=("Demo", "Free"), numbers=(), part="",
        results=(),
    )  # fmt: skip
    assert view.home(3)[1:] == ("Demo", 3)
    assert view.home(TUMOUR_FREE_FIRST + 3)[1:] == ("Free", 3)


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
    labels = list(evaluation.choices([run_ref], [read_catalog(demo)]))
    assert labels[0].startswith("Test slices")
    assert labels[1].startswith("Validation slices")
    assert labels[-1].startswith("All slices")


def test_training_slices_are_counted_as_seen(demo: Path, run_ref: networks.NetworkRef) -> None:
    catalog = read_catalog(demo)
    everything = tuple(sample.number for sample in catalog.with_truth)
    seen = evaluation.seen_in_training(run_ref, [catalog], everything)
    assert seen == len(everything) - 2
    test = runs.split(run_ref.folder.parent).test
    assert evaluation.seen_in_training(run_ref, [catalog], test) == 0


def test_one_slice_is_not_counted_in_the_warning(
    networks: Path, monkeypatch: pytest.MonkeyPatch, demo: Path
) -> None:
    refs, catalog = cache.networks()[:2], read_catalog(demo)
    monkeypatch.setattr(evaluation, "known_parts", lambda *_: {"train": (3, 4)})
    expect = "in training or tuning: expect better scores here than on new ones."
    told = evaluation.told_of_training(refs, [catalog], (3,))
    assert told == f"UNet and ResUNet saw this slice {expect}"
    told = evaluation.told_of_training(refs, [catalog], (3, 4, 5))
    assert told == f"UNet saw 2 of these 3 slices; ResUNet saw 2 of these 3 slices {expect}"
    assert evaluation.told_of_training(refs, [catalog], (5,)) == ""


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
    result = evaluate.evaluate_run(run)
    runs.write_evaluation(run / "result.json", result)
    found = evaluation.kept(run_ref, [catalog], numbers)
    assert found == replace(result, model=run_ref.label)
    older = replace(result, thresholds=None)  # of a version that counted less: scored again
    runs.write_evaluation(run / "result.json", older)
    assert evaluation.kept(run_ref, [catalog], numbers) is None
