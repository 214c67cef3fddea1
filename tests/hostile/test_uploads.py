"""F16-F18: whatever is uploaded gives a picture or one sentence."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from brainseg.data import readers
from brainseg.errors import ScanError
from tests.hostile import corpus, measured

CASES: dict[str, list[corpus.Case]] = {}
for _case in corpus.cases():
    CASES.setdefault(_case.kind, []).append(_case)
BOMBS = dict(corpus.bombs())
QUICK_BOMBS = (
    "PNG 50,000 x 50,000",
    "PNG 6,300 x 6,300 of 8 bytes",
    "JPEG header 6,000 x 6,000",
    "DICOM deflated, 2 GB of zeros",
    "NIfTI 1,200 cubed in gzip",
)
MOST_MB = 1000


def outcome(case: corpus.Case) -> str:
    """Read the files of a case; check what came, be it a volume or a sentence."""
    try:
        volume = readers.read_series(case.files)
    except ScanError as error:
        message = str(error)
        assert message.isprintable(), message
        assert len(message) < 300, message
        assert "<" not in message, message
        assert message.startswith(readers.shown(case.files[0][0])), message
        return corpus.REFUSED
    assert volume.voxels.ndim == 3
    assert np.isfinite(volume.voxels).all()
    return corpus.READ


@pytest.mark.parametrize("kind", CASES)
def test_every_file_gives_a_picture_or_one_sentence(kind: str) -> None:
    for case in CASES[kind]:
        assert outcome(case) in (case.outcome, corpus.READ, corpus.REFUSED)
        if case.outcome != corpus.EITHER:
            assert outcome(case) == case.outcome, case.files[0][0]


def test_damage_at_random_gives_a_picture_or_one_sentence() -> None:
    assert {outcome(case) for case in corpus.mutations(400)} == {corpus.READ, corpus.REFUSED}


@pytest.mark.skipif(sys.platform != "linux", reason="peaks are told by Linux's /proc")
@pytest.mark.parametrize("kind", QUICK_BOMBS)
def test_a_bomb_is_refused_within_little_memory(kind: str) -> None:
    found = measured.cost(BOMBS[kind]().files)
    assert found.outcome == corpus.REFUSED, found
    assert found.peak_mb < MOST_MB


@pytest.mark.parametrize("name", corpus.NAMES)
def test_a_name_is_shown_without_folders_markup_or_controls(name: str) -> None:
    shown = readers.shown(name)
    assert shown
    assert shown.isprintable()
    assert len(shown) <= 80
    assert not set(shown) & set("/\\<>&\"'`*[]$:;|?!~{}")
