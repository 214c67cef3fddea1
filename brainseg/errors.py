"""Every error that is the caller's to mend.

BrainsegError
├── DataError      a dataset folder, archive or download is not what was expected
├── ScanError      an uploaded or named scan cannot be read
├── ConfigError    a setting is out of range or unknown
├── RunError       a run folder is missing, busy or damaged
└── NetworkError   a network's files are missing or do not match their checksums

Each message is one sentence or two that say what was got, what is needed and what to do next. The
command line prints it and exits with 2; a screen shows it once.
"""

from __future__ import annotations


class BrainsegError(Exception):
    """Base of all errors whose message is meant for the user."""


class DataError(BrainsegError):
    """A dataset folder, archive or download is not what was expected."""


class ScanError(BrainsegError):
    """A scan cannot be read."""


class ConfigError(BrainsegError):
    """A setting is out of range or unknown."""


class RunError(BrainsegError):
    """A run folder is missing, busy or damaged."""


class NetworkError(BrainsegError):
    """A network's files are missing or damaged."""
