from __future__ import annotations

from pathlib import Path

import pytest

from brainseg import cli, runs
from brainseg.errors import RunError
from brainseg.training.planning import new_run
from brainseg.training.recipes import recipe


@pytest.mark.parametrize("name", ["my run", "_test", "größe", "x" * 101, ".hid", "-x"])
def test_a_name_that_no_command_takes_afterwards_is_refused_among_the_runs(
    demo_data: Path, home: Path, tmp_path: Path, name: str
):
    config = recipe("quick", model="unet", data=str(demo_data))
    with pytest.raises(RunError, match="1 to 100 of a-z"):
        new_run(config, home / "runs" / name)
    assert not (home / "runs").exists()
    assert runs.find(str(new_run(config, tmp_path / name))) == tmp_path / name


def test_a_run_in_the_folder_one_stands_in_has_its_name(
    demo_data: Path, home: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = home / "runs" / "mine"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    run = new_run(recipe("quick", model="unet", data=str(demo_data)), Path())
    assert run == folder
    assert cli.main(["runs", "delete", "."]) == 0
    assert not folder.exists()


def test_the_rule_of_names_holds_where_the_runs_lie_behind_a_link(
    demo_data: Path, home: Path, tmp_path: Path
):
    (tmp_path / "disk").mkdir()
    (home / "runs").symlink_to(tmp_path / "disk")
    with pytest.raises(RunError, match="no run can be called"):
        new_run(recipe("quick", model="unet", data=str(demo_data)), home / "runs" / "my run")
