"""The words and the look of a report; the screen uses the same words."""

from __future__ import annotations

DISCLAIMER = "For research and teaching only: not a medical device."
BY_KIND = "Dice of every slice, by kind of tumour"
OUTLINES = "Truth: yellow outline. Prediction: outline in the colour of its network."
SCORES = (
    "Means over the slices with a tumour, at the files' own size, with 95 % intervals for which "
    "whole patients are drawn again (none where no draw differs); a missed tumour counts "
    "Dice 0. A score that is not defined "
    "on a slice (precision where nothing is painted, a distance where a mask is empty) is left "
    "out of its mean and counted as undefined. Accuracy is over all slices: compare it with the "
    "line below it."
)
GROUPS = {
    "kind": "The slices of each kind of tumour apart; dots are means, bars their 95 % intervals.",
    "plane": "The plane of a slice is estimated from its picture: no file states it.",
    "size": (
        "The slices with a tumour, sorted by the tumour's share of the slice, in four equal parts."
    ),
    "patient": (
        "The mean over the slices of each patient. Slices whose patient is unknown are left out."
    ),
}
PAIRED = (
    "Wilcoxon's signed-rank test, two-sided, on the Dice of the slices with a tumour; the "
    "interval of the difference draws whole patients again. Slices of one patient are not "
    "independent, so the test by slice sees more evidence than there is: trust the one by patient."
)
THRESHOLDS = (
    "The ring is the network's own threshold. Choose another on validation slices only: the best "
    "one on the slices that are reported flatters. Missed: no pixel of a tumour hit. False alarm: "
    "any pixel painted on a tumour-free slice."
)
CALIBRATION = (
    "Pixels of the tumours and of a band of 1/32 of the slice around them, in ten bins of "
    "predicted probability. On the dashed line a probability of 0.7 is tumour seven times in ten; "
    "below it the network is too sure. The calibration error is the mean gap over these pixels."
)
SYMMETRIES = (
    "The same slices, upright and in the seven other symmetries of the square. People upload "
    "scans in any of them; a spread near 0 means that it does not matter."
)
ORIENTATIONS = {
    "upright": "upright",
    "mirrored": "mirrored",
    "rot90": "turned by 90°",
    "mirrored-rot90": "transposed, as the public files lie",
    "rot180": "turned by 180°",
    "mirrored-rot180": "mirrored, by 180°",
    "rot270": "turned by 270°",
    "mirrored-rot270": "mirrored, by 270°",
}
CSS = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1b2430; background: #fff;
  max-width: 1080px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.8rem; margin: 0; } h2 { font-size: 1.3rem; margin: 2.4rem 0 .6rem; }
h3 { font-size: 1rem; margin: 1.2rem 0 .2rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; }
dt { color: #5b6673; } dd { margin: 0; overflow-wrap: anywhere; }
.quiet { color: #5b6673; font-size: .9rem; max-width: 48rem; }
.warning { border-left: 4px solid #e69f00; padding: .2rem 0 .2rem .8rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .3rem .9rem .3rem 0; border-bottom: 1px solid #d5dae1; }
th { color: #5b6673; font-weight: 600; }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(200px, 1fr)); gap: 1rem; }
figure { margin: 0; } img { width: 100%; display: block; background: #000; border-radius: 6px; }
figcaption { color: #5b6673; font-size: .85rem; margin-top: .25rem; }
summary { cursor: pointer; padding: .25rem 0; }
@media print { details { display: block; } h2 { break-after: avoid; } }
"""
START = """
for (const place of document.querySelectorAll('.plot')) {
  const spec = JSON.parse(place.querySelector('script').textContent);
  const config = { responsive: true, displaylogo: false, showTips: false };
  Plotly.newPlot(place, spec.data, spec.layout, config);
}
"""
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data: blob:;
 style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>{title}</title><style>{css}</style></head><body>
{body}
<script>{plotly}</script><script>{start}</script>
</body></html>
"""
