import numpy as np
import pytest

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
@pytest.mark.parametrize(("grey", "tilt"), [(100, 0), (150, -9), (150, 13)])
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


@pytest.mark.parametrize(
    ("columns", "thickest", "removed"),
    [
        (slice(0, 200), 6, True),
        (slice(0, 200), 5, False),  # it is thicker
        (slice(20, 170), 6, True),
        (slice(20, 120), 6, False),  # it is short
    ],
)
def test_long_and_thin_is_a_line(columns: slice, thickest: int, removed: bool) -> None:
    mask = np.zeros((100, 200), np.bool_)
    mask[40:46, columns] = True
    before = mask.copy()
    assert (remove_lines(mask, thickest) == (mask & (not removed))).all()
    assert (remove_lines(mask.T, thickest) == (mask & (not removed)).T).all()
    assert (mask == before).all()


def test_lines_of_several_slopes() -> None:
    """As paper has in perspective."""
    mask = np.zeros((200, 300), np.bool_)
    columns = np.arange(300)
    for number in range(3):
        rows = 20 + 50 * number + (0.05 * number * columns).astype(int)
        mask[rows, columns] = mask[rows + 1, columns] = True
    assert remove_lines(mask, 3).sum() < 0.02 * mask.sum()


@pytest.mark.parametrize("shape", [(1, 1), (1, 120), (3, 150), (120, 1), (101, 2), (2, 2)])
def test_degenerate_shapes(shape: tuple[int, int]) -> None:
    """A picture that is only a line once had a single bin without neighbours."""
    assert remove_lines(np.ones(shape, np.bool_), 3).shape == shape
    assert not remove_lines(np.zeros(shape, np.bool_), 3).any()
