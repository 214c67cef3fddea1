"""Lesson: early stopping on the validation Dice loss, on a recorded run or one's own."""

from __future__ import annotations

import streamlit as st

from brainseg import history, runs
from brainseg.history import Stage
from ui import charts, charts_learn, learning
from ui.lessons.chosen import Chosen

EPOCHS = (75, 300)  # the source document's two choices


def draw(chosen: Chosen) -> None:
    """Move the patience and see where a training would have stopped."""
    st.markdown(
        "A training watches the **validation Dice loss** (1 - Dice of its probabilities, on "
        "slices it does not learn from). When it has not fallen for *patience* epochs in a row, "
        "training stops and the weights of the best epoch are kept."
    )
    stage = _choose()
    losses = [record.val_dice_loss for record in stage.epochs]
    left, right = st.columns(2, gap="large")
    patience = left.slider("Patience (epochs)", 1, 100, 5, key="learn.patience")
    limit = right.segmented_control(
        "At most", EPOCHS, default=EPOCHS[1], required=True, key="learn.limit",
        format_func=lambda n: f"{n} epochs",
    )  # fmt: skip
    shown = losses[: int(limit or EPOCHS[1])]
    found = learning.stop_early(shown, patience)
    figure = charts_learn.early_stopping(shown, found)
    charts.show(figure, "learn.stopping", f"Training stops after epoch {found.stopped_at}")
    _said(shown, found, patience)
    if stage.date:
        with st.expander("How this training was made"):
            st.caption(
                f"Recorded on {stage.date}, never stopped early, on the folder that "
                "`python -m brainseg demo --to demo` makes."
            )
            st.code(stage.command, language="bash", wrap_lines=True)
    _epochs()


def _choose() -> Stage:
    recorded = history.read(history.RECORDED / "patience.json")
    known = {f"Run {s.run_id}": s.run_id for s in runs.list_runs() if s.epoch > 2}
    names = [stage.name for stage in recorded]
    chosen = st.selectbox("Training", [*names, *known], key="learn.curve", width=420)
    if chosen in known:
        run = runs.find(known[chosen])
        return Stage(name=run.name, command="", size=0, epochs=runs.history(run))
    return recorded[names.index(chosen)]


def _said(shown: list[float], found: learning.Patience, patience: int) -> None:
    early = found.stopped_at < len(shown)
    why = "patience ran out" if early else "that is all there is of it"
    best = shown[found.best_epoch - 1]
    st.markdown(
        f"Stops after epoch **{found.stopped_at}** ({why}); the weights of epoch "
        f"**{found.best_epoch}** are kept, with a loss of {best:.3f}. The lowest loss of all "
        f"{len(shown)} measured epochs is {min(shown):.3f}."
    )
    if early and best > min(shown):
        later = shown.index(min(shown)) + 1
        st.caption(
            f"Patience {patience} saved {len(shown) - found.stopped_at} epochs and cost "
            f"{best - min(shown):.3f} of Dice loss: the best came in epoch {later}."
        )


def _epochs() -> None:
    st.subheader("75 epochs or 300?", anchor=False)
    st.markdown(
        "- **75 epochs, patience 5** is the source document's choice. It is quick, and a plateau "
        "of six epochs ends it. ResUNet suffers most: its batch-norm averages start cold, its "
        "first validation scores are near zero, and patience 5 can run out before it warms up.\n"
        "- **300 epochs, patience 40 or more** suits training with augmentation: no epoch shows "
        "the same pictures again, so the network learns more slowly and keeps learning for "
        "longer. The learning rate follows a cosine down to zero, and the last third, where it "
        "is small, brings much of the gain.\n"
        "- Without augmentation, 300 epochs mostly learn the training slices by heart: training "
        "Dice goes on rising while validation Dice stands still."
    )
