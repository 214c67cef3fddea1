from __future__ import annotations

import cv2
import numpy as np
import pytest

from brainseg import overlay, palette


@pytest.fixture
def disc() -> np.ndarray:
    rows, columns = np.indices((64, 64))
    return (rows - 32) ** 2 + (columns - 30) ** 2 < 15**2


@pytest.fixture
def picture() -> np.ndarray:
    return overlay.grey(np.random.default_rng(0).random((64, 64), dtype=np.float32))


def test_window_maps_its_ends_to_black_and_white_and_clips() -> None:
    pixels = np.array([[-50, 100, 1100, 2100, 9000]], dtype=np.float32)
    assert overlay.window(pixels, 100, 2100).tolist() == [[0, 0, 128, 255, 255]]


def test_an_empty_window_is_black() -> None:
    assert not overlay.window(np.full((4, 4), 7, np.float32), 7, 7).any()


def test_grey_of_a_0_to_255_image_is_the_image() -> None:
    pixels = np.arange(256, dtype=np.float32).reshape(16, 16)
    assert np.array_equal(overlay.grey(pixels)[..., 1], pixels.astype(np.uint8))


def test_window_of_ignores_a_hot_pixel() -> None:
    pixels = np.tile(np.arange(100, dtype=np.float32), (100, 1))
    pixels[0, 0] = 1e6
    low, high = overlay.window_of(pixels)
    assert low == 0
    assert high < 200


def test_window_of_a_nearly_flat_image_falls_back_to_its_extremes() -> None:
    pixels = np.zeros((100, 100), np.float32)
    pixels[5, 5] = 3
    assert overlay.window_of(pixels) == (0.0, 3.0)


def test_outline_changes_only_pixels_of_the_mask(disc: np.ndarray, picture: np.ndarray) -> None:
    drawn = overlay.outline(picture, disc, palette.UNET)
    changed = (drawn == palette.rgb(palette.UNET)).all(axis=2)
    assert changed.any()
    assert not (changed & ~disc).any()
    assert np.array_equal(drawn[~changed], picture[~changed])
    assert changed.sum() < disc.sum() / 3


def test_thicker_outlines_contain_thinner_ones(disc: np.ndarray, picture: np.ndarray) -> None:
    blue = palette.rgb(palette.UNET)
    thin, thick = (
        (overlay.outline(picture, disc, palette.UNET, n) == blue).all(axis=2) for n in (1, 3)
    )
    assert (thick >= thin).all()
    assert thick.sum() > 2 * thin.sum()


def test_a_mask_of_one_pixel_and_one_at_the_border_are_drawn(picture: np.ndarray) -> None:
    corner = np.zeros((64, 64), bool)
    corner[0, 0] = corner[40, 40] = True
    drawn = overlay.outline(picture, corner, (1, 2, 3))
    assert drawn[0, 0].tolist() == drawn[40, 40].tolist() == [1, 2, 3]


def test_an_empty_mask_changes_nothing(picture: np.ndarray) -> None:
    empty = np.zeros((64, 64), bool)
    assert np.array_equal(overlay.outline(picture, empty, palette.TRUTH), picture)
    assert np.array_equal(overlay.fill(picture, empty, palette.TRUTH, 1.0), picture)


def test_outline_fits_a_small_mask_to_a_large_picture(disc: np.ndarray) -> None:
    large = np.zeros((256, 256, 3), np.uint8)
    drawn = overlay.outline(large, disc, "#FFFFFF").any(axis=2)
    rows = np.flatnonzero(drawn.any(axis=1))
    assert abs(rows[0] - 4 * 18) <= 2
    assert abs(rows[-1] - 4 * 47) <= 4
    assert drawn[128].sum() <= 4


def test_fill_goes_from_nothing_to_the_colour(disc: np.ndarray, picture: np.ndarray) -> None:
    assert np.array_equal(overlay.fill(picture, disc, palette.RESUNET, 0.0), picture)
    covered = overlay.fill(picture, disc, palette.RESUNET, 1.0)
    assert (covered[disc] == palette.rgb(palette.RESUNET)).all()
    assert np.array_equal(covered[~disc], picture[~disc])


