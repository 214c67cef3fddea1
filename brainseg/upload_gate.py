"""The gate before files that are predicted: the shipped networks look at them, whatever is asked.

Whether a picture shows a head does not depend on the network that was chosen, and a mean of two
opinions is steadier than either (docs/MODEL_CARD.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from brainseg import gate, networks
from brainseg.gate import Verdict, Witness
from brainseg.inference import Segmenter
from brainseg.networks import Precision
from brainseg.refine import Refined
from brainseg.types import FloatArray, Prediction, Scan


class UploadGate:
    """Judges the scans that some networks segment; what one of them answered is not asked again."""

    def __init__(
        self, chosen: Mapping[str, Refined], *, precision: Precision | None = None
    ) -> None:
        """Open those shipped networks that are not among ``chosen``.

        Raises:
            NetworkError: one is damaged.
        """
        self._members: dict[str, dict[Path, Any]] = {
            name: dict(
                zip(
                    [folder.resolve() for folder in networks.member_folders(name)],
                    getattr(segmenter, "members", (segmenter,)),
                    strict=True,
                )
            )
            for name, segmenter in chosen.items()
        }
        self._open = {f: one for members in self._members.values() for f, one in members.items()}
        listed = networks.list_networks()
        self._shipped = [ref.folder.resolve() for ref in listed if ref.kind == "shipped"]
        own = [folder for folder in self._open if folder not in self._shipped]
        self._own = own if len(own) == len(self._open) else []
        for folder in self._shipped:
            if folder not in self._open:
                self._open[folder] = Segmenter.load(folder, precision=precision)

    def judge(self, scan: Scan, answers: Mapping[str, Prediction]) -> Verdict:
        """Say whether a scan may be a head MRI; ``answers`` are what the chosen said of it.

        Raises:
            ScanError: the scan is empty or holds values that are not finite.
        """
        seen: dict[Path, FloatArray] = {}
        for name, answer in answers.items():
            told = [folder for folder, one in self._members[name].items() if one.has_features]
            seen |= zip(told, answer.features, strict=True)

        def witness(folder: Path) -> Witness:
            one = self._open[folder]
            return Witness(
                heads=one.heads,
                features=lambda: seen[folder] if folder in seen else one.predict(scan).features[0],
            )

        shipped, own = ([witness(f) for f in part] for part in (self._shipped, self._own))
        return gate.judge_upload(scan, shipped, own)
