"""Evaluations as CSV and JSON: every score of every slice, and every number of every table."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields

from brainseg.report.tables import grouped
from brainseg.types import CaseScore, Evaluation, Summary

_ENDS = ("_low", "_high", "_undefined")


def cases_csv(evaluations: Sequence[Evaluation], planes: Mapping[int, str] | None = None) -> str:
    """Return one line per slice and network; an undefined score is empty."""
    names = ["model", *(f.name for f in fields(CaseScore)), *(["plane"] if planes else [])]
    rows = (
        {"model": e.model, **asdict(case)} | ({"plane": planes.get(case.number)} if planes else {})
        for e in evaluations
        for case in e.cases
    )
    return _csv(names, rows)


def summaries_csv(
    evaluations: Sequence[Evaluation], planes: Mapping[int, str] | None = None
) -> str:
    """Return one line per network, group and score, with its interval and undefined count."""
    found: list[dict[str, object]] = []
    for e in evaluations:
        found += _lines(e.model, "all", "all", e.summary)
    for by in ("kind", "plane", "size", "patient"):
        for model, groups in grouped(evaluations, by, planes).items():
            for group, values in groups.items():
                found += _lines(model, by, group, values)
    names = ["model", "by", "group", "score", "value", "low", "high", "undefined"]
    return _csv(names, found)


def _lines(model: str, by: str, group: str, values: Summary) -> list[dict[str, object]]:
    scores = [name for name in values if not name.endswith(_ENDS) or name.startswith("share_")]
    return [
        {
            "model": model, "by": by, "group": group, "score": name, "value": values[name],
            **{end[1:]: values.get(f"{name}{end}") for end in _ENDS},
        }
        for name in scores
    ]  # fmt: skip


def _csv(names: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def as_json(evaluations: Sequence[Evaluation]) -> str:
    """Return the evaluations in full as JSON."""
    return json.dumps([asdict(evaluation) for evaluation in evaluations], indent=1)
