"""From pixels to ink, its components and the frame of a network."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage

from digits.data.split import Split
from digits.vision import ink
from digits.vision.background import remove_lines
from digits.vision.components import Box, ink_box, label_components, trim
from digits.vision.frame import stroke_width, to_mnist
from tests.synthetic import PAPER, Sheet, arrays, chosen, lamp, likeness

EIGHT_NEIGHBOURS = np.ones((3, 3), np.bool_)


@pytest.mark.parametrize(
    ("columns", "max_width", "removed"),
    [
        (slice(0, 200), 6, True),
        (slice(0, 200), 5, False),  # it is thicker
        (slice(20, 145), 6, True),
        (slice(20, 135), 6, False),  # it is short
    ],
)
def test_long_and_thin_is_a_line(columns: slice, max_width: int, removed: bool) -> None:
    mask = np.zeros((100, 200), np.bool_)
    mask[40:46, columns] = True
    assert (remove_lines(mask, max_width) == (mask & (not removed))).all()
    assert (remove_lines(mask.T, max_width) == (mask & (not removed)).T).all()


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


@pytest.fixture
def page(test_slice: Split) -> Sheet:
    sheet = Sheet(200, 300)
    sheet.write(chosen(test_slice, "274"), 60, 50, size=90, gap=10)
    return sheet


@pytest.mark.parametrize("inverted", [False, True])
def test_one_side_where_cues_agree(page: Sheet, inverted: bool) -> None:
    photo = page.photograph(light=lamp(200, 300), noise=0)
    [side] = ink.extract(255 - photo if inverted else photo)
    assert likeness(side.ink, np.asarray(page.ink)) > 0.99


def test_unevenness(page: Sheet) -> None:
    """The ink within the box changes nothing: it is the light on the paper that counts."""
    half = np.ones((200, 300))
    half[:, 150:] = 0.6
    [side] = ink.extract(255 - page.photograph(light=half))
    assert side.unevenness((0, 0, 300, 200)) == pytest.approx(0.4, abs=0.05)
    assert side.unevenness((20, 20, 120, 180)) < 0.05


@pytest.mark.parametrize("paper", [0, 255])
def test_flat_picture_has_one_ink(page: Sheet, paper: int) -> None:
    mask = np.asarray(page.ink) / 255
    grey = (paper + ((60 if paper > 128 else 220) - paper) * mask).astype(np.uint8)
    [side] = ink.extract(grey)
    assert side.is_flat
    assert (side.ink == side.narrow_ink).all() and (side.ink == side.uncorrected_ink).all()
    assert likeness(side.ink, mask) > 0.999


@pytest.mark.parametrize(
    ("values", "counts", "levels", "darker"),
    [
        ([20, 180], [90, 10], (20, 40, 100, 47), 0),
        ([10, 30, 180], [45, 45, 10], (20, 40, 100, 50), 0),  # noise on the paper
        ([0, 150, 220], [94, 3, 3], (0, 23, 93, 31), 150),  # two inks
    ],
)
def test_levels(values: list[int], counts: list[int], levels: tuple[int, ...], darker: int) -> None:
    picture = np.repeat(np.array(values, np.uint8), counts)[None]
    assert ink.otsu_levels(picture) == levels
    bare = np.zeros((1, values.count(0) * 80), np.uint8)
    assert ink.otsu_levels(picture[:, bare.size :], bare.size) == levels
    assert ink.darker_level(picture, levels[-1]) == darker


@pytest.mark.parametrize("light", [np.zeros((1, 1)), np.ones((1, 500)), lamp(200, 300)])
def test_no_ink_on_blank_sheet(light: np.ndarray) -> None:
    for side in ink.extract((PAPER * light).astype(np.uint8)):
        assert ink.otsu_levels(side.ink) is None
        assert ink.otsu_levels(side.narrow_ink) is None


@pytest.mark.parametrize(("contrast", "visible"), [(4, False), (6, True)])
def test_faint_pen(page: Sheet, contrast: int, visible: bool) -> None:
    """People see a contrast of 2 %."""
    [side] = ink.extract(page.photograph(ink=PAPER - contrast, noise=0))
    assert (ink.otsu_levels(side.ink) is not None) == visible


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


@pytest.mark.parametrize("side", [14, 500])
def test_frame_like_mnist(test_slice: Split, side: int) -> None:
    images = [Image.fromarray(image) for image in test_slice.images[:50]]
    enlarged = [image.resize((side, side), Image.Resampling.BICUBIC) for image in images]
    frames, _ = to_mnist([trim(np.asarray(image)).ink for image in enlarged])
    assert frames.shape == (50, 28, 28) and frames.dtype == np.uint8
    for framed in frames:
        assert trim(framed).box.longer in (18, 19, 20)
        assert framed.max() == 255
        for axis in (0, 1):
            middle = (framed.sum(axis) * (np.arange(28) + 0.5)).sum() / framed.sum()
            assert abs(middle - 14.5) <= 0.51


@pytest.mark.parametrize("side", [60, 400])
def test_hairline_drawn_thicker(side: int) -> None:
    ring = np.zeros((side, side), np.uint8)
    ring[[0, -1]] = ring[:, [0, -1]] = 200
    [framed], _ = to_mnist([ring])
    [width] = stroke_width(framed[None].astype(np.float32))
    assert 1.1 <= width <= 1.8
    assert trim(framed).box.longer in (19, 20)
    ink = trim(framed).ink
    np.testing.assert_allclose(ink, ink[::-1, ::-1], atol=2)  # on all sides alike


@pytest.mark.parametrize("turns", range(4))
def test_lopsided_digit_is_not_cut_off(turns: int) -> None:
    """Its centre of mass can't be in the middle: the end of its tail would be outside."""
    ink = np.zeros((20, 20), np.uint8)
    ink[:, :5] = ink[9:11] = 255
    [framed], _ = to_mnist([np.rot90(ink, turns)])
    assert (framed > 0).sum() == (ink > 0).sum()
