from __future__ import annotations

import itertools
import math

import pytest

from brainseg import palette
from brainseg.types import EpochRecord
from ui import charts, charts_learn, charts_network, learning


def record(epoch: int, dice: float, *, best: bool = False) -> EpochRecord:
    return EpochRecord(
        epoch=epoch, seconds=60.0, elapsed=60.0 * epoch, learning_rate=1e-3, loss=1.0, val_loss=1.1,
        dice=dice, val_dice=dice, accuracy=0.98, val_accuracy=0.98, val_background_accuracy=0.979,
        val_dice_loss=1 - dice, slices_per_second=10.0, best=best,
    )  # fmt: skip


def curve(label: str = "20261122-unet", epochs: int = 20) -> charts.Curve:
    records = tuple(record(e, e / 40) for e in range(1, epochs + 1))
    return charts.Curve(label=label, colour=palette.UNET, records=records, best_epoch=7)


def test_smoothing_nothing_returns_the_values() -> None:
    assert charts.smooth([1.0, 5.0, 2.0], 0.0) == [1.0, 5.0, 2.0]


def test_smoothing_keeps_a_constant_from_the_first_value_on() -> None:
    assert charts.smooth([3.0] * 5, 0.9) == pytest.approx([3.0] * 5)


def test_two_runs_of_one_network_get_two_colours() -> None:
    found = charts.colours(["a-unet", "b-unet", "a-resunet"])
    assert found[0] == palette.UNET
    assert found[2] == palette.RESUNET
    assert len(set(found)) == 3


def test_validation_is_solid_and_training_dotted() -> None:
    figure = charts.learning_curves([curve()], "dice")
    training, validation = figure.data[0], figure.data[1]
    assert training.line.dash == "dot"
    assert validation.line.dash == "solid"
    assert list(validation.y) == [e / 40 for e in range(1, 21)]


def test_the_best_epoch_carries_a_ring() -> None:
    rings = [t for t in charts.learning_curves([curve()], "dice").data if t.mode == "markers"]
    assert [list(ring.x) for ring in rings] == [[7]]


def test_only_accuracy_shows_the_all_background_line() -> None:
    def lines(metric: str) -> list[float]:
        return [shape.y0 for shape in charts.learning_curves([curve()], metric).layout.shapes]

    assert lines("accuracy") == [0.979]
    assert lines("dice") == lines("loss") == []


def test_the_time_axis_is_the_elapsed_time() -> None:
    figure = charts.learning_curves([curve()], "loss", axis="time")
    assert list(figure.data[1].x)[:2] == [1.0, 2.0]
    assert "minutes" in figure.layout.xaxis.title.text


def test_smoothed_lines_lie_over_faint_raw_ones() -> None:
    figure = charts.learning_curves([curve()], "dice", smoothing=0.8)
    raw, smoothed = figure.data[2], figure.data[3]
    assert raw.opacity < 0.3
    assert list(raw.y) != list(smoothed.y)


def test_a_colour_that_was_given_is_kept_before_any_other_is_chosen() -> None:
    kept = {"b-unet": palette.UNET}
    assert charts.colours(["a-unet", "b-unet"], kept)[1] == palette.UNET
    many = [f"{number}-unet" for number in range(12)]
    assert len(set(charts.colours(many))) == 12


def test_lines_have_names_that_are_css_classes_whatever_a_run_is_called() -> None:
    figure = charts.learning_curves([curve("Ünter 64.px/#1 'x'")], "dice", smoothing=0.5)
    uids = [trace.uid for trace in figure.data]
    assert len(set(uids)) == len(uids)
    assert all(uid.replace("-", "").isalnum() and uid.isascii() for uid in uids)


def test_only_the_loss_has_a_log_axis() -> None:
    for metric, kind in (("loss", "log"), ("dice", None), ("accuracy", None)):
        assert charts.learning_curves([curve()], metric, log=True).layout.yaxis.type == kind


def test_a_run_without_epochs_draws_nothing() -> None:
    assert len(charts.learning_curves([curve(epochs=0)], "accuracy").data) == 2


