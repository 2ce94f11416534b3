import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits.vision.components import (
    Box,
    Components,
    dilate,
    label_components,
    run_lengths,
    trim,
)
from tests.runtime.vision.drawn import arrays

MASKS = arrays(12, False, True, dtype=np.bool_)
# Two levels of ink on paper: components have edges, and differ in what they hold.
INKS = arrays(12, 0, 0, 0, 40, 200, 255)

Pixels = set[tuple[int, int]]


def pixels(mask: np.ndarray) -> Pixels:
    return {(int(y), int(x)) for y, x in zip(*np.nonzero(mask), strict=True)}


def drawn(component: Pixels, shape: tuple[int, ...], margin: int = 0) -> np.ndarray:
    mask = np.zeros(shape, np.bool_)
    for y, x in component:
        mask[max(y - margin, 0) : y + margin + 1, max(x - margin, 0) : x + margin + 1] = True
    return mask


def flood_fill(mask: np.ndarray) -> list[Pixels]:
    """The connected components, by a slow reference implementation."""
    left, components = pixels(mask), []
    while left:
        component: Pixels = set()
        front = {left.pop()}
        while front:
            component |= front
            front = {
                (y + dy, x + dx) for y, x in front for dy in (-1, 0, 1) for dx in (-1, 0, 1)
            } & left
            left -= front
        components.append(component)
    return components


def all_pixels(components: Components, shape: tuple[int, ...]) -> list[Pixels]:
    window = Box(0, 0, shape[1], shape[0])
    return [pixels(components.mask([number], window)) for number in range(components.size)]


@given(MASKS)
def test_label_components_equals_flood_fill(mask: np.ndarray) -> None:
    ink = np.arange(mask.size, dtype=np.uint8).reshape(mask.shape)
    components = label_components(mask, ink)
    labelled = all_pixels(components, mask.shape)
    assert sorted(map(sorted, labelled)) == sorted(map(sorted, flood_fill(mask)))
    for number, component in enumerate(labelled):
        values = [int(ink[pixel]) for pixel in component]
        assert components.mass[number] == sum(values)
        assert components.peak[number] == max(values)
        rows, columns = zip(*component, strict=True)
        edges = [min(columns), min(rows), max(columns) + 1, max(rows) + 1]
        assert components.boxes[number].tolist() == edges


@given(INKS, st.data())
def test_select_keeps_components_unchanged(ink: np.ndarray, data: st.DataObject) -> None:
    components = label_components(ink > 20, ink)
    for _ in range(2):
        some = st.lists(st.booleans(), min_size=components.size, max_size=components.size)
        wanted = np.array(data.draw(some), np.bool_)
        selected = components.select(wanted)
        before = all_pixels(components, ink.shape)
        assert all_pixels(selected, ink.shape) == [before[n] for n in np.flatnonzero(wanted)]
        assert (selected.mass == components.mass[wanted]).all()
        assert (selected.peak == components.peak[wanted]).all()
        assert (selected.boxes == components.boxes[wanted]).all()
        components = selected


@given(MASKS)
def test_run_lengths_draw_mask(mask: np.ndarray) -> None:
    again = np.zeros_like(mask)
    for row, start, end in zip(*run_lengths(mask), strict=True):
        assert start < end
        assert not again[row, max(start - 1, 0) : end + 1].any()  # runs are as long as can be
        again[row, start:end] = True
    assert (again == mask).all()


@given(INKS, st.data())
def test_mask_and_crop_of_any_components(ink: np.ndarray, data: st.DataObject) -> None:
    components = label_components(ink > 100, ink)
    if not components.size:
        return
    numbers = st.integers(0, components.size - 1)
    chosen = data.draw(st.lists(numbers, min_size=1, unique=True))
    box = components.box(chosen)
    window = Box(
        data.draw(st.integers(0, box.left)),
        data.draw(st.integers(0, box.top)),
        data.draw(st.integers(box.right, ink.shape[1])),
        data.draw(st.integers(box.bottom, ink.shape[0])),
    )
    every = all_pixels(components, ink.shape)
    inside = set[tuple[int, int]]().union(*(every[number] for number in chosen))
    expected = drawn(inside, ink.shape)
    part = expected[window.top : window.bottom, window.left : window.right]
    assert (components.mask(chosen, window) == part).all()
    cropped, cropped_box = components.crop(chosen, ink, edge=20)
    again = np.zeros_like(ink)
    again[cropped_box.top : cropped_box.bottom, cropped_box.left : cropped_box.right] = cropped
    # Next to the components, and nowhere else, there are their edges.
    edges = drawn(inside, ink.shape, margin=1) & (ink > 20)
    assert (again == np.where(edges, ink, 0)).all()


def test_box_of_several_components() -> None:
    mask = np.zeros((9, 12), np.bool_)
    mask[2, 1:3] = mask[5:7, 8] = mask[0, 11] = True
    components = label_components(mask, mask.astype(np.uint8))
    number = {int(left): k for k, left in enumerate(components.boxes[:, 0])}
    assert components.box([number[1], number[8]]) == Box(1, 2, 9, 7)
    assert components.box([number[11]]) == Box(11, 0, 12, 1)
    assert (components.box([number[8]]).width, components.box([number[8]]).height) == (1, 2)


def test_trim_ends_at_ink() -> None:
    ink = np.zeros((5, 6), np.uint8)
    ink[1:3, 2:4] = 9
    trimmed = trim(ink, Box(10, 20, 16, 25))
    assert trimmed.box == Box(12, 21, 14, 23)
    assert trimmed.ink.tolist() == [[9, 9], [9, 9]]


@given(MASKS)
def test_dilate_eight_neighbours(mask: np.ndarray) -> None:
    before = mask.copy()
    assert (dilate(mask) == drawn(pixels(mask), mask.shape, margin=1)).all()
    assert (mask == before).all()


@pytest.mark.parametrize("share", [0.3, 0.6])
def test_components_of_noise(share: float) -> None:
    mask = np.random.default_rng(0).random((300, 300)) < share
    components = label_components(mask, mask.astype(np.uint8))
    assert components.mass.sum() == mask.sum()
    assert set(components.labels) == set(range(components.size))


def test_spiral_is_one_component() -> None:
    """Its runs form one long chain."""
    y, x = np.mgrid[-1:1:151j, -1:1:151j]
    turns = np.hypot(y, x) * 12 + np.arctan2(y, x) / (2 * np.pi)
    mask = (turns % 1 < 0.5) & (turns < 11)
    assert label_components(mask, mask.astype(np.uint8)).mass.tolist() == [mask.sum()]


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (7, 9)])
def test_no_ink_has_no_components(shape: tuple[int, int]) -> None:
    mask = np.zeros(shape, np.bool_)
    components = label_components(mask, mask.astype(np.uint8))
    assert components.size == 0
    assert len(components.mass) == len(components.peak) == 0
    assert components.select(np.zeros(0, np.bool_)).size == 0
