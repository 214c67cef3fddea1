"""Unpack a zip that came from outside: everything is checked before anything is written.

A dataset is unpacked to a folder, an uploaded series of scans into memory.

Refused: absolute names, ``..``, backslashes, NULs, links and other special files, names that are
one under case folding, endings a dataset has no use for, encryption, and sizes that only a bomb
or a mistake would have.
"""

from __future__ import annotations

import io
import lzma
import shutil
import stat
import tempfile
import time
import unicodedata
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from brainseg.data.formats import limits
from brainseg.data.layout import EXTENSIONS
from brainseg.errors import DamagedError, DataError, ScanError

ENDINGS = EXTENSIONS | {".csv", ".json", ".md", ".txt"}
LITTER = frozenset({".ds_store", "thumbs.db", "desktop.ini"})
METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA}
MOST_BYTES = 4 * 1024**3
MOST_MEMBERS = 50_000
HIGHEST_RATIO = 200
CHUNK = 1 << 20
STALE_SECONDS = 24 * 3600
Progress = Callable[[int, int], None]
_DAMAGE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError,
    UnicodeDecodeError,
)  # fmt: skip


def unpack_archive(archive: Path, to: Path, *, progress: Progress | None = None) -> Path:
    """Unpack a zip into the new folder ``to``: into a side folder first, renamed when complete.

    Every member's checksum is verified. ``progress(done, total)`` counts unpacked bytes.

    Raises:
        DamagedError: the archive is damaged or no zip; nothing is left.
        DataError: it is refused, or the disk is too small; nothing is left.
    """
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise DataError(f"{to} exists already; name an empty or a new folder")
    if not archive.is_file():
        raise DataError(f"there is no archive at {archive}; name a .zip file")
    try:
        with zipfile.ZipFile(archive) as source:
            members = list_members(source, archive)
            _check_space(to, sum(member.file_size for member in members))
            return _unpack(source, members, to, progress)
    except _DAMAGE as fault:
        raise _damaged(archive, fault) from None
    except OSError as fault:
        if fault.errno is None:  # not the system's: so bz2 says that its data are invalid
            raise _damaged(archive, fault) from None
        reason = fault.strerror or str(fault)
        raise DataError(f"{archive} cannot be unpacked into {to}: {reason}") from None


def list_members(source: zipfile.ZipFile, archive: Path) -> list[zipfile.ZipInfo]:
    """Return the files to unpack, after checking all of them.

    Raises:
        DataError: a member is one that no dataset archive has.
    """
    infos = source.infolist()
    if len(infos) > MOST_MEMBERS:
        raise _refused(archive, f"it has {len(infos)} members, more than {MOST_MEMBERS}")
    _check_sizes(infos, archive)
    files: list[zipfile.ZipInfo] = []
    for info in infos:
        fault = _fault(info)
        if fault is not None:
            raise _refused(archive, f"its member {info.orig_filename[:200]!r} {fault}")
        if not info.is_dir() and not _is_litter(info.filename):
            if Path(info.filename).suffix.lower() not in ENDINGS:
                raise _refused(archive, f"its member {info.filename!r} is no image or table")
            files.append(info)
    if not files:
        raise _refused(archive, "it holds no files")
    _check_collisions(infos, archive)
    return files


def read_members(data: bytes, most_members: int) -> list[bytes]:
    """Return the contents of an uploaded zip; names are not used, so they need no checks.

    Raises:
        ScanError: it has too many members, is encrypted, or would unpack to too much.
        zipfile.BadZipFile, zlib.error, EOFError: it is damaged.
    """
    most = limits.current()
    with zipfile.ZipFile(io.BytesIO(data)) as source:
        members = [i for i in source.infolist() if not i.is_dir() and not _is_litter(i.filename)]
        total = sum(member.file_size for member in members)
        if len(members) > most_members or total > most.unpacked_bytes:
            raise ScanError(
                f"its archive holds {len(members)} files of {total / 2**20:.0f} MB; at most "
                f"{most_members} files and {most.unpacked_bytes // 2**20} MB can be read"
            )
        for member in members:
            if member.flag_bits & 1:
                raise ScanError("its archive is encrypted; unpack it first")
            if member.compress_type not in METHODS:
                raise ScanError("its archive is packed in a way that cannot be read; unpack it")
            if member.file_size > most.unpacked_ratio * member.compress_size + 2**16:
                raise ScanError("its archive is packed more tightly than scans can be")
        return [source.read(member) for member in members]


