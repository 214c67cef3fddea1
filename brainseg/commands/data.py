"""Verbs that make, fetch and check datasets."""

from __future__ import annotations

import sys
from argparse import Namespace

from brainseg import paths
from brainseg.commands.console import print_json, progress


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
        print(kaggle.adopt(options.existing))
        return 0

    def show(p: kaggle.DownloadProgress) -> None:
        if sys.stderr.isatty():
            print(f"\r{p}", end="", file=sys.stderr, flush=True)

    folder = kaggle.download(
        options.slug or kaggle.SLUG, options.to or paths.kaggle(), progress=show
    )
    print(f"\ndataset in {folder}")
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
