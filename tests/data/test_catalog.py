from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from brainseg import preprocess
from brainseg.data import readers, survey
from brainseg.data.catalog import (
    Catalog,
    inspect,
    read_catalog,
    read_image,
    read_mask,
    read_saliency,
    upright,
)
from brainseg.errors import DataError
from brainseg.types import Sample


def write(path: Path, value: int = 0, *, side: int = 16, width: int | None = None) -> Path:
    """Write an image whose top-left pixel holds ``value``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((side, width or side), 40, dtype=np.uint8)
    pixels[0, 0] = value
    assert cv2.imwrite(str(path), pixels)
    return path


def write_mask(path: Path, *, side: int = 16, box: int = 4) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    mask = np.zeros((side, side), dtype=np.uint8)
    mask[:box, :box] = 255
    assert cv2.imwrite(str(path), mask)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Slices 0..11 in the Kaggle layout; the top-left pixel of an image is its number."""
    root = tmp_path / "set"
    for number in range(12):
        write(root / "images" / f"{number}.png", number)
        write_mask(root / "masks" / f"{number}_mask.png")
        write(root / "saliency_maps_1" / f"{number}.png", 100 + number)
        write(root / "saliency_maps_2" / f"{number}.png", 200 + number)
    return root


def kinds(catalog: Catalog) -> list[tuple[str, str]]:
    return sorted((problem.kind, problem.path.name) for problem in catalog.problems)


def test_a_complete_folder_has_no_problems_and_natural_order(folder: Path) -> None:
    catalog = read_catalog(folder)
    assert catalog.problems == ()
    assert [sample.number for sample in catalog.samples] == list(range(12))
    assert [read_image(sample)[0, 0] for sample in catalog.samples] == list(range(12))
    assert catalog.by_number(10).mask == folder / "masks" / "10_mask.png"
    assert catalog.name == "set"
    assert not catalog.synthetic
    assert catalog.orientation == "upright"


def test_a_missing_mask_never_shifts_the_pairs_after_it(folder: Path) -> None:
    (folder / "masks" / "3_mask.png").unlink()
    catalog = read_catalog(folder)
    assert catalog.by_number(3).mask is None
    for sample in catalog.with_truth:
        assert sample.mask is not None
        assert sample.mask.name == f"{sample.number}_mask.png"
    assert len(catalog.with_truth) == 11
    assert kinds(catalog) == [("missing mask", "3.png")]


def test_every_orphan_and_gap_is_named(folder: Path) -> None:
    (folder / "images" / "5.png").unlink()
    (folder / "saliency_maps_2" / "7.png").unlink()
    assert kinds(read_catalog(folder)) == [
        ("missing saliency map", "7.png"),
        ("orphan mask", "5_mask.png"),
        ("orphan saliency map", "5.png"),
        ("orphan saliency map", "5.png"),
    ]


def test_sub_folders_and_stray_files_are_passed_over_and_reported(folder: Path) -> None:
    (folder / "images" / "more").mkdir()
    (folder / "images" / "notes.txt").write_text("x")
    (folder / "masks" / "Thumbs.db").write_bytes(b"x")
    write(folder / "images" / "4 (copy).png")
    write(folder / "images" / "04.png")
    (folder / "extra").mkdir()
    catalog = read_catalog(folder)
    assert len(catalog.samples) == 12
    assert kinds(catalog) == [
        ("duplicate", "4.png"),
        ("folder skipped", "extra"),
        ("folder skipped", "more"),
        ("stray file", "4 (copy).png"),
        ("stray file", "Thumbs.db"),
        ("stray file", "notes.txt"),
    ]


