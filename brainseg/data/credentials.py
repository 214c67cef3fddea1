"""Where the Kaggle credentials are; never what they are.

The order is the one of the ``kaggle`` package: an access token, then a user name and key, then a
signed-in session. A key file that other users of the machine may read is refused.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from brainseg.errors import DataError

HOW_TO_GET = (
    "no Kaggle credentials were found: sign in at https://www.kaggle.com/settings/api, choose "
    "Generate New Token, save the token as ~/.kaggle/access_token, run "
    "`chmod 600 ~/.kaggle/access_token`, and try again (or download the zip in a browser from "
    "https://www.kaggle.com/datasets/{slug} and open that file here)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Which credentials will be used; ``config`` is the folder of ``kaggle.json`` if it is that."""

    source: str
    config: Path | None = None


def find_credentials(
    slug: str, *, environment: Mapping[str, str] | None = None, home: Path | None = None
) -> Credentials:
    """Return where the credentials are that the ``kaggle`` package will use.

    Raises:
        DataError: there are none (with the steps to get them), or the file is unsafe or damaged.
    """
    environment = os.environ if environment is None else environment
    home = Path.home() if home is None else home
    token = environment.get("KAGGLE_API_TOKEN")
    if token:
        if _is_file(Path(token)):
            _check_private(Path(token))
        return Credentials(source="KAGGLE_API_TOKEN")
    for name in ("access_token", "access_token.txt"):
        path = home / ".kaggle" / name
        if _is_file(path) and path.stat().st_size:
            _check_private(path)
            return Credentials(source=str(path))
    if environment.get("KAGGLE_USERNAME") and environment.get("KAGGLE_KEY"):
        return Credentials(source="KAGGLE_USERNAME and KAGGLE_KEY")
    for folder in _config_folders(environment, home):
        if _is_file(folder / "kaggle.json"):
            _check_private(folder / "kaggle.json")
            _check_key_file(folder / "kaggle.json")
            return Credentials(source=str(folder / "kaggle.json"), config=folder)
    session = home / ".kaggle" / "credentials.json"
    if _is_file(session):
        _check_private(session)
        return Credentials(source=str(session))
    raise DataError(HOW_TO_GET.format(slug=slug))


def _config_folders(environment: Mapping[str, str], home: Path) -> list[Path]:
    named = environment.get("KAGGLE_CONFIG_DIR")
    if named:
        return [Path(named).expanduser()]
    base = environment.get("XDG_CONFIG_HOME")
    return [home / ".kaggle", (Path(base) if base else home / ".config") / "kaggle"]


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _check_private(path: Path) -> None:
    if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise DataError(
            f"other users of this machine may read your Kaggle key in {path}; run "
            f"`chmod 600 {path}` and try again"
        )


def _check_key_file(path: Path) -> None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        content = None
    if not isinstance(content, dict) or not (content.get("username") and content.get("key")):
        raise DataError(
            f"{path} is damaged: it needs a username and a key; create a new one at "
            "https://www.kaggle.com/settings/api"
        )
