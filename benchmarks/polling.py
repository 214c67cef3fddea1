"""What a look at a long training costs the server: ``python -m benchmarks.polling``.

A synthetic run folder of 300 epochs (and two more laid over it) that grows by an epoch before every
look. One look is what the Train screen does every two seconds: state, progress, curves, previews.
"""

from __future__ import annotations

import math
import os
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
from streamlit.testing.v1 import AppTest

from brainseg import files, liveness, overlay, runs
from brainseg.training.recipes import recipe
from brainseg.types import Split

EPOCHS, LOOKS = 300, 20
SPLIT = Split(train=tuple(range(2000)), val=tuple(range(2000, 2200)), test=(), seed=0, unit="slice")


def add_epoch(run: Path, epoch: int) -> None:
    dice = 0.8 * (1 - math.exp(-epoch / 60)) + 0.02 * math.sin(epoch * 1.7)
    event = {"kind": "epoch", "time": time.time(), "epoch": epoch, "seconds": 60.0}
    event |= {"elapsed": 60.0 * epoch, "learning_rate": 1e-3, "loss": 1.5 - dice}
    event |= {"val_loss": 1.55 - dice, "dice": dice + 0.03, "val_dice": dice}
    event |= {"accuracy": 0.98 + dice / 60, "val_accuracy": 0.98 + dice / 62}
    event |= {"val_background_accuracy": 0.979, "val_dice_loss": 1 - dice}
    event |= {"slices_per_second": 12.5, "best": epoch % 7 == 0}
    runs.append_event(run, event)


def make_run(epochs: int, grey: bytes) -> Path:
    run = runs.create(recipe("reference", model="unet", data="/nowhere", epochs=1000), SPLIT)
    runs.append_event(run, {"kind": "state", "state": "running", "time": time.time()})
    (run / "previews").mkdir()
    for epoch in range(1, epochs + 1):
        add_epoch(run, epoch)
        for slice_number in range(4):
            (run / "previews" / f"epoch-{epoch:05d}-{slice_number}.webp").write_bytes(grey)
    me = liveness.identify(os.getpid())
    files.write_json(run / "process.json", me.to_dict() if me else {})
    return run


def look() -> None:
    """One poll, as a script: runs inside Streamlit's test harness."""
    import time

    import streamlit as st

    from brainseg import runs
    from ui import training_live, training_news

    names = st.session_state["names"]
    if training_news.STATES not in st.session_state:
        training_news.remember(runs.list_runs())
    begun, used = time.perf_counter(), time.thread_time()
    training_live._standing(names[0])
    training_live._picture(names[0], tuple(names[1 : st.session_state["shown"]]))
    st.session_state["seconds"] = time.perf_counter() - begun
    st.session_state["cpu"] = time.thread_time() - used


def main() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (256, 256), dtype=np.uint8)
    with tempfile.TemporaryDirectory() as home:
        os.environ["BRAINSEG_HOME"] = home
        begun = time.perf_counter()
        made = [make_run(EPOCHS, overlay.encode(noise)) for _ in range(3)]
        print(f"three run folders of {EPOCHS} epochs made in {time.perf_counter() - begun:.1f} s")
        held = [liveness.take(run / "lock") for run in made]
        for shown in (1, 3):
            app = AppTest.from_function(look, default_timeout=120)
            app.session_state["names"] = [run.name for run in made]
            app.session_state["shown"] = shown
            times, used, sizes = [], [], []
            for number in range(LOOKS + 1):
                add_epoch(made[0], EPOCHS + 1 + number)
                app.run()
                assert not app.exception, app.exception
                times.append(app.session_state["seconds"])
                used.append(app.session_state["cpu"])
                sizes.append(sum(part.proto.ByteSize() for part in app.get("bidi_component")))
            print(
                f"{shown} run(s) drawn: first look {times[0] * 1000:.0f} ms, then median "
                f"{median(times[1:]) * 1000:.0f} ms, slowest {max(times[1:]) * 1000:.0f} ms "
                f"(median of processor time {median(used[1:]) * 1000:.0f} ms); "
                f"three charts {median(sizes) / 1024:.0f} kB"
            )
        for handle in held:
            os.close(handle or 0)


if __name__ == "__main__":
    main()
