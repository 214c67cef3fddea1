"""Verbs that make, fetch and check datasets."""

from __future__ import annotations

import sys
from argparse import Namespace
from dataclasses import asdict
from typing import TYPE_CHECKING

from brainseg import paths
from brainseg.commands.console import print_json, progress
from brainseg.errors import ConfigError

if TYPE_CHECKING:
    from brainseg.data.kaggle import DownloadProgress


def demo(options: Namespace) -> int:
    """Make the embedded synthetic dataset."""
    from brainseg.data.demo import make_demo

    folder = make_demo(
        options.to, count=options.count, seed=options.seed, progress=progress("slice")
    )
    print(f"synthetic demo data in {folder}")
    return 0


def download(options: Namespace) -> int:
    """Fetch the Kaggle dataset, or adopt a folder or zip."""
    from brainseg.data import kaggle

    if options.existing:
        given = {"--slug": options.slug, "--to": options.to}
        if others := [flag for flag, value in given.items() if value is not None]:
            raise ConfigError(
                f"leave out {' and '.join(others)}: --from uses a folder where it lies and unpacks "
                f"a zip into {paths.data()}"
            )
        print(kaggle.adopt(options.existing))
        return 0

    def show(p: DownloadProgress) -> None:
        if sys.stderr.isatty():
            print(f"\r{_told(p):<72}", end="", file=sys.stderr, flush=True)

    folder = kaggle.download(
        options.slug or kaggle.SLUG, options.to or paths.kaggle(), progress=show
    )
    print(f"\ndataset in {folder}")
    return 0


def _told(p: DownloadProgress) -> str:
    """Return how far a download is, in one line."""
    of = "" if p.total_bytes is None else f" of {p.total_bytes / 1e6:.1f}"
    rate = "" if p.bytes_per_second is None else f", {p.bytes_per_second / 1e6:.1f} MB/s"
    left = "" if p.seconds_left is None else f", {p.seconds_left:.0f} s left"
    return f"{p.stage} {p.done_bytes / 1e6:.1f}{of} MB{rate}{left}"


def study_saliency(options: Namespace) -> int:
    """Say what a dataset's saliency maps tell of the tumour."""
    from brainseg import saliency_study as studies
    from brainseg.data.catalog import read_catalog
    from brainseg.saliency_study import words

    catalog = read_catalog(options.data)
    found = studies.kept(catalog)
    if found is None:
        found = studies.study(catalog, progress("slice"))
        studies.keep(catalog, found)
    if options.json:
        print_json(asdict(found))
        return 0
    print(f"{found.data}: every slice with a tumour, its mask and a map, at the mask's own size")
    for row in words.table(found):
        print(f"{row[0]:<34}" + "".join(f"{cell:<24}" for cell in row[1:]).rstrip())
    for sentence in (*words.report(found), words.left_out(found)):
        if sentence:
            print(sentence)
    return 0


def inspect(options: Namespace) -> int:
    """Say what a dataset folder holds and what is wrong with it."""
    from brainseg.data.catalog import inspect as inspect_catalog
    from brainseg.data.catalog import read_catalog

    catalog = read_catalog(options.data)
    problems = inspect_catalog(catalog, progress=progress("file"))
    kinds: dict[str, int] = {}
    for sample in catalog.samples:
        kinds[sample.tumour or "unknown"] = kinds.get(sample.tumour or "unknown", 0) + 1
    facts = {
        "root": str(catalog.root),
        "slices": len(catalog.samples),
        "with_truth": len(catalog.with_truth),
        "patients": len({s.patient for s in catalog.samples if s.patient is not None}),
        "tumours": kinds,
        "orientation": catalog.orientation,
        "synthetic": catalog.synthetic,
        "problems": [{"kind": p.kind, "path": str(p.path), "detail": p.detail} for p in problems],
    }
    if options.json:
        print_json(facts)
        return 0
    for name, value in facts.items():
        if name != "problems":
            print(f"{name}: {value}")
    for problem in problems:
        print(f"{problem.kind}: {problem.path} ({problem.detail})")
    print(f"{len(problems)} problems")
    return 0
