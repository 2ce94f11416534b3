import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from digits.vision.components import (
    Box,
    Components,
    dilate,
    label_components,
    run_lengths,
    trim,
)

MASKS = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12))
# Two levels of ink on paper: components have edges, and differ in what they hold.
INKS = hnp.arrays(
    np.uint8,
    hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12),
    elements=st.sampled_from([0, 0, 0, 40, 200, 255]),
)

Pixels = set[tuple[int, int]]


def flood_fill(mask: np.ndarray) -> list[Pixels]:
    """The connected components, by a slow reference implementation."""
    left = places(mask)
    found = []
    while left:
        component: Pixels = set()
        front = {left.pop()}
        while front:
            component |= front
            front = {
                (y + dy, x + dx) for y, x in front for dy in (-1, 0, 1) for dx in (-1, 0, 1)
            } & left
            left -= front
        found.append(component)
    return found


def places(mask: np.ndarray) -> Pixels:
    return {(int(y), int(x)) for y, x in zip(*np.nonzero(mask), strict=True)}


def pixels(components: Components, number: int, shape: tuple[int, ...]) -> Pixels:
    return places(components.mask([number], Box(0, 0, shape[1], shape[0])))


def check_runs(components: Components) -> None:
    """Check that a component's runs are consecutive from `first` on, in reading order."""
    assert len(components.first) == components.size + 1
    assert components.first[0] == 0
    assert components.first[-1] == len(components.rows) == len(components.labels)
    for number in range(components.size):
        own = slice(components.first[number], components.first[number + 1])
        assert own.start < own.stop
        assert (components.labels[own] == number).all()
        runs = list(zip(components.rows[own], components.starts[own], strict=True))
        assert runs == sorted(runs)


@given(MASKS)
def test_label_components_equals_flood_fill(mask: np.ndarray) -> None:
    ink = np.arange(mask.size, dtype=np.uint8).reshape(mask.shape)
    components = label_components(mask, ink)
    found = [pixels(components, number, mask.shape) for number in range(components.size)]
    assert sorted(map(sorted, found)) == sorted(map(sorted, flood_fill(mask)))
    for number, component in enumerate(found):
        values = [int(ink[place]) for place in component]
        assert components.mass[number] == sum(values)
        assert components.peak[number] == max(values)
        rows, columns = zip(*component, strict=True)
        edges = [min(columns), min(rows), max(columns) + 1, max(rows) + 1]
        assert components.boxes[number].tolist() == edges


@given(MASKS, st.data())
def test_runs_are_grouped_by_component(mask: np.ndarray, data: st.DataObject) -> None:
    components = label_components(mask, mask.astype(np.uint8))
    check_runs(components)
    some = st.lists(st.booleans(), min_size=components.size, max_size=components.size)
    once = components.select(np.array(data.draw(some), np.bool_))
    check_runs(once)
    again = st.lists(st.booleans(), min_size=once.size, max_size=once.size)
    check_runs(once.select(np.array(data.draw(again), np.bool_)))


@given(INKS, st.data())
def test_select_keeps_components_unchanged(ink: np.ndarray, data: st.DataObject) -> None:
    components = label_components(ink > 20, ink)
    some = st.lists(st.booleans(), min_size=components.size, max_size=components.size)
    kept = np.array(data.draw(some), np.bool_)
    selected = components.select(kept)
    assert selected.size == kept.sum()
    for number, before in enumerate(np.flatnonzero(kept).tolist()):
        assert pixels(selected, number, ink.shape) == pixels(components, before, ink.shape)
        assert selected.mass[number] == components.mass[before]
        assert selected.peak[number] == components.peak[before]
        assert (selected.boxes[number] == components.boxes[before]).all()


@given(MASKS)
def test_run_lengths_draw_mask(mask: np.ndarray) -> None:
    drawn = np.zeros_like(mask)
    for row, start, end in zip(*run_lengths(mask), strict=True):
        assert start < end
        assert not drawn[row, max(start - 1, 0) : end + 1].any()  # runs are as long as can be
        drawn[row, start:end] = True
    assert (drawn == mask).all()


