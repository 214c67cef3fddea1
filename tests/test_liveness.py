from __future__ import annotations

import os
import subprocess
import time
from dataclasses import replace
from pathlib import Path

from brainseg import liveness


def test_a_lock_has_one_holder_and_is_free_when_it_closes(tmp_path: Path):
    path = tmp_path / "lock"
    assert not liveness.is_held(path)
    held = liveness.take(path)
    assert held is not None
    assert liveness.take(path) is None
    assert liveness.is_held(path)
    os.close(held)
    assert not liveness.is_held(path)


def test_a_child_that_inherits_a_lock_keeps_it_until_it_dies(tmp_path: Path):
    held = liveness.take(tmp_path / "lock")
    with subprocess.Popen(["sleep", "60"], pass_fds=(held,)) as child:
        os.close(held)
        assert liveness.is_held(tmp_path / "lock")
        child.kill()
    assert not liveness.is_held(tmp_path / "lock")


def test_a_process_is_itself_and_not_another_of_the_same_pid():
    me = liveness.identify(os.getpid())
    assert me is not None
    assert liveness.is_alive(me)
    assert not liveness.is_alive(replace(me, started=me.started - 1))
    assert not liveness.is_alive(replace(me, boot="another"))


def test_a_zombie_is_nobody():
    with subprocess.Popen(["true"]) as child:
        deadline = time.monotonic() + 10
        while liveness.identify(child.pid) is not None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
