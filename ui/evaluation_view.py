"""The parts of the Evaluate screen: computing under a bar, tables, charts, worst cases, files."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from brainseg import overlay, palette
from brainseg.data.catalog import Catalog, upright
from brainseg.networks import NetworkRef
from brainseg.types import CaseScore, Evaluation
from ui import cache, charts, charts_scores, evaluation, frame, pictures

AT_ONCE = 100  # so many predictions or fewer are made without asking


def warn_of_training(refs: Sequence[NetworkRef], catalog: Catalog, numbers: Sequence[int]) -> None:
    """Say in one line when a network saw some of these slices while it was trained."""
    told = []
    for ref in refs:
        seen = evaluation.seen_in_training(ref, catalog, tuple(numbers))
        if seen:
            told.append(f"{frame.plain(ref.label)} saw {seen:,} of these {len(numbers):,} slices")
    if told:
        st.warning(
            f"{'; '.join(told)} in training or tuning: expect better scores here than on new ones.",
            icon=":material/school:",
        )


def scores(
    refs: Sequence[NetworkRef], catalog: Catalog, numbers: Sequence[int]
) -> list[Evaluation]:
    """Return the evaluation of each network, computing what is not on disk; may stop the screen."""
    chosen = tuple(numbers)
    found = {ref.name: evaluation.kept(ref, catalog, chosen) for ref in refs}
    missing = [ref for ref in refs if found[ref.name] is None]
    work = len(missing) * len(chosen)
    if work > AT_ONCE and not st.button(
        f"Evaluate on {len(chosen):,} slices", type="primary", icon=":material/leaderboard:",
        key="evaluate.start",
    ):  # fmt: skip
        st.caption(f"{work:,} predictions to make. The result is kept on disk.")
        st.stop()
    bar = st.progress(0.0, text="Opening the networks") if missing else None
    for ref in missing:
        found[ref.name] = evaluation.compute(
            ref, catalog, chosen,
            lambda done, total, label=ref.label: bar.progress(
                done / total, text=f"{label}: slice {done:,} of {total:,}"
            ),
        )  # fmt: skip
    if bar is not None:
        bar.empty()
    return [found[ref.name] for ref in refs]


def headline(evaluations: Sequence[Evaluation]) -> None:
    """Show the one number of each network, with what it is."""
    with st.container(horizontal=True):
        for e in evaluations:
            dice, low = e.summary["dice"], e.summary.get("dice_low")
            spread = f"95 %: {low:.2f} to {e.summary['dice_high']:.2f}" if low is not None else None
            shown = "–" if dice is None else f"{dice:.3f}"  # noqa: RUF001
            st.metric(e.model, shown, spread, delta_color="off", delta_arrow="off")
    st.caption(
        "Mean Dice per slice: 2 |A ∩ B| / (|A| + |B|) of each slice with a tumour, at the file's "
        "own size, then averaged; a missed tumour counts 0. The 95 % interval resamples patients."
    )


def tables(evaluations: Sequence[Evaluation]) -> None:
    """Show every score, then by kind of tumour."""
    st.subheader("Scores", anchor=False)
    st.table(
        evaluation.table(evaluations), border="horizontal", hide_index=True,
        alt="Scores of each network",
    )  # fmt: skip
    st.caption(
        "Precision, sensitivity and specificity are means over slices with a tumour, where they "
        "are defined. Accuracy counts background too: compare it with the line below it."
    )
    if any(e.by_tumour for e in evaluations):
        st.subheader("By kind of tumour", anchor=False)
        st.table(
            evaluation.by_tumour(evaluations), border="horizontal", hide_index=True,
            alt="Scores of each network by kind of tumour",
        )  # fmt: skip


def distributions(evaluations: Sequence[Evaluation]) -> None:
    """Draw how the Dice of single slices is spread."""
    if not any(case.truth_px for e in evaluations for case in e.cases):
        return
    st.subheader("Where the mean comes from", anchor=False)
    charts.show(
        charts_scores.dice_by_tumour(evaluations), "evaluate.kinds", "Dice of every slice by kind"
    )
    left, right = st.columns(2)
    with left:
        figure = charts_scores.dice_histogram(evaluations)
        charts.show(figure, "evaluate.histogram", "How many slices reach which Dice")
    with right:
        figure = charts_scores.dice_by_size(evaluations)
        charts.show(figure, "evaluate.sizes", "Dice against the size of the tumour")


def worst_cases(
    evaluations: Sequence[Evaluation], refs: Sequence[NetworkRef], catalog: Catalog, dataset: str
) -> None:
    """Show the slices that went worst, each with a link to Compare."""
    st.subheader("Worst cases", anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        labels = [ref.label for ref in refs]
        label = st.selectbox("Of which network", labels, key="evaluate.worst", width=260)
        kind = st.segmented_control(
            "Which", ("Lowest Dice", "False alarms"), default="Lowest Dice", required=True,
            key="evaluate.which",
        )  # fmt: skip
    place = labels.index(label)
    found = evaluation.worst(evaluations[place], tumour_free=kind == "False alarms")
    if not found:
        st.caption("There is none among these slices.")
        return
    grid = st.grid(4, min_column_width=150, gap="medium")
    for case in found:
        with grid.cell().container(gap="xsmall"):
            _case(case, refs[place], evaluations[place].threshold, catalog, dataset)
    name = palette.WORDS.get(palette.of_model(refs[place].name), "green")
    st.caption(f"Truth: yellow outline. Prediction: {name} outline.")


def _case(
    case: CaseScore, ref: NetworkRef, threshold: float, catalog: Catalog, dataset: str
) -> None:
    root = str(catalog.root)
    found = cache.prediction(ref.name, root, case.number).mask(threshold)
    truth = cache.sample_mask(root, case.number)
    picture = pictures.grey(upright(cache.sample_image(root, case.number), catalog))
    thickness = max(1, max(picture.shape) // 200)
    picture = overlay.outline(
        picture, upright(found, catalog), palette.of_model(ref.name), thickness
    )
    if truth is not None and truth.any():
        picture = overlay.outline(picture, upright(truth, catalog), palette.TRUTH, thickness)
    score = f"Dice {case.dice:.3f}" if case.truth_px else f"{case.predicted_px:,} px painted"
    kind = {"none": "no tumour", None: ""}.get(case.tumour, case.tumour)
    words = [f"Slice {case.number}", kind or "", score]
    caption = " · ".join(word for word in words if word)
    data = overlay.encode(picture)
    st.image(data, width="stretch", alt=f"{caption}, truth and prediction")
    st.caption(caption)
    query = {"compare.dataset": dataset, "compare.sample": case.number}
    frame.link("compare", "Compare", icon=":material/compare:", query=query)


def downloads(evaluations: Sequence[Evaluation]) -> None:
    """Offer every number as files."""
    with st.container(horizontal=True):
        st.download_button(
            "Scores of every slice (CSV)", evaluation.as_csv(evaluations), "evaluation.csv",
            "text/csv", key="evaluate.csv", icon=":material/download:", on_click="ignore",
        )  # fmt: skip
        st.download_button(
            "Everything (JSON)", evaluation.as_json(evaluations), "evaluation.json",
            "application/json", key="evaluate.json", icon=":material/download:", on_click="ignore",
        )  # fmt: skip