LAYERS = [
    {"name": "scan", "kind": "InputLayer", "shape": [32, 32, 1], "parameters": 0},
    {"name": "encoder1_1_conv", "kind": "Conv2D", "shape": [32, 32, 8], "parameters": 80},
    {"name": "encoder1_pool", "kind": "MaxPooling2D", "shape": [16, 16, 8], "parameters": 0},
    {"name": "bottleneck_1_conv", "kind": "Conv2D", "shape": [16, 16, 16], "parameters": 1168},
    {"name": "decoder1_up", "kind": "Conv2DTranspose", "shape": [32, 32, 8], "parameters": 520},
    {"name": "decoder1_1_conv", "kind": "Conv2D", "shape": [32, 32, 8], "parameters": 1160},
    {"name": "logits", "kind": "Conv2D", "shape": [32, 32, 1], "parameters": 9},
]


def test_architecture_prints_shape_and_parameters_of_each_block() -> None:
    figure = charts_network.architecture(LAYERS, "unet")
    labels = [text for trace in figure.data if trace.mode == "text" for text in trace.text]
    assert "32², 8 ch<br>80" in labels
    assert "32², 8 ch<br>1.7 k" in labels
    assert "16², 16 ch<br>1.2 k" in labels


def test_the_skip_runs_level_from_encoder_to_decoder() -> None:
    skip = charts_network.architecture(LAYERS, "unet").data[0]
    assert skip.line.dash == "dot"
    assert skip.y[0] == skip.y[1]


def test_only_the_residual_unit_adds() -> None:
    def texts(*, residual: bool) -> list[str]:
        return [a.text for a in charts_network.unit(residual=residual).layout.annotations]

    assert "add" in texts(residual=True)
    assert "add" not in texts(residual=False)


def test_shrinking_ends_at_dice_zero_while_accuracy_stays_high() -> None:
    sweep = learning.sweep(learning.ellipse())
    assert (sweep[0].dice, sweep[0].accuracy) == (1.0, 1.0)
    assert sweep[-1].dice == 0.0
    assert sweep[-1].accuracy > 0.97
    assert all(a.dice > b.dice for a, b in itertools.pairwise(sweep))


def test_cross_entropy_of_an_empty_mask_is_far_below_an_untrained_network() -> None:
    sweep = learning.sweep(learning.ellipse())
    assert sweep[-1].cross_entropy < 0.25 * math.log(2)
    figure = charts_learn.cross_entropy(sweep, 0.5, math.log(2))
    assert figure.layout.shapes[0].y0 == math.log(2)


def test_the_share_that_is_kept_is_what_was_asked_for() -> None:
    mask = learning.ellipse()
    assert learning.shrink(mask, 0.25).sum() == round(0.25 * mask.sum())
    assert not (learning.shrink(mask, 0.5) & ~mask).any()


def test_patience_stops_after_so_many_epochs_without_a_lower_loss() -> None:
    losses = [0.9, 0.5, 0.6, 0.7, 0.8, 0.1]
    assert learning.stop_early(losses, 3) == learning.Patience(best_epoch=2, stopped_at=5)
    assert learning.stop_early(losses, 4) == learning.Patience(best_epoch=6, stopped_at=6)


def test_early_stopping_draws_only_what_was_trained_as_a_solid_line() -> None:
    losses = learning.illustration()
    found = learning.stop_early(losses, 5)
    figure = charts_learn.early_stopping(losses, found)
    assert len(figure.data[1].x) == found.stopped_at < len(losses)


def test_indices_and_back_is_the_same_mask() -> None:
    mask = learning.ellipse(24)
    back = learning.from_indices(learning.indices(mask), 24, 24)
    assert back == mask.astype(int).tolist()


@pytest.mark.parametrize("text", ["4", "1, x", "-1"])
def test_indices_that_do_not_fit_are_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(learning.BrainsegError, match="index"):
        learning.from_indices(learning.parse_indices(text), 2, 2)
