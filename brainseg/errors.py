"""Every error that is the caller's to mend.

BrainsegError
├── DataError      a dataset folder, archive or download is not what was expected
│   └── DamagedError  an archive's bytes are not those that were packed
├── ScanError      an uploaded or named scan cannot be read
│   └── ChoiceNeeded  it holds several volumes and does not say which is meant
├── ConfigError    a setting is out of range or unknown
├── RunError       a run folder is missing, busy or damaged
└── NetworkError   a network's files are missing or do not match their checksums

Each message is one sentence or two that say what was got, what is needed and what to do next. The
command line prints it and exits with 2; a screen shows it once.
"""

from __future__ import annotations

from collections.abc import Sequence


class BrainsegError(Exception):
    """Base of all errors whose message is meant for the user."""


class DataError(BrainsegError):
    """A dataset folder, archive or download is not what was expected."""


class DamagedError(DataError):
    """An archive is cut short or changed: only fetching it again helps."""


class ScanError(BrainsegError):
    """A scan cannot be read."""


class ChoiceNeeded(ScanError):  # noqa: N818 (nothing is wrong with the file)
    """A file holds ``count`` volumes: read it again with a ``volume_index`` from 0.

    ``labels`` names them for a person, in that order; it may be empty.
    """

    def __init__(self, message: str, *, count: int, labels: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.count = count
        self.labels = tuple(labels)


class ConfigError(BrainsegError):
    """A setting is out of range or unknown."""


class RunError(BrainsegError):
    """A run folder is missing, busy or damaged."""


class NetworkError(BrainsegError):
    """A network's files are missing or damaged."""
