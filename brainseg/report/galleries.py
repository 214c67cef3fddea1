"""Which slices of an evaluation to look at, and the picture of one: truth and prediction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import cv2

from brainseg import overlay, palette
from brainseg.data.catalog import Catalog
from brainseg.data.pixels import Orientation, read_mask, read_scan, turn_upright
from brainseg.report.frame import colours
from brainseg.summary import dice_of
from brainseg.types import BoolArray, CaseScore, Evaluation, FloatArray

if TYPE_CHECKING:
    from brainseg.ensemble import Ensemble
    from brainseg.inference import Segmenter
    from brainseg.refine import Refined

    Predictor = Segmenter | Ensemble | Refined

SIDE = 320  # of a picture in a report
KINDS = ("Worst", "Median", "Best", "Missed", "False alarms")


def chosen(cases: Sequence[CaseScore], kind: str) -> list[CaseScore]:
    """Return the slices of a gallery, in its order.

    ``Worst`` and ``Best`` order the slices with a tumour by Dice, of equals the larger tumour
    first; ``Median`` by how near their Dice is to the median. ``Missed`` are those on which no
    pixel was hit, the largest tumour first; ``False alarms`` the tumour-free slices that were
    painted, the largest paint first.

    Raises:
        ValueError: there is no such gallery.
    """
    ill = [case for case in cases if case.truth_px]
    if kind == "Worst":
        return sorted(ill, key=lambda c: (dice_of(c), -c.truth_px))
    if kind == "Best":
        return sorted(ill, key=lambda c: (-dice_of(c), -c.truth_px))
    if kind == "Median":
        ranked = sorted(ill, key=dice_of)
        middle = dice_of(ranked[(len(ranked) - 1) // 2]) if ranked else 0.0
        return sorted(ill, key=lambda c: (abs(dice_of(c) - middle), c.number))
    if kind == "Missed":
        return sorted((c for c in ill if not c.dice), key=lambda c: -c.truth_px)
    if kind == "False alarms":
        painted = (c for c in cases if not c.truth_px and c.predicted_px)
        return sorted(painted, key=lambda c: -c.predicted_px)
    raise ValueError(f"a gallery is one of {', '.join(KINDS)}; received {kind!r}")


def words(case: CaseScore) -> str:
    """Return a caption: number, kind, and the score that says what went on."""
    kind = {"none": "no tumour", None: ""}.get(case.tumour, case.tumour)
    score = f"Dice {dice_of(case):.3f}" if case.truth_px else f"{case.predicted_px:,} px painted"
    return " · ".join(part for part in (f"Slice {case.number}", kind, score) if part)


def picture(
    image: FloatArray,
    truth: BoolArray | None,
    found: BoolArray,
    colour: str,
    *,
    orientation: Orientation,
    side: int | None = None,
) -> bytes:
    """Return a WebP of a slice (H, W), upright: the truth in yellow over the prediction's outline.

    ``side`` is the longest side of the picture; None leaves the slice at its own size.
    """
    pixels = turn_upright(image, orientation)
    drawn = overlay.grey(pixels, *overlay.window_of(pixels))
    if side is not None and max(drawn.shape[:2]) != side:
        factor = side / max(drawn.shape[:2])
        size = (round(drawn.shape[1] * factor), round(drawn.shape[0] * factor))
        drawn = cv2.resize(drawn, size, interpolation=cv2.INTER_AREA).astype("uint8")
    thickness = max(2, max(drawn.shape) // 160)  # one pixel loses its colour in a WebP
    drawn = overlay.outline(drawn, turn_upright(found, orientation), colour, thickness)
    if truth is not None and truth.any():
        drawn = overlay.outline(drawn, turn_upright(truth, orientation), palette.TRUTH, thickness)
    return overlay.encode(drawn)


def drawer(
    predictors: Sequence[Predictor], catalogs: Sequence[Catalog], results: Sequence[Evaluation]
) -> Callable[[int, CaseScore], bytes]:
    """Return what draws a slice under the network at that place, predicting it again."""
    shown = colours([e.model for e in results])
    homes = {sample.number: (home, sample) for home in catalogs for sample in home.samples}

    def draw(place: int, case: CaseScore) -> bytes:
        home, sample = homes[case.number]
        scan = read_scan(sample, predictors[place].config.saliency)
        found = predictors[place].predict(scan).mask(results[place].threshold)
        return picture(
            scan.pixels, read_mask(sample), found, shown[place],
            orientation=home.orientation, side=SIDE,
        )  # fmt: skip

    return draw
