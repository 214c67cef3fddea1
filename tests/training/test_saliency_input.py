"""The dataset's maps as further channels, from the files to a prediction and back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from brainseg import cli, export, models, networks, orientation, predict, preprocess, runs
from brainseg.data.cache import build_cache
from brainseg.data.catalog import read_catalog, read_mask, read_scan
from brainseg.errors import ConfigError, DataError, NetworkError, ScanError
from brainseg.evaluate import evaluate, evaluate_run
from brainseg.inference import Segmenter
from brainseg.training import augment, finish
from brainseg.training.batches import Batches
from brainseg.training.fit import Trainer
from brainseg.training.planning import new_run, open_data, split_of
from brainseg.training.prepare import load_data, start_weights
from brainseg.training.recipes import RunConfig, command, recipe
from brainseg.training.reporter import Reporter
from brainseg.types import SALIENCY_INPUTS, Sample, Scan, Split
from brainseg.views import TILTED

SIDE = 32
CHANNELS = {"none": 1, "1": 2, "2": 2, "both": 3}


@pytest.fixture(scope="module")
def maps_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight small slices whose map 1 is the mask, in grey 200, and whose map 2 is a ramp."""
    root = tmp_path_factory.mktemp("maps")
    random = np.random.default_rng(0)
    for folder in ("images", "masks", "saliency_maps_1", "saliency_maps_2"):
        (root / folder).mkdir()
    for number in range(8):
        image = random.integers(0, 255, (SIDE, SIDE)).astype(np.uint8)
        mask = np.zeros((SIDE, SIDE), np.uint8)
        mask[6 : 14 + number, 8:20] = 255
        ramp = np.tile(np.arange(SIDE, dtype=np.uint8) * 4, (SIDE, 1))
        cv2.imwrite(str(root / "images" / f"{number}.png"), image)
        cv2.imwrite(str(root / "masks" / f"{number}_mask.png"), mask)
        cv2.imwrite(str(root / "saliency_maps_1" / f"{number}.png"), mask // 255 * 200)
        cv2.imwrite(str(root / "saliency_maps_2" / f"{number}.png"), ramp)
    return root


def _config(data: Path, saliency: str, **changes: object) -> RunConfig:
    small = {"size": SIDE, "base": 2, "depth": 2, "epochs": 2, "batch_size": 2, "threads": 1}
    return recipe(
        "quick", model="unet", data=str(data), split_unit="slice", saliency=saliency,
        **small | changes,
    )  # fmt: skip


# ---------------------------------------------------------------- settings
def test_old_settings_mean_the_scan_alone_and_new_ones_travel():
    old = recipe("quick", model="unet", data="d").to_dict()
    del old["saliency"]
    assert RunConfig.from_dict(old).saliency == "none"
    assert RunConfig.from_dict(old).channels == 1
    config = _config(Path("d"), "both")
    assert RunConfig.from_dict(config.to_dict()) == config
    assert "--saliency both" in command(config)
    with pytest.raises(ConfigError, match="saliency must be one of none, 1, 2, both"):
        _config(Path("d"), "3")


@pytest.mark.parametrize("saliency", SALIENCY_INPUTS)
def test_every_choice_has_its_channels(saliency: str):
    assert _config(Path("d"), saliency).channels == CHANNELS[saliency]


def test_a_further_channel_costs_one_kernel_of_the_first_convolution():
    counts = [
        models.build("unet", size=16, base=4, depth=2, channels=c).count_params() for c in (1, 2, 3)
    ]
    assert np.diff(counts).tolist() == [9 * 4, 9 * 4]


# ---------------------------------------------------------------- from files to batches
def test_a_map_keeps_its_brightness_and_follows_its_scan_into_the_square():
    values = np.float32([[0, 51], [102, 51]])
    found, geometry = preprocess.network_input(
        Scan(pixels=np.float32([[5, 9], [7, 5]]), saliency=(None, values)), 2, "2"
    )
    assert found[..., 0].tolist() == [[0, 1], [0.5, 0]]
    assert found[..., 1] == pytest.approx(values / 255)
    tall = preprocess.geometry_of(np.zeros((4, 2), np.float32), 4)
    padded = preprocess.standardise_map(np.full((8, 4), 255, np.float32), tall)[..., 0]
    assert padded[:, 1:3].min() == 1  # resized to its scan
    assert padded[:, [0, 3]].max() == 0  # and padded with it
    assert geometry.size == 2


def test_the_cache_holds_maps_beside_scans_and_scans_alone_as_ever(maps_data: Path):
    catalog = read_catalog(maps_data)
    plain = build_cache(catalog, side=SIDE)
    both = build_cache(catalog, side=SIDE, saliency="both")
    second = build_cache(catalog, side=SIDE, saliency="2")
    assert plain.images.shape == (8, SIDE, SIDE)
    assert both.images.shape == (8, SIDE, SIDE, 3)
    assert np.array_equal(both.images[..., 0], plain.images)
    assert np.array_equal(both.images[..., 1], plain.masks * 200)
    assert np.array_equal(both.images[..., 2], second.images[..., 1])
    assert len({plain.folder, both.folder, second.folder}) == 3


def test_the_cache_holds_what_a_network_of_the_same_contrast_sees(maps_data: Path):
    catalog = read_catalog(maps_data)
    plain = build_cache(catalog, side=SIDE, saliency="1")
    spread = build_cache(catalog, side=SIDE, saliency="1", contrast="equalised")
    assert plain.folder != spread.folder
    assert build_cache(catalog, side=SIDE, saliency="1").folder == plain.folder
    assert np.array_equal(plain.images[..., 1], spread.images[..., 1])
    for sample, stored in zip(catalog.samples, spread.images, strict=True):
        seen, _ = preprocess.network_input(read_scan(sample, "1"), SIDE, "1", "equalised")
        assert np.array_equal(stored, np.rint(seen * 255).astype(np.uint8))


def test_geometry_moves_all_channels_alike_and_light_only_the_scan():
    random = np.random.default_rng(3)
    scan, map_1 = random.random((2, SIDE, SIDE)).astype(np.float32)
    mask = (scan > 0.5).astype(np.float32)
    for seed in range(12):
        drawn = augment.draw(np.random.default_rng(seed))
        moved, moved_mask = augment.apply(np.stack([scan, map_1], axis=-1), mask, drawn)
        alone, alone_mask = augment.apply(scan, mask, drawn)
        dark = replace(
            drawn, brightness=1.0, contrast=1.0, gamma=1.0, noise=0.0, blur=0.0, low_resolution=1.0
        )
        assert moved[..., 0] == pytest.approx(alone, abs=1e-5)
        assert np.array_equal(moved_mask, alone_mask)
        assert moved[..., 1] == pytest.approx(augment.apply(map_1, mask, dark)[0], abs=1e-5)


def test_augmenting_leaves_the_stored_slices_alone():
    image = np.random.default_rng(0).random((SIDE, SIDE, 2)).astype(np.float32)
    before = image.copy()
    augment.apply(image, np.zeros((SIDE, SIDE), np.float32), augment.Augmentation(brightness=0.5))
    assert np.array_equal(image, before)


def test_batches_carry_the_maps(maps_data: Path):
    cache = build_cache(read_catalog(maps_data), side=SIDE, saliency="both")
    batches = Batches(
        images=cache.images, masks=cache.masks, rows=range(8), batch_size=4, seed=0, augment="none"
    )
    for images, masks in batches.epoch(1):
        assert images.shape == (4, SIDE, SIDE, 3)
        assert images[..., 1:2] == pytest.approx(masks * 200 / 255)


# ---------------------------------------------------------------- refusals
def test_data_without_the_maps_are_refused_in_one_sentence(maps_data: Path, tmp_path: Path):
    for folder in ("images", "masks", "saliency_maps_1"):
        (tmp_path / folder).symlink_to(maps_data / folder)
    assert new_run(_config(tmp_path, "1"), tmp_path / "run").is_dir()
    with pytest.raises(DataError, match="needs map 2 of every slice, and 8 of 8 have none"):
        new_run(_config(tmp_path, "both"))
    assert cli.main(["train", "--data", str(tmp_path), "--model", "unet", "--saliency", "2"]) == 2


def test_a_scan_without_the_maps_is_refused_in_one_sentence():
    with pytest.raises(ScanError, match="saliency map 1 beside the scan, and upload has none"):
        preprocess.network_input(Scan(pixels=np.eye(4, dtype=np.float32), source="upload"), 4, "1")


# ---------------------------------------------------------------- a whole run
@pytest.fixture(scope="module")
def trained(maps_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with both maps, trained in this process."""
    home = tmp_path_factory.mktemp("trained")
    run = new_run(_config(maps_data, "both"), home / "runs" / "with-maps")
    config, split = runs.config(run), runs.split(run)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BRAINSEG_HOME", str(home))
        trainer = Trainer(config, run / "checkpoint", Reporter(run, config.model))
        data = load_data(config, split).data
        assert trainer.fit(data)
        finish.export_best(run, trainer.model, data)
    return run


def test_the_exported_network_says_what_it_needs(trained: Path, monkeypatch):
    described = networks.read_network(trained / "network")
    assert described.saliency == "both"
    monkeypatch.setenv("BRAINSEG_HOME", str(trained.parent.parent))
    listed = [ref for ref in networks.list_networks() if ref.kind == "run"]
    assert [(ref.saliency, ref.label) for ref in listed] == [
        ("both", "Run with-maps, with both maps")
    ]
    assert list((trained / "previews").glob("epoch-00001-*.webp"))


def test_openvino_answers_as_keras_does_and_turns_maps_with_the_scan(
    trained: Path, maps_data: Path
):
    segmenter = Segmenter.load(trained / "network", precision="f32")
    sample = read_catalog(maps_data).samples[0]
    scan = read_scan(sample, "both")
    seen, _ = preprocess.network_input(scan, SIDE, "both")
    lies = segmenter.turns(seen[np.newaxis])
    model = export.load_model(trained / "network")
    upright = np.asarray(model(orientation.turned(seen[np.newaxis], -lies)))
    logits = orientation.turned(upright, lies)[0, ..., 0]
    expected = 1 / (1 + np.exp(-logits))
    assert segmenter.predict(scan).probability == pytest.approx(expected, abs=1e-4)
    views = [undo(segmenter.infer(make(seen)[np.newaxis])[0][0]) for make, undo in TILTED]
    mean = segmenter.predict(scan, symmetries=True).probability
    assert mean == pytest.approx(np.mean(views, axis=0), abs=1e-4)
    assert segmenter.predict_many([scan])[0].probability == pytest.approx(expected, abs=1e-4)


def test_evaluation_reads_the_maps_and_a_plain_scan_is_refused(trained: Path, maps_data: Path):
    catalog = read_catalog(maps_data)
    segmenter = Segmenter.load(trained / "network")
    result = evaluate_run(trained)
    assert [case.number for case in result.cases] == list(runs.split(trained).test)
    sample = catalog.samples[0]
    assert read_mask(sample) is not None
    for name in ("upright", "rot90"):
        assert evaluate(segmenter, catalog, [0], orientation=name).cases[0].dice is not None
    with pytest.raises(ScanError, match="saliency map 1"):
        segmenter.predict(read_scan(sample))


def test_a_report_draws_a_network_that_needs_the_maps(
    trained: Path, maps_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    page = tmp_path / "report.html"
    words = ["--data", str(maps_data), "--ids", "all", "--report", str(page)]
    assert cli.main(["evaluate", "--model", str(trained), *words]) == 0
    assert "dice_median" in capsys.readouterr().out
    assert "data:image/webp" in page.read_text()


def test_a_resumed_run_equals_an_uninterrupted_one(trained: Path, maps_data: Path, tmp_path: Path):
    config, split = runs.config(trained), runs.split(trained)
    run = new_run(replace(config, epochs=1), tmp_path / "run")
    prepared = load_data(config, split).data
    first = Trainer(replace(config, epochs=1), run / "checkpoint", Reporter(run, config.model))
    assert first.fit(prepared)
    second = Trainer(config, run / "checkpoint", Reporter(run, config.model))
    second.restore()
    assert second.fit(prepared)
    losses = [[record.loss for record in runs.history(one)] for one in (trained, run)]
    assert losses[0] == losses[1]


def test_the_networks_own_map_and_other_weights_are_refused(trained: Path, tmp_path: Path):
    scan = tmp_path / "scan.png"
    cv2.imwrite(str(scan), np.eye(SIDE, dtype=np.uint8) * 255)
    with pytest.raises(NetworkError, match="needs the scan alone"):
        predict.explain_file(str(trained), "gradient", scan, tmp_path / "out")
    with pytest.raises(ScanError, match="saliency map 1"):
        predict.predict_files([str(trained)], [scan], tmp_path / "masks")
    plain = models.build("unet", size=SIDE, base=2, depth=2)
    with pytest.raises(ConfigError, match="maps"):
        start_weights(plain, str(trained))


def test_a_network_folder_without_the_key_sees_the_scan_alone(trained: Path, tmp_path: Path):
    described = networks.NetworkConfig(name="n", architecture="unet", size=32, base=2, depth=2)
    path = networks.write_network_json(tmp_path, described)
    plain = json.loads(path.read_text())
    del plain["saliency"]
    assert networks._validated(plain, path) == described
    with pytest.raises(NetworkError, match="saliency must be one of"):
        networks._validated(plain | {"saliency": ["1"]}, path)


def test_the_split_is_the_same_with_and_without_maps(maps_data: Path):
    splits: list[Split] = [
        split_of(_config(maps_data, name), open_data(maps_data)) for name in SALIENCY_INPUTS
    ]
    assert all(split == splits[0] for split in splits)
    assert isinstance(open_data(maps_data)[0].samples[0], Sample)