def _damaged(archive: Path, fault: Exception) -> DamagedError:
    return DamagedError(f"{archive} is damaged or not a zip ({fault}); download it again")


def _refused(archive: Path, why: str) -> DataError:
    return DataError(f"{archive} is refused: {why}; nothing was unpacked")


def _check_sizes(infos: list[zipfile.ZipInfo], archive: Path) -> None:
    total = sum(info.file_size for info in infos)
    if total > MOST_BYTES:
        raise _refused(archive, f"unpacked it has {total / 1e9:.1f} GB, more than 4 GB")
    if total > HIGHEST_RATIO * archive.stat().st_size:
        raise _refused(archive, f"it would grow more than {HIGHEST_RATIO} times")


def _fault(info: zipfile.ZipInfo) -> str | None:
    """Return what is wrong with a member's name or kind, or None."""
    name = info.orig_filename
    parts = PurePosixPath(name).parts
    if not parts or "\0" in name or "\\" in name or any(ord(letter) < 32 for letter in name):
        return "has a forbidden character in its name, or no name"
    if name.startswith("/") or parts[0].endswith(":") or (len(name) > 1 and name[1] == ":"):
        return "has an absolute path"
    if ".." in parts:
        return "leads out of the folder"
    if any(len(part.encode()) > 255 for part in parts) or len(name.encode()) > 1024:
        return "has too long a name"
    mode = info.external_attr >> 16
    kind = stat.S_IFMT(mode)
    if kind and kind not in (stat.S_IFREG, stat.S_IFDIR):
        return "is a link or a special file"
    if info.flag_bits & 0x1:
        return "is encrypted"
    if info.compress_type not in METHODS:
        return "is compressed in a way that cannot be read here"
    return None


def _is_litter(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return parts[0] == "__MACOSX" or parts[-1].lower() in LITTER


def _check_collisions(infos: list[zipfile.ZipInfo], archive: Path) -> None:
    """Refuse two members that some file system takes for one, and a file that is also a folder."""
    files: set[str] = set()
    folders: set[str] = set()
    for info in infos:
        path = PurePosixPath(unicodedata.normalize("NFC", info.filename).casefold())
        folders.update(str(parent) for parent in path.parents)
        if info.is_dir():
            folders.add(str(path))
        elif str(path) in files:
            raise _refused(archive, f"it holds {info.filename!r} twice")
        else:
            files.add(str(path))
    both = files & folders
    if both:
        raise _refused(archive, f"{min(both)!r} is a file and a folder in it")


def _check_space(to: Path, total: int) -> None:
    place = next(folder for folder in (to, *to.absolute().parents) if folder.is_dir())
    free = shutil.disk_usage(place).free
    if free < 2 * total:
        raise DataError(
            f"unpacking needs {2 * total / 1e6:.0f} MB free in {place} and there are "
            f"{free / 1e6:.0f} MB; free some space"
        )


def _unpack(
    source: zipfile.ZipFile, members: list[zipfile.ZipInfo], to: Path, progress: Progress | None
) -> Path:
    to.parent.mkdir(parents=True, exist_ok=True)
    _sweep(to)
    work = Path(tempfile.mkdtemp(prefix=f".{to.name}.unpacking-", dir=to.parent))
    done, total = 0, sum(member.file_size for member in members)
    try:
        for member in members:
            target = work / member.filename
            target.parent.mkdir(parents=True, exist_ok=True)
            with source.open(member) as packed, target.open("xb") as unpacked:
                while chunk := packed.read(CHUNK):
                    unpacked.write(chunk)
                    done += len(chunk)
            if progress is not None:
                progress(done, total)
        work.chmod(0o755)
        work.rename(to)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return to


def _sweep(to: Path) -> None:
    """Remove side folders that a killed process left behind a day ago or more."""
    for left in to.parent.glob(f".{to.name}.unpacking-*"):
        if time.time() - left.stat().st_mtime > STALE_SECONDS:
            shutil.rmtree(left, ignore_errors=True)