@given(MASKS, st.data())
def test_mask_of_window(mask: np.ndarray, data: st.DataObject) -> None:
    components = label_components(mask, mask.astype(np.uint8))
    if not components.size:
        return
    numbers = st.integers(0, components.size - 1)
    chosen = data.draw(st.lists(numbers, min_size=1, unique=True))
    box = components.box(chosen)
    window = Box(
        data.draw(st.integers(0, box.left)),
        data.draw(st.integers(0, box.top)),
        data.draw(st.integers(box.right, mask.shape[1])),
        data.draw(st.integers(box.bottom, mask.shape[0])),
    )
    shown = np.zeros(mask.shape, np.bool_)
    for y, x in set().union(*(pixels(components, number, mask.shape) for number in chosen)):
        shown[y, x] = True
    expected = shown[window.top : window.bottom, window.left : window.right]
    assert (components.mask(chosen, window) == expected).all()


def test_box_of_several_components() -> None:
    mask = np.zeros((9, 12), np.bool_)
    mask[2, 1:3] = mask[5:7, 8] = mask[0, 11] = True
    components = label_components(mask, mask.astype(np.uint8))
    number = {int(left): k for k, left in enumerate(components.boxes[:, 0])}
    assert components.box([number[1], number[8]]) == Box(1, 2, 9, 7)
    assert components.box([number[11]]) == Box(11, 0, 12, 1)
    assert (components.box([number[8]]).width, components.box([number[8]]).height) == (1, 2)


def test_crop_keeps_soft_edges() -> None:
    ink = np.array([[0, 0, 0, 0, 0, 0], [0, 20, 200, 20, 0, 90], [3, 2, 20, 0, 0, 0]], np.uint8)
    components = label_components(ink > 80, ink)
    assert components.size == 2
    cropped = components.crop([0], ink, edge=10)
    assert cropped.ink.tolist() == [[20, 200, 20], [0, 20, 0]]
    assert cropped.box == Box(1, 1, 4, 3)


@given(INKS, st.data())
def test_crop_of_any_components(ink: np.ndarray, data: st.DataObject) -> None:
    components = label_components(ink > 100, ink)
    if not components.size:
        return
    chosen = data.draw(
        st.lists(st.integers(0, components.size - 1), min_size=1, unique=True), label="chosen"
    )
    own = set[tuple[int, int]]().union(*(pixels(components, k, ink.shape) for k in chosen))
    cropped, box = components.crop(chosen, ink, edge=20)
    assert cropped.shape == (box.height, box.width)
    drawn = np.zeros_like(ink)
    drawn[box.top : box.bottom, box.left : box.right] = cropped
    around = np.zeros(ink.shape, np.bool_)
    for y, x in own:
        assert drawn[y, x] == ink[y, x]
        around[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2] = True
    # Next to the components, and nowhere else, there are their edges.
    assert (drawn == np.where(around & (ink > 20), ink, 0)).all()


def test_trim_ends_at_ink() -> None:
    ink = np.zeros((5, 6), np.uint8)
    ink[1:3, 2:4] = 9
    trimmed = trim(ink, Box(10, 20, 16, 25))
    assert trimmed.box == Box(12, 21, 14, 23)
    assert (trimmed.box.width, trimmed.box.height) == (2, 2)
    assert (trimmed.ink == 9).all()


@given(MASKS)
def test_dilate_eight_neighbours(mask: np.ndarray) -> None:
    height, width = mask.shape
    expected = np.zeros_like(mask)
    for y, x in places(mask):
        expected[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2] = True
    before = mask.copy()
    assert (dilate(mask) == expected).all()
    assert (mask == before).all()


@pytest.mark.parametrize("share", [0.3, 0.6])
def test_components_of_noise(share: float) -> None:
    mask = np.random.default_rng(0).random((300, 300)) < share
    components = label_components(mask, mask.astype(np.uint8))
    assert components.mass.sum() == mask.sum()
    assert set(components.labels) == set(range(components.size))
    check_runs(components)


def test_spiral_is_one_component() -> None:
    """Its runs form one long chain."""
    y, x = np.mgrid[-1:1:151j, -1:1:151j]
    turns = np.hypot(y, x) * 12 + np.arctan2(y, x) / (2 * np.pi)
    mask = (turns % 1 < 0.5) & (turns < 11)
    components = label_components(mask, mask.astype(np.uint8))
    assert components.size == 1
    assert components.mass.tolist() == [mask.sum()]


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (7, 9)])
def test_no_ink_has_no_components(shape: tuple[int, int]) -> None:
    mask = np.zeros(shape, np.bool_)
    components = label_components(mask, mask.astype(np.uint8))
    assert components.size == 0
    assert components.first.tolist() == [0]
    assert len(components.mass) == len(components.peak) == 0
    assert components.select(np.zeros(0, np.bool_)).size == 0
