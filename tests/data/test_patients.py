from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from brainseg.data.catalog import read_catalog
from brainseg.data.layout import EXTENSIONS
from brainseg.data.patients import facts_for, public_facts
from brainseg.errors import DataError


def write_disc(path: Path, area: float, side: int) -> None:
    """Write a mask of about ``area`` pixels: whole rows and a rest, exact when there is room."""
    path.parent.mkdir(parents=True, exist_ok=True)
    mask = np.zeros(side * side, dtype=np.uint8)
    mask[: round(area)] = 255
    assert cv2.imwrite(str(path), mask.reshape(side, side))


def write_public(root: Path, numbers: range, *, side: int = 512, factor: float = 1.0) -> Path:
    """Write files whose mask areas are the public ones, scaled to ``side``, times ``factor``."""
    (root / "images").mkdir(parents=True)
    for number in numbers:
        facts = public_facts()[number]
        assert facts.mask_px is not None
        assert facts.height is not None
        area = facts.mask_px * (side / facts.height) ** 2 * factor
        (root / "images" / f"{number}.png").touch()
        write_disc(root / "masks" / f"{number}_mask.png", area, side)
    return root


def test_the_public_table_has_its_published_counts() -> None:
    facts = public_facts()
    assert set(facts) == set(range(3064))
    assert Counter(row.tumour for row in facts.values()) == {
        "meningioma": 708, "glioma": 1426, "pituitary": 930,
    }  # fmt: skip
    assert len({row.patient for row in facts.values()}) == 209


def test_no_patient_of_the_public_table_is_in_two_folds() -> None:
    folds = {(row.patient, row.fold) for row in public_facts().values()}
    assert len(folds) == len({patient for patient, _ in folds})


@pytest.mark.parametrize("side", [512, 256, 128])
def test_public_facts_are_used_where_mask_areas_agree(tmp_path: Path, side: int) -> None:
    catalog = read_catalog(write_public(tmp_path / "set", range(100, 130), side=side))
    assert catalog.orientation == "transposed"
    assert catalog.by_number(100).tumour == public_facts()[100].tumour
    assert catalog.by_number(100).patient == public_facts()[100].patient


@pytest.mark.parametrize("factor", [0.7, 1.3])
def test_other_mask_areas_are_not_believed(tmp_path: Path, factor: float) -> None:
    catalog = read_catalog(write_public(tmp_path / "set", range(100, 130), factor=factor))
    assert catalog.orientation == "upright"
    assert all(sample.patient is None for sample in catalog.samples)


def test_numbers_shifted_by_one_are_not_believed(tmp_path: Path) -> None:
    root = write_public(tmp_path / "set", range(100, 130))
    for number in range(129, 99, -1):
        (root / "images" / f"{number}.png").rename(root / "images" / f"{number + 1}.png")
        (root / "masks" / f"{number}_mask.png").rename(root / "masks" / f"{number + 1}_mask.png")
    assert facts_for(read_catalog(root).samples) == {}


def test_one_damaged_mask_among_24_does_not_take_the_facts_away(tmp_path: Path) -> None:
    root = write_public(tmp_path / "set", range(100, 124))
    (root / "masks" / "110_mask.png").write_bytes(b"")
    assert read_catalog(root).orientation == "transposed"
    (root / "masks" / "115_mask.png").write_bytes(b"")
    assert read_catalog(root).orientation == "upright"


def test_three_masks_prove_nothing(tmp_path: Path) -> None:
    assert read_catalog(write_public(tmp_path / "set", range(3))).orientation == "upright"


def test_a_number_outside_the_table_refuses_it(tmp_path: Path) -> None:
    root = write_public(tmp_path / "set", range(100, 130))
    (root / "images" / "3064.png").touch()
    assert read_catalog(root).by_number(100).patient is None


def test_the_folders_own_table_wins(tmp_path: Path) -> None:
    root = write_public(tmp_path / "set", range(100, 130))
    rows = "".join(f"{number},glioma,me,7\n" for number in range(100, 129))
    (root / "patients.csv").write_text("number,tumour,patient,fold\n" + rows)
    catalog = read_catalog(root)
    assert {(s.tumour, s.patient, s.fold) for s in catalog.samples[:-1]} == {("glioma", "me", 7)}
    assert catalog.samples[-1].patient is None
    assert catalog.orientation == "transposed"


def test_names_in_the_own_table_may_carry_an_ending_or_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "Head A.png").touch()
    (tmp_path / "patients.csv").write_text("Name,Patient\nHead A.png,P\n", encoding="utf-8-sig")
    assert read_catalog(tmp_path).samples[0].patient == "P"


@pytest.mark.parametrize("ending", sorted(EXTENSIONS))
def test_a_table_may_name_files_of_every_ending(tmp_path: Path, ending: str) -> None:
    (tmp_path / "images").mkdir()
    for name in ("p1_a", "p1_b"):
        (tmp_path / "images" / f"{name}{ending}").touch()
    rows = f"name,patient\np1_a{ending},P1\np1_b{ending.upper()},P1\n"
    (tmp_path / "patients.csv").write_text(rows)
    assert [sample.patient for sample in read_catalog(tmp_path).samples] == ["P1", "P1"]


def test_rows_that_name_no_image_are_one_problem_and_empty_ones_none(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").touch()
    table = tmp_path / "patients.csv"
    for rows, said in (
        ("a,P1\n,,\n,\n", []),
        ("a,P1\nb.gif,P1\nc,P2\n", ["2 of its 3 rows name no image, 'b.gif' first"]),
        ("b,P1\n", ["1 of its 1 rows name no image, 'b' first"]),
    ):
        table.write_text("name,patient\n" + rows)
        found = [p for p in read_catalog(tmp_path).problems if p.kind == "unmatched row"]
        assert [(p.path, p.detail) for p in found] == [(table, detail) for detail in said]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "needs the columns"),
        ("a,b\n1,2\n", "needs the columns"),
        ("number,patient,tumour\n0,p,cancer\n", "line 2 calls the tumour 'cancer'"),
        ("number,patient,fold\n0,p,x\n", "line 2 needs a whole number"),
        ("number,patient\n\xff,\xfe\n", "UTF-8"),
    ],
)
def test_an_unusable_own_table_gets_one_sentence(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "0.png").touch()
    (tmp_path / "patients.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match=says):
        read_catalog(tmp_path)


@pytest.mark.real_data
def test_every_real_mask_agrees_with_the_public_table(real_data: Path) -> None:
    with (real_data / "patients.csv").open(newline="") as lines:
        table = {int(row["number"]): row["patient"] for row in csv.DictReader(lines)}
    for name in ("cheng256", "kaggle_sample"):
        catalog = read_catalog(real_data / name)
        assert all(sample.patient == table[sample.number] for sample in catalog.samples)
