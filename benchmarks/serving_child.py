"""One measurement in a process of its own: ``python -m benchmarks.serving_child TASK ARGUMENTS``.

``benchmarks.serving`` starts these; each prints one line of JSON. Nothing heavy is imported before
the clock runs. The Keras side is what an app of this kind does: load a ``.keras`` file, decode and
resize with OpenCV, ask ``model.predict``, draw the contour. Both encode the picture the same way.
"""

from __future__ import annotations

import time

BEGUN = time.perf_counter()

import json  # noqa: E402
import os  # noqa: E402
import statistics  # noqa: E402
import sys  # noqa: E402
from collections.abc import Callable  # noqa: E402
from concurrent.futures import ThreadPoolExecutor  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
WARM_UP, SLICES, USERS = 5, 40, 8
Row = dict[str, Any]


def _memory_mb() -> float:
    import psutil

    return float(psutil.Process().memory_info().rss / 2**20)


def _ours(model: str, precision: str = "f32") -> Any:
    from brainseg import networks
    from brainseg.inference import Segmenter

    return Segmenter.load(networks.find_network(model), precision=precision)


def _draw_ours(segmenter: Any, data: bytes) -> bytes:
    from brainseg.data import readers

    return _outlined(segmenter, readers.read(data, "scan.png"))


def _draw_isolated(segmenter: Any, data: bytes) -> bytes:
    from brainseg.data import decoding

    return _outlined(segmenter, decoding.read_limited([("scan.png", data)]))


def _outlined(segmenter: Any, volume: Any) -> bytes:
    import cv2

    from brainseg import overlay, palette

    scan = volume.slice(0)
    mask = segmenter.predict(scan).mask()
    drawn = overlay.outline(overlay.grey(scan.pixels), mask, palette.UNET)
    return _jpeg(cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR))


def _draw_keras(network: Any, data: bytes) -> bytes:
    import cv2
    import numpy as np

    grey = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_GRAYSCALE)
    side = network.input_shape[1]
    small = cv2.resize(grey, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    logits = network.predict(small[np.newaxis, ..., np.newaxis], verbose=0)[0, ..., 0]
    mask = (cv2.resize(logits, grey.shape[::-1]) >= 0).astype(np.uint8)
    lines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return _jpeg(
        cv2.drawContours(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), lines, -1, (233, 180, 86))
    )


def _jpeg(bgr: Any) -> bytes:
    import cv2

    return cv2.imencode(".jpg", bgr)[1].tobytes()


def keras_file(model: str, target: str) -> Row:
    """Save a shipped network as a ``.keras`` file of Keras' own layers, with the same weights."""
    import keras
    import numpy as np

    from brainseg import models, networks

    folder = networks.find_network(model)
    c = networks.read_network(folder)
    options = {"norm": c.norm} if hasattr(c, "norm") else {}
    ours = models.build(c.architecture, size=c.size, base=c.base, depth=c.depth, **options)
    stock = keras.models.clone_model(ours, clone_function=_stock_layer)
    with np.load(folder / "weights.npz", allow_pickle=False) as archive:
        for variable, name in zip(stock.variables, sorted(archive.files), strict=True):
            variable.assign(archive[name])
    stock.save(target)
    return {"parameters": stock.count_params(), "size": c.size, "base": c.base}


def _stock_layer(layer: Any) -> Any:
    import keras

    known = getattr(keras.layers, type(layer).__name__, None)
    kind = keras.layers.BatchNormalization if known is None else known
    return kind.from_config(layer.get_config())


def cold(kind: str, network: str, scan: str) -> Row:
    """From the first line of a new process to the first mask drawn, and the memory then held."""
    opened, draw = _opened(kind, network)
    draw(opened, Path(scan).read_bytes())
    seconds = time.perf_counter() - BEGUN
    return {"seconds": seconds, "mb": _memory_mb()}


def _opened(kind: str, network: str) -> tuple[Any, Callable[[Any, bytes], bytes]]:
    if kind != "keras":
        segmenter = _ours(network, "bf16" if kind == "fast" else "f32")
        return segmenter, _draw_isolated if kind == "isolated" else _draw_ours
    import keras

    return keras.models.load_model(network), _draw_keras


