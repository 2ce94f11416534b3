from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from digits.data.mnist import Split
from digits.vision import cuts
from digits.vision.components import Box, Component, trim
from tests.synthetic import Sheet, chosen

INKS = hnp.arrays(
    np.uint8,
    hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40),
    elements=st.sampled_from([0, 0, 120, 255]),
).filter(lambda ink: bool(ink.any()))


def component(ink: np.ndarray, left: int = 7, top: int = 9) -> Component:
    return trim(ink, Box(left, top, left + ink.shape[1], top + ink.shape[0]))


def written(split: Split, number: str, gap: int, size: int = 60) -> Component:
    sheet = Sheet(120, 500)
    sheet.write(chosen(split, number, start=3), 20, 20, size, gap)
    return component(np.asarray(sheet.ink), 0, 0)


def cut(whole: Component, height: float, pen: float) -> list[Component]:
    return [piece.component for piece in cuts.cut(whole, height, pen)]


def check_partition(whole: Component, pieces: list[Component]) -> None:
    """Check that each pixel of ink is in exactly one piece, in its place, and no piece is empty."""
    assert pieces
    box = whole.box
    left = whole.ink.copy()
    for ink, own in pieces:
        assert ink.shape == (own.height, own.width)
        assert ink[0].any() and ink[-1].any() and ink[:, 0].any() and ink[:, -1].any()
        assert box.left <= own.left < own.right <= box.right
        assert box.top <= own.top < own.bottom <= box.bottom
        rows = slice(own.top - box.top, own.bottom - box.top)
        columns = slice(own.left - box.left, own.right - box.left)
        assert (left[rows, columns][ink > 0] == ink[ink > 0]).all()
        left[rows, columns][ink > 0] = 0
    assert not left.any()


@given(INKS, st.floats(3, 50), st.floats(0, 10))
def test_pieces_are_disjoint_and_cover_all_ink(ink: np.ndarray, height: float, pen: float) -> None:
    whole = component(ink)
    check_partition(whole, cut(whole, height, pen))


@given(INKS, st.data())
def test_seams_may_cross(ink: np.ndarray, data: st.DataObject) -> None:
    whole = component(ink)
    rows, width = whole.ink.shape
    seams = hnp.arrays(
        np.int64, st.tuples(st.integers(0, 6), st.just(rows)), elements=st.integers(0, width)
    )
    with pytest.MonkeyPatch.context() as patched:
        drawn = data.draw(seams)
        patched.setattr(cuts, "_seams", lambda *_: (drawn, np.ones(len(drawn))))
        check_partition(whole, cut(whole, 10, 2))


def touching_rings() -> Component:
    y, x = np.mgrid[-1:1:40j, -1:1:40j]
    ring = np.where(np.abs(np.hypot(y, x) - 0.8) < 0.2, 255, 0).astype(np.uint8)
    return component(np.concatenate([ring[:, :-2], ring[:, 2:]], 1))


def test_pieces_record_what_their_seams_cross() -> None:
    pieces = cuts.cut(touching_rings(), 40, 8)
    assert pieces[0].crossed[0] == pieces[-1].crossed[1] == 0
    for one, other in pairwise(pieces):
        assert 0 < one.crossed[1] <= 2 and 0 < other.crossed[0] <= 2
    [piece] = cuts.cut(component(np.full((40, 20), 255, np.uint8)), 40, 5)
    assert piece.crossed == (0, 0)


def test_seam_between_touching_rings() -> None:
    """Among others."""
    whole = touching_rings()
    pieces = cut(whole, 40, 8)
    ends = [piece.box.right - whole.box.left for piece in pieces]
    assert any(abs(end - 38) <= 3 for end in ends)


@pytest.mark.parametrize("number", ["00", "25", "380", "6868"])
def test_seam_between_touching_mnist_digits(test_slice: Split, number: str) -> None:
    whole = written(test_slice, number, -2)
    sheet = Sheet(120, 500)
    boxes = sheet.write(chosen(test_slice, number, start=3), 20, 20, 60, -2)
    ends = [piece.box.right for piece in cut(whole, 45, 6)]
    for box in boxes[:-1]:
        assert min(abs(end - box[2]) for end in ends) <= 8


