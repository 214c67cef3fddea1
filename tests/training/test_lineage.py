"""First weights: their form comes with them, and what they have seen is no test."""

from __future__ import annotations

import shutil
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from brainseg import cli, files, networks, paths, runs
from brainseg.commands.training import configuration
from brainseg.data.catalog import TUMOUR_FREE_FIRST, read_scan
from brainseg.errors import ConfigError, NetworkError, RunError
from brainseg.inference import load
from brainseg.training import lineage, planning
from brainseg.training.planning import new_run, open_data, split_of
from brainseg.training.prepare import start_weights
from brainseg.training.recipes import FORM, RunConfig, recipe
from brainseg.types import Split


def _from_words(data: Path, *words: str) -> RunConfig:
    line = ["train", "--data", str(data), "--model", "unet", "--from", "unet", *words]
    return configuration(cli.parser().parse_args(line))


@pytest.mark.parametrize("name", ["quick", "document", "reference"])
def test_a_shipped_network_is_tuned_by_every_recipe_as_it_stands(name: str, demo_data: Path):
    config = _from_words(demo_data, "--recipe", name)
    known = networks.read_network(paths.PRETRAINED / "unet")
    assert {n: getattr(config, n) for n in FORM} == {n: getattr(known, n) for n in FORM}
    plain = recipe(name, model="unet", data=str(demo_data))
    assert config.learning_rate == pytest.approx(plain.learning_rate / 10)
    assert new_run(config).is_dir()


def test_its_weights_are_what_the_training_begins_with(demo_data: Path):
    import keras
    import numpy as np

    from brainseg import models

    config = _from_words(demo_data, "--size", "64")
    model = models.build("unet", size=64, base=config.base, depth=config.depth)
    start_weights(model, config.initial)
    with np.load(paths.PRETRAINED / "unet" / "weights.npz") as archive:
        kept = [archive[name] for name in sorted(archive.files)]
    now = [keras.ops.convert_to_numpy(v) for v in model.variables]
    for one, other in zip(now, kept, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_shipped_network_becomes_one_of_ones_own(demo_data: Path):
    words = ["--data", str(demo_data), "--model", "unet", "--from", "unet", "--recipe", "quick"]
    words += ["--size", "32", "--epochs", "1", "--threads", "1"]
    assert cli.main(["train", *words]) == 0
    (run,) = [runs.find(status.run_id) for status in runs.list_runs()]
    tuned = load(run.name)
    assert tuned.config.base == networks.read_network(paths.PRETRAINED / "unet").base
    scan = read_scan(open_data(demo_data)[0].samples[0])
    assert tuned.predict(scan).probability.shape == scan.pixels.shape
    assert runs.evaluation(run).model == run.name


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--base", "8"], "have another form: give --base 16"),
        (["--depth", "3", "--contrast", "equalised"], "--depth 4 --contrast linear"),
        (["--model", "resunet"], "'unet' is a unet: give --model unet"),
    ],
)
def test_what_does_not_fit_is_refused_before_a_run_is_made(
    words: list[str], sentence: str, demo_data: Path
):
    with pytest.raises(ConfigError, match=sentence):
        new_run(_from_words(demo_data, *words))
    assert not paths.runs().exists() or not list(paths.runs().iterdir())


def test_an_unknown_network_is_refused_by_name(demo_data: Path):
    line = ["train", "--data", str(demo_data), "--model", "unet", "--from", "nobody"]
    with pytest.raises(NetworkError, match="nobody"):
        configuration(cli.parser().parse_args(line))


def test_slices_that_the_first_weights_saw_are_no_test(
    demo_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    data, free = tmp_path / "data", tmp_path / "free"
    data.symlink_to(demo_data)
    free.symlink_to(demo_data)
    config = _from_words(data, "--split", "slice", "--tumour-free", str(free))
    opened = open_data(config.data, config.tumour_free)
    split = split_of(config, opened)
    past = Split(train=split.test[:2], val=(), test=(), seed=0, unit="slice")
    monkeypatch.setattr(networks, "read_split", lambda _: past)
    monkeypatch.setattr(lineage, "is_of", lambda *_: True)
    with pytest.raises(ConfigError, match=f"on 2 of the {len(split.test)} slices held out"):
        planning.new_run(config)
    monkeypatch.setattr(lineage, "is_of", lambda *_: False)  # the same numbers, other slices
    assert planning.new_run(config).is_dir()


def test_what_an_ancestor_saw_is_no_test_either(demo_data: Path, tmp_path: Path):
    """Trained on from a run on other data, which was trained on from one that knows these."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.symlink_to(demo_data)
    shutil.copytree(demo_data, tmp_path / "other")
    first, second = tmp_path / "first", tmp_path / "second"
    for run, data, initial in ((first, elsewhere, ""), (second, tmp_path / "other", str(first))):
        config = recipe("quick", model="unet", data=str(data), split_unit="slice")
        split = split_of(config, open_data(data))
        shutil.copytree(paths.PRETRAINED / "unet", run / "network")
        files.write_json(run / "network" / "split.json", asdict(split))
        runs.write_config(run, replace(config, initial=initial), split)
    held = runs.split(first).test
    opened = open_data(elsewhere)
    known = {sample.number for sample in opened[0].samples}
    for initial in (first, second):
        assert lineage.seen(str(initial), opened) == known - set(held)
    shutil.rmtree(first)
    assert lineage.seen(str(second), opened) == set()


def test_whose_slices_the_numbers_of_a_split_are(demo_data: Path, tmp_path: Path):
    shipped = paths.PRETRAINED / "unet"
    (mine,) = open_data(demo_data)
    known = networks.read_split(shipped)
    assert known is not None
    assert not lineage.is_of(shipped, known, mine)  # synthetic
    public = replace(mine, synthetic=False, samples=tuple(replace(s, fold=1) for s in mine.samples))
    assert lineage.is_of(shipped, known, public)
    added = replace(
        mine,
        samples=tuple(replace(s, number=s.number + TUMOUR_FREE_FIRST) for s in mine.samples),
    )
    assert not lineage.is_of(shipped, known, added)
    exactly = replace(
        known, test=tuple(sample.number for sample in added.samples), train=(), val=()
    )
    assert lineage.is_of(shipped, exactly, added)
    run = new_run(recipe("quick", model="unet", data=str(demo_data)))
    assert lineage.is_of(run / "network", known, mine)
    assert not lineage.is_of(run / "network", known, added)
    moved = replace(mine, root=tmp_path / "moved")
    assert lineage.is_of(run / "network", known, moved)
    assert not lineage.is_of(run / "network", known, replace(moved, digest="other"))


def test_numbers_of_other_slices_are_no_held_out_slices(
    demo_data: Path, capsys: pytest.CaptureFixture[str]
):
    for ids in ("test", "val"):
        words = ["--model", "unet", "--data", str(demo_data), "--ids", ids]
        assert cli.main(["evaluate", *words]) == 2
        assert f"no {ids} slice of unet lies in" in capsys.readouterr().err


def test_no_run_takes_the_name_of_a_shipped_network(demo_data: Path, home: Path):
    config = recipe("quick", model="unet", data=str(demo_data))
    with pytest.raises(RunError, match="name the run otherwise"):
        new_run(config, home / "runs" / "unet")
    run = new_run(config, home / "elsewhere" / "unet")
    shutil.copytree(paths.PRETRAINED / "unet", run / "network")
    shutil.copytree(run, home / "runs" / "unet")
    assert networks.find_network("unet") == paths.PRETRAINED / "unet"
    assert networks.find_network(str(home / "runs" / "unet")) == home / "runs" / "unet" / "network"
