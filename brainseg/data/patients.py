"""Tumour class, patient and fold of each slice: from the folder's own table or the public one.

The public table (``patients.csv`` beside this file) lists the 3064 slices of Jun Cheng's dataset
(figshare 1512427, CC BY 4.0) under their Kaggle numbers. It is believed for a folder only where
the mask areas of a sample of its slices agree with it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from brainseg.data.layout import EXTENSIONS, Key, key_of
from brainseg.data.pixels import read_mask
from brainseg.errors import DataError
from brainseg.types import TUMOURS, Sample, Tumour

PUBLIC_TABLE = Path(__file__).with_name("patients.csv")
OWN_TABLE = "patients.csv"
CHECKED = 24
FEWEST = 4
NATIVE_SIDE, NATIVE_MM = 512, 0.49  # of the public slices, as their publication states


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientFacts:
    """What a table says of one slice; ``height``, ``width`` and ``mask_px`` of its native file."""

    tumour: Tumour | None = None
    patient: str | None = None
    fold: int | None = None
    height: int | None = None
    width: int | None = None
    mask_px: int | None = None


@lru_cache(maxsize=1)
def public_facts() -> dict[int, PatientFacts]:
    """Return the public table by Kaggle number."""
    return {key: facts for key, facts in _read(PUBLIC_TABLE).items() if isinstance(key, int)}


def own_facts(root: Path) -> dict[Key, PatientFacts] | None:
    """Return the folder's own table by file number or stem, or None where it has none.

    Raises:
        DataError: the table lacks a column or holds a value that cannot be understood.
    """
    table = root / OWN_TABLE
    return _read(table) if table.is_file() else None


def facts_for(samples: Sequence[Sample]) -> dict[int, PatientFacts]:
    """Return the public facts of these samples, or nothing where they do not verifiably fit.

    They fit when every number is in the table and the mask areas of up to 24 samples spread over
    the folder agree with it, scaled to the files' size; one of the 24 may disagree.
    """
    public = public_facts()
    if not samples or any(sample.number not in public for sample in samples):
        return {}
    masked = [sample for sample in samples if sample.mask is not None]
    if len(masked) < FEWEST:
        return {}
    places = np.unique(np.linspace(0, len(masked) - 1, CHECKED).round().astype(int))
    wrong = sum(not _agrees(masked[place], public[masked[place].number]) for place in places)
    if wrong > len(places) // CHECKED:
        return {}
    return {sample.number: public[sample.number] for sample in samples}


def pixel_mm(facts: PatientFacts, side: int) -> float | None:
    """Return the side of a pixel, in mm, of a public slice whose file is ``side`` pixels square.

    Known for slices that were 512x512 when published; of the few others nobody states it.
    """
    known = facts.height == facts.width == NATIVE_SIDE
    return NATIVE_MM * NATIVE_SIDE / side if known else None


def _agrees(sample: Sample, facts: PatientFacts) -> bool:
    try:
        mask = read_mask(sample)
    except DataError:
        return False
    if mask is None or facts.mask_px is None or facts.height is None or facts.width is None:
        return False
    height, width = mask.shape
    if height * facts.width != width * facts.height:
        return False
    expected = facts.mask_px * mask.size / (facts.height * facts.width)
    same_size = height == facts.height
    tolerance = 2 + 0.02 * expected if same_size else 3 + 1.5 * expected**0.5
    return abs(int(np.count_nonzero(mask)) - expected) <= tolerance


def _read(table: Path) -> dict[Key, PatientFacts]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as lines:
            rows = csv.DictReader(lines)
            columns = [name.strip().lower() for name in rows.fieldnames or ()]
            rows.fieldnames = columns
            _check_columns(table, columns)
            told = (row for row in rows if any(row[name] for name in columns))
            return {_key(row): _facts(row, table, rows.line_num) for row in told}
    except (OSError, UnicodeDecodeError, csv.Error) as fault:
        raise DataError(
            f"{table} cannot be read as a table ({fault}); save it as UTF-8 CSV"
        ) from None


def _check_columns(table: Path, columns: Iterable[str]) -> None:
    if "patient" not in columns or not {"number", "name"} & set(columns):
        raise DataError(
            f"{table} needs the columns number (or name) and patient, and may have tumour and "
            f"fold; it has: {', '.join(columns) or 'nothing'}"
        )


def _key(row: dict[str, str | None]) -> Key:
    named = (row.get("number") or row.get("name") or "").strip()
    stem = Path(named).stem if Path(named).suffix.lower() in EXTENSIONS else named
    return key_of(stem)


def _facts(row: dict[str, str | None], table: Path, line: int) -> PatientFacts:
    text = {name: (value or "").strip() for name, value in row.items() if isinstance(name, str)}
    tumour = text.get("tumour", "").lower()
    if tumour and tumour not in TUMOURS:
        raise DataError(
            f"{table} line {line} calls the tumour {tumour!r}; it must be one of "
            f"{', '.join(TUMOURS)} or empty"
        )
    try:
        numbers = {name: int(text[name]) for name in _NUMBERS if text.get(name)}
    except ValueError as fault:
        raise DataError(f"{table} line {line} needs a whole number: {fault}") from None
    return PatientFacts(
        tumour=next((known for known in TUMOURS if known == tumour), None),
        patient=text.get("patient") or None,
        fold=numbers.get("fold"),
        height=numbers.get("height"),
        width=numbers.get("width"),
        mask_px=numbers.get("mask_px"),
    )


_NUMBERS = ("fold", "height", "width", "mask_px")
