"""Get a dataset: downloaded from Kaggle, or a folder or zip that is already here.

``TO/.download/`` holds the growing zip, so that an interrupted download goes on where it stopped;
``TO/NAME/`` appears by one rename when everything is verified and unpacked.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from brainseg import paths
from brainseg.data.archive import unpack_archive
from brainseg.data.credentials import find_credentials
from brainseg.data.layout import find_layout
from brainseg.errors import DamagedError, DataError

__all__ = ["SLUG", "DownloadProgress", "adopt", "download", "find_credentials", "unpack_archive"]

SLUG = "ashkhagan/brain-tumor-dataset-with-saliency"
POLL_SECONDS = 0.25
REPORT_SECONDS = 0.1
RATE_SECONDS = 5.0
CHILD = Path(__file__).with_name("kaggle_child.py")

FAILURES = {
    "rejected": "Kaggle did not accept the credentials from {source}; make a new token at "
    "https://www.kaggle.com/settings/api",
    "forbidden": "Kaggle refused {slug} (403): open https://www.kaggle.com/datasets/{slug}, sign "
    "in, accept its terms if asked, check that the name is right, and try again",
    "absent": "Kaggle has no dataset {slug} (404); check the OWNER/NAME",
    "busy": "Kaggle asks to wait (429: too many requests); try again in some minutes",
    "server": "Kaggle's server failed; try again later, what is downloaded is kept ({detail})",
    "network": "Kaggle cannot be reached; check the network and try again, what is downloaded is "
    "kept",
    "disk": "the disk is full; free some space and try again, what is downloaded is kept",
    "package": "the kaggle package cannot be imported; run `pip install 'kaggle>=2.2.4'`",
    "other": "the download of {slug} failed ({detail}); try again, what is downloaded is kept",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadProgress:
    """How far a download or its unpacking is; ``None`` where not known yet."""

    stage: Literal["downloading", "unpacking"]
    done_bytes: int
    total_bytes: int | None
    bytes_per_second: float | None
    seconds_left: float | None


Report = Callable[[DownloadProgress], None]


def download(slug: str = SLUG, to: Path | None = None, *, progress: Report | None = None) -> Path:
    """Download a Kaggle dataset, verify and unpack it; return its folder, at once if it is there.

    ``progress`` is called a few times a second; an exception from it (or Ctrl-C) stops the
    download, which the next call resumes.

    Raises:
        DataError: no credentials, no network, refused, no space, damaged, or already running.
    """
    if not re.fullmatch(r"[\w-]+/[\w-]+", slug, re.ASCII):
        raise DataError(f"{slug!r} does not name a Kaggle dataset; it must be OWNER/NAME")
    to = paths.kaggle() if to is None else Path(to)
    target = to / slug.partition("/")[2]
    if _holds_dataset(target):
        return target
    if _holds_dataset(to, below=False):  # what lies below may be any other dataset
        return to
    side = to / ".download"
    with _locked(side) as lock:
        archive = _fetch(slug, side, lock, progress or (lambda _: None))
        _unpack_verified(archive, target, slug, progress)
        shutil.rmtree(side, ignore_errors=True)
    return target


def adopt(path: str | Path, *, roots: Sequence[Path] | None = None) -> Path:
    """Return the dataset folder for a folder (used in place) or a zip (unpacked) of the user's.

    Args:
        path: what the user named.
        roots: where it must lie, links resolved; None allows any place.

    Raises:
        DataError: it does not exist, lies elsewhere, or is no dataset.
    """
    place = _resolve(path)
    allowed = None if roots is None else [root.resolve() for root in roots]
    if allowed is not None and not any(place.is_relative_to(root) for root in allowed):
        names = ", ".join(map(str, allowed))
        raise DataError(f"{place} lies outside the folders this app may open ({names})")
    if place.is_dir():
        find_layout(place)
        return place
    if not place.is_file() or place.suffix.lower() != ".zip":
        raise DataError(f"{place} is no folder and no .zip; name a dataset folder or a zip of one")
    return _adopt_zip(place)


def _resolve(path: str | Path) -> Path:
    try:
        return Path(path).expanduser().resolve(strict=True)
    except (OSError, ValueError, RuntimeError):
        raise DataError(
            f"there is nothing at {str(path)[:200]!r}; name a dataset folder or a zip of one"
        ) from None


def _adopt_zip(archive: Path) -> Path:
    facts = archive.stat()
    digest = hashlib.sha256(repr((str(archive), facts.st_size, facts.st_mtime_ns)).encode())
    stem = re.sub(r"[^A-Za-z0-9-]+", "-", archive.stem).strip("-")[:40] or "dataset"
    target = paths.data() / f"{stem}-{digest.hexdigest()[:8]}"
    if not _holds_dataset(target):
        unpack_archive(archive, target)
        _check_dataset(target, str(archive))
    return target


def _holds_dataset(folder: Path, *, below: bool = True) -> bool:
    try:
        images = find_layout(folder)["images"]
    except (DataError, OSError):
        return False
    return below or images.parent == folder


def _check_dataset(folder: Path, origin: str) -> None:
    try:
        find_layout(folder)
    except DataError as fault:
        shutil.rmtree(folder, ignore_errors=True)
        raise DataError(str(fault).replace(str(folder), origin)) from None


def _unpack_verified(archive: Path, target: Path, slug: str, progress: Report | None) -> None:
    meter = _Meter("unpacking", progress or (lambda _: None))
    try:
        unpack_archive(archive, target, progress=meter)
    except DamagedError:
        archive.unlink(missing_ok=True)  # a resumed download would only keep the damage
        raise
    _check_dataset(target, slug)


@contextmanager
def _locked(side: Path) -> Iterator[int]:
    """Hold the download folder for one process and its child; yield the lock's descriptor."""
    try:
        side.mkdir(parents=True, exist_ok=True)
        lock = os.open(side / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as fault:
        raise DataError(f"{side} cannot be written: {fault.strerror}") from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise DataError(
                f"another download into {side.parent} is running; wait for it or stop it"
            ) from None
        yield lock
    finally:
        os.close(lock)


def _command(slug: str, side: Path) -> list[str]:
    """Return the child's command; ``-P`` keeps this folder's names off its module path."""
    return [sys.executable, "-P", str(CHILD), slug, str(side)]


def _fetch(slug: str, side: Path, lock: int, report: Report) -> Path:
    """Run the child until the zip is whole, reporting the file's growth."""
    credentials = find_credentials(slug)
    archive = side / f"{slug.partition('/')[2]}.zip"
    answers = side / "answers.jsonl"
    config = str(credentials.config or side)
    with answers.open("wb") as out, (side / "child.log").open("wb") as log:
        child = subprocess.Popen(
            _command(slug, side),
            env={**os.environ, "KAGGLE_CONFIG_DIR": config},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=log,
            pass_fds=(lock,),
            start_new_session=True,
        )
        try:
            _watch(child, archive, answers, _Meter("downloading", report))
        finally:
            _end(child)
    answer = _read_answers(answers)
    if child.returncode != 0 or not archive.is_file():
        detail = answer.get("detail") or f"exit code {child.returncode}"
        sentence = FAILURES.get(str(answer.get("failed")), FAILURES["other"])
        raise DataError(sentence.format(slug=slug, source=credentials.source, detail=detail))
    return archive


def _watch(child: subprocess.Popen[bytes], archive: Path, answers: Path, meter: _Meter) -> None:
    total: int | None = None
    while True:
        ended = child.poll() is not None
        if total is None:
            total = _read_answers(answers).get("total")
            if total is not None:
                _check_space(archive, total)
        with suppress(FileNotFoundError):
            meter(archive.stat().st_size, total)
        if ended:
            return
        time.sleep(POLL_SECONDS)


def _check_space(archive: Path, total: int) -> None:
    """Refuse early what cannot end well: the zip and its unpacked files need about twice it."""
    have = archive.stat().st_size if archive.is_file() else 0
    needed, free = 2.2 * total - have, shutil.disk_usage(archive.parent).free
    if free < needed:
        raise DataError(
            f"the dataset needs {needed / 1e6:.0f} MB free in {archive.parent.parent} and there "
            f"are {free / 1e6:.0f} MB; free some space"
        )


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(timeout=5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _read_answers(answers: Path) -> dict[str, Any]:
    """Return what the child has said so far; an incomplete last line is left for the next time."""
    said: dict[str, Any] = {}
    for line in answers.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]:
        try:
            answer = json.loads(line)
        except ValueError:
            continue
        if isinstance(answer, dict):
            said.update(answer)
    return said


class _Meter:
    """Turns byte counts into reports, with the rate of the last seconds."""

    def __init__(self, stage: Literal["downloading", "unpacking"], report: Report) -> None:
        self.stage = stage
        self.report = report
        self.seen: deque[tuple[float, int]] = deque()
        self.reported = float("-inf")

    def __call__(self, done: int, total: int | None) -> None:
        now = time.monotonic()
        if now - self.reported < REPORT_SECONDS and done != total:
            return
        self.reported = now
        if self.seen and done < self.seen[-1][1]:
            self.seen.clear()  # the file begins again
        self.seen.append((now, done))
        while now - self.seen[0][0] > RATE_SECONDS:
            self.seen.popleft()
        began, before = self.seen[0]
        rate = (done - before) / (now - began) if now > began else None
        left = (total - done) / rate if total is not None and rate else None
        self.report(
            DownloadProgress(
                stage=self.stage,
                done_bytes=done,
                total_bytes=total,
                bytes_per_second=rate,
                seconds_left=left,
            )
        )
