"""Evaluations as one HTML file: every table, figure and gallery, readable without a network.

The page carries Plotly's script once and its pictures as data, and its policy forbids every
request. Every name is escaped.
"""

from __future__ import annotations

import base64
import html
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from brainseg import __version__, summary
from brainseg.report import figures, figures_groups, galleries, pairs, style, tables
from brainseg.types import CaseScore, Evaluation

SHOWN = 4  # pictures of a gallery
_LISTED = 500  # lines of a list of errors
Draw = Callable[[int, CaseScore], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Extras:
    """What a report may hold beyond the scores.

    Attributes:
        draw: gives the WebP of a slice under the network at that place; None leaves pictures out.
        planes: the plane of a slice by its number.
        orientations: the evaluations in each orientation, by its name in words.
        part: which slices these are, in words.
        synthetic: whether the slices are made up, as those of the demo data are.
        warnings: sentences that the reader must know, such as that a network was trained on these.
        written: when, in words.
    """

    draw: Draw | None = None
    planes: Mapping[int, str] | None = None
    orientations: Mapping[str, Sequence[Evaluation]] | None = None
    part: str = ""
    synthetic: bool = False
    warnings: Sequence[str] = ()
    written: str = ""


def render(evaluations: Sequence[Evaluation], extras: Extras | None = None) -> str:
    """Return the page for networks that were scored on the same slices.

    Raises:
        ValueError: there is no evaluation.
    """
    if not evaluations:
        raise ValueError("a report needs at least one evaluation")
    more = extras or Extras()
    parts = [
        _head(evaluations, more),
        *_scores(evaluations),
        *_groups(evaluations, more),
        *_distributions(evaluations),
        *_pairs(evaluations),
        *_probabilities(evaluations),
        *_orientations(more),
        *_galleries(evaluations, more),
        *_errors(evaluations),
    ]
    return style.PAGE.format(
        css=style.CSS, body="\n".join(parts), plotly=get_plotlyjs(), start=style.START,
        title=_escaped(f"Evaluation of {_names(evaluations)}"),
    )  # fmt: skip


def _escaped(text: object) -> str:
    return html.escape(str(text))


def _names(evaluations: Sequence[Evaluation]) -> str:
    return ", ".join(e.model for e in evaluations)


def _head(evaluations: Sequence[Evaluation], extras: Extras) -> str:
    first = evaluations[0]
    facts = {
        "Networks": ", ".join(f"{e.model} (threshold {e.threshold:g})" for e in evaluations),
        "Data": first.data + (" (synthetic)" if extras.synthetic else ""),
        "Slices": f"{len(first.cases):,}" + (f": {extras.part}" if extras.part else ""),
        "Orientation": {"file": "as in the files"}.get(first.orientation, first.orientation),
        "Written": f"{extras.written} by brainseg {__version__}".strip(),
    }
    lines = "".join(f"<dt>{_escaped(k)}</dt><dd>{_escaped(v)}</dd>" for k, v in facts.items())
    warned = "".join(f"<p class=warning>{_escaped(text)}</p>" for text in extras.warnings)
    about = f"<p class=quiet>{_escaped(style.DISCLAIMER)}</p>"
    return f"<h1>Evaluation</h1>{about}<dl>{lines}</dl>{warned}"


def _scores(evaluations: Sequence[Evaluation]) -> Iterator[str]:
    yield "<h2>Scores</h2>"
    yield _table(tables.scores(evaluations))
    yield _note(style.SCORES)


def _groups(evaluations: Sequence[Evaluation], extras: Extras) -> Iterator[str]:
    for by, title in (("kind", "Kind of tumour"), ("plane", "Plane"), ("size", "Size")):
        found = tables.grouped(evaluations, by, extras.planes)
        if any(found.values()):
            yield f"<h2>By {title.lower()}</h2>"
            yield _figure(figures_groups.mean_dice(found, f"Mean Dice by {title.lower()}"))
            yield _table(tables.groups(found, title))
            yield _note(style.GROUPS[by])
    found = tables.grouped(evaluations, "patient")
    if any(found.values()):
        yield "<h2>By patient</h2>"
        yield _figure(figures_groups.patients(found))
        rows = [{k: _plain(v) for k, v in row.items()} for row in tables.patients(found)]
        yield _folded(f"{len(rows):,} patients", _table(rows))


def _plain(value: str | int | float | None) -> str:
    if value is None:
        return tables.DASH
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _distributions(evaluations: Sequence[Evaluation]) -> Iterator[str]:
    if any(case.truth_px for e in evaluations for case in e.cases):
        yield "<h2>Where the mean comes from</h2>"
        yield _figure(figures.dice_by(evaluations, lambda c: c.tumour, style.BY_KIND))
        yield _figure(figures.dice_histogram(evaluations))
        yield _figure(figures.dice_by_size(evaluations))


def _pairs(evaluations: Sequence[Evaluation]) -> Iterator[str]:
    for first, second in itertools.combinations(evaluations, 2):
        points = pairs.points(first, second)
        if points:
            names = (first.model, second.model)
            yield f"<h2>{_escaped(names[0])} against {_escaped(names[1])}</h2>"
            yield _figure(pairs.every_slice(points, names))
            yield _note(_escaped(pairs.told(first, second, names)))
            yield _table(tables.comparison(summary.compare(first, second), names))
            yield _note(style.PAIRED)


def _probabilities(evaluations: Sequence[Evaluation]) -> Iterator[str]:
    if any(e.thresholds for e in evaluations):
        yield "<h2>Thresholds</h2>"
        yield _figure(figures.threshold_dice(evaluations))
        yield _figure(figures.threshold_errors(evaluations))
        yield _note(style.THRESHOLDS)
    if any(e.calibration and any(e.calibration.pixels) for e in evaluations):
        yield "<h2>Calibration</h2>"
        yield _figure(figures.reliability(evaluations))
        yield _note(style.CALIBRATION)


def _orientations(extras: Extras) -> Iterator[str]:
    if extras.orientations:
        yield "<h2>The eight symmetries</h2>"
        yield _table(tables.orientations(extras.orientations))
        yield _note(style.SYMMETRIES)


def _galleries(evaluations: Sequence[Evaluation], extras: Extras) -> Iterator[str]:
    if extras.draw is None:
        return
    for place, evaluation in enumerate(evaluations):
        yield f"<h2>Slices, {_escaped(evaluation.model)}</h2>"
        yield _note(style.OUTLINES)
        for kind in galleries.KINDS:
            found = galleries.chosen(evaluation.cases, kind)[:SHOWN]
            if found:
                cells = "".join(_picture(extras.draw(place, case), case) for case in found)
                yield f"<h3>{kind}</h3><div class=gallery>{cells}</div>"


def _picture(data: bytes, case: CaseScore) -> str:
    words = _escaped(galleries.words(case))
    source = base64.b64encode(data).decode()
    return (
        f'<figure><img alt="{words}" src="data:image/webp;base64,{source}">'
        f"<figcaption>{words}</figcaption></figure>"
    )


def _errors(evaluations: Sequence[Evaluation]) -> Iterator[str]:
    yield "<h2>Misses and false alarms</h2>"
    for evaluation in evaluations:
        for kind in ("Missed", "False alarms"):
            found = galleries.chosen(evaluation.cases, kind)
            title = f"{evaluation.model}: {kind.lower()}, {len(found):,} slices"
            rows = [_line(case) for case in found[:_LISTED]]
            more = len(found) - len(rows)
            rest = _note(f"and {more:,} more, in the CSV") if more else ""
            yield _folded(title, _table(rows) + rest) if rows else _note(_escaped(title))


def _line(case: CaseScore) -> tables.Row:
    return {
        "Slice": str(case.number),
        "Kind": case.tumour or tables.DASH,
        "Patient": case.patient or tables.DASH,
        "True pixels": f"{case.truth_px:,}",
        "Painted pixels": f"{case.predicted_px:,}",
    }


def _table(rows: Sequence[Mapping[str, str]]) -> str:
    names = dict.fromkeys(name for row in rows for name in row)
    head = "".join(f"<th>{_escaped(name)}</th>" for name in names)
    lines = (
        "<tr>" + "".join(f"<td>{_escaped(row.get(name, ''))}</td>" for name in names) + "</tr>"
        for row in rows
    )
    return f"<div class=wide><table><tr>{head}</tr>{''.join(lines)}</table></div>"


def _folded(title: str, inside: str) -> str:
    return f"<details><summary>{_escaped(title)}</summary>{inside}</details>"


def _note(text: str) -> str:
    """Return a caption; its text is ours, or escaped by the caller."""
    return f"<p class=quiet>{text}</p>"


def _figure(figure: go.Figure) -> str:
    title = (figure.layout.meta or {}).get("title", "")
    figure.update_layout(template="plotly_white", paper_bgcolor="#fff", meta=None)
    spec = figure.to_json().replace("<", "\\u003c")  # nothing in it can end the script
    return (
        f'<h3>{_escaped(title)}</h3><div class=plot role=img aria-label="{_escaped(title)}">'
        f'<script type="application/json">{spec}</script></div>'
    )
