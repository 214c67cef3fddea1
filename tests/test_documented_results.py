"""The tables of protocols and ablations are those of the results that lie beside the documents."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from benchmarks import ablate, card, protocol_tables

RESULTS = Path(__file__).parents[1] / "docs" / "results"


@pytest.mark.parametrize("name", ["patient", "cross-validation", "document"])
def test_the_card_shows_what_the_protocol_found(name: str):
    found = json.loads((RESULTS / f"protocol-{name}.json").read_text())
    assert found["protocol"] == name
    assert found["complete"]
    assert protocol_tables.section(found) in card.CARD.read_text()


def test_every_table_has_its_place_in_a_document():
    wanted = {
        name
        for script in Path(card.__file__).parent.glob("*.py")
        for name in re.findall(r'card\.replace\(\s*"([\w-]+)"', script.read_text())
    }
    documents = [path.read_text() for path in card.CARD.parent.glob("*.md")]
    assert {"results", "options", "stages", "ablations"} <= wanted
    for name in wanted:
        assert sum(text.count(f"<!-- {name} -->") for text in documents) == 2, name


def test_the_table_of_ablations_is_that_of_their_results():
    rows = json.loads((RESULTS / "ablations.json").read_text())
    assert ablate.table(rows) in ablate.DOC.read_text()
