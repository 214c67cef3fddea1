"""What each verb of the command line does. Heavy imports wait until a verb needs them."""

from brainseg.commands.data import demo, download, inspect
from brainseg.commands.scoring import evaluate, predict, saliency
from brainseg.commands.training import architecture, devices, list_or_change_runs, train

__all__ = [
    "architecture",
    "demo",
    "devices",
    "download",
    "evaluate",
    "inspect",
    "list_or_change_runs",
    "predict",
    "saliency",
    "train",
]
