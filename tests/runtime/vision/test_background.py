import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digits.data.mnist import Split
from digits.vision.background import remove_lines
from digits.vision.ink import extract, otsu_levels
from tests.synthetic import Sheet, chosen

THICKEST = 6


def inked(photo: np.ndarray) -> np.ndarray:
    """The mask of printed and written ink of a photo."""
    ink = extract(photo)[0].ink
    levels = otsu_levels(ink)
    assert levels is not None
    return np.asarray(ink > levels.low)


def page(split: Split) -> Sheet:
    sheet = Sheet()
    sheet.write(chosen(split, "31415"), 120, 100)
    sheet.write(chosen(split, "92"), 300, 300, size=90)
    return sheet


@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("grey", [100, 150])
@pytest.mark.parametrize("tilt", [0, 4, -9, 13])
def test_ruled_and_squared_paper(test_slice: Split, squared: bool, grey: int, tilt: float) -> None:
    ruled = page(test_slice)
    ruled.rule(40, squared, grey)
    written = inked(page(test_slice).photograph(tilt))
    mask = inked(ruled.photograph(tilt))
    cleaned = remove_lines(mask, THICKEST)
    middle = slice(60, 440), slice(80, 620)
    lines = (mask & ~written)[middle]
    assert lines.sum() > 0.8 * written.sum()  # what there was to remove
    assert (cleaned & ~written)[middle].sum() < 0.15 * lines.sum()
    # What crosses a line stays.
    assert (cleaned & written).sum() > 0.97 * (mask & written).sum()


def test_thick_is_no_line() -> None:
    mask = np.zeros((100, 200), np.bool_)
    mask[40:46] = True
    assert not remove_lines(mask, 6).any()
    assert (remove_lines(mask, 5) == mask).all()


def test_short_is_no_line() -> None:
    mask = np.zeros((100, 200), np.bool_)
    mask[40:42, 20:120] = True
    assert (remove_lines(mask, 5) == mask).all()
    mask[40:42, 20:170] = True
    assert not remove_lines(mask, 5).any()


def test_row_of_digits_is_no_line(test_slice: Split) -> None:
    sheet = Sheet(300, 900)
    sheet.write(chosen(test_slice, "77777777777777777"), 20, 100, size=60, gap=2)
    mask = np.asarray(sheet.ink) > 100
    assert remove_lines(mask, 7).sum() > 0.98 * mask.sum()


@pytest.mark.parametrize("digit", ["0", "1", "7", "8"])
def test_digit_alone_keeps_strokes(test_slice: Split, digit: str) -> None:
    sheet = Sheet(100, 100)
    sheet.write(chosen(test_slice, digit), 30, 20)
    mask = np.asarray(sheet.ink) > 100
    assert (remove_lines(mask, 3) == mask).all()


def test_form_box_is_lines(test_slice: Split) -> None:
    sheet = Sheet(300, 300)
    sheet.write(chosen(test_slice, "4"), 100, 90, size=110)
    written = inked(sheet.photograph())
    sheet.box(20, 20, 280, 280)
    mask = inked(sheet.photograph())
    cleaned = remove_lines(mask, THICKEST)
    assert (cleaned & written).sum() > 0.99 * (mask & written).sum()
    assert (cleaned & ~written).sum() < 0.02 * written.sum()


def test_remove_lines_keeps_input() -> None:
    mask = np.zeros((50, 80), np.bool_)
    mask[20] = mask[:, 30] = True
    before = mask.copy()
    assert not remove_lines(mask, 3).any()
    assert (mask == before).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 120), (3, 150), (120, 1), (101, 2), (2, 2)])
def test_degenerate_shapes(shape: tuple[int, int]) -> None:
    """A picture that is only a line once had a single bin without neighbours."""
    for mask in (np.ones(shape, np.bool_), np.zeros(shape, np.bool_)):
        cleaned = remove_lines(mask, 3)
        assert cleaned.shape == shape
        assert not (cleaned & ~mask).any()


@settings(max_examples=50)
@given(
    st.integers(1, 130),
    st.integers(1, 130),
    st.integers(0, 2**32),
    st.floats(0, 1),
    st.integers(1, 20),
)
def test_remove_lines_only_removes(
    height: int, width: int, seed: int, share: float, thickest: int
) -> None:
    mask = np.random.default_rng(seed).random((height, width)) < share
    assert not (remove_lines(mask, thickest) & ~mask).any()
