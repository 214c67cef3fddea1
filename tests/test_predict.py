"""What `predict` takes for one scan, which of several volumes, and what it calls the masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from brainseg import cli, predict
from tests.data.scan_files import nifti, picture, series

HEAD = (np.add.outer(np.arange(32), np.arange(32)) * 2).astype(np.uint8)
FLAT = np.diag([1.0, 1.0, 4.0, 1.0])


def test_a_slice_of_a_volume_and_a_picture_of_its_name_are_told_apart(tmp_path: Path):
    scans = [tmp_path / "a.nii", tmp_path / "a_000.png"]
    scans[0].write_bytes(nifti(np.stack([HEAD, HEAD], axis=2), FLAT))
    scans[1].write_bytes(picture(HEAD))
    rows = predict.predict_files(["unet"], scans, tmp_path / "out")
    assert [Path(row["mask"]).name for row in rows] == [
        "a_000_unet_mask.png", "a_001_unet_mask.png", "a_000_unet-2_mask.png",
    ]  # fmt: skip
    assert {row["mask"] for row in rows} == {str(p) for p in (tmp_path / "out").iterdir()}


def stack(folder: Path, names: str, **fields: object) -> list[Path]:
    """Put a DICOM series of four slices into a folder."""
    folder.mkdir()
    paths = [folder / names.format(place) for place in range(4)]
    for path, (_, data) in zip(paths, series(4, **fields), strict=True):
        path.write_bytes(data)
    return paths


@pytest.mark.parametrize("names", ["IM.{:04}", "1.2.840.{}", "{}.dcm", "{}", "{}.png"])
def test_dicom_files_of_one_folder_are_one_volume_whatever_they_are_called(
    tmp_path: Path, names: str, monkeypatch: pytest.MonkeyPatch
):
    paths = stack(tmp_path / "study", names)
    monkeypatch.chdir(tmp_path / "study")
    for scans in (paths, [Path(path.name) for path in paths]):
        rows = predict.predict_files(["unet"], scans, tmp_path / "out")
        assert [Path(row["mask"]).name for row in rows] == [
            f"study_{place:03d}_unet_mask.png" for place in range(4)
        ]


def test_every_folder_is_a_series_of_its_own(tmp_path: Path):
    first = stack(tmp_path / "before", "IM.{}")
    second = stack(tmp_path / "after", "IM.{}", SeriesInstanceUID="1.2.3")
    rows = predict.predict_files(["unet"], [*first, *second], tmp_path / "out")
    stems = [Path(row["mask"]).name.split("_")[0] for row in rows]
    assert stems == ["before"] * 4 + ["after"] * 4


def test_what_is_no_scan_in_a_folder_is_left_out_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    folder, words = tmp_path / "scans", ["predict", "--model", "unet", "--out", tmp_path / "out"]
    folder.mkdir()
    (folder / "LICENSE").write_text("MIT")
    (folder / "README").write_text("Two heads")
    assert cli.main([*map(str, words), str(folder)]) == 2
    assert "no scan" in capsys.readouterr().err
    (folder / "1.png").write_bytes(picture(HEAD))
    assert cli.main([*map(str, words), str(folder)]) == 0
    assert "LICENSE and 1 more" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["1_unet_mask.png"]
    assert cli.main([*map(str, words), str(folder / "README")]) == 2
    assert "a text file" in capsys.readouterr().err
    (folder / "2.png").touch()  # named like a scan
    assert cli.main([*map(str, words), str(folder)]) == 2
    assert "2.png: this is an empty file" in capsys.readouterr().err


def said(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """Return the one sentence with which these words are refused."""
    assert cli.main([str(word) for word in words]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    return err


def test_one_of_several_volumes_is_chosen_by_its_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    folder, out = tmp_path / "study", tmp_path / "out"
    stack(folder, "a{}", SeriesDescription="T1 post")
    for name, data in series(3, SeriesInstanceUID="1.2.3"):
        (folder / f"b{name}").write_bytes(data)
    words = ["predict", "--model", "unet", "--out", out, folder]
    refusal = said(capsys, *words)
    assert "choose one of them with --volume: 1 (T1 post, 4 slices, 8 x 6), 2 (" in refusal
    assert cli.main([*map(str, words), "--volume", "2"]) == 0
    assert len(list(out.iterdir())) == 3
    capsys.readouterr()
    assert "there is no volume 3" in said(capsys, *words, "--volume", 3)
    assert "--volume counts from 1" in said(capsys, *words, "--volume", 0)


def test_whatever_reads_a_scan_says_how_a_volume_is_chosen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    four, one, out = tmp_path / "four.nii", tmp_path / "one.png", ("--out", tmp_path / "out")
    four.write_bytes(nifti(np.repeat(HEAD[:, :, np.newaxis, np.newaxis], 4, axis=3), FLAT))
    one.write_bytes(picture(HEAD))
    for verb in (("predict", *out), ("saliency", "--method", "gradient", *out)):
        words = (*verb, "--model", "unet")
        assert "choose one of them with --volume: 1 to 4" in said(capsys, *words, four)
        assert "no volume 5" in said(capsys, *words, "--volume", 5, four)
        assert "it holds 1 volume; there is no volume 2" in said(capsys, *words, "--volume", 2, one)
