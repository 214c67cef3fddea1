"""Write the tree at the end of ARCHITECTURE.md: every module with its docstring's first sentence.

Run it after adding or renaming a module: ``python docs/make_tree.py``.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
DOCUMENT = REPOSITORY / "docs" / "ARCHITECTURE.md"
MARK = "<!-- tree -->"


def _sentence(path: Path) -> str:
    text = " ".join((ast.get_docstring(ast.parse(path.read_text())) or "").split())
    end = text.find(". ")
    return text[: end if end >= 0 else len(text)].rstrip(".")


def _lines(folder: Path, indent: str) -> Iterator[str]:
    about = _sentence(folder / "__init__.py") if (folder / "__init__.py").exists() else ""
    yield f"{indent}{folder.name + '/':<25}{about}".rstrip()
    indent += "  "
    for path in sorted(folder.glob("*.py")):
        if path.name != "__init__.py":
            yield f"{indent}{path.name:<{25 - len(indent)}} {_sentence(path)}"
    for inner in sorted(p for p in folder.iterdir() if (p / "__init__.py").exists()):
        yield from _lines(inner, indent)


def tree() -> str:
    """Return the tree as it stands on disk."""
    entry = REPOSITORY / "streamlit_app.py"
    lines = [f"{entry.name:<25}{_sentence(entry)}"]
    for name in ("pages", "ui", "brainseg"):
        lines += _lines(REPOSITORY / name, "")
    return "\n".join(lines)


def main() -> None:
    """Replace what stands between the two marks."""
    before, _, after = DOCUMENT.read_text().split(MARK)
    DOCUMENT.write_text(f"{before}{MARK}\n```\n{tree()}\n```\n{MARK}{after}")


if __name__ == "__main__":
    main()
