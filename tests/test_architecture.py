"""The house rules of docs/ARCHITECTURE.md, held by a test."""

from __future__ import annotations

import ast
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
LEVEL_3 = {
    "brainseg.models",
    "brainseg.losses",
    "brainseg.architecture",
    "brainseg.export",
    "brainseg.saliency",
    "brainseg.saliency_methods",
    "brainseg.saliency_sanity",
    "brainseg.inference",
    "brainseg.activations",
    "brainseg.evaluate",
    "brainseg.predict",
    "brainseg.upload_gate",
    "brainseg.runtime",
    "brainseg.training.batches",
    "brainseg.training.augment",
    "brainseg.training.finish",
    "brainseg.training.fit",
    "brainseg.training.measure",
    "brainseg.training.reporter",
    "brainseg.training.prepare",
    "brainseg.training.devices",
    "brainseg.training.ema",
    "brainseg.training.optimizers",
    "brainseg.training.validate",
}
SOURCES = sorted((REPOSITORY / "brainseg").rglob("*.py"))
SCREENS = sorted((REPOSITORY / "pages").glob("*.py"))
SHARED = sorted((REPOSITORY / "ui").rglob("*.py"))


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


def _level_3(name: str) -> bool:
    return any(name == module or name.startswith(f"{module}.") for module in LEVEL_3)


@pytest.mark.parametrize("path", SOURCES, ids=_module)
def test_the_library_never_imports_streamlit_or_the_screens(path: Path):
    roots = {name.split(".")[0] for name in _imports(path, everywhere=True)}
    assert not roots & {"streamlit", "ui", "pages"}


@pytest.mark.parametrize("path", [p for p in SOURCES if p.parent.name != "report"], ids=_module)
def test_figures_are_drawn_in_the_report_package_only(path: Path):
    names = _imports(path, everywhere=True)
    assert "plotly" not in {name.split(".")[0] for name in names}
    assert not [n for n in _imports(path, everywhere=False) if n.startswith("brainseg.report")]


@pytest.mark.parametrize("path", [p for p in SOURCES if not _level_3(_module(p))], ids=_module)
def test_light_modules_stay_light(path: Path):
    names = _imports(path, everywhere=False)
    assert not {name.split(".")[0] for name in names} & (HEAVY | LATE)
    assert not [name for name in names if _level_3(name)]


@pytest.mark.parametrize("path", SCREENS, ids=lambda p: p.stem)
def test_screens_draw_and_compute_nothing(path: Path):
    roots = {name.split(".")[0] for name in _imports(path, everywhere=True)}
    assert not roots & (HEAVY | LATE | {"numpy", "cv2"})
    assert len(path.read_text().splitlines()) <= 130


@pytest.mark.parametrize("path", SHARED, ids=lambda p: p.stem)
def test_shared_screen_code_opens_heavy_doors_inside_functions_only(path: Path):
    names = _imports(path, everywhere=False)
    assert not {name.split(".")[0] for name in names} & (HEAVY | LATE)
    assert not [name for name in names if _level_3(name)]


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
