"""The other process of a Kaggle download: the only code that imports ``kaggle``.

Importing that package prints, makes folders and reads credentials, and signing in raises
``SystemExit``; none of that may happen in the app. Run as ``python -P kaggle_child.py SLUG FOLDER``
it leaves ``FOLDER/NAME.zip`` and writes JSON lines to stdout: ``{"total": BYTES}`` once known, and
``{"failed": KIND, "detail": TEXT}`` before it leaves with 1. Anything else goes to stderr.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import threading
import time
from typing import Any, TextIO

ORPHANED = 3


def main(slug: str, folder: str) -> int:
    """Download the zip of a dataset into ``folder``; a partial file is resumed."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    threading.Thread(target=_leave_with_parent, args=(os.getppid(),), daemon=True).start()
    try:
        _download(slug, folder, answers)
    except (Exception, SystemExit) as fault:
        _say(answers, failed=kind_of(fault), detail=f"{type(fault).__name__}: {fault}"[:300])
        return 1
    return 0


def _download(slug: str, folder: str, answers: TextIO) -> None:
    from kaggle import api

    api.authenticate()
    original = api.download_file

    def told(response: Any, *arguments: Any, **named: Any) -> Any:
        length = response.headers.get("Content-Length")
        if length:
            _say(answers, total=int(length))
        return original(response, *arguments, **named)

    api.download_file = told
    api.dataset_download_files(slug, path=folder, force=False, quiet=True, unzip=False)


def kind_of(fault: BaseException) -> str:
    """Return what went wrong in one word, the same words whatever the package raised."""
    status = getattr(getattr(fault, "response", None), "status_code", None)
    kinds = {401: "rejected", 403: "forbidden", 404: "absent", 429: "busy"}
    if status is not None:
        return kinds.get(status, "server")
    if isinstance(fault, SystemExit):
        return "rejected"
    if isinstance(fault, ImportError):
        return "package"
    if isinstance(fault, OSError) and fault.errno == errno.ENOSPC:
        return "disk"
    names = {kind.__name__ for kind in type(fault).__mro__}
    if names & {"ConnectionError", "Timeout", "ProxyError", "SSLError", "ProtocolError"}:
        return "network"
    return "other"


def _say(answers: TextIO, **answer: Any) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


def _leave_with_parent(parent: int) -> None:
    """End this process soon after the one that started it has gone; the partial file stays."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(ORPHANED)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
