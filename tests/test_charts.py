from __future__ import annotations

import math

import numpy as np
import pytest

from brainseg import palette
from brainseg.saliency_measures import Removal
from brainseg.types import EpochRecord
from ui import charts, charts_learn, charts_network, compare_charts, learning, saliency_charts


def record(
    epoch: int, dice: float, *, best: bool = False, background: float = 0.979
) -> EpochRecord:
    return EpochRecord(
        epoch=epoch, seconds=60.0, elapsed=60.0 * epoch, learning_rate=1e-3, loss=1.0, val_loss=1.1,
        dice=dice, val_dice=dice, accuracy=0.98, val_accuracy=0.98,
        val_background_accuracy=background, val_dice_loss=1 - dice, slices_per_second=10.0,
        best=best,
    )  # fmt: skip


def curve(
    label: str = "20261122-unet", epochs: int = 20, background: float = 0.979
) -> charts.Curve:
    records = tuple(record(e, e / 40, background=background) for e in range(1, epochs + 1))
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


@pytest.mark.parametrize(
    ("levels", "drawn", "words"),
    [
        ((0.9921, 0.9924), [0.992], "all background 0.992"),
        ((0.994, 0.992, 0.994), [0.992, 0.994], "all background 0.992, 0.994"),
        ((0.97, 0.98, 0.99, 0.96), [0.96, 0.97, 0.98, 0.99], "all background 0.960 to 0.990"),
    ],
)
def test_each_all_background_level_is_drawn_once_and_named_above_the_plot(
    levels: tuple[float, ...], drawn: list[float], words: str
) -> None:
    curves = [curve(str(number), background=level) for number, level in enumerate(levels)]
    layout = charts.learning_curves(curves, "accuracy").layout
    assert [shape.y0 for shape in layout.shapes] == drawn
    (label,) = layout.annotations
    assert label.text.endswith(words)
    assert (label.yref, label.y, label.yanchor) == ("paper", 1, "bottom")


def test_a_name_is_no_markup_and_no_template_in_any_figure() -> None:
    name, shown = "run <b>x</b> %{y}", "run &lt;b&gt;x&lt;/b&gt; &#37;{y}"
    for trace in charts.learning_curves([curve(name)], "dice", smoothing=0.5).data[:4]:
        assert trace.name.removesuffix(" · training") == shown
        assert trace.meta.removesuffix(" · training") == shown
    sweep = compare_charts.Sweep(label=name, colour=palette.UNET, dice=(0.5, 0.6))
    assert compare_charts.threshold_sweep([0, 1], [sweep], present=0).data[0].name == shown
    line = np.linspace(0, 1, 3)
    removal = Removal(shares=line, deletion=line, insertion=line)
    removed = saliency_charts.Removed(
        label=name, colour=palette.UNET, curves=removal, chance=removal
    )
    assert all(shown in trace.name for trace in saliency_charts.removal([removed], "deletion").data)


def test_the_legend_shortens_a_name_in_its_middle_and_a_hover_has_all_of_it() -> None:
    name = "the reference recipe with half of its width, seed 2"
    for trace in charts.learning_curves([curve(name)], "dice").data[:2]:
        assert trace.name.startswith("the reference re…")
        assert "width, seed 2" in trace.name
        assert name in trace.meta
        assert "%{meta}" in trace.hovertemplate


def test_the_axis_of_epochs_begins_with_the_first_also_where_there_is_no_other() -> None:
    for epochs in (1, 20):
        across = charts.learning_curves([curve(epochs=epochs)], "dice").layout.xaxis
        assert across.rangemode is None
        assert 0 < across.autorangeoptions.clipmin < 1
        assert list(across.autorangeoptions.include) == [1, 2]


def test_a_best_epoch_at_the_top_is_drawn_whole() -> None:
    figure = charts.learning_curves([curve()], "dice")
    assert figure.data[2].cliponaxis is False
    assert figure.layout.yaxis.range[1] > 1


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
    alone = {"a-unet": palette.UNET, "b-unet": palette.UNET}  # each was watched by itself
    assert charts.colours(["b-unet", "a-unet"], alone)[0] == palette.UNET
    assert len(set(charts.colours(["b-unet", "a-unet"], alone))) == 2
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
    labels = [annotation.text for annotation in figure.layout.annotations]
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


def ellipse(side: int = 128) -> np.ndarray:
    rows, columns = np.mgrid[:side, :side] / side
    return ((rows - 0.42) / 0.095) ** 2 + ((columns - 0.61) / 0.068) ** 2 <= 1


def test_cross_entropy_is_drawn_beside_that_of_an_untrained_network() -> None:
    figure = charts_learn.cross_entropy(learning.sweep(ellipse()), 0.5, math.log(2))
    assert figure.layout.shapes[0].y0 == math.log(2)


def test_early_stopping_draws_only_what_was_trained_as_a_solid_line() -> None:
    losses = [0.9, 0.5, 0.6, 0.7, 0.8, 0.1]
    found = learning.stop_early(losses, 3)
    figure = charts_learn.early_stopping(losses, found)
    assert len(figure.data[1].x) == found.stopped_at < len(losses)


def test_a_block_with_a_face_is_a_picture_and_says_what_it_sees() -> None:
    layers = [{**layer, "receptive_field": 14} for layer in LAYERS]
    figure = charts_network.architecture(layers, "unet", {"bottleneck": "data:image/png;base64,x"})
    assert [(image.x, image.y) for image in figure.layout.images] == [(0.0, -1.0)]
    said = {row[0]: row[2] for row in figure.data[-1].customdata}
    assert said["bottleneck"] == "16 x 16 x 16, 1,168 parameters, sees 14 px across"
