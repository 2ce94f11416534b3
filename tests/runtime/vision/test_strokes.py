import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from digits.vision.strokes import Box, Strokes, connected, dilated, runs, shape

MASKS = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12))


def flood_fill(mask: np.ndarray) -> list[set[tuple[int, int]]]:
    """The connected components, the slow and obvious way."""
    left = {(int(y), int(x)) for y, x in zip(*np.nonzero(mask), strict=True)}
    found = []
    while left:
        component, front = set(), {left.pop()}
        while front:
            component |= front
            front = {
                (y + dy, x + dx) for y, x in front for dy in (-1, 0, 1) for dx in (-1, 0, 1)
            } & left
            left -= front
        found.append(component)
    return found


def pixels(strokes: Strokes, number: int, shape: tuple[int, ...]) -> set[tuple[int, int]]:
    mask = strokes.mask([number], Box(0, 0, shape[1], shape[0]))
    return {(int(y), int(x)) for y, x in zip(*np.nonzero(mask), strict=True)}


@settings(deadline=None)
@given(MASKS)
def test_strokes_are_those_of_a_flood_fill(mask: np.ndarray) -> None:
    ink = np.arange(mask.size, dtype=np.uint8).reshape(mask.shape)
    strokes = connected(mask, ink)
    found = [pixels(strokes, number, mask.shape) for number in range(len(strokes))]
    assert sorted(map(sorted, found)) == sorted(map(sorted, flood_fill(mask)))
    for number, component in enumerate(found):
        values = [int(ink[place]) for place in component]
        assert strokes.mass[number] == sum(values)
        assert strokes.peak[number] == max(values)
        rows, columns = zip(*component, strict=True)
        edges = [min(columns), min(rows), max(columns) + 1, max(rows) + 1]
        assert strokes.boxes[number].tolist() == edges


@given(MASKS)
def test_runs_draw_the_mask(mask: np.ndarray) -> None:
    drawn = np.zeros_like(mask)
    for row, start, end in zip(*runs(mask), strict=True):
        assert not drawn[row, start:end].any()
        drawn[row, start:end] = True
    assert (drawn == mask).all()


@settings(deadline=None)
@given(MASKS, st.data())
def test_a_window_shows_its_part_of_the_strokes(mask: np.ndarray, data: st.DataObject) -> None:
    height, width = mask.shape
    left, top = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    window = Box(
        left,
        top,
        data.draw(st.integers(left + 1, width)),
        data.draw(st.integers(top + 1, height)),
    )
    strokes = connected(mask, mask.astype(np.uint8))
    shown = strokes.mask(range(len(strokes)), window)
    assert (shown == mask[window.top : window.bottom, window.left : window.right]).all()


def test_only_some_strokes_are_kept() -> None:
    mask = np.array([[1, 0, 1, 0, 1]], np.bool_)
    strokes = connected(mask, np.array([[5, 0, 6, 0, 7]], np.uint8))
    kept = strokes.only(strokes.mass != 6)
    assert len(kept) == 2
    assert kept.mass.tolist() == [5, 7]
    assert pixels(kept, 1, mask.shape) == {(0, 4)}


def test_a_cut_keeps_soft_edges_and_nothing_else() -> None:
    ink = np.array([[0, 0, 0, 0, 0, 0], [0, 20, 200, 20, 0, 90], [3, 2, 20, 0, 0, 0]], np.uint8)
    strokes = connected(ink > 80, ink)
    assert len(strokes) == 2
    cut = strokes.cut([0], ink, faintest=10)
    assert cut.ink.tolist() == [[20, 200, 20], [0, 20, 0]]
    assert cut.box == Box(1, 1, 4, 3)


def test_a_shape_ends_at_its_ink() -> None:
    ink = np.zeros((5, 6), np.uint8)
    ink[1:3, 2:4] = 9
    found = shape(ink, Box(10, 20, 16, 25))
    assert found.box == Box(12, 21, 14, 23)
    assert (found.box.width, found.box.height) == (2, 2)
    assert (found.ink == 9).all()


def test_growing_reaches_the_eight_neighbours() -> None:
    mask = np.zeros((5, 5), np.bool_)
    mask[2, 2] = True
    assert dilated(mask).sum() == 9
    assert dilated(np.ones((1, 1), np.bool_)).tolist() == [[True]]


@pytest.mark.parametrize("side", [300])
def test_noise_of_many_strokes_is_numbered_at_once(side: int) -> None:
    mask = np.random.default_rng(0).random((side, side)) < 0.3
    strokes = connected(mask, mask.astype(np.uint8))
    assert strokes.mass.sum() == mask.sum()
    assert len(np.unique(strokes.owner)) == len(strokes)