@pytest.mark.parametrize("extension", ["png", "jpg", "jpeg", "tif", "tiff", "bmp", "webp", "PNG"])
def test_every_image_format_is_read(tmp_path: Path, extension: str) -> None:
    write(tmp_path / "images" / f"1.{extension}")
    write_mask(tmp_path / "masks" / f"1_mask.{extension}")
    (sample,) = read_catalog(tmp_path).samples
    assert read_image(sample).shape == (16, 16)
    mask = read_mask(sample)
    assert mask is not None
    assert mask.sum() == pytest.approx(16, abs=4)


@pytest.mark.parametrize(
    ("images", "masks", "maps"),
    [
        ("Images", "Masks", "saliency maps 1"),
        ("image", "mask", "Saliency_Maps_1"),
        ("IMAGES", "masks", "saliency-map-1"),
        ("imgs", "labels", "Saliency Maps1"),
    ],
)
def test_folder_spellings(tmp_path: Path, images: str, masks: str, maps: str) -> None:
    write(tmp_path / images / "1.png")
    write_mask(tmp_path / masks / "1_mask.png")
    write(tmp_path / maps / "1.png", 9)
    (sample,) = read_catalog(tmp_path).samples
    assert sample.mask is not None
    saliency = read_saliency(sample, 1)
    assert saliency is not None
    assert saliency[0, 0] == 9
    assert read_saliency(sample, 2) is None


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("head10", "head10_mask"),
        ("A b", "a b-mask"),
        ("x_seg", "x_seg"),
        ("case1", "mask_case1"),
        ("007", "7_mask"),
    ],
)
def test_own_names_pair_by_stem(tmp_path: Path, image: str, mask: str) -> None:
    write(tmp_path / "images" / f"{image}.jpg")
    write_mask(tmp_path / "masks" / f"{mask}.png")
    (sample,) = read_catalog(tmp_path).samples
    assert sample.mask == tmp_path / "masks" / f"{mask}.png"


def test_own_names_are_numbered_in_natural_order(tmp_path: Path) -> None:
    for name in ("p10", "p2", "p1"):
        write(tmp_path / "images" / f"{name}.png")
    catalog = read_catalog(tmp_path, first_number=1000)
    assert [(s.number, s.image.stem) for s in catalog.samples] == [
        (1000, "p1"), (1001, "p2"), (1002, "p10"),
    ]  # fmt: skip


def test_no_two_images_share_a_number_where_few_of_them_are_numbered(tmp_path: Path) -> None:
    for place, name in enumerate(("1", "a", "b", "c")):
        write(tmp_path / "images" / f"{name}.png", place)
    catalog = read_catalog(tmp_path)
    assert [sample.number for sample in catalog.samples] == [0, 1, 2, 3]
    assert catalog.by_number(1).image.name == "a.png"


def test_dates_are_names_and_no_numbers_of_slices_added_later(tmp_path: Path) -> None:
    for place, name in enumerate(("20240115", "20240116", "7")):
        write(tmp_path / "images" / f"{name}.png", place)
    catalog = read_catalog(tmp_path)
    assert [(sample.number, sample.image.stem) for sample in catalog.samples] == [
        (0, "7"), (1, "20240115"), (2, "20240116"),
    ]  # fmt: skip


def test_digits_too_many_for_a_number_are_a_name(folder: Path, tmp_path: Path) -> None:
    long = "12345678901234567890123"
    write(folder / "images" / f"{long}.png")
    write_mask(folder / "masks" / f"{long}_mask.png")
    catalog = read_catalog(folder)
    assert len(catalog.samples) == 12
    assert ("stray file", f"{long}.png") in kinds(catalog)
    for last in "12":
        write(tmp_path / "own" / "images" / f"{long}{last}.png")
        write_mask(tmp_path / "own" / "masks" / f"{long}{last}_mask.png")
    own = read_catalog(tmp_path / "own")
    assert (own.problems, [sample.number for sample in own.samples]) == ((), [0, 1])
    assert survey.make(own).numbers.tolist() == [0, 1]


