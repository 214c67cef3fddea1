"""The command line: verbs, options, and one clear sentence with exit status 2 on bad input."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from brainseg import __version__, commands
from brainseg.commands.training import RECIPE
from brainseg.errors import BrainsegError
from brainseg.protocols import PROTOCOLS
from brainseg.saliency_request import DEEPEST, METHODS
from brainseg.scores import ORIENTATIONS
from brainseg.training.recipes import CHOICES, MEANINGS, RECIPES
from brainseg.types import ARCHITECTURES, NORMS

_TRAIN_NUMBERS = {
    "epochs": int,
    "size": int,
    "base": int,
    "depth": int,
    "batch-size": int,
    "learning-rate": float,
    "weight-decay": float,
    "warmup-epochs": int,
    "patience": int,
    "augment-strength": float,
    "ema-decay": float,
    "bn-momentum": float,
    "val-fraction": float,
    "test-fraction": float,
    "seed": int,
    "threads": int,
}
_TRAIN_WORDS = (
    "loss",
    "optimizer",
    "schedule",
    "monitor",
    "augment",
    "precision",
    "norm",
    "saliency",
    "contrast",
)


def _demo(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    verb = verbs.add_parser("demo", help="make the embedded synthetic dataset")
    verb.add_argument("--to", type=Path, required=True, metavar="DIR")
    verb.add_argument("--count", type=int, default=60, help="number of slices (default 60)")
    verb.add_argument("--seed", type=int, default=0)
    verb.set_defaults(run=commands.demo)


def _download(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    verb = verbs.add_parser("download", help="download the Kaggle dataset, or take a folder or zip")
    verb.add_argument("--slug", default=None, metavar="OWNER/NAME")
    verb.add_argument("--to", type=Path, default=None, metavar="DIR")
    verb.add_argument("--from", dest="existing", type=Path, metavar="PATH", help="a folder or zip")
    verb.set_defaults(run=commands.download)


def _inspect(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    verb = verbs.add_parser(
        "inspect", help="what is in a dataset folder, and what is wrong with it"
    )
    verb.add_argument("--data", type=Path, required=True, metavar="DIR")
    verb.add_argument("--json", action="store_true", help="print JSON")
    verb.set_defaults(run=commands.inspect)


def _study_saliency(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    verb = verbs.add_parser(
        "study-saliency", help="how well a dataset's saliency maps alone find the tumour"
    )
    verb.add_argument("--data", type=Path, required=True, metavar="DIR")
    verb.add_argument("--json", action="store_true", help="print JSON, every slice in it")
    verb.set_defaults(run=commands.study_saliency)


def _settings(verb: argparse.ArgumentParser) -> None:
    """Add what ``train`` and ``estimate`` share: data, network, recipe, hyper-parameters."""
    verb.add_argument("--data", metavar="DIR", help="dataset folder")
    verb.add_argument("--model", choices=ARCHITECTURES)
    verb.add_argument("--recipe", choices=RECIPES, help=f"default: {RECIPE}")
    verb.add_argument("--split", choices=("patient", "slice"), dest="split_unit")
    verb.add_argument("--tumour-free", metavar="DIR", help="folder of tumour-free slices to add")
    verb.add_argument("--from", dest="initial", metavar="NETWORK", help="start from these weights")
    verb.add_argument("--test-folds", type=int, nargs="+", metavar="FOLD")
    verb.add_argument("--val-is-test", action=argparse.BooleanOptionalAction, default=None)
    _hyper_parameters(verb)


def _hyper_parameters(verb: argparse.ArgumentParser) -> None:
    """Add what a protocol leaves open, too."""
    for name, kind in _TRAIN_NUMBERS.items():
        meaning = MEANINGS[name.replace("-", "_")]
        verb.add_argument(f"--{name}", type=kind, metavar="N", help=meaning)
    for name in _TRAIN_WORDS:
        choices = "{" + ",".join(CHOICES[name]) + "}"  # checked later, with a sentence
        verb.add_argument(f"--{name}", metavar=choices, help=MEANINGS[name])
    for name in ("deep-supervision", "tensorboard"):
        verb.add_argument(f"--{name}", action=argparse.BooleanOptionalAction, default=None)
    verb.add_argument(
        "--mirrored", action=argparse.BooleanOptionalAction, default=None,
        help="divide every batch over all GPUs; waits until all are free",
    )  # fmt: skip


def _train(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    verb = verbs.add_parser("train", help="train a network, in this terminal; Ctrl-C saves")
    _settings(verb)
    verb.add_argument("--run", dest="folder", metavar="DIR", help="run folder, new or to resume")
    verb.add_argument(
        "--resume", action="store_true",
        help="go on with --run, as it began; --data: where its slices are now",
    )  # fmt: skip
    verb.add_argument("--background", action="store_true", help="return at once; see `runs list`")
    verb.set_defaults(run=commands.train)


def _estimate(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    verb = verbs.add_parser("estimate", help="how long a training would take: measures a few steps")
    _settings(verb)
    verb.add_argument(
        "--also", action="append", default=[], choices=ARCHITECTURES, metavar="MODEL",
        help="measure this network too, with the same settings",
    )  # fmt: skip
    verb.add_argument("--json", action="store_true", help="one JSON object a line, with progress")
    verb.set_defaults(run=commands.estimate)


def _protocol(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    verb = verbs.add_parser(
        "protocol",
        help="train and measure by a protocol; run it again to go on",
        description="Every training of a protocol, one after the other, and the table of results. "
        "Ctrl-C saves; the same command again goes on. Settings replace those of the recipes.",
    )
    verb.add_argument("protocol", choices=PROTOCOLS)
    verb.add_argument("--data", type=Path, required=True, metavar="DIR")
    verb.add_argument("--tumour-free", type=Path, metavar="DIR")
    verb.add_argument("--out", type=Path, required=True, metavar="DIR", help="runs, protocol.json")
    verb.add_argument("--networks", nargs="+", choices=ARCHITECTURES, default=ARCHITECTURES)
    _hyper_parameters(verb)
    verb.add_argument("--json", action="store_true", help="print JSON")
    verb.set_defaults(run=commands.protocol)


def _evaluate(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    verb = verbs.add_parser("evaluate", help="score networks on slices with a mask")
    verb.add_argument(
        "--model", action="append", required=True, metavar="PATH|NAME",
        help="again for each network to compare, on the slices that all of them may be scored on",
    )  # fmt: skip
    verb.add_argument("--data", type=Path, required=True, metavar="DIR")
    verb.add_argument("--tumour-free", type=Path, metavar="DIR")
    verb.add_argument("--ids", choices=("test", "val", "all"), default="test")
    verb.add_argument("--run", dest="split_run", metavar="RUN", help="whose test or val ids")
    verb.add_argument("--fold", type=int, nargs="+", help="only these folds, whatever --ids says")
    verb.add_argument("--orientation", choices=ORIENTATIONS, default="file")
    verb.add_argument(
        "--report", type=Path, metavar="FILE", help="one HTML file: tables, figures, galleries"
    )
    _options(verb)
    verb.set_defaults(run=commands.evaluate)


def _options(verb: argparse.ArgumentParser) -> None:
    """Add what a prediction can be asked for beyond the network's plain answer."""
    verb.add_argument("--threshold", type=float, help="of the probability (default: its own)")
    verb.add_argument(
        "--average", choices=("none", "symmetries"), default="none",
        help="symmetries: mean over eight views of the slice (about 4 times the time)",
    )  # fmt: skip
    verb.add_argument(
        "--smallest", type=float, default=0.0, metavar="SHARE",
        help="drop connected parts smaller than this share of the slice (default 0: none)",
    )  # fmt: skip
    verb.add_argument(
        "--precision", choices=("f32", "bf16"),
        help="bf16: faster on processors that have it (default: BRAINSEG_PRECISION, or f32)",
    )  # fmt: skip
    verb.add_argument("--json", type=Path, metavar="FILE")


