from __future__ import annotations

import os
from pathlib import Path

import pytest

from brainseg.training import queue


@pytest.fixture(autouse=True)
def one_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


def _runs(tmp_path: Path, count: int) -> list[Path]:
    return [tmp_path / f"run-{number}" for number in range(count)]


def test_places_follow_the_order_of_arrival(tmp_path: Path):
    folders = _runs(tmp_path, 3)
    tickets = [queue.draw(run) for run in folders]
    assert [queue.place(run) for run in folders] == [1, 2, 3]
    assert queue.place(tmp_path / "another") is None
    for ticket in tickets:
        ticket.give_back()
    assert queue.place(folders[0]) is None


def test_only_the_first_gets_the_device_and_the_next_when_it_is_free(tmp_path: Path):
    first, second = (queue.draw(run) for run in _runs(tmp_path, 2))
    assert queue.try_to_leave(second) is None
    device = queue.try_to_leave(first)
    assert device is not None
    assert device.name == "cpu"
    assert queue.try_to_leave(second) is None
    os.close(device.handle)
    again = queue.try_to_leave(second)
    assert again is not None
    os.close(again.handle)


def test_whoever_dies_while_waiting_blocks_nobody(tmp_path: Path):
    dead, second = (queue.draw(run) for run in _runs(tmp_path, 2))
    os.close(dead.handle)  # what the system does when its process ends
    assert dead.path.exists()
    device = queue.try_to_leave(second)
    assert device is not None
    os.close(device.handle)
    third = queue.draw(tmp_path / "third")  # this also clears the dead ticket away
    assert (queue.place(tmp_path / "third"), queue.place(tmp_path / "run-0")) == (1, None)
    third.give_back()


def test_giving_up_leaves_the_queue(tmp_path: Path):
    first, second = (queue.draw(run) for run in _runs(tmp_path, 2))
    assert queue.wait(second, pause=lambda: True) is None
    assert not second.path.exists()
    first.give_back()


def test_several_gpus_serve_the_queue_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1, 3")
    devices = [queue.try_to_leave(queue.draw(run)) for run in _runs(tmp_path, 2)]
    third = queue.draw(tmp_path / "third")
    assert [device.name for device in devices] == ["gpu-1", "gpu-3"]
    assert queue.try_to_leave(third) is None
    third.give_back()
    for device in devices:
        os.close(device.handle)
