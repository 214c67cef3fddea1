"""The table of a protocol: one row a score, one column a network or an arm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Numbers = dict[str, Any]  # a run of ``protocol.json``, or the folds of a network together
Row = tuple[str, Callable[[Numbers], str | None]]
NOTHING = "-"
MEANS = (
    ("IoU", "iou"),
    ("precision", "precision"),
    ("sensitivity", "sensitivity"),
    ("specificity", "specificity"),
)
DISTANCES = (
    ("95 % Hausdorff distance, px", "hausdorff95_px"),
    ("95 % Hausdorff distance, mm", "hausdorff95_mm"),
    ("mean surface distance, px", "surface_distance_px"),
    ("mean surface distance, mm", "surface_distance_mm"),
)


def table(found: dict[str, Any]) -> str:
    """Return the results as a Markdown table, what was not measured, and the comparisons."""
    columns = _columns(found)
    rows = [
        (words, [cell(numbers) for numbers in columns.values()]) for words, cell in _rows(found)
    ]
    lines = ["| score | " + " | ".join(columns) + " |", "|---" * (1 + len(columns)) + "|"]
    lines += [
        f"| {words} | " + " | ".join(cell or NOTHING for cell in cells) + " |"
        for words, cells in rows
        if any(cells)
    ]
    if missing := [words for words, cells in rows if not any(cells)]:
        lines += ["", f"Not measured by this protocol: {'; '.join(missing)}."]
    for arm, tests in found["unet less resunet"].items():
        lines += ["", f"UNet less ResUNet, {arm}: {compared(tests)}."]
    for network, tests in found.get("by slice less by patient", {}).items():
        shared = f"the {tests['by_slice']['pairs']} slices that both were tested on"
        lines += ["", f"{network}, our recipe, by slice less by patient, on {shared}: "
                      f"{compared(tests)}."]  # fmt: skip
    return "\n".join(lines)


def _columns(found: dict[str, Any]) -> dict[str, Numbers]:
    """Return what stands side by side: the runs, or each network's folds together."""
    folds = found.get("all folds")
    if folds is None:
        return {run["name"]: run for run in found["runs"]}
    return {
        f"{network}, all folds": part
        | {"of folds": [run for run in found["runs"] if run["network"] == network]}
        for network, part in folds.items()
    }


def _rows(found: dict[str, Any]) -> list[Row]:
    kinds = _names(found, "by_tumour", "none")
    sizes = _names(found, "by_size")
    folds = dict.fromkeys(run["arm"] for run in found["runs"]) if "all folds" in found else ()
    return [
        ("slices with a tumour, patients", _slices),
        ("Dice by slice, mean (95 %)", lambda n: _interval(n["summary"], "dice")),
        ("Dice by slice, median (quartiles)", _quartiles),
        ("Dice by patient, mean (95 %)", lambda n: _interval(n["summary"], "dice_patients")),
        *((words, _mean(key)) for words, key in MEANS),
        ("accuracy; of an empty mask", _accuracy),
        *((words, _mean(key)) for words, key in DISTANCES),
        ("misses, share of slices (95 %)", lambda n: _interval(n["summary"], "misses")),
        ("tumour-free slices painted, share (95 %)", _painted),
        ("calibration error near tumours", lambda n: _number(n["summary"].get("ece"))),
        *((f"Dice, {kind} (slices)", _of_group("by_tumour", kind)) for kind in kinds),
        *((f"Dice, {size} by area", _of_group("by_size", size, counted=False)) for size in sizes),
        *((f"Dice, {fold} (95 %)", _of_fold(fold)) for fold in folds),
        *_symmetry_rows(found),
        ("batch Dice", lambda n: _number(n.get("batch_dice"))),
        ("threshold", _threshold),
    ]


def _symmetry_rows(found: dict[str, Any]) -> list[Row]:
    names = _names(found, "symmetries")
    if not names:
        return [("the eight symmetries", lambda _: None)]
    return [(f"Dice, {name}", _of_group("symmetries", name, counted=False)) for name in names]


def _names(found: dict[str, Any], part: str, but: str = "") -> list[str]:
    """Return the groups that any run has, in order."""
    names = dict.fromkeys(name for run in found["runs"] for name in run.get(part, ()))
    return [name for name in names if name != but]


def _slices(numbers: Numbers) -> str:
    return f"{numbers['summary']['tumour_slices']}, {numbers['summary']['patients']}"


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:.3f}"


def _interval(summary: Numbers, key: str) -> str | None:
    value, low, high = (summary.get(name) for name in (key, f"{key}_low", f"{key}_high"))
    if value is None or low is None or high is None:
        return _number(value)
    return f"{value:.3f} ({low:.3f} to {high:.3f})"


def _quartiles(numbers: Numbers) -> str | None:
    low, middle, high = (numbers["summary"][f"dice_{part}"] for part in ("q1", "median", "q3"))
    return None if middle is None else f"{middle:.3f} ({low:.3f} to {high:.3f})"


def _mean(key: str) -> Callable[[Numbers], str | None]:
    def cell(numbers: Numbers) -> str | None:
        told, missing = _number(numbers["summary"][key]), numbers["summary"][f"{key}_undefined"]
        return f"{told} ({missing} undefined)" if told and missing else told

    return cell


def _accuracy(numbers: Numbers) -> str | None:
    own, empty = (_number(numbers["summary"][k]) for k in ("accuracy", "background_accuracy"))
    return own and f"{own}; {empty}"


def _painted(numbers: Numbers) -> str | None:
    told, count = _interval(numbers["summary"], "false_alarms"), "tumour_free_slices"
    return told and f"{told} of {numbers['summary'][count]}"


def _of_group(part: str, name: str, *, counted: bool = True) -> Callable[[Numbers], str | None]:
    def cell(numbers: Numbers) -> str | None:
        group = numbers.get(part, {}).get(name)
        told = group and _number(group["dice"])
        return f"{told} ({group['tumour_slices']})" if told and counted else told

    return cell


def _of_fold(fold: str) -> Callable[[Numbers], str | None]:
    def cell(numbers: Numbers) -> str | None:
        runs = [run for run in numbers["of folds"] if run["arm"] == fold]
        return _interval(runs[0]["summary"], "dice") if runs else None

    return cell


def _threshold(numbers: Numbers) -> str | None:
    runs = numbers.get("of folds", [numbers])
    return ", ".join(f"{run['threshold']:.2f}" for run in runs)


def compared(tests: dict[str, Any]) -> str:
    """Return a comparison of two networks (``statistics.Comparison`` as a dict) in words."""

    def p(unit: str) -> str:
        value = tests[unit]["p_value"]
        return "p undefined" if value is None else f"p {value:.3g}"

    difference = tests["by_slice"]["difference"]
    if difference is None:
        return "no slice in common"
    spread = "" if tests["low"] is None else f" (95 % {tests['low']:+.3f} to {tests['high']:+.3f})"
    words = f"mean difference in Dice {difference:+.3f}{spread}; signed-rank test "
    return words + f"by slice {p('by_slice')}, by patient {p('by_patient')}"
