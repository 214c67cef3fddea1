"""Evaluations as tables: rows of text for a screen or a page. An undefined score is a dash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from brainseg import statistics, summary
from brainseg.types import CaseScore, Evaluation, Summary

DASH = "–"  # noqa: RUF001
ROWS = (
    ("dice", "Mean Dice per slice"),
    ("dice_median", "Median Dice per slice"),
    ("dice_q1", "Dice, lower quartile"),
    ("dice_q3", "Dice, upper quartile"),
    ("dice_patients", "Mean Dice per patient"),
    ("iou", "IoU (Jaccard)"),
    ("precision", "Precision"),
    ("sensitivity", "Sensitivity"),
    ("specificity", "Specificity"),
    ("hausdorff95_px", "95 % Hausdorff distance, px"),
    ("hausdorff95_px_median", "95 % Hausdorff distance, px, median"),
    ("hausdorff95_mm", "95 % Hausdorff distance, mm"),
    ("surface_distance_px", "Mean surface distance, px"),
    ("surface_distance_mm", "Mean surface distance, mm"),
    ("ece", "Calibration error near the tumours"),
    ("accuracy", "Accuracy"),
    ("background_accuracy", "Accuracy of an all-background mask"),
    ("misses", "Tumours missed altogether"),
    ("false_alarms", "Tumour-free slices with a tumour painted on"),
    ("tumour_slices", "Slices with a tumour"),
    ("tumour_free_slices", "Tumour-free slices"),
    ("patients", "Patients with a tumour"),
)
_SHARES = ("misses", "false_alarms")
_LENGTHS = ("hausdorff95", "surface_distance")
Groups = Mapping[str, Mapping[str, Summary]]  # network -> group -> summary
Row = dict[str, str]


def cell(key: str, values: Summary) -> str:
    """Return a score as text, with its 95 % interval and how often it is undefined."""
    value = values.get(key)
    if value is None:
        return DASH
    shown = _number(key, value)
    low, high = values.get(f"{key}_low"), values.get(f"{key}_high")
    if low is not None and high is not None:
        shown += f" ({_number(key, low)} to {_number(key, high)})"
    undefined = values.get(f"{key}_undefined")
    return shown + (f" · {undefined:,} undefined" if undefined else "")


def _number(key: str, value: float | int) -> str:
    if key in _SHARES:
        return f"{value:.1%}"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.1f}" if key.startswith(_LENGTHS) else f"{value:.3f}"


def scores(evaluations: Sequence[Evaluation]) -> list[Row]:
    """Return one row per score and one column per network; no millimetres where none are known."""
    rows = []
    for key, label in ROWS:
        if key.endswith("_mm") and all(e.summary.get(key) is None for e in evaluations):
            continue
        rows.append({"Score": label, **{e.model: cell(key, e.summary) for e in evaluations}})
    return rows


def groups(found: Groups, name: str) -> list[Row]:
    """Return one row per group and network; ``name`` says what the groups are."""
    order = dict.fromkeys(group for part in found.values() for group in part)
    return [
        {
            name: _called(group, part[group]),
            "Network": network,
            "Slices": cell("slices", part[group]),
            "Mean Dice": cell("dice", part[group]),
            "Median": cell("dice_median", part[group]),
            "HD95, px": cell("hausdorff95_px", part[group]),
            "Missed": cell("misses", part[group]),
            "False alarms": cell("false_alarms", part[group]),
        }
        for group in order
        for network, part in found.items()
        if group in part
    ]


def _called(group: str, values: Summary) -> str:
    low, high = values.get("share_low"), values.get("share_high")
    if low is None or high is None:
        return "no tumour" if group == "none" else group
    return f"{group} ({low:.2%} to {high:.2%} of the slice)"


def patients(found: Groups) -> list[dict[str, str | int | float | None]]:
    """Return one row per patient: slices, and mean Dice, misses and false alarms per network."""
    order = dict.fromkeys(name for part in found.values() for name in part)
    rows = []
    for name in order:
        parts = {network: part[name] for network, part in found.items() if name in part}
        first = next(iter(parts.values()))
        row: dict[str, str | int | float | None] = {"Patient": name, "Slices": first["slices"]}
        for network, values in parts.items():
            row[f"Dice, {network}"] = values["dice"]
            row[f"Missed, {network}"] = _count("misses", "tumour_slices", values)
            row[f"False alarms, {network}"] = _count("false_alarms", "tumour_free_slices", values)
        rows.append(row)
    return rows


def _count(share: str, of: str, values: Summary) -> int | None:
    part, whole = values[share], values[of]
    return None if part is None or whole is None else round(part * whole)


def comparison(found: statistics.Comparison, names: tuple[str, str]) -> list[Row]:
    """Return the paired tests of two networks as rows: by slice and by patient."""
    rows = []
    for unit, test in (("slice", found.by_slice), ("patient", found.by_patient)):
        spread = ""
        if unit == "slice" and found.low is not None and found.high is not None:
            spread = f" ({found.low:+.3f} to {found.high:+.3f})"
        difference = DASH if test.difference is None else f"{test.difference:+.3f}{spread}"
        rows.append(
            {
                "Pairs": f"{test.pairs:,} {unit}{'' if test.pairs == 1 else 's'}",
                f"Mean difference, {names[0]} less {names[1]}": difference,
                f"{names[0]} better": f"{test.wins:,}",
                f"{names[1]} better": f"{test.losses:,}",
                "Equal": f"{test.pairs - test.wins - test.losses:,}",
                "p, Wilcoxon": DASH if test.p_value is None else f"{test.p_value:.2g}",
            }
        )
    return rows


def orientations(found: Mapping[str, Sequence[Evaluation]]) -> list[Row]:
    """Return one row per orientation, then the spread: the best mean Dice less the worst."""
    rows = []
    for words, evaluations in found.items():
        row = {"Orientation": words}
        for e in evaluations:
            row[e.model] = cell("dice", e.summary)
            row[f"{e.model}, missed"] = cell("misses", e.summary)
            row[f"{e.model}, false alarms"] = cell("false_alarms", e.summary)
        rows.append(row)
    spread = {"Orientation": "Spread of the mean Dice"}
    for same in zip(*found.values(), strict=True):
        dices = [e.summary["dice"] for e in same]
        known = [dice for dice in dices if dice is not None]
        spread[same[0].model] = f"{max(known) - min(known):.3f}" if known else DASH
    return [*rows, spread]


def grouped(
    evaluations: Sequence[Evaluation], by: str, planes: Mapping[int, str] | None = None
) -> dict[str, dict[str, Summary]]:
    """Return the summaries by ``"kind"``, ``"plane"``, ``"size"`` or ``"patient"``, per network.

    ``planes`` gives the plane of a slice by its number.
    """

    def plane(case: CaseScore) -> str | None:
        return (planes or {}).get(case.number)

    def of(e: Evaluation) -> dict[str, Summary]:
        if by == "kind":
            return e.by_tumour
        if by == "size":
            return e.by_size
        if by == "patient":
            return summary.by_patient(e.cases)
        return dict(sorted(summary.by_group(e.cases, plane).items()))

    return {e.model: of(e) for e in evaluations}
