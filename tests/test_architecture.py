"""The house rules of docs/ARCHITECTURE.md, held by a test."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
HEAVY = {"keras", "tensorflow", "openvino", "torch", "jax"}
LATE = {
    *("pydicom", "nibabel", "h5py", "kaggle", "nilearn"),
    *("highdicom", "imagecodecs", "tifffile"),
}
SOURCES = sorted((REPOSITORY / "brainseg").rglob("*.py"))
SCREENS = sorted((REPOSITORY / "pages").glob("*.py"))
SHARED = sorted((REPOSITORY / "ui").rglob("*.py"))


def _layers() -> list[tuple[str, int]]:
    """Return every module and package in the table of docs/ARCHITECTURE.md with its level."""
    text = (REPOSITORY / "docs" / "ARCHITECTURE.md").read_text()
    found, level = [], 0
    for line in text.split("## Layers")[1].split("```")[1].splitlines():
        if line[:3].strip() and not line[0].isdigit():
            continue  # the screens
        level = int(line[0]) if line[:1].isdigit() else level
        words = line[3:].split("    ")[0]  # behind them stands what they may import
        names = re.sub(r"\S+\{.*?\}", "", words).split()
        for folder, inside in re.findall(r"(\S+)\{(.*?)\}", words):
            names += [folder + name for name in inside.split()]
        found += [(f"brainseg.{name}", level) for name in names]
    return found


LAYERS = _layers()


def _module(path: Path) -> str:
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(path: Path, *, everywhere: bool) -> set[str]:
    tree = ast.parse(path.read_text())
    nodes = ast.walk(tree) if everywhere else iter(tree.body)
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _levels(name: str) -> list[int]:
    """Return the level of a module, or of what is imported from one; as often as it is listed."""
    return [level for entry, level in LAYERS if name == entry or name.startswith(f"{entry}.")]


def _level(name: str) -> int:
    return max(_levels(name), default=0)


def test_every_module_stands_in_the_table_of_layers_once():
    names = [_module(path) for path in SOURCES]
    assert {entry for entry, _ in LAYERS} <= set(names)
    bare = {"brainseg", "brainseg.training"}  # these packages import nothing
    assert [name for name in names if len(_levels(name)) != 1 and name not in bare] == []


@pytest.mark.parametrize("path", SOURCES, ids=_module)
def test_a_module_imports_from_its_own_level_or_below(path: Path):
    own = _level(_module(path))
    names = _imports(path, everywhere=own < 2)  # level 2 opens level 3 inside functions
    assert [name for name in names if _level(name) > own] == []


@pytest.mark.parametrize("path", [p for p in SOURCES if not _level(_module(p))], ids=_module)
def test_the_lowest_level_needs_next_to_nothing(path: Path):
    roots = {name.split(".")[0] for name in _imports(path, everywhere=True)}
    assert roots <= sys.stdlib_module_names | {"brainseg", "numpy", "psutil"}


@pytest.mark.parametrize("path", SOURCES, ids=_module)
def test_the_library_never_imports_streamlit_or_the_screens(path: Path):
    roots = {name.split(".")[0] for name in _imports(path, everywhere=True)}
    assert not roots & {"streamlit", "ui", "pages"}


@pytest.mark.parametrize("path", [p for p in SOURCES if p.parent.name != "report"], ids=_module)
def test_figures_are_drawn_in_the_report_package_only(path: Path):
    names = _imports(path, everywhere=True)
    assert "plotly" not in {name.split(".")[0] for name in names}
    assert not [n for n in _imports(path, everywhere=False) if n.startswith("brainseg.report")]


@pytest.mark.parametrize("path", [p for p in SOURCES if _level(_module(p)) < 3], ids=_module)
def test_light_modules_stay_light(path: Path):
    names = _imports(path, everywhere=False)
    assert not {name.split(".")[0] for name in names} & (HEAVY | LATE)


@pytest.mark.parametrize("path", SCREENS, ids=lambda p: p.stem)
def test_screens_draw_and_compute_nothing(path: Path):
    roots = {name.split(".")[0] for name in _imports(path, everywhere=True)}
    assert not roots & (HEAVY | LATE | {"numpy", "cv2"})
    assert len(path.read_text().splitlines()) <= 130


@pytest.mark.parametrize("path", SHARED, ids=lambda p: p.stem)
def test_shared_screen_code_opens_heavy_doors_inside_functions_only(path: Path):
    names = _imports(path, everywhere=False)
    assert not {name.split(".")[0] for name in names} & (HEAVY | LATE)
    assert not [name for name in names if _level(name) == 3]


@pytest.mark.parametrize("path", SOURCES + SCREENS + SHARED, ids=_module)
def test_no_file_is_longer_than_the_wall(path: Path):
    assert len(path.read_text().splitlines()) <= 320


def test_predicting_and_evaluating_load_no_keras():
    code = (
        "import sys, brainseg.inference, brainseg.evaluate, brainseg.predict, brainseg.runs, "
        "brainseg.training.process, brainseg.training.planning, brainseg.commands; "
        "print(sorted({m.split('.')[0] for m in sys.modules} & {'keras','tensorflow','streamlit'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY
    )
    assert done.stdout.strip() == "[]"


def test_the_entrypoint_is_a_table_of_screens():
    assert len((REPOSITORY / "streamlit_app.py").read_text().splitlines()) <= 40


def test_the_documented_tree_is_the_tree():
    """Every file that docs/ARCHITECTURE.md lists exists, and every module is listed."""
    text = (REPOSITORY / "docs" / "ARCHITECTURE.md").read_text()
    listed = text.split("<!-- tree -->")[1]
    missing = [
        str(path.relative_to(REPOSITORY))
        for path in SOURCES + SCREENS + SHARED
        if path.name != "__init__.py" and path.name not in listed
    ]
    assert not missing
    words = {word.strip("`,;:()") for word in listed.split()}
    names = {path.name for path in SOURCES + SCREENS + SHARED + [REPOSITORY / "streamlit_app.py"]}
    assert not {word for word in words if word.endswith(".py")} - names
