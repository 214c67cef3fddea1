"""How the Train screen speaks: names of runs, lengths of time, what to do after a failure."""

from __future__ import annotations

from pathlib import Path

from brainseg import runs
from brainseg.errors import ConfigError, RunError
from brainseg.networks import LABELS
from brainseg.training.recipes import RunConfig
from brainseg.types import ARCHITECTURES, RunStatus

ALIVE = runs.ALIVE
BADGES = {
    "queued": (":material/hourglass_empty:", "gray"),
    "running": (":material/play_arrow:", "blue"),
    "stopping": (":material/pause:", "orange"),
    "stopped": (":material/pause:", "orange"),
    "finished": (":material/check:", "green"),
    "failed": (":material/error:", "red"),
    "lost": (":material/link_off:", "red"),
}
NETWORKS = {name: LABELS[name] for name in ARCHITECTURES}
# Words of a reason that no path has, and what mends it; the first that fits is said.
_PUT_BACK = "Put the data back where they were, then resume."
_MENDS = (
    ("disk full", "Make room on the disk, then resume: it goes on from its last checkpoint."),
    ("diverged", "Start again with a smaller learning rate."),
    (
        "out of memory",
        "Start again with a smaller batch, side or base; or free memory and resume.",
    ),
    ("validation slices", "Start again with a larger validation share or another seed."),
    ("replace or remove", "Replace it, then resume; without it, start a new training."),
    ("remove the pair", "Mend it, then resume; without it, start a new training."),
    *(
        (words, _PUT_BACK)
        for words in (
            "hold slice",
            "put it back",
            "put them back",
            "put the data back",
            "no dataset folder",
            "no images folder",
        )
    ),
)


def duration(seconds: float) -> str:
    """Return a length of time in words: ``"40 s"``, ``"3 min 20 s"``, ``"2 h 5 min"``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def roughly(seconds: float) -> str:
    """Return an estimated length of time without digits that nobody can know."""
    if seconds < 90:
        return f"{max(10, round(seconds / 10) * 10)} seconds"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} minutes"
    hours = seconds / 3600
    return f"{hours:.1f} hours" if hours < 10 else f"{round(hours)} hours"


def name_of(run_id: str) -> str:
    """Return what the user called a run, else its id."""
    try:
        return runs.label(runs.find(run_id)).title or run_id
    except RunError:
        return run_id


def config_of(run: Path | str) -> RunConfig | None:
    """Return how a run is set up, None where this version cannot read it: :func:`unreadable`."""
    try:
        return runs.config(runs.find(str(run)))
    except (ConfigError, RunError, TypeError, ValueError):
        return None


def unreadable(run: Path) -> str | None:
    """Return why this version cannot read how a run is set up, None where it can."""
    try:
        runs.config(run)
    except (ConfigError, RunError, TypeError, ValueError) as error:
        return f"this version cannot read how it is set up: {error}"
    return None


def what_next(status: RunStatus) -> str:
    """Return the sentence that follows "failed" or "lost": what can be done now."""
    reason = (status.reason or "").lower()
    for word, mend in _MENDS:
        if word in reason:
            return mend
    if status.epoch:
        return "Resume goes on from its last checkpoint; no finished epoch is repeated."
    return "Resume begins again; if it ends the same way, the log below says more."
