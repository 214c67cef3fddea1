"""What a protocol found: ``protocol.json``, from the folders of its runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brainseg import __version__, files, protocols, runs, summary, thresholds, tuning
from brainseg.data.catalog import Catalog
from brainseg.protocols import PlannedRun, Tell
from brainseg.scores import SYMMETRY_NAMES
from brainseg.training.planning import open_data
from brainseg.training.recipes import command
from brainseg.types import Evaluation, Summary

if TYPE_CHECKING:
    from brainseg.inference import Segmenter

Rows = list[tuple[PlannedRun, Evaluation, dict[str, Any]]]


def carry_out(
    protocol: str, planned: Sequence[PlannedRun], out: Path, tell: Tell
) -> dict[str, Any]:
    """Train and measure every run of a plan and return what ``protocol.json`` then holds.

    The file is written after every run, so that an interrupted protocol shows what it has.

    Raises:
        ConfigError: ``out`` holds runs with other settings.
        RunError: a training failed or was stopped.
    """
    protocols.check_folders(planned, out)
    out.mkdir(parents=True, exist_ok=True)
    opened = open_data(planned[0].config.data, planned[0].config.tumour_free)
    rows: Rows = []
    found: dict[str, Any] = {}
    for one in planned:
        run = protocols.train(one, out, tell)
        tell(f"{one.name}: measuring")
        numbers = protocols.reported_numbers(one, run, opened)
        if protocol == "document":  # whose source tuned nothing
            rows.append((one, _at_half(run, opened, numbers), _batch_dice(run, opened, numbers)))
        else:
            result = _tuned(run, opened, numbers)
            turned = protocol == "patient"
            extra = {"symmetries": _symmetries(run, opened, result)} if turned else {}
            rows.append((one, result, extra))
        found = _document_of(protocol, rows, out, complete=len(rows) == len(planned))
        files.write_json(out / "protocol.json", found)
    return found


def _at_half(run: Path, opened: Sequence[Catalog], numbers: Sequence[int]) -> Evaluation:
    """Return the run's own result at threshold 0.5, or one on those slices that are reported."""
    own = runs.evaluation(run)
    if own is not None and tuple(case.number for case in own.cases) == numbers:
        return own
    return _kept(run / "reported.json", run, opened, numbers, lambda _: thresholds.START)


def _tuned(run: Path, opened: Sequence[Catalog], numbers: Sequence[int]) -> Evaluation:
    """Return the result at the threshold that suits the validation slices of the run."""

    def threshold(segmenter: Segmenter) -> float:
        found = tuning.curve(segmenter, opened, runs.split(run).val)
        return tuning.best_threshold(found, thresholds.START)

    return _kept(run / "tuned.json", run, opened, numbers, threshold)


def _kept(
    path: Path,
    run: Path,
    opened: Sequence[Catalog],
    numbers: Sequence[int],
    threshold: Callable[[Segmenter], float],
) -> Evaluation:
    """Return the evaluation that ``path`` holds; made and written there the first time."""
    if path.is_file():
        return runs.read_evaluation(path)
    from brainseg import evaluate
    from brainseg.inference import Segmenter

    segmenter = Segmenter.load(run / "network")
    found = evaluate.evaluate(segmenter, opened, numbers, threshold=threshold(segmenter))
    runs.write_evaluation(path, found)
    return found


def _symmetries(run: Path, opened: Sequence[Catalog], result: Evaluation) -> dict[str, Summary]:
    """Return the summary of the same slices in each of the eight symmetries of the square."""
    kept = run / "symmetries.json"
    if not kept.is_file():
        from brainseg import evaluate
        from brainseg.inference import Segmenter

        segmenter, numbers = Segmenter.load(run / "network"), [c.number for c in result.cases]
        found = {
            name: evaluate.evaluate(
                segmenter, opened, numbers, orientation=name, threshold=result.threshold
            ).summary
            for name in SYMMETRY_NAMES
        }
        files.write_json(kept, found)
    return dict(json.loads(kept.read_text()))


def _batch_dice(run: Path, opened: Sequence[Catalog], numbers: Sequence[int]) -> dict[str, float]:
    kept = run / "batch_dice.json"
    if not kept.is_file():
        from brainseg import evaluate
        from brainseg.inference import Segmenter

        seed = runs.config(run).seed
        found = evaluate.batch_dice(Segmenter.load(run / "network"), opened, numbers, seed=seed)
        files.write_json(kept, found)
    return {"batch_dice": float(json.loads(kept.read_text()))}


def _document_of(protocol: str, rows: Rows, out: Path, *, complete: bool) -> dict[str, Any]:
    found = {
        "protocol": protocol,
        "complete": complete,
        "brainseg": __version__,
        "runs": [_of_run(one, result, out) | extra for one, result, extra in rows],
    }
    networks = dict.fromkeys(one.config.model for one, _, _ in rows)
    if protocol == "cross-validation":
        parts = {n: [r for one, r, _ in rows if one.config.model == n] for n in networks}
        whole = {network: summary.pool(results) for network, results in parts.items()}
        found["all folds"] = {network: _numbers(result) for network, result in whole.items()}
        pairs = {"all folds": whole}
    else:
        arms = dict.fromkeys(one.arm for one, _, _ in rows)
        pairs = {a: {o.config.model: r for o, r, _ in rows if o.arm == a} for a in arms}
    found["unet less resunet"] = {
        arm: asdict(summary.compare(both["unet"], both["resunet"]))
        for arm, both in pairs.items()
        if len(both) == 2
    }
    if protocol == "document":
        leaking, clean = (pairs.get(arm, {}) for arm in protocols.LEAK)
        found["by slice less by patient"] = {
            network: asdict(summary.compare(leaking[network], clean[network]))
            for network in networks
            if network in leaking and network in clean
        }
    return found


def _of_run(one: PlannedRun, result: Evaluation, out: Path) -> dict[str, Any]:
    run = out / one.name
    history = runs.history(run)
    return {
        "name": one.name,
        "arm": one.arm,
        "network": one.config.model,
        "reported_fold": one.fold,
        "command": command(one.config),
        "size": one.config.size,
        "base": one.config.base,
        "batch_size": one.config.batch_size,
        "max_epochs": one.config.epochs,
        "epochs": len(history),
        "best_epoch": runs.status(run).best_epoch,
        "training_seconds": sum(record.seconds for record in history),
        "threshold": result.threshold,
        **_numbers(result),
    }


def _numbers(result: Evaluation) -> dict[str, Any]:
    plain = asdict(result)
    return {name: plain[name] for name in ("summary", "by_tumour", "by_size", "calibration")}
