from __future__ import annotations

import csv
import io
import json

import pytest

from brainseg.report import exports
from brainseg.types import Evaluation


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_every_slice_and_network_has_its_line(make):
    found = rows(exports.cases_csv([make("UNet"), make("ResUNet")], {1: "axial"}))
    assert len(found) == 12
    assert (found[0]["dice"], found[0]["plane"], found[1]["plane"]) == ("0.0", "axial", "")
    assert found[4]["dice"] == ""  # tumour-free
    assert "plane" not in rows(exports.cases_csv([make()]))[0]


def test_every_number_of_every_table_has_its_line(make):
    found = rows(exports.summaries_csv([make()], {1: "axial"}))
    by = {(r["by"], r["group"], r["score"]): r for r in found}
    whole = by["all", "all", "precision"]
    assert whole["undefined"] == "1"
    assert float(whole["value"]) == pytest.approx(0.6)
    assert float(whole["low"]) <= 0.6 <= float(whole["high"])
    assert by["kind", "meningioma", "dice"]["value"] == "0.0"
    assert by["plane", "axial", "slices"]["value"] == "1"
    assert by["size", "largest quarter", "share_high"]["value"]
    assert by["patient", "p0", "false_alarms"]["value"] == "1.0"
    assert not [r for r in found if r["score"].endswith(("dice_low", "_undefined"))]


def test_json_is_read_back_as_it_was(make):
    plain = json.loads(exports.as_json([make()]))
    assert Evaluation.from_dict(plain[0]) == make()
