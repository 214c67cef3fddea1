"""A scan from outside, dropped or pasted: counted, read once, kept until another takes its place.

The field forgets its files when the screen is left. The last scan that could be read is kept for
the session, so that whoever comes back finds it; a page opened anew knows nothing of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from brainseg.data import readers
from brainseg.errors import ChoiceNeeded, ScanError
from brainseg.types import Volume
from ui import frame

_UPLOADED = "app.uploaded"  # (files, bytes, digests of the last uploads) of this session
_KEPT = "app.kept"  # of the scan that is kept: digest, which volume, whether the field has it
_CROSS = "\N{MULTIPLICATION SIGN}"  # what the field shows beside a file
_SEVERAL = ("are no DICOM images", "them")
Named = Sequence[tuple[str, bytes]]  # (name, content) of files


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Upload:
    """What was uploaded, with a digest of its bytes as its identity."""

    volume: Volume
    digest: str
    files: tuple[tuple[str, bytes], ...]  # (name, content)
    volume_index: int | None = None  # which volume, where the files hold several


def upload_scan(key: str) -> Upload | None:
    """Let the user upload a scan, or the files of one DICOM series; None until there is one.

    Raises:
        ScanError: the files cannot be read as one scan.
    """
    from brainseg.data import decoding
    from brainseg.data.formats import limits
    from brainseg.data.quota import Quota

    decoding.prepare()  # a decoder gets ready while the user looks for the file
    # No list of endings: DICOM files often have none, and the reader goes by the content.
    files = st.file_uploader(
        f"A scan: {readers.KINDS}; several files or a zip for a DICOM series",
        accept_multiple_files=True, key=key, max_upload_size=limits.current().upload_bytes // 2**20,
        on_change=_forget_if_removed, args=(key,),
    )  # fmt: skip
    if not files:
        return _kept_before(key)
    Quota().add([file.size for file in files])  # before they are copied
    named = _one_scan([(file.name, file.getvalue()) for file in files])
    digest = hashlib.sha256()
    for name, data in named:
        digest.update(name.encode() + b"\0" + data)
    _count([len(data) for _, data in named], digest.hexdigest())
    upload = _chosen(key, digest.hexdigest(), named)
    _keep(upload, digest.hexdigest(), in_field=True)
    return upload


def _kept_before(key: str) -> Upload | None:
    """Return the scan that was uploaded before the screen was left, with a way to be rid of it."""
    told = st.session_state.get(_KEPT)
    if told is None:
        return None
    try:
        named = _files(told["digest"], None)
    except LookupError:  # the connection was lost for long, and all files with it
        forget()
        return None
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        name = frame.plain(readers.source_of(named))
        st.markdown(f":material/draft: **{name}** is still here.", width="content")
        st.button("Remove", icon=":material/close:", key=f"{key}.remove", type="tertiary",
                  on_click=forget)  # fmt: skip
    upload = _chosen(key, told["digest"], named, told["volume"])
    _keep(upload, told["digest"], in_field=False)
    return upload


def _keep(upload: Upload, digest: str, *, in_field: bool) -> None:
    _files(digest, upload.files)
    st.session_state[_KEPT] = {
        "digest": digest, "volume": upload.volume_index, "in_field": in_field,
    }  # fmt: skip


def forget() -> None:
    """Drop the scan that is kept."""
    st.session_state.pop(_KEPT, None)
    _files.clear()
    _read.clear()


def _forget_if_removed(key: str) -> None:
    """The field was emptied by hand: what it had is not wanted any more."""
    told = st.session_state.get(_KEPT)
    if told and told["in_field"] and not st.session_state.get(key):
        forget()


@st.cache_resource(max_entries=1, show_spinner=False, scope="session")
def _files(digest: str, _named: Named | None) -> Named:
    """Return the files of a digest that were given before; raises LookupError where none were."""
    if _named is None:
        raise LookupError(digest)
    return _named


def _one_scan(named: Named) -> Named:
    """Return those of the files that are read: a DICOM series whole, of others the newest alone.

    Raises:
        ScanError: there are DICOM images and others, so that nobody can tell what is meant.
    """
    others = [file for file in named if not readers.is_dicom(file[1])]
    if len(named) == 1 or not others:
        return named
    if images := len(named) - len(others):
        is_none, it = ("is no DICOM image", "it") if len(others) == 1 else _SEVERAL
        are = "is one" if images == 1 else "are"
        raise ScanError(
            f"{readers.source_of(others)} {is_none} and cannot be read together with the "
            f"{images} that {are}: remove {it} with the {_CROSS} beside {it}"
        )
    st.caption(
        f"Only the newest file is read, {frame.plain(readers.shown(named[-1][0]))}: several are "
        f"one scan only as images of a DICOM series. The {_CROSS} beside a file removes it."
    )
    return named[-1:]


def _chosen(key: str, digest: str, named: Named, first: int | None = None) -> Upload:
    """Read the files; where they hold several volumes, ask for one of them."""
    found = _read(digest, None, named)
    if not isinstance(found, ChoiceNeeded):
        return Upload(volume=found, digest=digest, files=tuple(named))
    names = found.labels or [f"Volume {i + 1}" for i in range(found.count)]
    index = st.selectbox(
        f"The files hold {found.count} volumes", range(found.count), key=f"{key}.volume",
        index=first or 0, format_func=lambda i: names[i], width=300,
    )  # fmt: skip
    return Upload(
        volume=_read(digest, index, named), digest=f"{digest}.{index}", files=tuple(named),
        volume_index=index,
    )  # fmt: skip


def _count(sizes: list[int], digest: str) -> None:
    """Add a new upload to what this session has uploaded; raises where that is too much."""
    from brainseg.data.quota import Quota

    count, size, seen = st.session_state.get(_UPLOADED, (0, 0, ()))
    if digest not in seen:
        quota = Quota(files=count, bytes=size).add(sizes)
        st.session_state[_UPLOADED] = (quota.files, quota.bytes, (*seen[-8:], digest))


@st.cache_resource(max_entries=2, show_spinner="Reading the scan", scope="session")
def _read(digest: str, volume_index: int | None, _named: Named):
    """Return the volume, or the choice that it takes: that too is asked of the decoder once."""
    from brainseg.data import decoding

    try:
        return decoding.read_limited(_named, volume_index=volume_index)
    except ChoiceNeeded as choice:
        return choice