def _tune(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    verb = verbs.add_parser("tune", help="Dice and false alarms at many thresholds")
    verb.add_argument("--model", required=True, metavar="PATH|NAME")
    verb.add_argument("--data", type=Path, required=True, metavar="DIR")
    verb.add_argument("--tumour-free", type=Path, metavar="DIR")
    verb.add_argument(
        "--ids",
        choices=("val", "all"),
        default="val",
        help="val: never the test part; all: every slice, of another dataset",
    )
    verb.add_argument("--run", dest="split_run", metavar="RUN", help="whose val ids")
    verb.add_argument("--json", action="store_true")
    verb.set_defaults(run=commands.tune, fold=None)


def _volume(verb: argparse.ArgumentParser) -> None:
    """Add the choice of what a scan file holds several of."""
    verb.add_argument(
        "--volume", type=int, metavar="N", help="which volume of a file with several, from 1"
    )


def _predict(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    verb = verbs.add_parser("predict", help="write the predicted mask of scans")
    verb.add_argument("--model", action="append", required=True, metavar="NAME|RUN")
    verb.add_argument("--out", type=Path, required=True, metavar="DIR")
    _options(verb)
    _volume(verb)
    verb.add_argument("files", type=Path, nargs="+", metavar="FILE|DIR")
    verb.set_defaults(run=commands.predict)


def _saliency(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    verb = verbs.add_parser("saliency", help="write where a network looked")
    verb.add_argument("--model", required=True, metavar="NAME|RUN")
    verb.add_argument("--method", required=True, metavar="M", help=", ".join(METHODS))
    verb.add_argument("--target", default="mask", help='mask, "component N" or "pixel ROW,COLUMN"')
    verb.add_argument("--depth", default=DEEPEST, help="of gradcam: encoder1.., decoder1..")
    verb.add_argument("--out", type=Path, required=True, metavar="DIR")
    _volume(verb)
    verb.add_argument("file", type=Path, metavar="FILE")
    verb.set_defaults(run=commands.saliency)


def _runs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    verb = verbs.add_parser("runs", help="list, show, stop, resume, label or delete training runs")
    actions = verb.add_subparsers(dest="action", required=True, metavar="ACTION")
    for action in ("list", "show", "stop", "resume", "label", "delete"):
        one = actions.add_parser(action)
        if action != "list":
            one.add_argument("folder", metavar="RUN")
        one.add_argument("--json", action="store_true")
        if action == "stop":
            one.add_argument("--after-epoch", action="store_true", help="finish the epoch first")
        if action == "label":
            one.add_argument("--title")
            one.add_argument("--note")
    verb.set_defaults(run=commands.list_or_change_runs)


def _rest(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    verb = verbs.add_parser("devices", help="what training can run on here")
    verb.add_argument("--json", action="store_true")
    verb.set_defaults(run=commands.devices)
    verb = verbs.add_parser("architecture", help="layers, shapes and parameters of a network")
    verb.add_argument("--model", choices=ARCHITECTURES, required=True)
    verb.add_argument("--size", type=int, default=256)
    verb.add_argument("--base", type=int, default=32)
    verb.add_argument("--depth", type=int, default=4)
    verb.add_argument("--norm", choices=NORMS, default="batch")
    verb.add_argument("--json", action="store_true")
    verb.set_defaults(run=commands.architecture)


def parser() -> argparse.ArgumentParser:
    """Return the whole command line."""
    top = argparse.ArgumentParser(
        prog="brainseg", description="Brain tumour segmentation with UNet and ResUNet."
    )
    top.add_argument("--version", action="version", version=__version__)
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    training = (_train, _estimate, _protocol, _runs)
    scoring = (_evaluate, _tune, _predict, _saliency)
    for add in (_demo, _download, _inspect, _study_saliency, *training, *scoring, _rest):
        add(verbs)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit status: 0, or 2 with one sentence on bad input."""
    options = parser().parse_args(arguments)
    try:
        return int(options.run(options) or 0)
    except BrainsegError as error:
        print(f"brainseg: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"brainseg: {error.strerror or error}: {error.filename or ''}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("brainseg: interrupted", file=sys.stderr)
        return 130
