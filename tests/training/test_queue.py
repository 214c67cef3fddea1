from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from brainseg import liveness
from brainseg.training import hardware, queue


@pytest.fixture(autouse=True)
def one_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr(hardware, "backend_gpus", lambda: 4)  # those that a test makes visible


def _runs(tmp_path: Path, count: int) -> list[Path]:
    return [tmp_path / f"run-{number}" for number in range(count)]


def _free(devices: Sequence[queue.Device]) -> None:
    for device in devices:
        os.close(device.handle)


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
    assert not queue.try_to_leave(second)
    devices = queue.try_to_leave(first)
    assert [device.name for device in devices] == ["cpu"]
    assert not queue.try_to_leave(second)
    _free(devices)
    again = queue.try_to_leave(second)
    assert again
    _free(again)


def test_whoever_dies_while_waiting_blocks_nobody(tmp_path: Path):
    dead, second = (queue.draw(run) for run in _runs(tmp_path, 2))
    os.close(dead.handle)  # what the system does when its process ends
    assert dead.path.exists()
    devices = queue.try_to_leave(second)
    assert devices
    _free(devices)
    third = queue.draw(tmp_path / "third")  # this also clears the dead ticket away
    assert (queue.place(tmp_path / "third"), queue.place(tmp_path / "run-0")) == (1, None)
    third.give_back()


def test_giving_up_leaves_the_queue(tmp_path: Path):
    first, second = (queue.draw(run) for run in _runs(tmp_path, 2))
    assert queue.wait(second, pause=lambda: True) == ()
    assert not second.path.exists()
    first.give_back()


def test_several_gpus_serve_the_queue_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1, 3")
    devices = [d for run in _runs(tmp_path, 2) for d in queue.try_to_leave(queue.draw(run))]
    third = queue.draw(tmp_path / "third")
    assert [device.name for device in devices] == ["gpu-1", "gpu-3"]
    assert not queue.try_to_leave(third)
    third.give_back()
    _free(devices)


def test_a_run_that_wants_every_gpu_takes_all_or_none_and_nobody_overtakes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2")
    at_work, wide, behind = (queue.draw(run) for run in _runs(tmp_path, 3))
    busy = queue.try_to_leave(at_work)
    assert not queue.try_to_leave(wide, every=True)
    held = [liveness.is_held(queue._lock_of(name)) for name in queue.device_names()]
    assert held == [True, False, False]  # it keeps nothing that it cannot use yet
    assert not queue.try_to_leave(behind)  # though two are free
    _free(busy)
    devices = queue.try_to_leave(wide, every=True)
    assert [device.name for device in devices] == ["gpu-0", "gpu-1", "gpu-2"]
    assert not queue.try_to_leave(behind)
    _free(devices[1:])
    last = queue.try_to_leave(behind)
    assert [device.name for device in last] == ["gpu-1"]
    _free([*last, devices[0]])


@pytest.mark.parametrize(
    ("seen", "names"), [(2, ("gpu-0", "gpu-1")), (None, ("gpu-0", "gpu-1")), (0, ("cpu",))]
)
def test_runs_queue_for_gpus_unless_the_backend_sees_none(
    seen: int | None, names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setattr(hardware, "nodes", lambda: ("0", "1"))
    monkeypatch.setattr(hardware, "backend_gpus", lambda: seen)
    assert queue.device_names() == names


@pytest.mark.parametrize(("seen", "names"), [(0, ("cpu",)), (1, ("gpu-0",)), (None, ("gpu-0",))])
def test_a_gpu_that_is_named_but_not_there_makes_no_second_processor(
    seen: int | None, names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
):
    """Where it has no device file the backend may still see it (WSL)."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setattr(hardware, "nodes", lambda: ())
    monkeypatch.setattr(hardware, "backend_gpus", lambda: seen)
    assert queue.device_names() == names


def test_a_run_waits_only_for_those_that_want_a_device_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    first_gpu, next_in_line, second_gpu, processor, any_gpu = _runs(tmp_path, 5)
    tickets = {}
    for run, seen in [(first_gpu, "0"), (next_in_line, "0"), (second_gpu, "1"), (processor, "")]:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", seen)
        tickets[run] = queue.draw(run)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    tickets[any_gpu] = queue.draw(any_gpu)
    assert [queue.place(run) for run in tickets] == [1, 2, 1, 1, 4]
    assert not queue.try_to_leave(tickets[any_gpu])  # both are spoken for
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    cpu = queue.try_to_leave(tickets[processor])
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    second = queue.try_to_leave(tickets[second_gpu])
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert not queue.try_to_leave(tickets[next_in_line])
    first = queue.try_to_leave(tickets[first_gpu])
    assert [device.name for device in (*cpu, *second, *first)] == ["cpu", "gpu-1", "gpu-0"]
    _free(second)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    last = queue.try_to_leave(tickets[any_gpu])  # it does not wait for the one behind gpu-0
    assert [device.name for device in last] == ["gpu-1"]
    tickets[next_in_line].give_back()
    _free([*cpu, *first, *last])


def test_a_ticket_that_is_not_written_yet_wants_every_device(tmp_path: Path):
    torn, second = (queue.draw(run) for run in _runs(tmp_path, 2))
    torn.path.write_text('{"run": "/so')
    assert not queue.try_to_leave(second)
    torn.give_back()
    second.give_back()
