"""What each verb of the command line does. Heavy imports wait until a verb needs them."""

from brainseg.commands.data import demo, download, inspect, study_saliency
from brainseg.commands.estimating import estimate
from brainseg.commands.predicting import predict, saliency
from brainseg.commands.protocols import protocol
from brainseg.commands.scoring import evaluate, tune
from brainseg.commands.training import architecture, devices, list_or_change_runs, train

__all__ = [
    "architecture",
    "demo",
    "devices",
    "download",
    "estimate",
    "evaluate",
    "inspect",
    "list_or_change_runs",
    "predict",
    "protocol",
    "saliency",
    "study_saliency",
    "train",
    "tune",
]
