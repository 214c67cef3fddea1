"""What lies in a run folder: configuration, split, label, previews, result; and making one."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from brainseg import __version__, files, paths
from brainseg.errors import RunError
from brainseg.run_log import append_event, is_time, keep
from brainseg.training.recipes import RunConfig
from brainseg.types import PREPROCESSING, Evaluation, RunLabel, Split

MAX_TITLE, MAX_NOTE = 80, 2000
_documents: dict[Path, tuple[tuple[int, int, int], dict[str, Any]]] = {}
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Say in one sentence that the system refuses a change in ``folder``.

    Raises:
        RunError: the disk is full, the folder is read-only, or the like.
    """
    try:
        yield
    except OSError as error:
        raise RunError(
            f"the run folder {folder} cannot be written: {error.strerror or error}; "
            "make room or allow writing, then try again"
        ) from error


def create(config: RunConfig, split: Split, *, facts: Mapping[str, Any] | None = None) -> Path:
    """Make a run folder with its ``config.json``, written once, and return it.

    Raises:
        RunError: it cannot be written; nothing is left of it.
    """
    with writing(paths.runs()):
        folder = _new_folder(config.model)
    try:
        with writing(folder):
            write_config(folder, config, split, facts=facts)
    except RunError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def _new_folder(model: str) -> Path:
    stamp = time.strftime("%Y%m%d-%H%M%S")
    paths.runs().mkdir(parents=True, exist_ok=True)
    for attempt in range(1000):
        suffix = f"-{attempt + 1}" if attempt else ""
        folder = paths.runs() / f"{stamp}-{model}{suffix}"
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
            return folder
    raise RunError(f"no free name for a run in {paths.runs()}")


def write_config(
    run: Path, config: RunConfig, split: Split, *, facts: Mapping[str, Any] | None = None
) -> None:
    """Write ``config.json`` and the first event, ``queued``."""
    files.write_json(
        run / "config.json",
        {
            "config": config.to_dict(),
            "split": asdict(split),
            "facts": dict(facts or {}),
            "preprocessing": PREPROCESSING,
            "brainseg": __version__,
            "created": time.time(),
        },
    )
    append_event(run, {"kind": "state", "state": "queued", "time": time.time()})


def is_run_id(name: str) -> bool:
    """Whether a run in the folder of all runs can be found by this name."""
    return _RUN_ID.fullmatch(name) is not None


def find(run_id: str) -> Path:
    """Return the folder of a run by its id, or by a path to it, which is resolved.

    Raises:
        RunError: there is no such run.
    """
    named = paths.runs() / run_id
    with contextlib.suppress(OSError):
        if is_run_id(run_id) and (named / "config.json").is_file():
            return named
        if (Path(run_id) / "config.json").is_file():
            return Path(run_id).resolve()
    raise RunError(f"no run {run_id!r} in {paths.runs()}; `python -m brainseg runs list` shows all")


def document(run: Path) -> dict[str, Any]:
    """Return ``config.json`` without the split, which is long. It is shared: do not change it.

    The file is written once, so a second look costs a stat.

    Raises:
        RunError: it is missing or damaged.
    """
    path = run / "config.json"
    with contextlib.suppress(OSError):
        found = path.stat()
        stamp = (found.st_ino, found.st_mtime_ns, found.st_size)
        known = _documents.get(path)
        if known is None or known[0] != stamp:
            plain = _checked(run, {k: part for k, part in _whole(run).items() if k != "split"})
            known = (stamp, plain)
            keep(_documents, path, known)
        return known[1]
    raise RunError(f"run {run.name}: config.json is missing or damaged")


def _checked(run: Path, plain: dict[str, Any]) -> dict[str, Any]:
    """Return a document that says what every list of runs needs; one of a later version may do."""
    settings = plain.get("config")
    epochs = settings.get("epochs") if isinstance(settings, dict) else None
    if not isinstance(epochs, int) or not is_time(plain.get("created")):
        raise RunError(f"run {run.name}: config.json is damaged")
    return plain


def _whole(run: Path) -> dict[str, Any]:
    value = read_json(run / "config.json")
    if not isinstance(value, dict):
        raise RunError(f"run {run.name}: config.json is missing or damaged")
    return value


def read_json(path: Path) -> Any:
    """Return what a JSON file holds, or None where it cannot be read."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None


def config(run: Path) -> RunConfig:
    """Return the configuration of a run."""
    return RunConfig.from_dict(document(run)["config"])


def facts(run: Path) -> dict[str, Any]:
    """Return what was recorded of the data and versions when the run was made."""
    return dict(document(run).get("facts", {}))


def replace_facts(run: Path, facts: Mapping[str, Any]) -> None:
    """Record other facts of the data than when the run was made.

    Raises:
        RunError: the folder cannot be written.
    """
    with writing(run):
        files.write_json(run / "config.json", _whole(run) | {"facts": dict(facts)})


def split(run: Path) -> Split:
    """Return the split of a run."""
    return Split.from_dict(_whole(run)["split"])


def label(run: Path) -> RunLabel:
    """Return the title and note that a person gave the run; empty where nobody did."""
    plain = read_json(run / "label.json")
    words = plain if isinstance(plain, dict) else {}
    return RunLabel(title=str(words.get("title", "")), note=str(words.get("note", "")))


def set_label(run: Path, *, title: str | None = None, note: str | None = None) -> RunLabel:
    """Change title or note (None leaves it) and return the label; control characters go.

    Raises:
        RunError: the folder cannot be written.
    """
    changed = label(run)
    if title is not None:
        changed = replace(changed, title=" ".join(_printable(title).split())[:MAX_TITLE].strip())
    if note is not None:
        changed = replace(changed, note=_printable(note).strip()[:MAX_NOTE])
    with writing(run):
        files.write_json(run / "label.json", asdict(changed))
    return changed


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text)


def previews(run: Path) -> dict[int, list[Path]]:
    """Return epoch -> the preview pictures of that epoch, in slice order."""
    found: dict[int, list[Path]] = {}
    for path in sorted((run / "previews").glob("epoch-*-*.webp")):
        found.setdefault(int(path.stem.split("-")[1]), []).append(path)
    return found


def write_evaluation(path: Path, evaluation: Evaluation) -> None:
    """Write an evaluation as JSON, atomically."""
    files.write_json(path, asdict(evaluation))


def read_evaluation(path: Path) -> Evaluation:
    """Read what :func:`write_evaluation` wrote.

    Raises:
        RunError: the file is missing or damaged.
    """
    try:
        return Evaluation.from_dict(json.loads(path.read_text()))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise RunError(f"{path} is not a readable evaluation ({error})") from error


def evaluation(run: Path) -> Evaluation | None:
    """Return the run's own ``result.json`` on its held-out slices, once it exists."""
    path = run / "result.json"
    return read_evaluation(path) if path.is_file() else None
