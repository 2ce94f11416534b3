import numpy as np
import pytest

from digits.vision.background import remove_lines


@pytest.mark.parametrize(
    ("columns", "thickest", "removed"),
    [
        (slice(0, 200), 6, True),
        (slice(0, 200), 5, False),  # it is thicker
        (slice(20, 145), 6, True),
        (slice(20, 135), 6, False),  # it is short
    ],
)
def test_long_and_thin_is_a_line(columns: slice, thickest: int, removed: bool) -> None:
    mask = np.zeros((100, 200), np.bool_)
    mask[40:46, columns] = True
    assert (remove_lines(mask, thickest) == (mask & (not removed))).all()
    assert (remove_lines(mask.T, thickest) == (mask & (not removed)).T).all()


@pytest.mark.parametrize("slope", [0, -0.2])
@pytest.mark.parametrize(
    ("lines", "shortest", "is_left"), [(3, 0.3, False), (3, 0.2, True), (2, 0.3, True)]
)
def test_ruled_paper(slope: float, lines: int, shortest: float, is_left: bool) -> None:
    """A line of which writing hides a part is one of several; what crosses them stays."""
    stroke, ruled, short = np.zeros((3, 400, 300), np.bool_)
    stroke[20:380, 140:150] = True
    columns = np.arange(300)
    for number in range(lines + 1):
        length = 300 if number else round(shortest * 300)
        rows = 90 + 60 * number + (slope * (columns - 150)).astype(int)
        for row in (rows, rows + 1):
            (ruled if number else short)[row[:length], columns[:length]] = True
    cleaned = remove_lines(stroke | ruled | short, 3)
    assert (cleaned == stroke | (short & is_left)).all()
