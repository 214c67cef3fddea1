"""How much one session may upload in all: every file is small enough, a flood of them is not."""

from __future__ import annotations

from dataclasses import dataclass, replace

from brainseg.data.formats import limits
from brainseg.errors import ScanError


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What a session has uploaded so far; plain numbers, to be kept in the session's state."""

    files: int = 0
    bytes: int = 0

    def add(self, sizes: list[int]) -> Quota:
        """Return the quota after an upload of files of these sizes in bytes.

        Raises:
            ScanError: the upload, or all uploads of the session together, are more than the limits.
        """
        most = limits.current()
        count, size = len(sizes), sum(sizes)
        if count > most.upload_files or size > most.upload_bytes:
            raise ScanError(
                f"{count} files of {_mb(size)} MB were given; one scan may have at most "
                f"{most.upload_files} files and {_mb(most.upload_bytes)} MB, so upload fewer slices"
            )
        after = replace(self, files=self.files + count, bytes=self.bytes + size)
        if after.files > most.session_files or after.bytes > most.session_bytes:
            raise ScanError(
                f"this session has uploaded {self.files} files of {_mb(self.bytes)} MB; the most "
                f"is {most.session_files} files and {_mb(most.session_bytes)} MB, so open the "
                "page anew to go on"
            )
        return after


def _mb(size: int) -> int:
    return round(size / 2**20)
