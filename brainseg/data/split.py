"""Training, validation and test parts, by patient (honest) or by slice (as the source did).

87 % of the public slices have their nearest neighbour in the same patient: a split by slice lets
a network meet nearly every test image in training. Both are offered; patients are the default.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from brainseg.errors import ConfigError
from brainseg.types import Sample, Split

Groups = dict[str, list[Sample]]


def make_split(
    samples: Sequence[Sample],
    *,
    unit: Literal["patient", "slice"] = "patient",
    seed: int = 0,
    test_folds: Sequence[int] = (3,),
    val_fraction: float = 0.1,
    test_fraction: float = 0.25,
    val_is_test: bool = False,
) -> Split:
    """Divide samples into three parts; the same arguments always give the same parts.

    By patient: those of a fold in ``test_folds`` are the test part; where no such fold is known,
    ``test_fraction`` of the patients, drawn per tumour kind; then ``val_fraction`` of the others
    (at least one). A sample without a patient is its own patient. By slice: ``test_fraction``
    drawn at random; ``val_is_test`` repeats the source document, which stops on its test part.

    Raises:
        ConfigError: too few patients or slices, numbers that repeat, fractions out of range.
    """
    _check(samples, val_fraction, test_fraction)
    if unit == "slice":
        test, val, train = _by_slice(samples, seed, val_fraction, test_fraction)
        train, val = (train + val, test) if val_is_test else (train, val)
    elif unit == "patient" and not val_is_test:
        test, val, train = _by_patient(samples, seed, test_folds, val_fraction, test_fraction)
    else:
        raise ConfigError(
            f"cannot split by {unit!r} with val_is_test={val_is_test}: units are patient and "
            "slice, and only slices may stop on their test part"
        )
    if not (train and val and test):
        raise ConfigError(
            f"too little data to split by {unit}: {len(train)} slices to train on, {len(val)} to "
            f"validate and {len(test)} to test; add patients, or split by slice"
        )
    parts = [tuple(sorted(part)) for part in (train, val, test)]
    return Split(train=parts[0], val=parts[1], test=parts[2], seed=seed, unit=unit)


def _check(samples: Sequence[Sample], val_fraction: float, test_fraction: float) -> None:
    repeated = [n for n, times in Counter(s.number for s in samples).items() if times > 1]
    if repeated:
        raise ConfigError(
            f"slice number {repeated[0]} occurs twice; read one of the folders with first_number"
        )
    for name, value in (("val_fraction", val_fraction), ("test_fraction", test_fraction)):
        if not 0 < value < 1:
            raise ConfigError(f"{name} must lie between 0 and 1; received {value}")


def _by_slice(
    samples: Sequence[Sample], seed: int, val_fraction: float, test_fraction: float
) -> tuple[list[int], list[int], list[int]]:
    numbers = sorted(sample.number for sample in samples)
    order = np.random.default_rng(seed).permutation(numbers).tolist()
    tested = round(test_fraction * len(order))
    held = max(1, round(val_fraction * (len(order) - tested)))
    return order[:tested], order[tested : tested + held], order[tested + held :]


def _by_patient(
    samples: Sequence[Sample],
    seed: int,
    test_folds: Sequence[int],
    val_fraction: float,
    test_fraction: float,
) -> tuple[list[int], list[int], list[int]]:
    patients = _patients(samples)
    folded = {name for name, group in patients.items() if any(s.fold is not None for s in group)}
    test = {name for name, group in patients.items() if any(s.fold in test_folds for s in group)}
    undecided = {n: group for n, group in patients.items() if not test or n not in folded}
    test |= _draw(undecided, test_fraction, seed, "test")
    rest = {name: group for name, group in patients.items() if name not in test}
    val = _draw(rest, val_fraction, seed, "val")
    train = rest.keys() - val
    return _numbers(patients, test), _numbers(patients, val), _numbers(patients, train)


def _patients(samples: Sequence[Sample]) -> Groups:
    groups: Groups = {}
    for sample in samples:
        name = f"slice {sample.number}" if sample.patient is None else f"id {sample.patient}"
        groups.setdefault(name, []).append(sample)
    return groups


def _draw(patients: Groups, fraction: float, seed: int, part: str) -> set[str]:
    """Draw ``fraction`` of the patients of each tumour kind; at least one in all.

    Each kind has its own random stream, so adding tumour-free patients moves nobody else.
    """
    kinds: dict[str, list[str]] = {}
    for name in sorted(patients):
        kinds.setdefault(_kind(patients[name]), []).append(name)
    drawn: set[str] = set()
    for kind, names in sorted(kinds.items()):
        stream = np.random.default_rng([seed, zlib.crc32(f"{part} {kind}".encode())])
        order = [names[place] for place in stream.permutation(len(names))]
        drawn.update(order[: round(fraction * len(names))])
    if not drawn and len(patients) > 1:
        names = max(kinds.values(), key=len)
        drawn.add(names[np.random.default_rng(seed).integers(len(names))])
    return drawn


def _kind(group: Sequence[Sample]) -> str:
    return Counter(sample.tumour or "unknown" for sample in group).most_common(1)[0][0]


def _numbers(patients: Mapping[str, list[Sample]], names: set[str]) -> list[int]:
    return [sample.number for name in names for sample in patients[name]]
