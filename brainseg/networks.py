"""Exported networks on disk: find one, describe it, and trust it only if its checksums hold.

A ``network/`` folder holds ``network.json`` (what it is), ``network.xml`` and ``network.bin`` (what
prediction runs), ``weights.npz`` (what explaining and further training load), ``split.json`` (the
slices it was trained, stopped and tested on), ``gate.npz`` (what features of heads look like),
``history.json`` (its training) and ``SHA256SUMS`` over all. No uploaded network is accepted.

``"ensemble"``, the mean of the two shipped networks, only predicts: it has no folder of its own.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, cast, get_args

from brainseg import __version__, files, history, paths
from brainseg.errors import ConfigError, NetworkError
from brainseg.types import ARCHITECTURES, CONTRASTS, NORMS, PREPROCESSING, SALIENCY_INPUTS, Split

SCHEMA = 1
JSON, XML, BIN, WEIGHTS, SPLIT, GATE, HISTORY, SUMS = (
    *("network.json", "network.xml", "network.bin", "weights.npz"),
    *("split.json", "gate.npz", "history.json", "SHA256SUMS"),
)
REQUIRED = (JSON, XML, BIN)
LISTED = (*REQUIRED, WEIGHTS, SPLIT, GATE, HISTORY)
ENSEMBLE = "ensemble"
LABELS = {"unet": "UNet", "resunet": "ResUNet", ENSEMBLE: "UNet + ResUNet"}
MAP_WORDS = {"1": "with map 1", "2": "with map 2", "both": "with both maps"}
_LARGEST_JSON = 64 * 1024
Precision = Literal["f32", "bf16"]
_ALLOWED: dict[str, tuple[str, ...]] = {"norm": NORMS, "contrast": CONTRASTS}
_ALLOWED |= {"orientation": ("any", "upright"), "saliency": tuple(SALIENCY_INPUTS)}
_UNSAID = {name: choices[0] for name, choices in _ALLOWED.items()}
_ALLOWED |= {"architecture": ARCHITECTURES}
_BOUNDS = {"size": (32, 1024), "base": (1, 128), "depth": (1, 6)}


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkConfig:
    """What ``network.json`` says: ``size``, maps, ``contrast``, ``orientation`` of what it sees."""

    name: str
    architecture: str
    size: int
    base: int
    depth: int
    norm: str = "batch"
    saliency: str = "none"
    contrast: str = "linear"
    orientation: str = "any"
    threshold: float = 0.5
    preprocessing: str = PREPROCESSING
    trained_on: str = ""
    brainseg: str = __version__
    schema: int = SCHEMA


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkRef:
    """A network that can be chosen: ``name`` finds it again, ``label`` is for people.

    ``folder`` is the network's own; of the ensemble the one that holds its two networks.
    """

    name: str
    label: str
    folder: Path
    kind: Literal["shipped", "ensemble", "run"]
    saliency: str = "none"  # which maps of a dataset it needs beside the scan


def write_network_json(folder: Path, config: NetworkConfig) -> Path:
    """Write ``network.json``; call ``seal`` when every file of the folder is there.

    Raises:
        NetworkError: the description would be refused when read.
    """
    _validated(asdict(config), folder / JSON)
    return files.write_text(folder / JSON, json.dumps(asdict(config), indent=2) + "\n")


def seal(folder: Path) -> Path:
    """Write ``SHA256SUMS`` over the network's files, in the format of ``sha256sum``.

    Raises:
        NetworkError: a file that prediction needs is missing.
    """
    missing = [name for name in REQUIRED if not (folder / name).is_file()]
    if missing:
        raise NetworkError(f"{folder} is no network yet: {', '.join(missing)} is missing")
    return files.write_sums(folder / SUMS, [n for n in LISTED if (folder / n).is_file()])


def read_network(folder: Path) -> NetworkConfig:
    """Return the description of a network after checking every file against its checksum.

    Raises:
        NetworkError: a file is missing, unexpected or altered, or the description is invalid.
    """
    for name, expected in _manifest(folder).items():
        if _sha256(folder / name) != expected:
            raise NetworkError(
                f"{folder / name} does not match its checksum in {SUMS}: the file was altered or "
                "damaged; restore it or export the network again"
            )
    return _describe(folder)


def write_split(folder: Path, split: Split) -> Path:
    """Write the slice numbers of the three parts to ``split.json``."""
    return files.write_text(folder / SPLIT, json.dumps(asdict(split)) + "\n")


def read_split(folder: Path) -> Split | None:
    """Return the slices a network was trained, stopped and tested on; None where unknown.

    Raises:
        NetworkError: ``split.json`` is damaged.
    """
    path = folder / SPLIT
    if not path.is_file():
        return None
    try:
        return Split.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise NetworkError(f"{path} is damaged; restore it or export the network again") from error


def read_history(folder: Path) -> tuple[history.Stage, ...]:
    """Return the stages of a network's training; none where it carries no history.

    Raises:
        NetworkError: ``history.json`` is damaged.
    """
    return history.read(folder / HISTORY) if (folder / HISTORY).is_file() else ()


def precision() -> Precision:
    """Return the arithmetic of prediction where none is asked for: ``BRAINSEG_PRECISION``, or f32.

    Raises:
        ConfigError: the setting is neither ``f32`` nor ``bf16``.
    """
    asked = os.environ.get("BRAINSEG_PRECISION") or "f32"
    if asked in get_args(Precision):
        return cast("Precision", asked)
    raise ConfigError(f"BRAINSEG_PRECISION is {asked!r}; it must be f32 (exact) or bf16 (faster)")


def list_networks() -> tuple[NetworkRef, ...]:
    """Return the shipped networks, their ensemble, then finished runs, the newest first."""
    found = [
        NetworkRef(name=name, label=LABELS[name], folder=paths.PRETRAINED / name, kind="shipped")
        for name in ARCHITECTURES
        if _looks_like_one(paths.PRETRAINED / name)
    ]
    if len(found) == len(ARCHITECTURES):
        both = NetworkRef(
            name=ENSEMBLE, label=LABELS[ENSEMBLE], folder=paths.PRETRAINED, kind="ensemble"
        )
        found.append(both)
    own = [path for path in paths.runs().glob("[!.]*/network") if path.parent.name not in LABELS]
    return (*found, *(_of_run(path) for path in sorted(own, reverse=True) if _looks_like_one(path)))


def member_folders(name: str) -> tuple[Path, ...]:
    """Return the folders behind a name that can predict: both of the ensemble, else one.

    Raises:
        NetworkError: there is no such network.
    """
    if name == ENSEMBLE:
        return tuple(find_network(architecture) for architecture in ARCHITECTURES)
    return (find_network(name),)


def fingerprint(name: str) -> str:
    """Return a digest of the checksums behind a name: it changes when a network is replaced.

    Also when the one that turns scans upright is (``brainseg.orientation``).

    Raises:
        NetworkError: there is no such network, or it lost its checksums.
    """
    folders = (*member_folders(name), paths.ORIENTATION)
    sums = "".join(_read_text(folder / SUMS) for folder in folders)
    return hashlib.sha256(sums.encode()).hexdigest()[:16]


def known_split(name: str) -> Split | None:
    """Return the slices behind a name: of the ensemble, what any member saw and none did.

    Raises:
        NetworkError: there is no such network, or its ``split.json`` is damaged.
    """
    splits = [read_split(folder) for folder in member_folders(name)]
    known = [split for split in splits if split is not None]
    if len(known) < len(splits) or len(splits) == 1:
        return splits[0] if len(splits) == 1 else None
    train = {number for split in known for number in split.train}
    val = {number for split in known for number in split.val} - train
    test = set.intersection(*(set(split.test) for split in known)) - train - val
    parts = (tuple(sorted(part)) for part in (train, val, test))
    return replace(known[0], train=next(parts), val=next(parts), test=next(parts))


def find_network(text: str) -> Path:
    """Return the folder of ``unet``, ``resunet``, a run's name, or a path to either folder.

    Raises:
        NetworkError: there is no such network, or it is the ensemble, which has no folder.
    """
    if text == ENSEMBLE:
        raise NetworkError(
            "the ensemble only predicts; what needs the weights of one network takes "
            f"{' or '.join(ARCHITECTURES)}"
        )
    known = {ref.name: ref.folder for ref in list_networks()}
    if text in known:
        return known[text]
    with suppress(OSError, RuntimeError):  # a name that is too long, a home that does not exist
        path = Path(text).expanduser()
        for folder in (path, path / "network"):
            if text and _looks_like_one(folder):
                return folder.resolve()
    choices = ", ".join(known) or "none yet, train one first"
    raise NetworkError(
        f"there is no network named {text!r}; give the folder of one or a name of: {choices}"
    )


def _of_run(folder: Path) -> NetworkRef:
    run, needs = folder.parent.name, "none"
    with suppress(OSError, ValueError, AttributeError):  # damaged ones are refused when loaded
        needs = json.loads((folder / JSON).read_text(encoding="utf-8")).get("saliency", needs)
    label = f"Run {run}" if needs == "none" else f"Run {run}, {MAP_WORDS.get(needs, needs)}"
    return NetworkRef(name=run, label=label, folder=folder, kind="run", saliency=needs)


def _looks_like_one(folder: Path) -> bool:
    return (folder / JSON).is_file() and (folder / SUMS).is_file()


def _sha256(path: Path) -> str:
    try:
        return files.sha256(path)
    except OSError as error:
        raise NetworkError(f"{path} cannot be read ({error.strerror})") from error


def _read_text(path: Path) -> str:
    try:
        size = os.lstat(path).st_size
        if size > _LARGEST_JSON or path.is_symlink() or not path.is_file():
            raise NetworkError(f"{path} is no plain file of at most 64 kB")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise NetworkError(
            f"{path} cannot be read: a network folder needs {', '.join((*REQUIRED, SUMS))}"
        ) from error


def _manifest(folder: Path) -> dict[str, str]:
    sums: dict[str, str] = {}
    for line in _read_text(folder / SUMS).splitlines():
        digest, _, name = line.partition("  ")
        if name not in LISTED or name in sums or len(digest) != 64:
            raise NetworkError(f"{folder / SUMS} has an unexpected line: {line[:100]!r}")
        if (folder / name).is_symlink() or not (folder / name).is_file():
            raise NetworkError(f"{folder / name} is missing or no plain file")
        sums[name] = digest
    present = {name for name in LISTED if (folder / name).exists()}
    if unlisted := sorted((present | set(REQUIRED)) - set(sums)):
        raise NetworkError(f"{folder / SUMS} does not list {', '.join(unlisted)}")
    return sums


def _describe(folder: Path) -> NetworkConfig:
    path = folder / JSON
    try:
        values = json.loads(_read_text(path))
    except (ValueError, RecursionError) as error:
        raise NetworkError(f"{path} is not valid JSON") from error
    if not isinstance(values, dict):
        raise NetworkError(f"{path} must hold one JSON object")
    return _validated(values, path)


def _validated(values: dict[str, Any], path: Path) -> NetworkConfig:
    values = _UNSAID | values
    if odd_ones := set(values) ^ {field.name for field in fields(NetworkConfig)}:
        odd = ", ".join(sorted(odd_ones))
        raise NetworkError(f"{path} has missing or unknown keys: {odd[:200]}")
    for key, (low, high) in _BOUNDS.items():
        if type(values[key]) is not int or not low <= values[key] <= high:
            raise NetworkError(f"{path}: {key} must be a whole number from {low} to {high}")
    for key in ("name", "trained_on", "brainseg"):
        if not isinstance(values[key], str) or len(values[key]) > 2000:
            raise NetworkError(f"{path}: {key} must be a text of at most 2000 characters")
    if type(values["threshold"]) not in (int, float) or not 0 < values["threshold"] < 1:
        raise NetworkError(f"{path}: threshold must lie between 0 and 1")
    for key, allowed in _ALLOWED.items():
        if values[key] not in allowed:
            raise NetworkError(f"{path}: {key} must be one of {', '.join(allowed)}")
    if (values["schema"], values["preprocessing"]) != (SCHEMA, PREPROCESSING):
        raise NetworkError(f"{path} was written for another version of brainseg; export it again")
    if values["size"] % 2 ** values["depth"]:
        raise NetworkError(f"{path}: size must be a multiple of {2 ** values['depth']}")
    return NetworkConfig(**values)
