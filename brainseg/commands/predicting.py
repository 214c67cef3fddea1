"""Verbs that apply a network to scans of one's own: their masks, and where it looked."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from brainseg.commands.scoring import check
from brainseg.errors import ChoiceNeeded, ConfigError, ScanError


def predict(options: Namespace) -> int:
    """Write the mask of every slice of every scan, in the scan's own size."""
    from brainseg import predict as prediction

    check(options)
    with _choice_by_option():
        rows = prediction.predict_files(
            options.model,
            _scans(options.files),
            options.out,
            threshold=options.threshold,
            symmetries=options.average == "symmetries",
            smallest=options.smallest,
            precision=options.precision,
            volume_index=_volume_index(options),
        )
    _warn(rows)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")
    for row in rows:
        print(f"{row['mask']}: {row['area_px']} px")
    return 0


def _warn(rows: list[dict[str, Any]]) -> None:
    """Say on stderr, once a scan and network, that it may be no head; edges of a volume often."""
    scans: dict[tuple[str, str], list[str | None]] = {}
    for row in rows:
        scans.setdefault((row["scan"], row["model"]), []).append(row["warning"])
    for (scan, model), reasons in scans.items():
        given = [reason for reason in reasons if reason]
        if 2 * len(given) >= len(reasons):
            share = f"{len(given)} of {len(reasons)} slices: " if len(reasons) > 1 else ""
            print(f"brainseg: warning: {scan}, {model}: {share}{given[0]}", file=sys.stderr)


def saliency(options: Namespace) -> int:
    """Write a saliency map as a picture with its values beside it."""
    from brainseg import predict as prediction

    with _choice_by_option():
        written, found = prediction.explain_file(
            options.model, options.method, options.file, options.out,
            target=options.target, depth=options.depth, volume_index=_volume_index(options),
        )  # fmt: skip
    low, high = float(found.values.min()), float(found.values.max())
    print(f"{written[0]}: magnitude, black 0 to bright {max(abs(low), abs(high)):.4g}")
    print(f"{written[1]}: raw values, {low:.4g} to {high:.4g}; target: {found.target}")
    if found.completeness_error is not None:
        print(f"completeness: the sum misses the difference by {found.completeness_error:.2%}")
    return 0


def _scans(given: list[Path]) -> list[Path]:
    found: list[Path] = []
    for path in given:
        if path.is_dir():
            found += _scans_in(path)
        elif path.exists():
            found.append(path)
        else:
            raise ScanError(f"{path} does not exist")
    if not found:
        raise ScanError("there is no scan in the folders given")
    return found


def _scans_in(folder: Path) -> list[Path]:
    """Return the scans of a folder, and say on stderr what else lies in it."""
    from brainseg.data import readers

    scans: list[Path] = []
    others: list[tuple[str, bytes]] = []
    for path in sorted(p for p in folder.iterdir() if p.is_file() and p.name[0] != "."):
        if readers.is_scan(path):
            scans.append(path)
        else:
            others.append((path.name, b""))
    if others:
        left = readers.source_of(others)
        print(f"brainseg: warning: {folder}: left out, no scan: {left}", file=sys.stderr)
    return scans


def _volume_index(options: Namespace) -> int | None:
    if options.volume is None:
        return None
    if options.volume < 1:
        raise ConfigError(f"--volume counts from 1; received {options.volume}")
    return int(options.volume) - 1


@contextmanager
def _choice_by_option() -> Iterator[None]:
    """Say with which option one of several volumes is chosen."""
    try:
        yield
    except ChoiceNeeded as choice:
        named = ", ".join(f"{n} ({label})" for n, label in enumerate(choice.labels, start=1))
        raise ScanError(f"{choice} with --volume: {named or f'1 to {choice.count}'}") from choice
