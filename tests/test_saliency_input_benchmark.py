from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import saliency_input
from brainseg.types import SALIENCY_INPUTS


def _options(out: Path, *more: str):
    return saliency_input.parse(["--data", "d", "--out", str(out), "--seeds", "2", *more])


def _row(arm: str, seed: int, dices: list[float]) -> saliency_input.Row:
    return {
        "arm": arm, "seed": seed, "dice": sum(dices) / len(dices), "misses": 0.25,
        "slices": [1, 2, 3], "dices": dices, "patients": ["a", "b", "c"],
    }  # fmt: skip


def test_within_a_seed_the_runs_differ_in_their_maps_alone(tmp_path: Path):
    planned = saliency_input.planned_runs(_options(tmp_path))
    assert len({one.name for one in planned}) == 8
    for seed in (0, 1):
        plain = [one.config.to_dict() for one in planned if one.config.seed == seed]
        assert [values.pop("saliency") for values in plain] == list(SALIENCY_INPUTS)
        assert all(values == plain[0] for values in plain)
        assert plain[0]["patience"] == 0


def test_the_table_pairs_slices_within_a_seed():
    rows = [
        _row("none", 0, [0.5, 0.5, 0.5]), _row("1", 0, [0.6, 0.7, 0.8]),
        _row("none", 1, [0.1, 0.1, 0.1]), _row("1", 1, [0.2, 0.2, 0.2]),
    ]  # fmt: skip
    lines = saliency_input.table(rows).splitlines()
    assert len(lines) == 4
    assert lines[2] == "| scan alone | 0.300 | 0.500 0.100 | - | - | 0.250 |"
    assert "+0.150" in lines[3]
    low, high = (float(end) for end in lines[3].split(" | ")[4].split(" to "))
    assert low <= 0.15 <= high


def test_the_document_has_the_marks_that_the_table_goes_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    copy = tmp_path / "doc.md"
    copy.write_text(saliency_input.DOC.read_text())
    monkeypatch.setattr(saliency_input, "DOC", copy)
    monkeypatch.setattr(saliency_input, "facts", lambda rows, options: "A fact.")
    saliency_input.write_doc([_row("none", 0, [0.5, 0.5, 0.5])], _options(tmp_path))
    assert "A fact.\n\n| input | Dice" in copy.read_text()
    assert "--seeds 2" in copy.read_text()
