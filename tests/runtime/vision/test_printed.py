import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digits.data.mnist import Split
from digits.vision import ink, printed
from digits.vision.strokes import Box, Strokes
from tests.drawn import Sheet, chosen, shadow


def written(photo: np.ndarray) -> tuple[Strokes, np.ndarray]:
    """The strokes that are left, and their mask."""
    found = ink.extract(photo)
    levels = ink.levels(found)
    assert levels is not None
    strokes = printed.without(found, levels)
    height, width = photo.shape
    return strokes, strokes.mask(range(len(strokes)), Box(0, 0, width, height))


def page(split: Split) -> Sheet:
    sheet = Sheet()
    sheet.write(chosen(split, "31415"), 120, 100)
    sheet.write(chosen(split, "92"), 300, 300, size=90)
    return sheet


@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("grey", [100, 150])
@pytest.mark.parametrize("tilt", [0, 4, -9])
def test_ruled_and_squared_paper(test_slice: Split, squared: bool, grey: int, tilt: float) -> None:
    clean, ruled = page(test_slice), page(test_slice)
    ruled.rule(40, squared, grey)
    ink_alone = written(clean.photograph(tilt))[1]
    left = written(ruled.photograph(tilt))[1]
    strokes = ink_alone.sum()
    assert (left & ink_alone).sum() > 0.85 * strokes
    middle = slice(60, 440), slice(80, 620)
    assert (left & ~ink_alone)[middle].sum() < 0.6 * strokes
    ruled_mask = ink.extract(ruled.photograph(tilt)) > 30
    assert (ruled_mask & ~ink_alone)[middle].sum() > 0.8 * strokes  # what there was to remove


def test_digits_in_a_row_are_no_line(test_slice: Split) -> None:
    sheet = Sheet(300, 900)
    sheet.write(chosen(test_slice, "77777777777777777"), 20, 100, size=60, gap=2)
    mask = np.asarray(sheet.ink) > 100
    assert printed.without_lines(mask).sum() > 0.95 * mask.sum()


def test_small_pictures_have_no_lines() -> None:
    mask = np.zeros((28, 28), np.bool_)
    mask[:, 14] = True
    assert printed.without_lines(mask) is mask


def test_the_box_of_a_form_is_not_its_digit(test_slice: Split) -> None:
    sheet = Sheet(300, 300)
    sheet.write(chosen(test_slice, "4"), 100, 90, size=110)
    sheet.box(60, 60, 240, 240)
    strokes, _ = written(sheet.photograph())
    left, top, right, bottom = strokes.boxes[strokes.mass.argmax()].tolist()
    assert 90 < left < right < 220
    assert 80 < top < bottom < 210


def test_an_8_and_a_0_are_no_boxes(test_slice: Split) -> None:
    for digit in "08":
        sheet = Sheet(200, 200)
        sheet.write(chosen(test_slice, digit), 60, 50, size=100)
        assert len(written(sheet.photograph())[0]) == 1


def test_the_table_and_its_shadow_are_not_ink(test_slice: Split) -> None:
    photo = page(test_slice).photograph(table=25, light=shadow(500, 700))
    _, mask = written(photo)
    assert not mask[:, :20].any()
    assert not mask[-20:].any()
    assert mask[100:160, 120:300].any()


def test_a_digit_that_fills_the_picture_stays() -> None:
    bar = np.full((40, 20), 230, np.uint8)
    bar[:, 6:14] = 30
    strokes, _ = written(bar)
    assert len(strokes) == 1


def test_a_soft_blot_is_a_shadow() -> None:
    y, x = np.mgrid[-1:1:200j, -1:1:200j]
    photo = 200 - 120 * np.clip(1 - np.hypot(x - 0.8, y) * 3, 0, 1)
    photo[90:150, 60:68] = 40
    strokes, mask = written(photo.astype(np.uint8))
    assert len(strokes) == 1
    assert mask[100, 64]


@pytest.mark.parametrize("shape", [(1, 120), (3, 150), (120, 1), (101, 2)])
def test_a_picture_that_is_a_line(shape: tuple[int, int]) -> None:
    """Its only bin once had no neighbour."""
    mask = np.zeros(shape, np.bool_)
    mask[0, :] = mask[:, 0] = True
    assert printed.without_lines(mask).shape == shape


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 130), st.integers(100, 130), st.integers(0, 2**32), st.floats(0, 1))
def test_any_mask_loses_pixels_at_most(height: int, width: int, seed: int, share: float) -> None:
    mask = np.random.default_rng(seed).random((height, width)) < share
    for turned in (mask, mask.T):
        assert not (printed.without_lines(turned) & ~turned).any()
