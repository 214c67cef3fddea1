"""What a training will cost, before one commits: the device, and the time from measured steps."""

from __future__ import annotations

import time
from collections.abc import Sequence

import streamlit as st

from brainseg.errors import BrainsegError
from brainseg.training import estimate, hardware
from brainseg.training.estimate import Job, Measurement
from brainseg.training.recipes import RunConfig
from brainseg.types import Split
from ui import frame, training_news
from ui.training_words import NETWORKS, duration, roughly

MEASURING = "train.measuring"  # the keys of what this session has begun to measure
BACKENDS = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}
LONG_SECONDS = 2 * 3600.0  # beyond this a word about faster ways is in place


@st.cache_resource(show_spinner=False)
def _jobs() -> dict[str, Job]:
    return {}


def show(configs: Sequence[RunConfig], split: Split) -> None:
    """Say what training runs on here and how long it would take, or offer to measure it."""
    found = frame.plain(hardware.describe())
    one_of = "one of " if len(hardware.usable()) > 1 and not configs[0].mirrored else ""
    st.markdown(f":material/memory: Trains on {one_of}{found}.")
    _say_what_is_unused()
    known = {config: told for config in configs if (told := estimate.known(config)) is not None}
    job = _jobs().get(estimate.key_of(configs))
    if job is not None and job.running:
        st.fragment(_watch, run_every=1)(configs)
    elif len(known) < len(configs):
        _offer(configs, [config for config in configs if config not in known], job)
    else:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(":material/timer: " + sentence(known, split), width="stretch")
            _again(configs, job)


def ask() -> None:
    """Ask the backend, where that takes a while, whether it can use the GPUs that are here."""
    if not hardware.is_asked():
        with st.spinner(f"Asks {_backend()} whether it can use the GPU"):
            hardware.backend_gpus()


def _backend() -> str:
    return BACKENDS.get(hardware.backend(), hardware.backend())


def _say_what_is_unused() -> None:
    found = hardware.unused()
    if not found:
        return
    helps = "install it with CUDA"
    if hardware.backend() == "tensorflow":
        helps = "start the app with `make run GPU=1`, which installs what is missing"
    st.warning(
        f"Not used: {frame.plain(found)}. {_backend()} as it is installed here cannot train on a "
        f"GPU; to do so, {helps}.",
        icon=":material/memory:",
    )


def cancel(configs: Sequence[RunConfig]) -> None:
    """End the measuring of these, and all that this session began: a training is to start."""
    for key in {estimate.key_of(configs), *st.session_state.pop(MEASURING, ())}:
        _end(key)


def _end(key: str) -> None:
    job = _jobs().pop(key, None)
    if job is not None:
        job.cancel()


def _begin(key: str, missing: Sequence[RunConfig]) -> None:
    """Start measuring and draw the screen again, or say why that cannot be."""
    for other, job in list(_jobs().items()):
        if not job.running:  # nobody has asked how it went
            _jobs().pop(other, None)
    try:
        _jobs()[key] = estimate.start(missing)
    except BrainsegError as error:
        frame.refuse(error)
        return
    st.session_state[MEASURING] = [*st.session_state.get(MEASURING, ()), key]
    st.rerun(scope="app")


def _again(configs: Sequence[RunConfig], job: Job | None) -> None:
    """Offer to measure anew: the machine may have been busier, or less so, the last time."""
    if job is not None:
        _jobs().pop(estimate.key_of(configs), None)
        if job.process.returncode:
            st.warning(f"It could not be measured again: {frame.plain(job.problem())}")
    if st.button("Measure again", icon=":material/refresh:", type="tertiary",
                 key="train.estimate.again"):  # fmt: skip
        _begin(estimate.key_of(configs), configs)


def _offer(configs: Sequence[RunConfig], missing: list[RunConfig], job: Job | None) -> None:
    if job is not None:
        _jobs().pop(estimate.key_of(configs), None)
        st.warning(f"It could not be measured: {frame.plain(job.problem())}")
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Measure how long it takes", icon=":material/timer:", key="train.estimate"):
            _begin(estimate.key_of(configs), missing)
        st.caption("Runs a few steps of exactly this in a process of its own: about a minute.")
    if not hardware.usable():
        st.caption(
            "The quick recipe is made for training without a GPU; the other two take hours or days."
        )


def _watch(configs: Sequence[RunConfig]) -> None:
    """Show how far the measuring is; called again every second while it lasts."""
    job = _jobs().get(estimate.key_of(configs))
    if job is None or not job.running:
        training_news.redraw()
        return
    told = job.last()
    network = NETWORKS.get(told.get("model", ""), "")
    text = f"{told.get('text', 'Starts')} · {network}" if network else "Starts"
    with st.container(horizontal=True, vertical_alignment="center"):
        seconds = duration(time.monotonic() - job.begun)
        st.progress(float(told.get("share", 0.0)), text=f"{text} · {seconds}")
        if st.button("Cancel", icon=":material/close:", key="train.estimate.cancel"):
            _end(estimate.key_of(configs))
            st.rerun(scope="app")


def sentence(found: dict[RunConfig, Measurement], split: Split) -> str:
    """Return how long the run or runs would take, and on what that rests."""
    parts, whole = [], 0.0
    for config, measured in found.items():
        epoch = estimate.epoch_seconds(config, measured, split)
        total = estimate.total_seconds(config, measured, split)
        whole += total
        parts.append(
            f"{NETWORKS[config.model]}: {config.epochs} epochs of {_short(epoch)} would take about "
            f"**{roughly(total)}** here, with {measured.memory_mb / 1024:.1f} GB of memory"
        )
    words = "; ".join(parts) + f". Measured over {next(iter(found.values())).steps} steps"
    if any(measured.busy for measured in found.values()):
        words += " beside another training, so alone it is faster"
    words += "; early stopping may end it before." if any(c.patience for c in found) else "."
    on_cpu = all(measured.device.startswith("CPU") for measured in found.values())
    if whole > LONG_SECONDS and on_cpu:
        words += " That is long for a CPU: fewer epochs, a smaller side or base, or a GPU help."
    return words


def _short(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 10 else duration(seconds)
