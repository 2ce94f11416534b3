"""Connected components, and the digit among them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from digits.vision.components import Box, find_digit, ink_box, label_components
from digits.vision.ink import extract_ink
from tests.synthetic import arrays

EIGHT_NEIGHBOURS = np.ones((3, 3), np.bool_)


@given(arrays(12, 0, 0, 20, 21, 200, 255), st.data())
def test_components_equal_those_of_scipy(ink: np.ndarray, data: st.DataObject) -> None:
    components = label_components(ink > 100, ink)
    labels, count = ndimage.label(ink > 100, EIGHT_NEIGHBOURS)
    window = Box(0, 0, *ink.shape[::-1])
    masks = [components.mask([number], window) for number in range(components.size)]
    expected = [labels == number for number in range(1, count + 1)]
    assert {mask.tobytes() for mask in masks} == {mask.tobytes() for mask in expected}
    assert len(masks) == count
    for number, mask in enumerate(masks):
        assert components.mass[number] == ink[mask].sum()
        assert components.peak[number] == ink[mask].max()
        assert tuple(components.boxes[number]) == ink_box(mask)
    if not masks:
        return
    numbers = data.draw(st.lists(st.integers(0, count - 1), min_size=1, unique=True))
    inside = np.any([masks[number] for number in numbers], 0)
    box = components.box(numbers)
    np.testing.assert_array_equal(components.mask(numbers, box), inside[box.pixels])
    assert inside[box.pixels].sum() == inside.sum()
    cropped, cropped_box = components.crop(numbers, ink, edge=20)
    again = np.zeros_like(ink)
    again[cropped_box.pixels] = cropped
    # Next to the components, and nowhere else, there are their edges.
    surroundings = ndimage.binary_dilation(inside, EIGHT_NEIGHBOURS)
    np.testing.assert_array_equal(again, np.where(surroundings & (ink > 20), ink, 0))


Bar = tuple[int, ...]  # left, top, right, bottom, and perhaps the grey of ink on flat paper


def bars(*boxes: Bar, side: int = 120) -> np.ndarray:
    photo = np.full((side, side), 230, np.uint8)
    for left, top, right, bottom, *greys in boxes:
        photo[top:bottom, left:right] = min(greys, default=40)
    return photo


@pytest.mark.parametrize(
    ("boxes", "digit", "is_whole"),
    [
        ([(45, 20, 52, 80)], (45, 20, 52, 80), True),
        ([(30, 30, 33, 33)], (30, 30, 33, 33), True),
        ([(55, 0, 61, 78)], (55, 0, 61, 78), False),  # perhaps cut
        ([(50, 30, 60, 90), (75, 30, 80, 60)], (50, 30, 80, 90), False),  # a piece, or a digit
        ([(50, 30, 60, 90), (104, 30, 108, 60)], (50, 30, 60, 90), False),  # far away
        ([(55, 42, 61, 78), (5, 5, 17, 41)], (55, 42, 61, 78), False),  # heavier, in the corner
    ],
)
def test_the_digit_is_the_heaviest_component_near_the_middle(
    boxes: list[Bar], digit: Bar, is_whole: bool
) -> None:
    segment = find_digit(*extract_ink(bars(*boxes)))
    assert segment and (segment.component.box, segment.is_whole) == (digit, is_whole)


def test_blank_picture_and_speck() -> None:
    for photo in (bars(side=1), bars(), bars((30, 30, 31, 31)), bars((30, 30, 32, 32))):
        assert find_digit(*extract_ink(photo)) is None


@pytest.mark.slow
# Noise, few levels, and paper that is nearly even.
@settings(max_examples=150)
@given(arrays(60) | arrays(30, *range(256)) | arrays(30, 20, 140, 228, 229, 232))
def test_any_grey_picture(grey: np.ndarray) -> None:
    height, width = grey.shape
    if segment := find_digit(*extract_ink(grey)):
        ink, box = segment.component
        assert ink.shape == (box.height, box.width)
        assert 0 <= box.left < box.right <= width and 0 <= box.top < box.bottom <= height
        assert ink[0].any() and ink[-1].any() and ink[:, 0].any() and ink[:, -1].any()
