"""One slice with all that is known of it, turned upright, ready for the viewer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from brainseg import palette
from brainseg.data.catalog import Catalog, Problem, upright
from brainseg.networks import NetworkRef
from brainseg.types import TUMOURS, BoolArray, ByteArray, FloatArray, Prediction, Sample
from ui import cache, evaluation, frame, pictures, widgets
from ui.viewer import Layer, Panel, address

TRUTH = "True mask"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Case:
    """A slice, its truth if known, and the predictions of the chosen networks by label."""

    name: str
    pixels: FloatArray  # (H, W), upright
    truth: BoolArray | None = None
    spacing_mm: tuple[float, float] | None = None
    scene: str = ""
    predictions: dict[str, Prediction] = field(default_factory=dict)
    colours: dict[str, str] = field(default_factory=dict)

    @property
    def pixel_mm2(self) -> float | None:
        """Area of one pixel, None where the file does not say."""
        return None if self.spacing_mm is None else self.spacing_mm[0] * self.spacing_mm[1]

    @property
    def aspect(self) -> float:
        """Height of a pixel in widths."""
        return 1.0 if self.spacing_mm is None else self.spacing_mm[0] / self.spacing_mm[1]

    @property
    def picture(self) -> ByteArray:
        """The slice as grey RGB in its display window."""
        return pictures.grey(self.pixels)


def of_sample(catalog: Catalog, sample: Sample, networks: Sequence[NetworkRef] = ()) -> Case:
    """Return a slice of a dataset, segmented by the networks."""
    root, number = str(catalog.root), sample.number
    mask = cache.sample_mask(root, number)
    found = {}
    for ref in networks:
        raw = cache.prediction(ref.name, root, number)
        found[ref.label] = replace(raw, probability=upright(raw.probability, catalog))
    return Case(
        name=f"{catalog.name} {number}",
        pixels=upright(cache.sample_image(root, number), catalog),
        truth=None if mask is None else upright(mask, catalog),
        scene=f"{root}/{number}",
        predictions=found,
        colours=_colours(networks),
    )


def threshold_of(networks: Sequence[NetworkRef]) -> float:
    """Return the middle of the networks' own thresholds, on the grid of the viewer."""
    own = [cache.segmenter(ref.name).config.threshold for ref in networks]
    return address.on_grid(sum(own) / len(own) if own else 0.5)


def _colours(networks: Sequence[NetworkRef]) -> dict[str, str]:
    by_name = widgets.colours(networks)
    return {ref.label: by_name[ref.name] for ref in networks}


def facts_of(sample: Sample) -> str:
    """Return what is known of a slice, in one line, safe to show as Markdown."""
    kind = {"none": "no tumour", None: "tumour kind unknown"}.get(sample.tumour, sample.tumour)
    patient = f"patient {frame.plain(sample.patient)}" if sample.patient else "patient unknown"
    return f"Slice {sample.number} · {kind} · {patient}"


def facts_for(sample: Sample, catalog: Catalog, refs: Sequence[NetworkRef]) -> str:
    """Return the facts of a slice, and which of the networks saw it while they were trained."""
    told = frame.plain(evaluation.told_of_slice(refs, catalog, sample.number))
    return f"{facts_of(sample)} · {told}" if told else facts_of(sample)


def truth_of(case: Case) -> str | None:
    """Return the name of the true mask among the layers, None where it is unknown."""
    return None if case.truth is None else TRUTH


def layers(case: Case) -> list[Layer]:
    """Return what can be drawn over the slice: the true mask, then each network's probability."""
    truth = [] if case.truth is None else [_layer(TRUTH, palette.TRUTH, case.truth)]
    return truth + [
        _layer(label, case.colours[label], found.probability)
        for label, found in case.predictions.items()
    ]


def _layer(name: str, colour: str, values: FloatArray | BoolArray) -> Layer:
    return Layer(name=name, colour=colour, values=values)


def saliency_panels(catalog: Catalog, sample: Sample) -> list[Panel]:
    """Return the saliency maps that come with a sample, as given, in the app's heat map."""
    panels = []
    for which in (1, 2):
        values = cache.sample_saliency(str(catalog.root), sample.number, which)
        if values is not None:
            title = f"Saliency map {which}"
            panels.append(
                Panel(title=title, picture=pictures.heat(upright(values, catalog)),
                      alt=f"{title} of slice {sample.number}",
                      scale=("0", "255"))
            )  # fmt: skip
    return panels


def files_of(catalog: Catalog, sample: Sample) -> list[dict[str, str | int]]:
    """Return one row per file of a sample: what it is, where, how large."""
    files = (
        ("Image", sample.image),
        ("True mask", sample.mask),
        ("Saliency map 1", sample.saliency[0]),
        ("Saliency map 2", sample.saliency[1]),
    )
    return [
        {"What": what, "File": str(path.relative_to(catalog.root)), "Bytes": path.stat().st_size}
        for what, path in files
        if path is not None
    ]


def summary_of(catalog: Catalog) -> list[dict[str, str | int]]:
    """Return one row per kind of slice: how many slices and patients there are."""
    rows = []
    for kind in (*TUMOURS, None):
        samples = [sample for sample in catalog.samples if sample.tumour == kind]
        patients = {sample.patient for sample in samples if sample.patient}
        if samples:
            name = {"none": "no tumour", None: "unknown"}.get(kind, kind)
            rows.append(
                {"Tumour": name, "Slices": len(samples), "Patients": len(patients) or "unknown",
                 "With true mask": sum(sample.has_truth for sample in samples)}
            )  # fmt: skip
    return rows


def problems_of(problems: Sequence[Problem]) -> list[dict[str, str]]:
    """Return one row per problem found in a dataset folder."""
    return [{"Problem": p.kind, "File": str(p.path), "Detail": p.detail} for p in problems]


def comparison(case: Case, first: str, second: str, *, errors: bool = False) -> list[Panel]:
    """Return both networks, then where they disagree; the scan under them is drawn in the browser.

    Args:
        case: the slice with the predictions of both.
        first: label of a network.
        second: label of the other.
        errors: show which pixels are right and wrong, instead of outlines with the true one.
    """
    show = _errors_panel if errors and case.truth is not None else _outlines_panel
    between = Panel(
        title="Where they disagree", agreement=(first, second),
        alt=f"Scan {case.name} with where {first} and {second} agree and disagree",
    )  # fmt: skip
    return [show(case, first), show(case, second), between]


def _errors_panel(case: Case, label: str) -> Panel:
    return Panel(
        title=label, agreement=(TRUTH, label), scored=(label,), colour=case.colours[label],
        alt=f"Scan {case.name} with the pixels that {label} got right and wrong",
    )  # fmt: skip


def _outlines_panel(case: Case, label: str) -> Panel:
    known = case.truth is not None
    return Panel(
        title=label, layers=(label, TRUTH) if known else (label,), scored=(label,),
        colour=case.colours[label], caption="Yellow: the true mask" if known else "",
        alt=f"Scan {case.name} with the tumour {label} found",
    )  # fmt: skip


def all_panel(case: Case) -> Panel:
    """Return the slice with every outline on it."""
    names = tuple(layer.name for layer in layers(case))
    alt = f"Scan {case.name} with the outlines of: {', '.join(names)}"
    return Panel(title="Scan", picture=case.picture, alt=alt, layers=names, scored=names)
