"""What the folders and files of a dataset are called, and how a mask finds its image.

Pairs are made by key, the file's number or its stem without ``_mask``; never by position.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from brainseg.errors import DataError

Role = Literal["images", "masks", "saliency 1", "saliency 2"]
ROLES: tuple[Role, ...] = ("images", "masks", "saliency 1", "saliency 2")
EXTENSIONS = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"})

_SPELLINGS: tuple[tuple[Role, re.Pattern[str]], ...] = (
    ("images", re.compile(r"(images?|imgs?)")),
    ("masks", re.compile(r"(masks?|labels?|segmentations?)")),
    ("saliency 1", re.compile(r"saliency(maps?)?0?1")),
    ("saliency 2", re.compile(r"saliency(maps?)?0?2")),
)
_AFFIX = re.compile(
    r"^(?:mask|label|saliency(?:[ _-]?maps?)?(?:[ _-]?[12])?)[ _-]+"
    r"|[ _-]+(?:masks?|labels?|seg|saliency(?:[ _-]?maps?)?(?:[ _-]?[12])?)$"
)
MOST_DIGITS = 15  # of a number; what has more is a name
Key = int | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something in a dataset folder that is not as it should be; the rest of it is usable."""

    kind: str
    path: Path
    detail: str


@dataclass(frozen=True, slots=True)
class Listing:
    """The image files of one folder as (name, size, mtime_ns), and what was passed over."""

    folder: Path
    files: tuple[tuple[str, int, int], ...]
    problems: tuple[Problem, ...] = field(default=())


def role_of(folder_name: str) -> Role | None:
    """Return what a sub-folder holds, by any of the usual spellings of its name."""
    plain = re.sub(r"[^a-z0-9]", "", folder_name.lower())
    return next((role for role, spelling in _SPELLINGS if spelling.fullmatch(plain)), None)


def find_layout(root: Path) -> dict[Role, Path]:
    """Return the folder of each role under ``root``, or under its only sub-folder that has them.

    Raises:
        DataError: no such folder, no images folder in it, or two folders of one role.
    """
    if not root.is_dir():
        raise DataError(f"there is no dataset folder at {root}; name a folder that holds images/")
    here = [root]
    for _ in range(3):
        found = [roles for roles in map(_roles_in, here) if "images" in roles]
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(str(roles["images"].parent) for roles in found)
            raise DataError(f"{root} holds more than one dataset ({names}); name one of them")
        here = [child for folder in here for child in _subfolders(folder)]
    raise DataError(
        f"{root} holds no images folder; a dataset is images/N.png with masks/N_mask.png beside it"
    )


def _subfolders(folder: Path) -> list[Path]:
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if entry.is_dir())
    return [folder / name for name in names if not name.startswith((".", "__"))]


def _roles_in(folder: Path) -> dict[Role, Path]:
    roles: dict[Role, Path] = {}
    for child in _subfolders(folder):
        role = role_of(child.name)
        if role is None:
            continue
        if role in roles:
            raise DataError(
                f"{folder} holds two folders of {role}, {roles[role].name} and {child.name}; "
                "keep one of them"
            )
        roles[role] = child
    return roles


def list_folder(folder: Path) -> Listing:
    """List the image files of a folder without opening any."""
    files: list[tuple[str, int, int]] = []
    problems: list[Problem] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                problems.append(_problem("folder skipped", entry, "a sub-folder is not read"))
            elif not entry.is_file():
                problems.append(_problem("stray file", entry, "not a regular file"))
            elif os.path.splitext(entry.name)[1].lower() not in EXTENSIONS:  # noqa: PTH122
                problems.append(_problem("stray file", entry, "not an image file; it is not read"))
            else:
                facts = entry.stat()
                files.append((entry.name, facts.st_size, facts.st_mtime_ns))
    return Listing(folder, tuple(sorted(files)), tuple(problems))


def _problem(kind: str, entry: os.DirEntry[str], detail: str) -> Problem:
    return Problem(kind=kind, path=Path(entry.path), detail=detail)


def key_of(stem: str) -> Key:
    """Return a file's key: its number where the stem is one (``007`` is 7), else the stem."""
    numbered = stem.isdecimal() and stem.isascii() and len(stem) <= MOST_DIGITS
    return int(stem) if numbered else stem.casefold()


def partner_key(stem: str) -> Key:
    """Return the key of the image that a mask or saliency file called ``stem`` belongs to."""
    bare = _AFFIX.sub("", stem.casefold(), count=1)
    return key_of(bare or stem)
