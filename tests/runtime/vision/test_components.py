import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from digits.vision.components import Box, Components, label_components
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
def test_mask_and_crop_of_any_components(ink: np.ndarray, data: st.DataObject) -> None:
    components = label_components(ink > 100, ink)
    if not components.size:
        return
    numbers = st.integers(0, components.size - 1)
    chosen = data.draw(st.lists(numbers, min_size=1, unique=True))
    every, box = all_pixels(components, ink.shape), components.box(chosen)
    inside = set[tuple[int, int]]().union(*(every[number] for number in chosen))
    assert (components.mask(chosen, box) == drawn(inside, ink.shape)[box.pixels]).all()
    cropped, cropped_box = components.crop(chosen, ink, edge=20)
    again = np.zeros_like(ink)
    again[cropped_box.pixels] = cropped
    # Next to the components, and nowhere else, there are their edges.
    edges = drawn(inside, ink.shape, margin=1) & (ink > 20)
    assert (again == np.where(edges, ink, 0)).all()
