"""The tables of the documents: each lies between two equal marks and is replaced whole."""

from __future__ import annotations

from pathlib import Path

from brainseg import files

CARD = Path(__file__).resolve().parent.parent / "docs" / "MODEL_CARD.md"


def replace(name: str, text: str, document: Path = CARD) -> str:
    """Put ``text`` between the marks ``<!-- name -->`` of the document and return it."""
    mark = f"<!-- {name} -->"
    parts = document.read_text(encoding="utf-8").split(mark)
    if len(parts) != 3:
        raise SystemExit(f"{document} must hold {mark} twice; found {len(parts) - 1} times")
    files.write_bytes(document, f"{parts[0]}{mark}\n{text}\n{mark}{parts[2]}".encode())
    return text
