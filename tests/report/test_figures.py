from __future__ import annotations

import pytest

from brainseg import palette
from brainseg.report import figures, figures_groups, pairs, tables


def test_histogram_counts_every_slice_with_a_tumour_once(make):
    line = figures.dice_histogram([make()]).data[0]
    assert sum(line.y[:-1]) == 4
    assert [line.y[place] for place in (0, 8, 12, 16)] == [1, 1, 1, 1]


def test_distributions_leave_out_tumour_free_slices(make):
    both = [make("UNet"), make("ResUNet")]
    by_kind = figures.dice_by(both, lambda case: case.tumour, "by kind")
    for figure in (by_kind, figures.dice_by_size(both)):
        assert [len(trace.y) for trace in figure.data] == [4, 4]
        assert [trace.marker.color for trace in figure.data] == [palette.UNET, palette.RESUNET]


def test_the_reliability_curve_is_the_share_of_tumour_in_each_bin(make):
    diagonal, line = figures.reliability([make()]).data
    assert list(diagonal.x) == list(diagonal.y) == [0, 1]
    assert list(line.x) == pytest.approx([0.05, 0.95])
    assert list(line.y) == pytest.approx([0.1, 0.8])
    assert list(line.customdata) == [10, 30]


def test_thresholds_are_drawn_as_means_and_shares(make):
    dice, ring = figures.threshold_dice([make()]).data
    assert list(dice.x) == [0.25, 0.5, 0.75]
    assert list(dice.y) == [0.25, 0.5, 0.25]
    assert (ring.x[0], ring.y[0]) == (0.5, pytest.approx(0.45))
    missed, alarms = figures.threshold_errors([make()]).data
    assert list(missed.y) == [0.0, 0.25, 0.5]
    assert list(alarms.y) == [1.0, 0.5, 0.0]
    assert alarms.line.dash == "dot"


def test_group_means_have_their_intervals_and_undefined_groups_no_dot(make):
    found = tables.grouped([make()], "kind")
    dots = figures_groups.mean_dice(found, "by kind").data[0]
    assert list(dots.x) == ["meningioma", "glioma"]
    assert list(dots.y) == pytest.approx([0.0, 0.6])
    high = found["UNet"]["glioma"]["dice_high"]
    assert dots.error_y.array[1] == pytest.approx(high - 0.6)
    assert dots.error_y.array[0] == 0  # one patient has no interval


def test_patients_stand_in_the_order_of_the_first_network(make):
    found = tables.grouped([make("UNet"), make("ResUNet", 0.1)], "patient")
    first, second = figures_groups.patients(found).data
    assert list(first.x) == [1, 2, 3]
    assert list(first.y) == sorted(first.y)
    names = dict(zip([d[0] for d in second.customdata], second.x, strict=True))
    assert names == dict(zip([d[0] for d in first.customdata], first.x, strict=True))


def test_names_are_never_markup(make):
    found = [make("<b>UNet</b>"), make("ResUNet")]
    assert figures.dice_histogram(found).data[0].name == "&lt;b&gt;UNet&lt;/b&gt;"
    scatter = pairs.every_slice(pairs.points(*found), ("<b>UNet</b>", "ResUNet"))
    assert "<b>" not in scatter.to_json()


def test_what_is_told_of_the_scatter_counts_misses_and_who_is_ahead(make, make_score):
    first = make(cases=[make_score(n, d) for n, d in ((1, 0.0), (2, 0.7), (3, 0.0), (4, None))])
    second = make(cases=[make_score(n, d) for n, d in ((1, 0.0), (2, 0.5), (3, 0.9), (4, None))])
    told = pairs.told(first, second, ("A", "B"))
    assert "A is ahead on 1 of 3 slices, B on 1" in told
    assert "2 by A, 1 by B, 1 by both" in told
    assert "1 tumour-free" in told
    assert [p.number for p in pairs.points(first, second)] == [1, 2, 3]
