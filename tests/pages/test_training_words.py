from __future__ import annotations

import pytest

from brainseg.types import RunStatus
from ui.training_words import what_next


def _failed(reason: str, epoch: int = 0) -> RunStatus:
    return RunStatus(
        run_id="r", state="failed", reason=reason, epoch=epoch, epochs=9, created=0.0,
        started=None, updated=None, best_epoch=None, best_dice=None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("disk full: 3 MB are free in /data/memory, a checkpoint needs 200 MB", "Make room"),
        ("out of memory (MemoryError): a smaller batch, size or base needs less", "smaller batch"),
        ("killed (signal 9), by hand or likely out of memory", "smaller batch"),
        ("diverged: the loss became nan in batch 3", "smaller learning rate"),
        ("/x/data/17.png cannot be read as an image (it is empty); replace or remove the file",
         "Replace it, then resume"),
        ("/x/data/1_mask.png is 5x5 but its image is 9x9; both must have one size: mend or remove "
         "the pair", "Mend it, then resume"),
        ("the data of run r cannot be read: /x: it is empty; put them back", "Put the data back"),
        ("/data/x does not hold slice 7 of this run any more", "Put the data back"),
        ("there is no dataset folder at /data; name a folder that holds images/", "Put the data"),
        ("failed with exit code 1: KeyError: '/home/data/memory'", "Resume begins again"),
    ],
)  # fmt: skip
def test_the_advice_is_of_the_reason_and_not_of_a_path_in_it(reason: str, words: str) -> None:
    assert words in what_next(_failed(reason))


def test_a_run_with_epochs_goes_on() -> None:
    assert "goes on from its last checkpoint" in what_next(_failed("lost", epoch=3))
