import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from digits.vision.components import Box, label_components
from tests.synthetic import arrays

Pixels = set[tuple[int, int]]


def pixels(mask: np.ndarray) -> Pixels:
    return {(int(y), int(x)) for y, x in zip(*np.nonzero(mask), strict=True)}


def neighbours(component: Pixels) -> Pixels:
    """With the pixels themselves."""
    steps = (-1, 0, 1)
    return {(y + dy, x + dx) for y, x in component for dy in steps for dx in steps}


def flood_fill(mask: np.ndarray) -> list[Pixels]:
    """The connected components, by a slow reference implementation."""
    left, components = pixels(mask), []
    while left:
        component = front = {left.pop()}
        while front := neighbours(front) & left:
            component = component | front
            left -= front
        components.append(component)
    return components


@given(arrays(12, 0, 0, 20, 21, 200, 255), st.data())
def test_components_equal_those_of_flood_fill(ink: np.ndarray, data: st.DataObject) -> None:
    components = label_components(ink > 100, ink)
    window = Box(0, 0, *ink.shape[::-1])
    labelled = [pixels(components.mask([number], window)) for number in range(components.size)]
    assert sorted(map(sorted, labelled)) == sorted(map(sorted, flood_fill(ink > 100)))
    for number, component in enumerate(labelled):
        values = [int(ink[pixel]) for pixel in component]
        assert components.mass[number] == sum(values)
        assert components.peak[number] == max(values)
        rows, columns = zip(*component, strict=True)
        edges = [min(columns), min(rows), max(columns) + 1, max(rows) + 1]
        assert components.boxes[number].tolist() == edges
    if not labelled:
        return
    chosen = data.draw(st.lists(st.integers(0, len(labelled) - 1), min_size=1, unique=True))
    inside = Pixels().union(*(labelled[number] for number in chosen))
    box = components.box(chosen)
    assert pixels(components.mask(chosen, box)) == {(y - box.top, x - box.left) for y, x in inside}
    cropped, cropped_box = components.crop(chosen, ink, edge=20)
    again = np.zeros_like(ink)
    again[cropped_box.pixels] = cropped
    # Next to the components, and nowhere else, there are their edges.
    assert pixels(again) == neighbours(inside) & pixels(ink > 20)
    assert (again[again > 0] == ink[again > 0]).all()