def test_a_single_sub_folder_with_the_layout_is_entered(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "outer" / "__MACOSX").mkdir(parents=True)
    folder.rename(tmp_path / "outer" / "inner")
    catalog = read_catalog(tmp_path / "outer")
    assert len(catalog.samples) == 12
    assert catalog.root == tmp_path / "outer" / "inner"


@pytest.mark.parametrize("case", ["absent", "empty", "no images", "two", "two masks"])
def test_a_folder_that_is_no_dataset_gets_one_sentence(tmp_path: Path, case: str) -> None:
    root = tmp_path / "root"
    if case != "absent":
        root.mkdir()
    if case == "no images":
        (root / "images").mkdir()
    if case == "two":
        write(root / "a" / "images" / "1.png")
        write(root / "b" / "images" / "1.png")
    if case == "two masks":
        write(root / "images" / "1.png")
        (root / "masks").mkdir()
        (root / "mask").mkdir()
    with pytest.raises(DataError) as fault:
        read_catalog(root)
    assert str(root) in str(fault.value)
    assert "\n" not in str(fault.value)


def test_a_tumour_free_folder_has_empty_true_masks(tmp_path: Path) -> None:
    root = tmp_path / "set"
    write(root / "images" / "a.png", side=16, width=20)
    (root / "patients.csv").write_text("name,patient\na,P1\n")
    unknown = read_catalog(root)
    assert not unknown.samples[0].has_truth
    catalog = read_catalog(root, first_number=1_000_000, tumour_free=True)
    (sample,) = catalog.samples
    assert (sample.number, sample.tumour, sample.patient) == (1_000_000, "none", "P1")
    assert catalog.problems == ()
    mask = read_mask(sample)
    assert mask is not None
    assert mask.shape == (16, 20)
    assert not mask.any()
    assert catalog.digest != unknown.digest


def test_demo_json_marks_synthetic_and_transposed(folder: Path) -> None:
    (folder / "demo.json").write_text(
        json.dumps({"synthetic": True, "orientation": "transposed"}), encoding="utf-8"
    )
    catalog = read_catalog(folder)
    assert catalog.synthetic
    assert catalog.orientation == "transposed"


def test_upright_swaps_rows_and_columns_once() -> None:
    array = np.arange(24).reshape(2, 4, 3)
    turned = upright(array, "transposed")
    assert turned.shape == (4, 2, 3)
    assert np.array_equal(upright(turned, "transposed"), array)
    assert upright(array, "upright") is array


def test_the_digest_follows_the_files(folder: Path) -> None:
    before = read_catalog(folder).digest
    assert read_catalog(folder).digest == before
    write(folder / "images" / "3.png", 77)
    assert read_catalog(folder).digest != before


def test_the_digest_follows_what_the_table_says(folder: Path) -> None:
    without = read_catalog(folder).digest
    digests = {without}
    for row in ("3,A,glioma,1", "3,B,glioma,1", "3,B,pituitary,1", "3,B,pituitary,2"):
        (folder / "patients.csv").write_text(f"number,patient,tumour,fold\n{row}\n")
        digests.add(read_catalog(folder).digest)
    assert len(digests) == 5
    (folder / "patients.csv").unlink()
    assert read_catalog(folder).digest == without


def test_by_number_names_the_range(folder: Path) -> None:
    with pytest.raises(DataError, match="no slice 12; its 12 slices run from 0 to 11"):
        read_catalog(folder).by_number(12)


def image_of(path: Path, pixels: np.ndarray) -> Sample:
    assert cv2.imwrite(str(path), pixels)
    return Sample(number=0, image=path, mask=path)


def test_sixteen_bit_values_are_kept(tmp_path: Path) -> None:
    sample = image_of(tmp_path / "a.png", np.array([[0, 70], [4095, 65535]], dtype=np.uint16))
    assert read_image(sample).tolist() == [[0, 70], [4095, 65535]]


