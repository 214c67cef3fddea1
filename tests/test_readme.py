"""Every command that the documents show is one the program understands; the quick ones are run."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from brainseg import cli

REPOSITORY = Path(__file__).resolve().parent.parent
DOCUMENTS = (
    "README.md",
    "docs/DATA.md",
    "docs/MODEL_CARD.md",
    "docs/METRICS.md",
    "docs/SALIENCY_INPUT.md",
)
QUICK = ("inspect", "predict", "evaluate", "runs")


def _commands() -> list[str]:
    text = "\n".join((REPOSITORY / name).read_text() for name in DOCUMENTS)
    text = re.sub(r"\\\n\s*", "", text)
    found = re.findall(r"python -m brainseg ([a-z][^`\n]*)", text)
    return sorted({words.strip() for words in found if "VERB" not in words})


@pytest.mark.parametrize("words", _commands())
def test_a_documented_command_is_understood(words: str):
    cli.parser().parse_args(shlex.split(words))


def test_the_quick_commands_of_the_readme_run(demo_data: Path, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "demo").symlink_to(demo_data)
    block = (REPOSITORY / "README.md").read_text().split("## From the command line")[1]
    lines = [line for line in block.splitlines() if line.startswith("python -m brainseg ")]
    ran = []
    for line in lines:
        words = shlex.split(line)[3:]
        if words[0] in QUICK:
            assert cli.main(words) == 0, line
            ran.append(words[0])
    assert set(ran) == set(QUICK)
    assert len(list((tmp_path / "masks").glob("3_*_mask.png"))) == 2


@pytest.mark.parametrize("target", ["run", "test", "lint", "screenshots"])
def test_the_documented_make_targets_exist(target: str):
    done = subprocess.run(
        ["make", "-n", target], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_picture_of_the_readme_exists():
    names = re.findall(r"\]\((docs/[^)]+)\)", (REPOSITORY / "README.md").read_text())
    assert names
    assert not [name for name in names if not (REPOSITORY / name).is_file()]
