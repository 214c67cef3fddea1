"""The slices of the Dataset screen, each with all that it can be chosen and sorted by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from brainseg.data.catalog import Catalog
from brainseg.types import Sample
from ui import cache
from ui.dataset_scores import Scores

NO_TUMOUR = "no tumour"
_ROWS, _COLUMNS = ("upper", "", "lower"), ("left", "", "right")
ZONES = tuple(f"{row} {column}".strip() or "middle" for row in _ROWS for column in _COLUMNS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A slice with all that it can be chosen and sorted by; None is unknown."""

    sample: Sample
    place: int  # in the survey
    plane: str | None = None
    share: float | None = None
    centre: tuple[float, float] | None = None  # (row, column) in the head's box
    part: str | None = None
    dice: float | None = None

    @property
    def tumour(self) -> str | None:
        """The kind of tumour, in words."""
        return NO_TUMOUR if self.sample.tumour == "none" else self.sample.tumour

    @property
    def fold(self) -> str | None:
        """The fold, in words."""
        return None if self.sample.fold is None else str(self.sample.fold)

    @property
    def zone(self) -> str | None:
        """Which ninth of the head's box the middle of the tumour is in."""
        if self.centre is None:
            return None
        down, right = (min(2, int(3 * part)) for part in self.centre)
        return ZONES[3 * down + right]


SORTS: dict[str, Callable[[Row], float | str | None]] = {
    "Number": lambda row: row.sample.number,
    "Tumour kind": lambda row: row.tumour,
    "View plane": lambda row: row.plane,
    "Patient": lambda row: row.sample.patient,
    "Fold": lambda row: row.sample.fold,
    "Tumour size": lambda row: row.share,
    "Position, from the top": lambda row: row.centre and row.centre[0],
    "Position, from the left": lambda row: row.centre and row.centre[1],
    "Split": lambda row: row.part,
    "Dice": lambda row: row.dice,
}


def rows_of(catalog: Catalog, scores: Scores | None = None) -> list[Row]:
    """Return every slice of a dataset with what the survey and a network's scores say of it."""
    survey = cache.survey(str(catalog.root))
    planes, known = survey.planes(), scores or Scores()
    shares, centres = survey.share.tolist(), survey.centre.tolist()
    return [
        Row(
            sample=sample, place=place, plane=planes.get(sample.number),
            share=None if shares[place] != shares[place] else shares[place],
            centre=None if centres[place][0] != centres[place][0] else tuple(centres[place]),
            part=known.parts.get(sample.number), dice=known.dice.get(sample.number),
        )
        for place, sample in enumerate(catalog.samples)
    ]  # fmt: skip


def in_order(rows: Sequence[Row], by: str, *, down: bool = False) -> list[Row]:
    """Return the rows sorted; where the value is unknown or undefined a slice comes last."""
    value = SORTS[by]
    known = [row for row in rows if value(row) is not None]
    rest = [row for row in rows if value(row) is None]
    return [*sorted(known, key=value, reverse=down), *rest]  # type: ignore[arg-type]


def row_of(catalog: Catalog, rows: Sequence[Row], number: int) -> Row:
    """Return the row of a slice, also where the filters leave it out."""
    own = next((row for row in rows if row.sample.number == number), None)
    return own or next(row for row in rows_of(catalog) if row.sample.number == number)
