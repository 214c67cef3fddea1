"""The tumour as a surface that turns in the browser, in a faint head."""

from __future__ import annotations

import math
from collections.abc import Sequence

import plotly.graph_objects as go
import streamlit as st

from brainseg import mesh
from brainseg.mesh import Mesh
from ui import charts, pictures
from ui.segment_study import Finding, Look, Study

_SKIN = "#9AA5B1"


def show(study: Study, found: Sequence[Finding], look: Look) -> None:
    """Show what every network found, at this threshold; corrected slices as corrected."""
    figure = go.Figure()
    if (skin := _head(study.scene, study)) is not None:
        figure.add_trace(_trace(skin, "Head", _SKIN, 0.12))
    drawn = []
    for finding in found:
        surface = _tumour(study, finding, look)
        if surface is not None:
            figure.add_trace(_trace(surface, finding.label, finding.colour, 0.65))
            drawn.append(finding.label)
    axis = {"visible": False}
    figure.update_layout(
        height=480, margin={"l": 0, "r": 0, "t": 0, "b": 0}, showlegend=True,
        scene={"xaxis": axis, "yaxis": axis, "zaxis": axis, "aspectmode": "data",
               "camera": {"eye": {"x": 1.2, "y": -1.4, "z": 0.6}}},
        legend={"orientation": "h", "y": 0.02},
    )  # fmt: skip
    what = ", ".join(drawn) if drawn else "no network, at this threshold"
    charts.show(figure, "segment.surface.figure", f"Surface of the tumour found by {what}")
    spacing = study.volume.spacing_mm
    if spacing is None:
        st.caption("The file does not say how large its voxels are: drawn as if they were cubes.")
    elif math.isnan(spacing[0]):
        st.caption("The file does not say how far apart its slices lie: drawn as if by a row.")


@st.cache_resource(max_entries=2, show_spinner="Drawing the head", scope="session")
def _head(scene: str, _study: Study) -> Mesh | None:
    return _placed(mesh.head(_study.volume.voxels), _study)


def _tumour(study: Study, finding: Finding, look: Look) -> Mesh | None:
    level = round(look.threshold * pictures.STEPS)
    values = finding.slices.levels
    if corrected := look.corrected(finding):
        values = values.copy()
        for index in corrected:
            values[index] = look.corrections[finding.label, index] * pictures.STEPS
    return _placed(mesh.tumour(values, level), study)


def _placed(found: Mesh | None, study: Study) -> Mesh | None:
    """Put a mesh of voxel places where the scanner saw it, or at least in true proportion."""
    if found is None:
        return None
    affine, spacing = study.volume.affine, study.volume.spacing_mm or (1.0, 1.0, 1.0)
    if affine is not None:
        return found.moved(affine)
    between, row, column = spacing  # rows run down the picture; to the right is to the right
    between = row if math.isnan(between) else between
    return found.moved([[0, 0, column, 0], [0, -row, 0, 0], [between, 0, 0, 0]])


def _trace(surface: Mesh, name: str, colour: str, opacity: float) -> go.Mesh3d:
    x, y, z = surface.points.T
    first, second, third = surface.triangles.T
    return go.Mesh3d(
        x=x, y=y, z=z, i=first, j=second, k=third, name=name, color=colour,
        opacity=opacity, hoverinfo="name", showlegend=True, flatshading=False,
    )  # fmt: skip
