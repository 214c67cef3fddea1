"""Scans on disk to masks on disk: what `brainseg predict` and `brainseg saliency` write."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from brainseg import files, inference, networks, overlay
from brainseg.data import readers
from brainseg.errors import NetworkError, ScanError
from brainseg.refine import Refined
from brainseg.saliency_request import DEEPEST, Target
from brainseg.types import Volume
from brainseg.upload_gate import UploadGate

if TYPE_CHECKING:
    from brainseg.saliency import Saliency


def predict_files(
    models: Sequence[str],
    scans: Sequence[Path],
    out: Path,
    *,
    threshold: float | None = None,
    symmetries: bool = False,
    smallest: float = 0.0,
    precision: networks.Precision | None = None,
    volume_index: int | None = None,
) -> list[dict[str, Any]]:
    """Write ``<stem>_<model>_mask.png`` for every slice of every scan and return a row for each.

    A volume's slices are numbered: ``<stem>_012_<model>_mask.png``; scans or networks of one name
    are told apart by ``-2``, ``-3`` behind it. The DICOM images of a folder, whatever they are
    called, are one volume of the folder's name. Whether a slice looks like a head is said by the
    shipped networks (``brainseg.upload_gate``).

    Args:
        models: names, ``"ensemble"`` among them, or folders of networks.
        scans: the files.
        out: folder of the masks.
        threshold: of the probability; by default each network's own, or 0.5 when averaged.
        symmetries: average over eight views of the slice (see ``brainseg.views``).
        smallest: drop connected parts smaller than this share of the slice.
        precision: ``"f32"`` or the faster ``"bf16"``; None as ``networks.precision`` says.
        volume_index: which volume, from 0, of scans that hold several.

    Raises:
        ChoiceNeeded: a scan holds several volumes and ``volume_index`` is None.
        ScanError: a scan cannot be read.
        NetworkError: a network cannot be found or is damaged.
    """
    segmenters = {
        name: Refined(
            inference.load(name, precision=precision),
            symmetries=symmetries,
            smallest=smallest,
            threshold=threshold,
        )
        for name in models
    }
    volumes = _volumes(scans, volume_index)
    stems = _apart([stem for stem, _ in volumes])
    labels = dict(zip(segmenters, _apart([Path(name).name for name in segmenters]), strict=True))
    out.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    taken: set[str] = set()
    door = UploadGate(segmenters, precision=precision)
    for stem, (_, volume) in zip(stems, volumes, strict=True):
        of_model: dict[str, list[dict[str, Any]]] = {name: [] for name in segmenters}
        for index in range(volume.depth):
            scan = volume.slice(index)
            answers = {name: one.predict(scan) for name, one in segmenters.items()}
            verdict = door.judge(scan, answers)
            part = f"{stem}_{index:03d}" if volume.depth > 1 else stem
            for name, answer in answers.items():
                path = out / f"{_free(f'{part}_{labels[name]}', taken)}_mask.png"
                level = segmenters[name].threshold
                mask = answer.mask(level).astype(np.uint8) * 255
                files.write_bytes(path, overlay.encode(mask, ".png"))
                of_model[name].append(
                    {
                        "scan": volume.source,
                        "slice": index,
                        "model": name,
                        "threshold": level,
                        "average": "symmetries" if symmetries else "none",
                        "smallest": smallest,
                        "mask": str(path),
                        "area_px": answer.area_px(level),
                        "area_mm2": answer.area_mm2(level),
                        "seconds": round(answer.seconds, 4),
                        "warning": verdict.reason,
                        "gate_distance": verdict.distance,
                        "gate_limit": verdict.limit,
                    }
                )
        rows += [row for part_of in of_model.values() for row in part_of]
    return rows


def _apart(names: Sequence[str]) -> list[str]:
    """Number those names that came before."""
    taken: set[str] = set()
    return [_free(name, taken) for name in names]


def _free(name: str, taken: set[str]) -> str:
    """Take this name, or the first number of it that is free, so that no file is written over."""
    told = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
    free = next(one for one in told if one not in taken)
    taken.add(free)
    return free


def _stem(path: Path) -> str:
    return path.name.removesuffix(".gz").rsplit(".", 1)[0] or path.name


def _volumes(scans: Sequence[Path], index: int | None) -> list[tuple[str, Volume]]:
    """Return name and volume of each scan; the DICOM images of a folder are one."""
    together: dict[Path, list[Path]] = {}
    for path in scans:
        together.setdefault(path.parent if readers.is_slice(path) else path, []).append(path)
    return [_volume(paths, index) for paths in together.values()]


def _volume(paths: Sequence[Path], index: int | None) -> tuple[str, Volume]:
    if len(paths) == 1:
        return _stem(paths[0]), readers.read_file(paths[0], volume_index=index)
    files = [(path.name, path.read_bytes()) for path in paths]
    return paths[0].parent.resolve().name, readers.read_series(files, volume_index=index)


def explain_file(
    model: str,
    method: str,
    scan: Path,
    out: Path,
    *,
    target: str = "mask",
    depth: str = DEEPEST,
    volume_index: int | None = None,
) -> tuple[list[Path], Saliency]:
    """Write a saliency map of a single slice as heat, and its raw values as ``.npy``.

    The brightest heat stands for the largest magnitude; the map that is returned has the values.

    Raises:
        ConfigError: there is no such method, target or depth.
        ChoiceNeeded: the scan holds several volumes and ``volume_index`` (from 0) is None.
        ScanError: the scan cannot be read or has several slices.
        NetworkError: there is no such network, or it is the ensemble.
    """
    folder, wanted = networks.find_network(model), Target.parse(target)
    if networks.read_network(folder).saliency != "none":
        raise NetworkError(
            f"{model} was trained with saliency maps beside the scan, and its own map is not made: "
            "choose a network that needs the scan alone"
        )
    volume = readers.read_file(scan, volume_index=volume_index)
    if volume.depth != 1:
        raise ScanError(f"{scan} has {volume.depth} slices; saliency takes a single slice")
    from brainseg import saliency

    opened = saliency.open_network(folder)
    found = saliency.explain(opened, volume.slice(0), method, target=wanted, depth=depth)
    out.mkdir(parents=True, exist_ok=True)
    stem = out / f"{_stem(scan)}_{Path(model).name}_{method}"
    np.save(f"{stem}.npy", found.values)
    high = float(np.abs(found.values).max()) or 1.0
    picture = overlay.heat(np.abs(found.values) / high)
    files.write_bytes(Path(f"{stem}.png"), overlay.encode(picture, ".png"))
    return [Path(f"{stem}.png"), Path(f"{stem}.npy")], found
