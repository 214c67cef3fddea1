"""Networks that were really built, asked from a process of their own, and what they answer.

Building needs Keras, which the server never imports; what was built is kept on disk.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from brainseg import __version__, files, networks, paths
from brainseg.errors import NetworkError
from ui import cache

if TYPE_CHECKING:
    from brainseg.activations import Activation


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """What decides how a network is built."""

    model: str
    size: int = 256
    base: int = 64
    depth: int = 4
    norm: str = "batch"


def design_of(ref: networks.NetworkRef) -> Design:
    """Return how a network that can be chosen was built."""
    told = networks.read_network(ref.folder)
    return Design(
        model=told.architecture, size=told.size, base=told.base, depth=told.depth, norm=told.norm
    )


def layers(design: Design) -> list[dict[str, Any]]:
    """Return the layers of such a network, as ``python -m brainseg architecture --json`` does.

    Raises:
        NetworkError: the network could not be built.
    """
    kept = _file(design)
    if not kept.is_file():
        found = _build(design)
        kept.parent.mkdir(parents=True, exist_ok=True)
        files.write_json(kept, found)
    return list(json.loads(kept.read_text(encoding="utf-8")))


def is_kept(design: Design) -> bool:
    """Whether :func:`layers` will answer without building anything."""
    return _file(design).is_file()


def _file(design: Design) -> Path:
    sources = [*sorted((paths.PACKAGE / "models").glob("*.py")), paths.PACKAGE / "architecture.py"]
    digest = hashlib.sha256(b"".join(s.read_bytes() for s in sources)).hexdigest()[:12]
    name = "-".join(map(str, (*asdict(design).values(), __version__, digest)))
    return paths.cache() / "architecture" / f"{name}.json"


def _build(design: Design) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "brainseg", "architecture", "--json"]
    for option, value in asdict(design).items():
        command += [f"--{option}", str(value)]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=180,
        stdin=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": paths.search_path()},
        check=False,
    )
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise NetworkError(f"{design.model} could not be built to be drawn: {said}")
    return list(json.loads(done.stdout))


def activations(ref: networks.NetworkRef, root: str, number: int) -> dict[str, Activation]:
    """Return what every block of a network answers to a slice of a dataset, as it is filed."""
    stamp = networks.fingerprint(ref.name)
    return _activations(str(ref.folder), stamp, root, cache.catalog(root).digest, number)


@st.cache_resource(max_entries=8, show_spinner="Looking into the network")
def _activations(
    folder: str, stamp: str, root: str, digest: str, number: int
) -> dict[str, Activation]:
    from brainseg.activations import observe

    return observe(Path(folder), cache.sample_image(root, number))
