"""One colour for one thing on every screen.

Okabe & Ito (2008), "Color Universal Design": told apart by colour-blind readers and legible on the
greys of a scan.
"""

from __future__ import annotations

TRUTH = "#F0E442"
UNET = "#56B4E9"
RESUNET = "#E69F00"
ENSEMBLE = "#CC79A7"
TRUE_POSITIVE = "#009E73"
FALSE_POSITIVE = "#D55E00"
FALSE_NEGATIVE = "#0072B2"
REFERENCE = "#999999"
OTHER_RUNS = ("#009E73", "#D55E00", "#0072B2", "#CC79A7", "#F0E442")
WORDS = {UNET: "blue", RESUNET: "orange", ENSEMBLE: "pink"}
TUMOUR = {
    "meningioma": "#009E73",
    "glioma": "#D55E00",
    "pituitary": "#0072B2",
    "none": "#999999",
}


def rgb(colour: str) -> tuple[int, int, int]:
    """Return ``#RRGGBB`` as three integers 0..255."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def of_model(name: str) -> str:
    """Return the colour of a network by the architecture that its name or label contains."""
    lowered = name.lower()
    if lowered in ("ensemble", "unet + resunet"):
        return ENSEMBLE
    if "resunet" in lowered:
        return RESUNET
    return UNET if "unet" in lowered else OTHER_RUNS[0]