def warm(kind: str, network: str, scan: str) -> Row:
    """Bytes in, overlay out, again and again: the median."""
    opened, draw = _opened(kind, network)
    data, times = Path(scan).read_bytes(), []
    pause = 1.0 if kind == "isolated" else 0.0  # a person needs longer; a spare decoder then waits
    for _ in range(WARM_UP + (SLICES // 4 if pause else SLICES)):
        time.sleep(pause)
        begun = time.perf_counter()
        draw(opened, data)
        times.append(time.perf_counter() - begun)
    return {"seconds": statistics.median(times[WARM_UP:])}


def volume(network: str, scan: str) -> Row:
    """A whole volume: the file's bytes in, the mask of every slice out."""
    from brainseg.data import readers

    segmenter, data = _ours(network), Path(scan).read_bytes()
    times = []
    for _ in range(5):
        begun = time.perf_counter()
        found = readers.read(data, "scan.nii.gz")
        scans = [found.slice(i) for i in range(found.depth)]
        masks = [prediction.mask() for prediction in segmenter.predict_many(scans)]
        times.append(time.perf_counter() - begun)
    return {"seconds": statistics.median(times), "slices": len(masks)}


def _scans(count: int) -> list[Any]:
    import numpy as np

    from brainseg.types import Scan

    random = np.random.default_rng(0)
    return [Scan(pixels=random.random((512, 512), dtype=np.float32)) for _ in range(count)]


def users(network: str) -> Row:
    """Eight people at the same moment, and one alone: are the answers the same, who waits."""
    segmenter, scans = _ours(network), _scans(USERS)
    alone, expected, waits, same = [], [], [], True

    def ask(scan: Any) -> tuple[float, Any]:
        begun = time.perf_counter()
        found = segmenter.predict(scan).probability
        return time.perf_counter() - begun, found

    for _ in range(3):
        expected = [ask(scan)[1] for scan in scans]
    for _ in range(20):
        alone += [ask(scan)[0] for scan in scans]
        with ThreadPoolExecutor(USERS) as pool:
            answers = list(pool.map(ask, scans))
        waits.append(max(seconds for seconds, _ in answers))
        same &= all((a == e).all() for (_, a), e in zip(answers, expected, strict=True))
    longest, one = statistics.median(waits), statistics.median(alone)
    return {"alone": one, "longest": longest, "times": longest / one, "identical": same}


def threads(network: str, each: str) -> Row:
    """F19: eight threads, a thousand predictions each: identical, and the memory stays flat."""
    import gc

    segmenter, scans = _ours(network), _scans(USERS)
    expected = [segmenter.predict(scan).probability for scan in scans]

    def many(at: int, count: int) -> int:
        found = (segmenter.predict(scans[at]).probability for _ in range(count))
        return sum(not (probability == expected[at]).all() for probability in found)

    def together(count: int) -> int:
        with ThreadPoolExecutor(USERS) as pool:
            different = sum(pool.map(many, range(USERS), [count] * USERS))
        gc.collect()
        return different

    different = together(int(each) // 10)
    before = _memory_mb()
    different += together(int(each) - int(each) // 10)
    return {"different": different, "mb": before, "grown_mb": _memory_mb() - before,
            "predictions": USERS * int(each)}  # fmt: skip


def precision(network: str, kind: str, folder: str) -> Row:
    """Time of a slice, and the Dice of every slice that the network was never trained on."""
    from brainseg import networks
    from brainseg.data.catalog import read_catalog
    from brainseg.evaluate import evaluate

    segmenter, catalog = _ours(network, kind), read_catalog(Path(folder))
    split = networks.read_split(networks.find_network(network))
    here = {sample.number for sample in catalog.with_truth}
    chosen = [n for n in split.test if n in here] if split and not catalog.synthetic else []
    scan = _scans(1)[0]
    times = [segmenter.predict(scan).seconds for _ in range(WARM_UP + SLICES)]
    result = evaluate(segmenter, catalog, chosen or sorted(here))
    return {"seconds": statistics.median(times[WARM_UP:]), "dice": result.summary["dice"],
            "cases": {case.number: case.dice for case in result.cases}}  # fmt: skip


TASKS = {task.__name__: task for task in
         (keras_file, cold, warm, volume, users, threads, precision)}  # fmt: skip

if __name__ == "__main__":
    print(json.dumps(TASKS[sys.argv[1]](*sys.argv[2:])))
