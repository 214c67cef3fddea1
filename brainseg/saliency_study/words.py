"""What a study of saliency maps means, in sentences that follow from its numbers alone."""

from __future__ import annotations

from brainseg.saliency_study.summary import BASELINES, MAPS, NAMES, Study, separation
from brainseg.scores import Summary

# From either on, a map all but holds the mask. Trained networks do no better: those shipped here
# reach a Dice of 0.71 on patients that they never saw (docs/MODEL_CARD.md).
LEAK_AUROC = 0.98
LEAK_DICE = 0.75
_NAMES = {"brightness": "the slice's own brightness", "centre": "nearness to the centre"}
_RANKS = ("nothing", "something", "more", "leak")  # of what a map holds beyond the baselines


def verdict(summary: Summary) -> str:
    """Return how much a map tells: "leak", "more" (than the baselines), "something", "nothing".

    "more" needs the whole 95 % interval of the difference above 0, against both baselines;
    "nothing" is an AUROC whose interval holds 0.5.
    """
    area = summary["auroc"] or 0.0
    if separation(area) >= LEAK_AUROC or (summary["dice"] or 0.0) >= LEAK_DICE:
        return "leak"
    if all((summary[f"over_{base}_low"] or 0.0) > 0 for base in BASELINES):
        return "more"
    low, high = summary["auroc_low"], summary["auroc_high"]
    if low is not None and high is not None and low <= 0.5 <= high:
        return "nothing"
    return "something"


def of_map(name: str, study: Study) -> str:
    """Return what one map tells of the tumour, beside what costs nothing to know."""
    one = study.summaries[name]
    area = one["auroc"] or 0.0
    ranking = f"A pixel of the tumour is brighter than another pixel in {area:.0%} of pairs"
    if area < 0.5:
        ranking += " (so the map is mostly dark where the tumour is)"
    base = " and ".join(
        f"{study.summaries[b]['auroc'] or 0.0:.0%} for {_NAMES[b]}" for b in BASELINES
    )
    return f"{ranking}, against {base}. {_MEANING[verdict(one)]}"


_MEANING = {
    "leak": "That is nearly the mask itself: such a map was made by someone, or something, that "
    "knew where the tumour is (label leakage).",
    "more": "It finds tumours better than either, on patients drawn at random again and again. A "
    "good method could do that; so could one that has seen the masks. Its numbers cannot tell "
    "which: only how it was made can.",
    "something": "As far as these patients can tell, it finds the tumour no better than what "
    "anyone reads off the slice without knowing anything of tumours.",
    "nothing": "That is what a coin would do: on average it says nothing of where the tumour is.",
}


def of_agreement(study: Study) -> str:
    """Return how the two maps differ; empty where no slice has both."""
    found = study.agreement
    if found["pearson"] is None or found["spearman"] is None:
        return ""
    rank = found["spearman"]
    words = "are much the same"
    if rank < 0.9:
        words = "are related but not the same" if rank >= 0.3 else "have little in common"
    undefined = found["pearson_undefined"] or 0
    note = f"; undefined for {undefined} slices with a flat map" if undefined else ""
    return (
        f"The two maps {words}: within a slice their values correlate with "
        f"{found['pearson']:.2f} (Pearson), their ranks with {found['spearman']:.2f} (Spearman), "
        f"in the mean over {found['slices']:,} slices{note}."
    )


def of_feeding(study: Study) -> str:
    """Return what it means to feed the maps to a network, after the most telling of them."""
    verdicts = [verdict(study.summaries[name]) for name in MAPS if name in study.summaries]
    worst = max(verdicts, key=_RANKS.index)
    words = [_FEEDING[worst], _MADE_FROM_PICTURE if study.synthetic else _UNKNOWN]
    if worst in ("something", "nothing") and not study.synthetic:
        words.insert(1, _NOT_ALL)
    return " ".join(words)


_FEEDING = {
    "leak": "Do not feed them to a network: it would copy the answer from the map, its Dice would "
    "say nothing of a new scan, which comes without one.",
    "more": "A network that is fed with them may well score higher here. The gain counts only "
    "if the very same map can be made for a new scan without knowing its tumour; otherwise it is "
    "leakage, and the network needs an input that nobody can give it.",
    "something": "In their brightness is nothing that a network cannot read off the slice already, "
    "so expect little from feeding them: an input more that every new scan would have to bring.",
    "nothing": "In their brightness is nothing for a network to gain, only an input more that "
    "every new scan would have to bring.",
}
_NOT_ALL = (
    "Brightness is not all, though: an outline of the tumour would only show in a training with "
    "the maps."
)
_MADE_FROM_PICTURE = (
    "In this synthetic data both maps are computed from the picture alone, so nothing can leak; "
    "the dataset's own maps may be another matter."
)
_UNKNOWN = "How this dataset's maps were made is not documented."


def headline(name: str, study: Study) -> str:
    """Return a few words for a map's verdict."""
    return _HEADLINES[verdict(study.summaries[name])]


_HEADLINES = {
    "leak": "nearly the mask itself",
    "more": "finds tumours better than the baselines",
    "something": "no better than the baselines",
    "nothing": "says nothing of the tumour",
}


def table(study: Study) -> list[list[str]]:
    """Return the measures as rows of text, the first the heading; an undefined one is a dash."""
    names = [name for name in NAMES if name in study.summaries]
    rows = [["Measure", *(TITLES[name] for name in names)]]
    for label, keys in _ROWS:
        rows.append([label, *(_cell(study.summaries[name], *keys) for name in names)])
    return rows


def report(study: Study) -> list[str]:
    """Return the whole report in sentences: each map, how they differ, what follows."""
    maps = [f"{TITLES[n]}: {headline(n, study)}. {of_map(n, study)}" for n in MAPS
            if n in study.summaries]  # fmt: skip
    return [s for s in (*maps, of_agreement(study), of_feeding(study)) if s]


def left_out(study: Study) -> str:
    """Return what was not judged, or not as filed, and how often; empty where nothing was."""
    counted = ", ".join(f"{why}: {many:,}" for why, many in study.left_out.items())
    return f"Left out or noted, in slices: {counted}." if counted else ""


TITLES = {"map 1": "Map 1", "map 2": "Map 2", "brightness": "Brightness", "centre": "Centre"}
_ROWS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("AUROC", ("auroc", "auroc_low", "auroc_high")),
    ("Best Dice, one threshold for all", ("dice", "dice_low", "dice_high")),
    ("Threshold of that (0 to 255)", ("threshold",)),
    ("Best Dice, a threshold a slice", ("oracle_dice",)),
    ("Pointing game", ("pointing", "pointing_low", "pointing_high")),
    ("Pointing game, any tied pixel", ("pointing_any",)),
    ("Pointing by chance", ("chance",)),
    ("Slices below AUROC 0.5", ("auroc_below_half",)),
    ("Slices", ("slices",)),
)


def _cell(summary: Summary, key: str, low: str = "", high: str = "") -> str:
    value = summary.get(key)
    if value is None:
        return "–"  # noqa: RUF001
    if isinstance(value, int):
        return f"{value:,}"
    if key in ("pointing", "pointing_any", "chance", "auroc_below_half"):
        shown = "{:.1%}"
    else:
        shown = "{:.3f}"
    text = shown.format(value)
    ends = (summary.get(low), summary.get(high))
    if None in ends:
        return text
    return f"{text} ({shown.format(ends[0])} to {shown.format(ends[1])})"
