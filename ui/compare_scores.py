"""The scores behind the Compare screen's scatter: read from disk, or made in the background.

A thread of the server scores the slices while the screen stays free; the result goes to disk, where
the Evaluate screen finds it too. Sessions that ask for the same scores share one thread.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from brainseg import paths
from brainseg.data.catalog import Catalog
from brainseg.errors import BrainsegError, DataError
from brainseg.networks import NetworkRef
from brainseg.types import CaseScore, Evaluation
from ui import cache, evaluation
from ui.compare_charts import Point

Pair = tuple[Evaluation, Evaluation]
AT_ONCE = 200  # so many predictions or fewer are made without asking: a few seconds


@dataclass(slots=True)
class Job:
    """The scoring of some networks on some slices, as it stands."""

    total: int
    done: int = 0
    error: str | None = None
    thread: threading.Thread | None = field(default=None, repr=False)

    @property
    def running(self) -> bool:
        """Whether more is to come."""
        return self.thread is not None and self.thread.is_alive()

    def count(self, _done: int, _total: int) -> None:
        """Note that one more slice is scored."""
        self.done += 1


_jobs: dict[tuple[str, str, str, int], Job] = {}
_lock = threading.Lock()


def _key(refs: Sequence[NetworkRef], catalog: Catalog, numbers: evaluation.Numbers):
    return (*sorted(ref.name for ref in refs), catalog.digest, hash(numbers))


def kept(
    first: NetworkRef, second: NetworkRef, catalog: Catalog, numbers: evaluation.Numbers
) -> Pair | None:
    """Return the scores of both networks on these slices if both are on disk."""
    found = [evaluation.kept(ref, catalog, numbers) for ref in (first, second)]
    return None if None in found else (found[0], found[1])


def missing(
    refs: Sequence[NetworkRef], catalog: Catalog, numbers: evaluation.Numbers
) -> list[NetworkRef]:
    """Return the networks that have not been scored on these slices yet."""
    return [ref for ref in refs if evaluation.kept(ref, catalog, numbers) is None]


def job(refs: Sequence[NetworkRef], catalog: Catalog, numbers: evaluation.Numbers) -> Job | None:
    """Return the scoring of this pair on these slices that runs or failed, if there is one."""
    return _jobs.get(_key(refs, catalog, numbers))


def start(refs: Sequence[NetworkRef], catalog: Catalog, numbers: evaluation.Numbers) -> Job:
    """Score in the background what is not on disk; the job that runs already, if one does.

    Raises:
        NetworkError: a network cannot be opened.
    """
    todo = [(ref, cache.segmenter(ref.name)) for ref in missing(refs, catalog, numbers)]
    key = _key(refs, catalog, numbers)
    with _lock:
        present = _jobs.get(key)
        if present is not None and present.running:
            return present
        made = _jobs[key] = Job(total=len(todo) * len(numbers))
        made.thread = threading.Thread(
            target=_work, args=(made, key, todo, catalog, numbers), daemon=True, name="scoring"
        )
        made.thread.start()
    return made


def _work(made: Job, key, todo, catalog: Catalog, numbers: evaluation.Numbers) -> None:
    from brainseg.evaluate import evaluate

    try:
        for ref, segmenter in todo:
            result = evaluate(segmenter, catalog, numbers, progress=made.count)
            evaluation.keep(ref, catalog, numbers, result)
        if missing([ref for ref, _ in todo], catalog, numbers):
            raise DataError(f"the scores cannot be read back from {paths.cache()}")
    except (BrainsegError, OSError) as error:
        made.error = str(error)
    except Exception as error:  # a thread has nobody else to tell, and the screen waits for it
        made.error = f"the scoring stopped unexpectedly ({type(error).__name__}: {error})"
    else:
        _jobs.pop(key, None)


def _worth(case: CaseScore) -> float:
    """Return the Dice; a tumour-free slice that was left alone counts as right."""
    return 1.0 if case.dice is None else case.dice


def points(pair: Pair) -> list[Point]:
    """Return every slice with a tumour, with its Dice under both networks."""
    return [
        Point(
            number=a.number, tumour=a.tumour, patient=a.patient, first=_worth(a), second=_worth(b)
        )
        for a, b in zip(pair[0].cases, pair[1].cases, strict=True)
        if a.truth_px
    ]


def most_different(pair: Pair) -> list[int]:
    """Return the slices on which the two differ in Dice, the widest gap first."""
    gaps = {
        a.number: abs(_worth(a) - _worth(b))
        for a, b in zip(pair[0].cases, pair[1].cases, strict=True)
    }
    return sorted((n for n, gap in gaps.items() if gap > 0), key=lambda n: -gaps[n])


def worst(pair: Pair) -> list[int]:
    """Return all slices, the lowest sum of both Dice first; of equals the larger tumour."""
    cases = zip(pair[0].cases, pair[1].cases, strict=True)
    ranked = sorted(cases, key=lambda ab: (_worth(ab[0]) + _worth(ab[1]), -ab[0].truth_px))
    return [a.number for a, _ in ranked]


def told(pair: Pair, names: tuple[str, str]) -> str:
    """Say in words what the scatter shows: who is ahead where, and what was missed."""
    shown = points(pair)
    ahead = sum(p.first > p.second for p in shown), sum(p.second > p.first for p in shown)
    misses = sum(p.first == 0 for p in shown), sum(p.second == 0 for p in shown)
    both = sum(p.first == p.second == 0 for p in shown)
    free = len(pair[0].cases) - len(shown)
    text = (
        f"{names[0]} is ahead on {ahead[0]:,} of {len(shown):,} slices, {names[1]} on "
        f"{ahead[1]:,}. Missed altogether, on an axis: {misses[0]:,} by {names[0]}, "
        f"{misses[1]:,} by {names[1]}, {both:,} by both."
    )
    return text + (f" {free:,} tumour-free slices have no Dice and no dot." if free else "")