def test_heat_only_gets_lighter() -> None:
    ramp = overlay.heat(np.linspace(0, 1, 256, dtype=np.float32)[np.newaxis])
    lightness = cv2.cvtColor(ramp, cv2.COLOR_RGB2LAB)[0, :, 0].astype(int)
    assert (np.diff(lightness) >= -1).all()
    assert lightness[-1] - lightness[0] > 200


def test_heat_does_not_stretch_an_empty_map() -> None:
    assert overlay.heat(np.zeros((8, 8), np.float32)).max() < 10


def test_blend_takes_a_number_or_a_map(picture: np.ndarray) -> None:
    white = np.full_like(picture, 255)
    assert np.array_equal(overlay.blend(picture, white, 0.0), picture)
    left = np.zeros((64, 64), np.float32)
    left[:, :32] = 1
    mixed = overlay.blend(picture, white, left)
    assert (mixed[:, :32] == 255).all()
    assert np.array_equal(mixed[:, 32:], picture[:, 32:])


def test_agreement_tells_found_invented_and_missed_apart() -> None:
    truth, predicted = np.zeros((2, 40, 40), bool)
    truth[:, :20] = True
    predicted[:20] = True
    rgba = overlay.agreement(truth, predicted)
    assert (rgba[:20, :20, :3] == palette.rgb(palette.TRUE_POSITIVE)).all()
    assert (rgba[:20, 20:, :3] == palette.rgb(palette.FALSE_POSITIVE)).all()
    assert (rgba[20:, :20, :3] == palette.rgb(palette.FALSE_NEGATIVE)).all()
    assert not rgba[20:, 20:].any()
    assert len(np.unique(rgba[:20, :20, 3])) == 1
    invented, missed = rgba[:20, 20:, 3], rgba[20:, :20, 3]
    assert len(np.unique(invented)) == len(np.unique(missed)) == 2
    assert not np.array_equal(invented, missed)


def test_agreement_refuses_masks_of_different_size() -> None:
    with pytest.raises(ValueError, match="differ in shape"):
        overlay.agreement(np.zeros((2, 2), bool), np.zeros((3, 2), bool))


def test_contours_follow_the_rim_and_the_hole() -> None:
    mask = np.zeros((30, 30), bool)
    mask[5:25, 8:20] = True
    mask[10:15, 10:15] = False
    lines = overlay.contours(mask)
    assert len(lines) == 2
    outer = max(lines, key=np.ptp)
    assert outer.min(axis=0).tolist() == [8, 5]
    assert outer.max(axis=0).tolist() == [19, 24]


@pytest.mark.parametrize(("format", "channels"), [(".png", 3), (".png", 4), (".webp", 4)])
def test_encode_is_exact(picture: np.ndarray, format: str, channels: int) -> None:
    rgba = np.dstack([picture, np.full((64, 64), 200, np.uint8)])[..., :channels]
    data = overlay.encode(rgba, format)  # type: ignore[arg-type]
    back = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    order = (2, 1, 0, 3)[:channels]
    assert np.array_equal(back[..., order], rgba)


def test_encode_keeps_the_order_of_the_colours_in_lossy_webp() -> None:
    red = np.zeros((16, 16, 3), np.uint8)
    red[..., 0] = 250
    back = cv2.imdecode(np.frombuffer(overlay.encode(red), np.uint8), cv2.IMREAD_COLOR)
    assert back[..., 2].mean() > 220
    assert back[..., 0].mean() < 30


def test_a_grey_picture_survives_png_with_one_channel():
    picture = np.arange(64, dtype=np.uint8).reshape(8, 8)
    data = np.frombuffer(overlay.encode(picture, ".png"), np.uint8)
    np.testing.assert_array_equal(cv2.imdecode(data, cv2.IMREAD_UNCHANGED), picture)
