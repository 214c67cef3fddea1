"""Score networks in the background, once: what is on disk is read, the rest waits its turn.

One thread of the process scores one network on one set of slices after the other, whoever asked;
screens that need the same scores share one job. Results lie under ``cache/evaluations``, named by a
digest of the network, its arithmetic, the data and the slices. A job that is cancelled ends before
its next slice and leaves nothing behind. Prediction and distances run outside the interpreter
lock, so the server goes on answering meanwhile.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from brainseg import networks, paths, runs
from brainseg.data.catalog import Catalog
from brainseg.errors import BrainsegError, DataError, RunError
from brainseg.types import Evaluation

if TYPE_CHECKING:
    from brainseg.ensemble import Ensemble
    from brainseg.inference import Segmenter

    Open = Callable[[str], Segmenter | Ensemble]

SCHEMA = 2  # of what an evaluation holds; results of an older one are scored again
_REMEMBERED = 64  # jobs, ended ones too: how they ended can still be told
State = Literal["waiting", "running", "cancelled", "failed", "done"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Task:
    """One network on one set of slices in one orientation; see ``evaluate.evaluate``."""

    network: str
    catalogs: tuple[Catalog, ...]
    numbers: tuple[int, ...]
    orientation: str = "file"

    @property
    def key(self) -> str:
        """Digest of everything that the scores depend on.

        Raises:
            NetworkError: there is no such network.
        """
        how = [networks.fingerprint(self.network), networks.precision(), self.orientation]
        data = [catalog.digest for catalog in self.catalogs]
        text = json.dumps([SCHEMA, *how, data, self.numbers])
        return hashlib.sha256(text.encode()).hexdigest()[:20]

    @property
    def path(self) -> Path:
        """Where the scores are kept."""
        return paths.cache() / "evaluations" / f"{self.key}.json"


@dataclass(slots=True, eq=False)
class Job:
    """One task as it stands. Written by the scoring thread, read by anyone."""

    task: Task
    segmenter: Segmenter | Ensemble | None  # let go at the end
    state: State = "waiting"
    done: int = 0
    error: str | None = None
    began: float = 0.0  # by the clock that nobody sets
    wish: threading.Event = field(default_factory=threading.Event)  # to be cancelled


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Several tasks together: slices done, how many there are, and what became of them.

    ``seconds_left`` is None until the speed is known, or while other work is before it.
    """

    state: State
    done: int
    total: int
    network: str | None = None  # the one that is scored now
    error: str | None = None
    seconds_left: float | None = None


class _CancelledError(Exception):
    pass


_lock = threading.Lock()
_jobs: dict[str, Job] = {}
_queue: deque[Job] = deque()
_thread: threading.Thread | None = None


def read(task: Task) -> Evaluation | None:
    """Return the kept scores of a task, or None where there are none that can be read."""
    try:
        return runs.read_evaluation(task.path)
    except RunError:
        return None


def start(tasks: Sequence[Task], open_network: Open) -> None:
    """Queue the tasks that are not at work already; returns when their networks are open.

    Raises:
        NetworkError: a network cannot be opened. Nothing is queued then.
    """
    global _thread
    made = [(t.key, Job(task=t, segmenter=open_network(t.network))) for t in tasks]
    with _lock:
        for key, job in made:
            if key not in _jobs or not _active(_jobs[key]) or _jobs[key].wish.is_set():
                _jobs[key] = job
                _queue.append(job)
        if _thread is None and _queue:
            _thread = threading.Thread(target=_work, daemon=True, name="scoring")
            _thread.start()


def cancel(tasks: Sequence[Task]) -> None:
    """End these tasks: those that wait at once, the one that runs before its next slice."""
    with _lock:
        for job in _known(tasks):
            job.wish.set()
            if job.state == "waiting":
                job.state, job.segmenter = "cancelled", None


def standing(tasks: Sequence[Task]) -> Standing | None:
    """Say how the tasks stand together; None where none of them was ever asked for."""
    with _lock:
        known = _known(tasks)
        ahead = next((job for job in _jobs.values() if job.state == "running"), None)
        if not known:
            return None
        states = [job.state for job in known]
        order: tuple[State, ...] = ("running", "waiting", "failed", "cancelled", "done")
        now = next((job for job in known if job.state == "running"), None)
        return Standing(
            state=next(state for state in order if state in states),
            done=sum(job.done for job in known),
            total=sum(len(job.task.numbers) for job in known),
            network=None if now is None else now.task.network,
            error=next((job.error for job in known if job.error), None),
            seconds_left=_seconds_left(known, now) if ahead in known else None,
        )


def _known(tasks: Sequence[Task]) -> list[Job]:
    return [_jobs[task.key] for task in tasks if task.key in _jobs]


def _seconds_left(jobs: Sequence[Job], now: Job | None) -> float | None:
    if now is None or now.done < 2:
        return None
    left = sum(len(j.task.numbers) - j.done for j in jobs if j.state in ("waiting", "running"))
    return left * (time.monotonic() - now.began) / now.done


def _work() -> None:
    """Do what is queued, then end; the next ``start`` begins a new thread."""
    global _thread
    while True:
        with _lock:
            while _queue and _queue[0].state != "waiting":
                _queue.popleft()
            if not _queue:
                _thread = None
                return
            job = _queue.popleft()
            job.state, job.began = "running", time.monotonic()
        state, error = _outcome(job)
        with _lock:
            job.state, job.error, job.segmenter = state, error, None
            while len(_jobs) > _REMEMBERED and not _active(next(iter(_jobs.values()))):
                del _jobs[next(iter(_jobs))]


def _active(job: Job) -> bool:
    return job.state in ("waiting", "running")


def _outcome(job: Job) -> tuple[State, str | None]:
    try:
        assert job.segmenter is not None  # let go at the end only
        _score(job, job.segmenter)
    except _CancelledError:
        return "cancelled", None
    except (BrainsegError, OSError) as error:
        return "failed", str(error)
    except Exception as error:  # a thread has nobody else to tell, and the screen waits for it
        return "failed", f"the scoring stopped unexpectedly ({type(error).__name__}: {error})"
    return "done", None


def _score(job: Job, segmenter: Segmenter | Ensemble) -> None:
    from brainseg.evaluate import evaluate

    def note(done: int, _: int) -> None:
        job.done = done
        if job.wish.is_set():
            raise _CancelledError

    task = job.task
    found = evaluate(
        segmenter, task.catalogs, task.numbers, orientation=task.orientation, progress=note
    )
    task.path.parent.mkdir(parents=True, exist_ok=True)
    runs.write_evaluation(task.path, found)
    if read(task) is None:
        raise DataError(f"the scores cannot be read back from {task.path.parent}")
