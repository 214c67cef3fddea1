"""The snippets of docs/TRAINING.md, run on a real run folder."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import asdict
from pathlib import Path

import pytest

from brainseg import runs
from brainseg.training.recipes import MEANINGS, RECIPES, recipe
from brainseg.types import EpochRecord, Split

TEXT = (Path(__file__).parents[2] / "docs" / "TRAINING.md").read_text()
SNIPPETS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture
def run() -> Path:
    split = Split(train=(1, 2), val=(3,), test=(4,), seed=7, unit="patient")
    folder = runs.create(recipe("quick", model="unet", data="x"), split)
    for epoch in (1, 2):
        numbers = dict.fromkeys(EpochRecord.__dataclass_fields__, 0.25 * epoch)
        record = EpochRecord(**numbers | {"epoch": epoch, "best": True})
        runs.append_event(folder, {"kind": "epoch", "time": 1.0, **asdict(record)})
    with (folder / "events.jsonl").open("a") as log:
        log.write('{"kind": "epoch", "epo')  # a kill left half a line
    return folder


@pytest.mark.parametrize("code", SNIPPETS, ids=lambda code: code.split()[1])
def test_the_snippet_runs(
    code: str, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = code.split()[1]
    if package == "mlflow" and importlib.util.find_spec("mlflow") is None:
        pytest.skip("the package mlflow is not installed")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "mlruns").as_uri())
    seen: dict[str, object] = {}
    exec(code.replace("RUN", str(run)), seen)
    if package == "pandas":
        assert list(seen["curves"]["val_dice"]) == [0.25, 0.5]
    elif "best" in seen:
        assert seen["best"].epoch == 2


def test_the_table_of_settings_is_what_the_recipes_say() -> None:
    made = [recipe(name, model="unet", data="x") for name in RECIPES]
    rows = dict(re.findall(r"^\| `--([a-z-]+)` \| (.*) \|$", TEXT, re.MULTILINE))
    assert {name.replace("-", "_") for name in rows} == set(MEANINGS)
    for option, cells in rows.items():
        name = option.replace("-", "_")
        values = [getattr(config, name) for config in made]
        shown = [v if isinstance(v, str) else f"{v:g}" for v in values]
        assert cells.split(" | ") == [*shown, MEANINGS[name]]