def test_grey_rgb_is_its_channel_and_colour_its_luminance(tmp_path: Path) -> None:
    grey = np.random.default_rng(0).integers(0, 256, (8, 9), dtype=np.uint8)
    sample = image_of(tmp_path / "a.png", np.dstack([grey] * 3))
    assert np.array_equal(read_image(sample), grey)
    green = np.zeros((4, 4, 3), dtype=np.uint8)
    green[..., 1] = 200
    assert read_image(image_of(tmp_path / "b.png", green))[0, 0] == pytest.approx(117.4)


@pytest.mark.parametrize("depth", ["uint8", "uint16"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_slice_has_the_values_that_it_has_as_an_upload(
    tmp_path: Path, channels: int, depth: str
) -> None:
    top = np.iinfo(depth).max
    values = np.random.default_rng(0).integers(0, top + 1, (8, 9, channels)).astype(depth)
    values[:4, :, 3:] = top
    sample = image_of(tmp_path / "a.png", values)
    upload = readers.read(sample.image.read_bytes(), "a.png")
    assert np.array_equal(read_image(sample), upload.voxels[0])


@pytest.mark.parametrize(
    ("values", "levels"),
    [
        (np.uint8([[0, 1, 1]]), [0, 1, 1]),
        (np.uint8([[0, 7, 255]]), [0, 7, 255]),
        (np.uint16([[0, 200, 257]]), [0, 200 / 257, 1]),
        (np.uint16([[200, 300, 65535]]), [200 / 257, 300 / 257, 255]),
        (np.float32([[0, 0.5, 1]]), [0, 127.5, 255]),
    ],
)
def test_the_levels_of_a_saliency_map_follow_from_the_depth_of_its_file(
    tmp_path: Path, values: np.ndarray, levels: list[float]
) -> None:
    path = tmp_path / "1.tif"
    assert cv2.imwrite(str(path), values)
    found = read_saliency(Sample(number=1, image=path, saliency=(path, None)), 1)
    assert found is not None
    assert found[0].tolist() == pytest.approx(levels)
    square = preprocess.standardise_map(found, preprocess.geometry_of(found, 3))
    assert square[1, :, 0].tolist() == pytest.approx([level / 255 for level in levels])


def test_what_is_transparent_is_black(tmp_path: Path) -> None:
    values = np.full((4, 4, 4), 200, dtype=np.uint8)
    values[..., 3] = [0, 51, 255, 255]
    sample = image_of(tmp_path / "a.png", values)
    assert read_image(sample)[0].tolist() == pytest.approx([0, 40, 200, 200])


def test_a_deep_grey_rgb_mask_is_cut_at_half_of_its_range(tmp_path: Path) -> None:
    values = np.repeat(np.array([[[0], [300], [32767], [32768]]], dtype=np.uint16), 3, axis=2)
    mask = read_mask(image_of(tmp_path / "a.png", values))
    assert mask is not None
    assert mask.tolist() == [[False, False, False, True]]


@pytest.mark.parametrize(
    ("values", "dtype"),
    [([0, 1], "uint8"), ([0, 255], "uint8"), ([127, 128], "uint8"), ([0, 65535], "uint16"),
     ([0, 1], "uint16"), ([0, 255], "uint16")],
)  # fmt: skip
def test_a_mask_is_above_half_of_its_range(tmp_path: Path, values: list[int], dtype: str) -> None:
    mask = read_mask(image_of(tmp_path / "a.png", np.array([values], dtype=dtype)))
    assert mask is not None
    assert mask.tolist() == [[False, True]]


@pytest.mark.parametrize(
    ("values", "dtype"),
    [([0, 2], "uint8"), ([1, 2], "uint8"), ([0, 100], "uint8"), ([0, 4095], "uint16")],
)
def test_of_two_values_in_a_mask_the_larger_is_tumour(
    tmp_path: Path, values: list[int], dtype: str
) -> None:
    mask = read_mask(image_of(tmp_path / "a.png", np.array([values], dtype=dtype)))
    assert mask is not None
    assert mask.tolist() == [[False, True]]


def test_soft_edges_are_cut_at_half_of_the_range(tmp_path: Path) -> None:
    soft = np.array([[0, 3, 90, 127, 128, 200, 255]], dtype=np.uint8)
    mask = read_mask(image_of(tmp_path / "a.png", soft))
    assert mask is not None
    assert mask.tolist() == [[False, False, False, False, True, True, True]]


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_a_mask_of_several_labels_is_refused_by_name(tmp_path: Path, dtype: str) -> None:
    labels = image_of(tmp_path / "a.png", np.array([[0, 1, 2, 4]], dtype=dtype))
    with pytest.raises(DataError, match=r"a\.png .* the highest 4.* save the tumour as 255"):
        read_mask(labels)


def test_the_noise_of_a_jpeg_is_no_tumour(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 3, (64, 64), dtype=np.uint8)
    sample = image_of(tmp_path / "a.jpg", noise)
    assert read_image(sample).max() > 1
    mask = read_mask(sample)
    assert mask is not None
    assert not mask.any()


def test_an_empty_mask_stays_empty(tmp_path: Path) -> None:
    mask = read_mask(image_of(tmp_path / "a.png", np.zeros((4, 4), dtype=np.uint8)))
    assert mask is not None
    assert not mask.any()


@pytest.mark.parametrize("damage", ["gone", "empty", "text", "half", "folder"])
def test_an_unreadable_file_is_named(tmp_path: Path, damage: str) -> None:
    path = write(tmp_path / "7.png", side=64)
    if damage in {"gone", "folder"}:
        path.unlink()
    if damage == "folder":
        path.mkdir()
    if damage == "empty":
        path.write_bytes(b"")
    if damage == "text":
        path.write_text("not an image")
    if damage == "half":
        path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(DataError, match=r"7\.png cannot be read"):
        read_image(Sample(number=7, image=path))


def test_inspect_names_unreadable_files_and_size_mismatches(folder: Path) -> None:
    (folder / "images" / "2.png").write_bytes(b"broken")
    write_mask(folder / "masks" / "4_mask.png", side=8)
    write_mask(folder / "masks" / "5_mask.png", box=0)
    (folder / "saliency_maps_1" / "6.png").write_bytes(b"")
    calls: list[tuple[int, int]] = []
    found = inspect(read_catalog(folder), lambda done, total: calls.append((done, total)))
    assert sorted((problem.kind, problem.path.name) for problem in found) == [
        ("empty mask", "5_mask.png"),
        ("size mismatch", "4_mask.png"),
        ("unreadable", "2.png"),
        ("unreadable", "6.png"),
    ]
    assert calls[-1] == (12, 12)


def test_the_index_opens_at_most_24_masks_and_no_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path] = []
    monkeypatch.setattr(Path, "read_bytes", lambda path: opened.append(path) or b"")
    for role in ("images", "masks", "saliency_maps_1", "saliency_maps_2"):
        (tmp_path / role).mkdir()
        for number in range(300):
            name = f"{number}_mask.png" if role == "masks" else f"{number}.png"
            (tmp_path / role / name).touch()
    assert len(read_catalog(tmp_path).samples) == 300
    assert len(opened) <= 24
    assert {path.parent.name for path in opened} == {"masks"}


@pytest.mark.real_data
def test_the_real_slices_are_known_transposed_and_sound(real_data: Path) -> None:
    catalog = read_catalog(real_data / "cheng256")
    assert (len(catalog.samples), catalog.problems) == (2452, ())
    assert catalog.orientation == "transposed"
    assert len({sample.patient for sample in catalog.samples}) == 167
    sample = read_catalog(real_data / "kaggle_sample").by_number(954)
    assert (sample.tumour, read_image(sample).shape) == ("pituitary", (256, 256))