def test_no_seam_through_much_ink() -> None:
    block = component(np.full((40, 90), 255, np.uint8))
    assert [piece.box for piece in cut(block, 40, 5)] == [block.box]
    # 40 pixels are eight pens across; with a wider pen they are two.
    assert len(cut(block, 40, 21)) > 1


def test_seam_at_thinnest_place() -> None:
    ink = np.zeros((40, 90), np.uint8)
    ink[:, :40] = ink[:, 50:] = 255
    ink[18:23, 40:50] = 255
    pieces = cut(component(ink, 0, 0), 40, 2.6)
    left, right = sorted(pieces, key=lambda piece: piece.ink.sum())[-2:]
    assert int(left.ink.sum()) + int(right.ink.sum()) > 0.95 * ink.sum()
    assert {0, 90} <= {left.box.left, right.box.left, left.box.right, right.box.right}
    ink[10:31, 40:50] = 255
    assert len(cut(component(ink, 0, 0), 40, 2.6)) == 1


def test_seams_lean() -> None:
    """No column separates two slanted strokes that overlap horizontally."""
    ink = np.zeros((60, 100), np.uint8)
    for row in range(60):
        start = 10 + (59 - row) // 2
        ink[row, start : start + 6] = ink[row, start + 20 : start + 26] = 255
    ink[30, 10:60] = 255  # holds them together
    pieces = cut(component(ink, 0, 0), 60, 3)
    masses = sorted(int((piece.ink > 0).sum()) for piece in pieces)
    assert masses[-2] > 0.9 * 6 * 60  # each stroke is whole


@pytest.mark.parametrize("pen", [2.0, 50.0])
def test_seams_are_apart(pen: float) -> None:
    whole = component(np.random.default_rng(0).integers(0, 256, (40, 300), dtype=np.uint8))
    height = 40.0
    seams, costs = cuts._seams(whole.ink, height, cuts._MAX_CROSSED * pen)
    assert len(costs) == len(seams)
    assert len(seams) <= cuts._MAX_SEAMS
    assert (np.abs(np.diff(seams, axis=1)) <= 1).all()  # one column aside a row at most
    middles = seams[:, 20]
    assert (np.diff(middles) >= 0.15 * height).all()
    if pen > 40:
        assert len(seams) > 20
        assert middles[0] >= 0.15 * height
        assert middles[-1] <= 300 - 0.15 * height


def test_max_seams() -> None:
    whole = component(np.full((3, 2000), 1, np.uint8))
    assert len(cut(whole, 20, 5)) == cuts._MAX_SEAMS + 1


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 2), (2, 200)])
@pytest.mark.parametrize("height", [6.0, 100.0])
def test_extreme_shapes(shape: tuple[int, int], height: float) -> None:
    whole = component(np.full(shape, 255, np.uint8))
    check_partition(whole, cut(whole, height, 3))


def test_seam_is_cheapest_path() -> None:
    random = np.random.default_rng(0)
    cost = random.random((7, 5)).astype(np.float32)

    def cheapest(row: int, column: int) -> float:
        """A slow reference implementation."""
        if row == 0:
            return float(cost[0, column])
        ways = [
            cheapest(row - 1, before) + cuts._ASIDE_COST * (before != column)
            for before in (column - 1, column, column + 1)
            if 0 <= before < 5
        ]
        return float(cost[row, column]) + min(ways)

    total, steps = cuts._min_cost_path(cost)
    for column in range(5):
        assert total[column] == pytest.approx(cheapest(6, column), abs=1e-5)
        path = cuts._backtrack(steps, column)[::-1]
        along = sum(float(cost[row, at]) for row, at in enumerate(path))
        along += cuts._ASIDE_COST * int(np.count_nonzero(np.diff(path)))
        assert along == pytest.approx(float(total[column]), abs=1e-5)
