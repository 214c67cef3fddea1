"""Choices that several screens offer. Keys are ``page.thing``; the address carries their values."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from brainseg import palette
from brainseg.data.catalog import Catalog
from brainseg.errors import ChoiceNeeded, DataError
from brainseg.networks import NetworkRef
from brainseg.types import SALIENCY_INPUTS, Sample, Volume
from ui import cache, frame, missing

_UPLOADED = "app.uploaded"  # (files, bytes, digests of the last uploads) of this session
_LAST_DATASET = "app.dataset"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Upload:
    """What was uploaded, with a digest of its bytes as its identity."""

    volume: Volume
    digest: str
    files: tuple[tuple[str, bytes], ...]  # (name, content)
    volume_index: int | None = None  # which volume, where the files hold several


def pick_dataset(key: str) -> Catalog:
    """Let the user choose a dataset; say when it is synthetic. Makes the demo if there is none.

    Raises:
        DataError: there is no dataset and none could be made.
    """
    cache.ensure_demo()
    options = {ref.label: ref for ref in cache.datasets()}
    if not options:
        raise DataError("no dataset was found; run `python -m brainseg demo --to data/demo`")
    last = st.session_state.get(_LAST_DATASET)
    if key not in st.session_state and key not in st.query_params and last in options:
        st.session_state[key] = last
    missing.look(key, list(options))
    chosen = st.selectbox(
        "Dataset", list(options), index=_index_of_default(options), key=key,
        bind="query-params", width=180,
    )  # fmt: skip
    missing.say(key, "dataset", "is not here", chosen)
    st.session_state[_LAST_DATASET] = chosen
    frame.synthetic_notice(options[chosen].synthetic)
    return cache.catalog(options[chosen].root)


def _index_of_default(options: dict[str, cache.DatasetRef]) -> int:
    real = [i for i, ref in enumerate(options.values()) if not ref.synthetic]
    return real[0] if real else 0


def _step(key: str, options: Sequence[int], by: int) -> None:
    now = st.session_state.get(key, options[0])
    place = options.index(now) if now in options else 0
    st.session_state[key] = options[(place + by) % len(options)]


def pick_sample(
    key: str, catalog: Catalog, *, truth_only: bool = False, default: int | None = None
) -> Sample:
    """Let the user choose a slice by number, or step with the arrow keys.

    Raises:
        DataError: the dataset has no slice that could be chosen.
    """
    samples = catalog.with_truth if truth_only else catalog.samples
    if not samples:
        wanted = "slice with a mask" if truth_only else "slice"
        raise DataError(f"{catalog.name} has no {wanted} to show; choose another dataset")
    numbers = [sample.number for sample in samples]
    first = default if default in numbers else first_with_tumour(samples)
    missing.look(key, [str(number) for number in numbers])
    row = st.container(horizontal=True, vertical_alignment="bottom", gap="xsmall", width="content")
    number = row.selectbox(
        f"Slice ({len(numbers):,})", numbers, index=numbers.index(first), key=key,
        bind="query-params", width=120, filter_mode="prefix",
    )  # fmt: skip
    row.button(
        "Previous", icon=":material/chevron_left:", key=f"{key}.previous", shortcut="Left",
        on_click=_step, args=(key, numbers, -1),
    )  # fmt: skip
    row.button(
        "Next", icon=":material/chevron_right:", key=f"{key}.next", shortcut="Right",
        on_click=_step, args=(key, numbers, 1), icon_position="right",
    )  # fmt: skip
    where = f"is not among the slices of {catalog.name}" + " with a true mask" * truth_only
    missing.say(key, "slice", where, f"slice {number}")
    return catalog.by_number(number)


def first_with_tumour(samples: Sequence[Sample]) -> int:
    """Return the number of the first slice with a true mask and a tumour, else of the first."""
    for sample in samples:
        if sample.mask is not None and sample.tumour != "none":
            return sample.number
    return samples[0].number


def need_networks(catalog: Catalog | None = None) -> tuple[NetworkRef, ...]:
    """Return the networks there are; where there is none, say what to do and stop the screen.

    Those that need saliency maps beside the scan are among them where ``catalog`` has such maps.
    """
    found = tuple(ref for ref in cache.networks() if _can_see(ref, catalog))
    if not found:
        frame.empty_state(
            "**No trained network yet.** Train one: the quick recipe takes minutes on demo data.",
            "Train a network", "train", icon=":material/model_training:",
        )  # fmt: skip
        st.stop()
    return found


def _can_see(ref: NetworkRef, catalog: Catalog | None) -> bool:
    """Whether a network needs the scan alone, or maps that some slice of the dataset has."""
    wanted = SALIENCY_INPUTS.get(ref.saliency, ())
    samples = () if catalog is None else catalog.samples
    return not wanted or any(all(s.saliency[which - 1] for which in wanted) for s in samples)


def pick_network(
    key: str, label: str = "Network", default: str = "unet", catalog: Catalog | None = None
) -> NetworkRef:
    """Let the user choose one network; stops the screen where there is none."""
    options = {ref.label: ref for ref in need_networks(catalog)}
    names = [ref.name for ref in options.values()]
    start = names.index(default) if default in names else 0
    missing.look(key, list(options))
    chosen = st.selectbox(
        label, list(options), index=start, key=key, bind="query-params", width=170
    )
    missing.say(key, "network", "is not among the networks here", chosen)
    return options[chosen]


def pick_networks(
    key: str,
    label: str = "Networks",
    *,
    with_weights: bool = False,
    catalog: Catalog | None = None,
) -> list[NetworkRef]:
    """Let the user choose one or more networks, the shipped ones at first.

    ``with_weights`` leaves the ensemble out, which only predicts. ``catalog`` is the dataset they
    are for, where they are for nothing else: its maps may be what a network needs.
    """
    found = [ref for ref in need_networks(catalog) if not (with_weights and ref.kind == "ensemble")]
    options = {ref.label: ref for ref in found}
    shipped = [ref.label for ref in options.values() if ref.kind == "shipped"]
    missing.look(key, list(options))
    chosen = st.multiselect(
        label, list(options), default=shipped or list(options)[:2], key=key,
        bind="query-params", max_selections=5, width=300, placeholder="Choose a network",
    )  # fmt: skip
    missing.say(key, "network", "is not among the networks here", " and ".join(chosen) or "none")
    return [options[name] for name in chosen]


def colours(refs: Sequence[NetworkRef]) -> dict[str, str]:
    """Return a colour per network name: its architecture's, and no colour twice in one view."""
    spare = [colour for colour in palette.OTHER_RUNS if colour != palette.TRUTH]
    chosen: dict[str, str] = {}
    for ref in refs:
        own = palette.of_model(ref.name)
        free = [colour for colour in (own, *spare) if colour not in chosen.values()]
        chosen[ref.name] = free[0] if free else own
    return chosen


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
        "A scan: PNG, JPEG, TIFF, DICOM or NIfTI; several files for a DICOM series",
        accept_multiple_files=True, key=key, max_upload_size=limits.current().upload_bytes // 2**20,
    )  # fmt: skip
    if not files:
        return None
    Quota().add([file.size for file in files])  # before they are copied
    named = [(file.name, file.getvalue()) for file in files]
    digest = hashlib.sha256()
    for name, data in named:
        digest.update(name.encode() + b"\0" + data)
    _count([len(data) for _, data in named], digest.hexdigest())
    return _chosen(key, digest.hexdigest(), named)


def _chosen(key: str, digest: str, named: list[tuple[str, bytes]]) -> Upload:
    """Read the files; where they hold several volumes, ask for one of them."""
    found = _read(digest, None, named)
    if not isinstance(found, ChoiceNeeded):
        return Upload(volume=found, digest=digest, files=tuple(named))
    names = found.labels or [f"Volume {i + 1}" for i in range(found.count)]
    index = st.selectbox(
        f"The files hold {found.count} volumes", range(found.count), key=f"{key}.volume",
        format_func=lambda i: names[i], width=300,
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
def _read(digest: str, volume_index: int | None, _named: list[tuple[str, bytes]]):
    """Return the volume, or the choice that it takes: that too is asked of the decoder once."""
    from brainseg.data import decoding

    try:
        return decoding.read_limited(_named, volume_index=volume_index)
    except ChoiceNeeded as choice:
        return choice
