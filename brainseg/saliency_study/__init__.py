"""What a dataset's own saliency maps tell of the tumour, each alone: measures, study, words."""

from brainseg.saliency_study.summary import MAPS, Study
from brainseg.saliency_study.whole_set import has_maps, keep, kept, place, read, study

__all__ = ["MAPS", "Study", "has_maps", "keep", "kept", "place", "read", "study"]
