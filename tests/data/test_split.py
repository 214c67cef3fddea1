from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from brainseg.data.catalog import read_catalog
from brainseg.data.split import make_split
from brainseg.errors import ConfigError
from brainseg.types import TUMOURS, Sample, Split


def samples(patients: int = 60, *, slices: int = 4, folds: bool = True) -> list[Sample]:
    """Return ``slices`` of each patient; kinds and folds 0..4 take turns."""
    return [
        Sample(
            number=slices * patient + place,
            image=Path(f"{patient}-{place}.png"),
            tumour=TUMOURS[patient % 3],
            patient=f"P{patient}",
            fold=patient // 3 % 5 if folds else None,
        )
        for patient in range(patients)
        for place in range(slices)
    ]


def parts(split: Split, given: list[Sample]) -> tuple[list[Sample], list[Sample], list[Sample]]:
    known = {sample.number: sample for sample in given}
    train, val, test = (
        [known[number] for number in part] for part in (split.train, split.val, split.test)
    )
    return train, val, test


def patients(part: list[Sample]) -> set[str | None]:
    return {sample.patient for sample in part}


@pytest.mark.parametrize("folds", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_no_patient_is_on_two_sides(folds: bool, seed: int) -> None:
    given = samples(folds=folds)
    train, val, test = parts(make_split(given, seed=seed), given)
    assert not patients(train) & patients(val)
    assert not patients(train) & patients(test)
    assert not patients(val) & patients(test)
    assert len(train) + len(val) + len(test) == len(given)


def test_known_folds_are_the_test_part() -> None:
    given = samples()
    train, val, test = parts(make_split(given, test_folds=(3, 4)), given)
    assert {sample.fold for sample in test} == {3, 4}
    assert {sample.fold for sample in train + val} == {0, 1, 2}


def test_without_folds_a_quarter_of_the_patients_of_each_kind_is_tested() -> None:
    given = samples(folds=False)
    train, val, test = parts(make_split(given), given)
    for kind in TUMOURS[:3]:
        assert len(patients([s for s in test if s.tumour == kind])) == 5
        assert len(patients([s for s in val if s.tumour == kind])) in (1, 2)
    assert len(patients(train)) == 60 - 15 - len(patients(val))


def test_folds_that_hold_no_test_fold_are_drawn_from() -> None:
    given = [sample for sample in samples() if sample.fold in (0, 1)]
    assert make_split(given).test


def test_tumour_free_patients_are_split_too_and_move_nobody_else() -> None:
    given = samples()
    free = [
        replace(sample, number=sample.number + 10_000, tumour="none", patient=f"N{sample.patient}")
        for sample in samples(40, folds=False)
    ]
    alone, both = make_split(given), make_split(given + free)
    _, val, test = parts(both, given + free)
    assert len({s.patient for s in test if s.tumour == "none"}) == 10
    assert len({s.patient for s in val if s.tumour == "none"}) == 3
    assert tuple(n for n in both.train if n < 10_000) == alone.train
    assert tuple(n for n in both.test if n < 10_000) == alone.test


def test_the_same_seed_gives_the_same_parts_in_any_order() -> None:
    given = samples()
    assert make_split(given, seed=3) == make_split(given[::-1], seed=3)
    assert make_split(given, seed=3).val != make_split(given, seed=4).val


def test_a_slice_without_a_patient_is_its_own_patient() -> None:
    given = [replace(sample, patient=None, fold=None) for sample in samples(10)]
    split = make_split(given)
    assert len(split.test) == 10
    assert len(split.train) + len(split.val) == 30


def test_three_patients_are_enough_and_two_are_not() -> None:
    split = make_split(samples(3, folds=False))
    assert len(split.train) == len(split.val) == len(split.test) == 4
    with pytest.raises(ConfigError, match="too little data to split by patient"):
        make_split(samples(2, folds=False))


def test_the_documents_split_is_75_25_of_slices_stopping_on_its_test() -> None:
    given = samples()
    split = make_split(given, unit="slice", val_is_test=True)
    assert len(split.test) == 60
    assert len(split.train) == 180
    assert split.val == split.test
    assert not set(split.train) & set(split.test)
    assert split.unit == "slice"


def test_by_slice_validation_comes_out_of_training_by_default() -> None:
    split = make_split(samples(), unit="slice")
    assert (len(split.train), len(split.val), len(split.test)) == (162, 18, 60)
    assert len({*split.train, *split.val, *split.test}) == 240


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"val_fraction": 0.0}, "val_fraction must lie between 0 and 1"),
        ({"test_fraction": 1.0}, "test_fraction must lie between 0 and 1"),
        ({"unit": "hospital"}, "units are patient and slice"),
        ({"val_is_test": True}, "only slices may stop on their test part"),
    ],
)
def test_wrong_settings_get_one_sentence(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        make_split(samples(), **wrong)


def test_repeated_numbers_are_refused() -> None:
    with pytest.raises(ConfigError, match="slice number 0 occurs twice"):
        make_split(samples() + samples())


@pytest.mark.real_data
def test_the_real_slices_report_on_fold_3(real_data: Path) -> None:
    tumours = list(read_catalog(real_data / "cheng256").samples)
    free = read_catalog(real_data / "normal256", first_number=1_000_000, tumour_free=True)
    given = [*tumours, *free.samples]
    train, val, test = parts(make_split(given), given)
    assert {s.fold for s in test if s.tumour != "none"} == {3}
    assert {s.fold for s in train + val if s.tumour != "none"} == {0, 1, 2}
    assert len(patients([s for s in test if s.tumour == "none"])) == 16
    assert not patients(train) & patients(test)
