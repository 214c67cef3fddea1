"""Whether an upload looks like a head MRI at all, by both shipped networks, slice by slice."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from brainseg import gate, networks
from brainseg.gate import Verdict, Witness
from brainseg.networks import NetworkRef
from brainseg.types import FloatArray
from ui import cache, frame
from ui import segment_study as studies
from ui.segment_study import Study

_GO_ON = "segment.not-a-head"


def passes(study: Study, refs: Sequence[NetworkRef]) -> bool:
    """Warn where the slice shown first looks like no head; True if it does, or the user goes on."""
    verdict = verdict_of(study, refs, study.middle)
    if verdict is None or verdict.accepted:
        return True
    _warn(study, study.middle, verdict)
    accepted = st.session_state.setdefault(_GO_ON, [])
    if study.scene in accepted:
        return True
    st.button(
        "Segment it all the same", key="segment.go-on", icon=":material/arrow_forward:",
        on_click=accepted.append, args=(study.scene,),
        help="The networks answer to any picture; what they say of this one means nothing.",
    )  # fmt: skip
    return False


def say_if_no_head(study: Study, refs: Sequence[NetworkRef], index: int) -> None:
    """Warn of a slice of a volume that looks like no head, unless ``passes`` has warned of all."""
    first, verdict = (verdict_of(study, refs, i) for i in (study.middle, index))
    if first and first.accepted and verdict and not verdict.accepted:
        _warn(study, index, verdict)


def verdict_of(study: Study, refs: Sequence[NetworkRef], index: int) -> Verdict | None:
    """Return the gate's verdict on a slice of an upload; None for a dataset's slice.

    The shipped networks judge together, whichever was chosen; networks of the user's own, where he
    chose no other, only where those do not know the slice (``brainseg.gate.judge_upload``).
    """
    if study.sample is not None or not refs:
        return None
    own = [ref for ref in refs if ref.kind == "run"]
    own = own if len(own) == len(refs) else []
    stamps = tuple(networks.fingerprint(ref.name) for ref in own)
    return _verdict(study.scene, index, stamps, study, refs, own)


@st.cache_data(max_entries=256, show_spinner=False, scope="session")
def _verdict(
    scene: str, index: int, own: tuple[str, ...],
    _study: Study, _refs: Sequence[NetworkRef], _own: Sequence[NetworkRef],
) -> Verdict:  # fmt: skip
    shipped = [ref for ref in cache.networks() if ref.kind == "shipped"]
    asked = [[_witness(_study, ref, index, _refs) for ref in part] for part in (shipped, _own)]
    return gate.judge_upload(_study.volume.slice(index), *asked)


def _witness(study: Study, ref: NetworkRef, index: int, chosen: Sequence[NetworkRef]) -> Witness:
    """Return what a network sees, through the ensemble where that was chosen: it answers anyway."""
    both = next((one for one in chosen if one.kind == "ensemble"), None)

    def features() -> FloatArray:
        if both is None or ref.kind == "run":
            return studies.slices_of(study, ref).features(index)[0]
        place = networks.ARCHITECTURES.index(ref.name)
        return studies.slices_of(study, both).features(index)[place]

    return Witness(heads=cache.segmenter(ref.name).heads, features=features)


def _warn(study: Study, index: int, verdict: Verdict) -> None:
    where = f"Slice {index + 1} of {study.depth}: " if study.depth > 1 else ""
    said = f"{where}{verdict.reason}."
    st.warning(frame.plain(said[:1].upper() + said[1:]), icon=":material/front_hand:")
