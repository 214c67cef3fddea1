from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from brainseg import networks, paths, preprocess, uncertainty
from brainseg.ensemble import Ensemble
from brainseg.errors import NetworkError, ScanError
from brainseg.inference import Segmenter, load
from brainseg.networks import NetworkConfig
from brainseg.runtime import openvino
from brainseg.types import Scan
from brainseg.views import SYMMETRIES, TILTED

SIDE = 32


def export(
    folder: Path,
    *,
    slope: float = 20.0,
    by_row: bool = False,
    size: int = SIDE,
    features: bool = False,
    said: int = SIDE,
    name: str = "unet",
    orientation: str = "any",
    contrast: str = "linear",
) -> Path:
    """Save a network whose logit is ``slope * (pixel - 0.5)``, plus the row number if asked.

    Its ``features`` are the mean of the slice and the mean of its left half.
    """
    folder.mkdir(parents=True)
    ops = openvino.opset13
    image = ops.parameter([-1, size, size, 1], np.float32, name="image")
    logits = ops.multiply(
        ops.subtract(image, ops.constant(np.float32(0.5))), ops.constant(np.float32(slope))
    )
    if by_row:
        rows = np.linspace(-4, 4, size, dtype=np.float32).reshape(1, size, 1, 1)
        logits = ops.add(logits, ops.constant(rows))
    outputs = [logits]
    if features:
        half = ops.slice(image, np.array([0]), np.array([size // 2]), np.array([1]), np.array([2]))
        means = [ops.reduce_mean(part, np.array([1, 2]), False) for part in (image, half)]
        outputs.append(ops.concat(means, 1))
    model = openvino.Model(outputs, [image], "tiny")
    openvino.save_model(model, folder / "network.xml", compress_to_fp16=False)
    config = NetworkConfig(
        name="tiny",
        architecture=name,
        size=said,
        base=1,
        depth=1,
        orientation=orientation,
        contrast=contrast,
    )
    networks.write_network_json(folder, config)
    networks.seal(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(tmp_path_factory.mktemp("net") / "network")


@pytest.fixture(scope="module")
def segmenter(folder: Path) -> Segmenter:
    return Segmenter.load(folder)


@pytest.fixture
def scan() -> Scan:
    pixels = np.zeros((60, 100), np.float32)
    pixels[10:30, 20:50] = 4095
    return Scan(pixels=pixels, spacing_mm=(0.5, 0.25), source="square")


def test_the_prediction_has_the_geometry_of_the_scan(segmenter: Segmenter, scan: Scan) -> None:
    prediction = segmenter.predict(scan)
    assert prediction.probability.shape == (60, 100)
    assert prediction.probability.dtype == np.float32
    assert 0 <= prediction.probability.min() <= prediction.probability.max() <= 1
    assert prediction.mask()[15:25, 25:45].all()
    assert prediction.area_px() == pytest.approx(600, rel=0.15)
    assert prediction.area_mm2() == prediction.area_px() * 0.125
    assert prediction.model == segmenter.name == "tiny"
    assert prediction.seconds > 0


def test_probabilities_are_the_sigmoid_of_the_logits(segmenter: Segmenter) -> None:
    batch = np.random.default_rng(0).random((3, SIDE, SIDE, 1), dtype=np.float32)
    expected = 1 / (1 + np.exp(-20 * (batch[..., 0] - 0.5)))
    assert np.allclose(segmenter.probabilities(batch), expected, atol=1e-6)


def test_huge_logits_saturate_without_a_warning(tmp_path: Path) -> None:
    steep = Segmenter.load(export(tmp_path / "network", slope=1e30))
    batch = np.zeros((1, SIDE, SIDE, 1), np.float32)
    batch[0, 0] = 1
    found = steep.probabilities(batch)
    assert set(np.unique(found)) == {0.0, 1.0}


@pytest.mark.parametrize("shape", [(1, SIDE, SIDE), (1, SIDE, SIDE, 3), (2, 16, 16, 1)])
def test_another_shape_is_refused(segmenter: Segmenter, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="a batch must be"):
        segmenter.probabilities(np.zeros(shape, np.float32))


def test_an_empty_batch_gives_an_empty_answer(segmenter: Segmenter) -> None:
    assert segmenter.probabilities(np.zeros((0, SIDE, SIDE, 1), np.float32)).shape == (0, 32, 32)
    assert segmenter.predict_many([]) == []


def test_the_batch_size_does_not_change_the_answer(segmenter: Segmenter) -> None:
    batch = np.random.default_rng(1).random((19, SIDE, SIDE, 1), dtype=np.float32)
    together = segmenter.probabilities(batch)
    alone = np.concatenate([segmenter.probabilities(one[np.newaxis]) for one in batch])
    assert np.array_equal(together, alone)


def test_many_scans_are_predicted_as_each_alone(segmenter: Segmenter, scan: Scan) -> None:
    rng = np.random.default_rng(2)
    scans = [scan, *(Scan(pixels=rng.random((s, 40), dtype=np.float32)) for s in range(20, 31))]
    for one, prediction in zip(scans, segmenter.predict_many(scans), strict=True):
        assert np.array_equal(prediction.probability, segmenter.predict(one).probability)
        assert prediction.spacing_mm == one.spacing_mm


def test_the_eight_symmetries_are_different_and_turn_back() -> None:
    square = np.random.default_rng(3).random((6, 6, 1))
    turned = {turn(square).tobytes() for turn, _ in SYMMETRIES}
    assert len(turned) == 8
    for turn, back in SYMMETRIES:
        assert np.array_equal(back(turn(square)), square)


def test_the_views_of_upright_heads_are_different_and_turn_back() -> None:
    smooth = np.hypot(*np.mgrid[-1:1:64j, -1.2:0.8:64j]).astype(np.float32)[..., np.newaxis]
    made = {np.ascontiguousarray(make(smooth)).tobytes() for make, _ in TILTED}
    assert len(made) == 8
    middle = slice(16, 48)
    for make, undo in TILTED:
        assert np.allclose(undo(make(smooth))[middle, middle], smooth[middle, middle], atol=0.02)


def test_symmetries_do_not_change_what_is_symmetric(segmenter: Segmenter, scan: Scan) -> None:
    once = segmenter.predict(scan).probability
    assert np.allclose(segmenter.predict(scan, symmetries=True).probability, once, atol=1e-6)


def test_symmetries_make_any_network_indifferent_to_turning(tmp_path: Path) -> None:
    skewed = Segmenter.load(export(tmp_path / "network", by_row=True))
    pixels = np.random.default_rng(4).random((SIDE, SIDE), dtype=np.float32)
    upright = skewed.predict(Scan(pixels=pixels), symmetries=True).probability
    turned = skewed.predict(Scan(pixels=np.rot90(pixels).copy()), symmetries=True).probability
    assert np.allclose(np.rot90(upright), turned, atol=1e-6)
    plain = skewed.predict(Scan(pixels=pixels)).probability
    assert not np.allclose(upright, plain, atol=1e-2)


def test_eight_threads_get_identical_answers(segmenter: Segmenter) -> None:
    rng = np.random.default_rng(5)
    scans = [Scan(pixels=rng.random((40, 40), dtype=np.float32)) for _ in range(8)]
    expected = [segmenter.predict(scan).probability for scan in scans]

    def agrees(index: int) -> bool:
        found = segmenter.predict(scans[index % 8]).probability
        return np.array_equal(found, expected[index % 8])

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(agrees, range(400)))


def test_bf16_is_an_option_and_close(folder: Path, segmenter: Segmenter, scan: Scan) -> None:
    fast = Segmenter.load(folder, precision="bf16").predict(scan).probability
    assert np.allclose(fast, segmenter.predict(scan).probability, atol=0.1)


def test_features_come_with_every_prediction_and_change_nothing_else(
    segmenter: Segmenter, scan: Scan, tmp_path: Path
) -> None:
    telling = Segmenter.load(export(tmp_path / "network", features=True))
    assert (telling.has_features, segmenter.has_features) == (True, False)
    found = telling.predict(scan)
    assert np.array_equal(found.probability, segmenter.predict(scan).probability)
    assert segmenter.predict(scan).features == ()
    image, _ = preprocess.standardise(scan.pixels, SIDE)
    expected = [image.mean(), image[:, : SIDE // 2].mean()]
    assert found.features[0] == pytest.approx(expected, abs=1e-6)
    for one in telling.predict_many([scan] * 10):
        assert one.features[0] == pytest.approx(expected, abs=1e-6)
    averaged = telling.predict(scan, symmetries=True)
    assert averaged.features[0] == pytest.approx(expected, abs=1e-6)  # of the scan as it lies


def test_uncertainty_is_the_entropy_of_the_symmetry_average(
    segmenter: Segmenter, scan: Scan
) -> None:
    found = segmenter.uncertainty(scan)
    average = segmenter.predict(scan, symmetries=True).probability
    assert found.shape == scan.pixels.shape
    assert np.array_equal(found, uncertainty.entropy(average))
    steep = found[scan.pixels == 0]
    assert np.median(steep) < 0.01


def test_uncertainty_turns_with_the_scan(tmp_path: Path) -> None:
    skewed = Segmenter.load(export(tmp_path / "network", by_row=True))
    pixels = np.random.default_rng(7).random((SIDE, SIDE), dtype=np.float32)
    upright = skewed.uncertainty(Scan(pixels=pixels))
    for turn, back in SYMMETRIES:
        turned = skewed.uncertainty(Scan(pixels=np.ascontiguousarray(turn(pixels))))
        assert np.allclose(back(turned), upright, atol=1e-5)


def test_one_door_opens_networks_folders_and_the_ensemble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scan: Scan
) -> None:
    monkeypatch.setattr(paths, "PRETRAINED", tmp_path)
    export(tmp_path / "unet", slope=20)
    export(tmp_path / "resunet", slope=5, size=64, said=64, name="resunet")
    both = load("ensemble")
    assert isinstance(both, Ensemble)
    alone = [load(name) for name in ("unet", str(tmp_path / "resunet"))]
    mean = np.mean([one.predict(scan).probability for one in alone], axis=0)
    assert np.allclose(both.predict(scan).probability, mean, atol=1e-6)
    with pytest.raises(NetworkError, match="no network named"):
        load("nothing")


def test_a_scan_that_is_not_finite_is_refused(segmenter: Segmenter) -> None:
    with pytest.raises(ScanError, match="not finite"):
        segmenter.predict(Scan(pixels=np.full((9, 9), np.nan, np.float32)))


def test_a_network_that_answers_nan_is_not_believed(tmp_path: Path, scan: Scan) -> None:
    broken = Segmenter.load(export(tmp_path / "network", slope=float("nan")))
    with pytest.raises(NetworkError, match="not finite"):
        broken.predict(scan)


def test_a_network_of_another_size_than_it_says_is_refused(tmp_path: Path) -> None:
    folder = export(tmp_path / "network", size=64)
    with pytest.raises(NetworkError, match=r"has input .* is needed"):
        Segmenter.load(folder)


def test_files_that_are_no_network_are_refused(tmp_path: Path) -> None:
    folder = export(tmp_path / "network")
    (folder / "network.xml").write_text("<html></html>")
    networks.seal(folder)
    with pytest.raises(NetworkError, match="cannot be loaded"):
        Segmenter.load(folder)


def test_an_altered_network_is_refused(tmp_path: Path) -> None:
    folder = export(tmp_path / "network")
    (folder / "network.bin").write_bytes(b"altered")
    with pytest.raises(NetworkError, match="does not match its checksum"):
        Segmenter.load(folder)


def test_predicting_sends_nothing_writes_nothing_and_loads_no_keras(
    folder: Path, tmp_path: Path
) -> None:
    script = """
        import sys
        seen = []
        sys.addaudithook(lambda event, args: seen.append(event)
            if event.startswith(("socket.", "subprocess", "os.system", "os.fork")) else None)
        import numpy as np
        from pathlib import Path
        from brainseg.inference import Segmenter
        from brainseg.types import Scan
        segmenter = Segmenter.load(Path(sys.argv[1]))
        segmenter.predict(Scan(pixels=np.eye(20, dtype=np.float32)))
        assert not seen, seen
        loaded = {name.split(".")[0] for name in sys.modules if sys.modules[name]}
        assert not loaded & {"openvino_telemetry", "keras", "tensorflow", "streamlit"}, loaded
    """
    home = tmp_path / "empty_home"
    home.mkdir()
    environment = {**os.environ, "HOME": str(home), "CI": ""}
    subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(script), str(folder)],
        check=True,
        env=environment,
        timeout=120,
        cwd=Path(__file__).parent.parent,
    )
    assert not list(home.iterdir())


def test_a_signal_after_networks_came_and_went_reaches_python(tmp_path: Path) -> None:
    export(tmp_path / "network")
    code = """
        import faulthandler, gc, signal, sys
        from pathlib import Path
        from brainseg.inference import Segmenter
        faulthandler.enable()  # what gives the main thread a stack for signals
        seen = []
        signal.signal(signal.SIGTERM, lambda number, frame: seen.append(number))
        first = Segmenter.load(Path(sys.argv[1]))
        second = Segmenter.load(Path(sys.argv[1]))
        del first
        gc.collect()
        del second
        gc.collect()
        signal.raise_signal(signal.SIGTERM)
        assert seen == [signal.SIGTERM]
    """
    words = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "network")]
    assert subprocess.run(words, check=False).returncode == 0
