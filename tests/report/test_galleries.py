from __future__ import annotations

import cv2
import numpy as np
import pytest

from brainseg import palette
from brainseg.report import galleries


def numbers(cases) -> list[int]:
    return [case.number for case in cases]


def test_galleries_by_hand(make, make_score):
    cases = [make_score(n, d) for n, d in ((1, 0.5), (2, 0.9), (3, 0.0), (4, 0.7), (5, 0.1))]
    cases += [make_score(6, None), make_score(7, None, predicted_px=3)]
    cases += [make_score(8, None, predicted_px=9), make_score(9, 0.0, truth_px=200)]
    assert numbers(galleries.chosen(cases, "Worst")) == [9, 3, 5, 1, 4, 2]  # larger miss first
    assert numbers(galleries.chosen(cases, "Best")) == [2, 4, 1, 5, 9, 3]
    # sorted Dice: 0, 0, 0.1, 0.5, 0.7, 0.9; the lower of the two middle ones is 0.1
    assert numbers(galleries.chosen(cases, "Median"))[:3] == [5, 3, 9]
    assert numbers(galleries.chosen(cases, "Missed")) == [9, 3]
    assert numbers(galleries.chosen(cases, "False alarms")) == [8, 7]
    assert galleries.chosen([], "Median") == []
    with pytest.raises(ValueError, match="Worst"):
        galleries.chosen(cases, "Funny")


def test_a_caption_says_what_went_on(make_score):
    assert galleries.words(make_score(3, 0.25)) == "Slice 3 · glioma · Dice 0.250"
    alarm = make_score(7, None, predicted_px=1234, tumour=None)
    assert galleries.words(alarm) == "Slice 7 · 1,234 px painted"


def test_a_picture_has_both_outlines_and_stands_upright():
    image = np.zeros((40, 60), np.float32)
    truth, found = np.zeros((40, 60), np.bool_), np.zeros((40, 60), np.bool_)
    truth[5:15, 5:20], found[20:35, 30:50] = True, True
    data = galleries.picture(image, truth, found, palette.UNET, orientation="transposed", side=120)
    drawn = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1].astype(int)
    assert drawn.shape == (120, 80, 3)
    yellow = np.abs(drawn - palette.rgb(palette.TRUTH)).max(axis=2) < 90
    blue = np.abs(drawn - palette.rgb(palette.UNET)).max(axis=2) < 90
    assert yellow[10:40, 10:30].any()
    assert blue[60:100, 40:70].any()
    assert not yellow[50:].any()
