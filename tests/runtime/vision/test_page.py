import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from digits.data.mnist import Split
from digits.vision import page
from digits.vision.components import Box, Integers
from digits.vision.ink import extract
from digits.vision.page import MAX_PIECES, Page, deskew, find_pieces, text_lines, to_original
from tests.synthetic import Sheet, chosen

HEIGHT = 40.0


def digit(left: int, top: int, width: int = 25, height: int = 40) -> Box:
    return Box(left, top, left + width, top + height)


def array(boxes: list[Box]) -> Integers:
    return np.array(boxes, np.int64).reshape(-1, 4)


def lefts(boxes: list[Box]) -> list[list[int]]:
    """The left sides of the boxes of each line, in reading order."""
    return [[boxes[k].left for k in line] for line in text_lines(array(boxes), HEIGHT)]


def ink_of(photo: np.ndarray) -> np.ndarray:
    return extract(photo)[0].ink


def pieces_of(ink: np.ndarray) -> Page:
    found = find_pieces(ink)
    assert found is not None
    return found


def level_of(ink: np.ndarray) -> Page:
    """The page deskewed by all of its pieces."""
    found = pieces_of(ink)
    level = deskew(found, np.ones(found.components.size, np.bool_))
    assert level is not None
    return level


def test_text_lines_in_reading_order() -> None:
    upper = [digit(left, 100) for left in (10, 45, 80)] + [digit(left, 104) for left in (300, 335)]
    lower = [digit(left, 180 + left // 20) for left in (20, 60, 100, 140)]
    mixed = [*lower[::-1], *upper[::-1]]
    assert lefts(mixed) == [[10, 45, 80, 300, 335], [20, 60, 100, 140]]


@given(st.permutations(range(14)))
def test_text_lines_any_input_order(order: list[int]) -> None:
    boxes = [digit(left, 100 + left % 7) for left in (10, 45, 80, 300, 335, 420)]
    boxes += [digit(left, 180 + left // 20) for left in (20, 60, 100, 140, 300)]
    boxes += [digit(150, 260), digit(190, 261), digit(220, 285, 8, 10)]
    found = text_lines(array([boxes[k] for k in order]), HEIGHT)
    assert [[order[k] for k in line] for line in found] == [
        [0, 1, 2, 3, 4, 5],
        [6, 7, 8, 9, 10],
        [11, 12, 13],
    ]


def test_far_columns_in_one_line() -> None:
    boxes = [digit(left, 100) for left in (10, 45)] + [digit(left, 103) for left in (700, 735)]
    boxes += [digit(left, 170) for left in (10, 45)] + [digit(left, 173) for left in (700, 735)]
    assert lefts(boxes) == [[10, 45, 700, 735]] * 2


def test_line_fragment_between_two_others() -> None:
    boxes = [digit(left, 100) for left in (10, 45, 900, 935)]
    boxes += [digit(left, 102) for left in (450, 485)]
    assert lefts(boxes) == [[10, 45, 450, 485, 900, 935]]


def test_adjacent_numbers_at_other_heights_are_two_lines() -> None:
    boxes = [digit(left, 100) for left in (10, 45)] + [digit(left, 140) for left in (90, 125)]
    assert lefts(boxes) == [[10, 45], [90, 125]]


def test_slightly_sloping_line() -> None:
    boxes = [digit(left, 100 + left // 14) for left in range(10, 800, 35)]
    boxes += [digit(left, 180 + left // 14) for left in range(10, 800, 35)]
    assert [len(line) for line in text_lines(array(boxes), HEIGHT)] == [23, 23]


def test_long_tail_in_line() -> None:
    upper = [digit(10, 100), digit(45, 100, height=95), digit(80, 100)]
    lower = [digit(left, 200) for left in (10, 45, 80)]
    assert lefts(upper + lower) == [[10, 45, 80], [10, 45, 80]]


def test_small_zeros_in_line() -> None:
    row = [digit(10, 100), digit(45, 120, 18, 18), digit(80, 118, 18, 18), digit(110, 100)]
    assert lefts(row) == [[10, 45, 80, 110]]


def test_specks_in_line_or_none() -> None:
    row = [digit(10, 100), digit(45, 100), digit(80, 100)]
    assert lefts([*row, digit(74, 130, 6, 8)]) == [[10, 45, 74, 80]]
    assert lefts([*row, digit(74, 130, 3, 3)]) == [[10, 45, 80]]  # dust
    assert lefts([*row, digit(400, 400, 6, 8)]) == [[10, 45, 80]]
    assert lefts([*row, digit(400, 400, 20, 30)]) == [[10, 45, 80], [400]]


BOXES = st.lists(
    st.tuples(
        st.integers(0, 500), st.integers(0, 500), st.integers(1, 120), st.integers(1, 120)
    ).map(lambda at: digit(*at)),
    min_size=1,
    max_size=25,
)


@given(BOXES)
def test_text_lines_partition(boxes: list[Box]) -> None:
    found = [line.tolist() for line in text_lines(array(boxes), HEIGHT)]
    every = [k for line in found for k in line]
    assert len(every) == len(set(every))
    assert {k for k, box in enumerate(boxes) if box.height >= 0.6 * HEIGHT} <= set(every)
    for line in found:
        middles = [boxes[k].left + boxes[k].right for k in line]
        assert middles == sorted(middles)
    rows = [float(np.median([boxes[k].top + boxes[k].bottom for k in line])) for line in found]
    assert rows == sorted(rows)


def tilted(degrees: float, rows: int = 3, columns: int = 8) -> Integers:
    random = np.random.default_rng(0)
    angle = np.radians(degrees)
    boxes = []
    for row in range(rows):
        for column in range(columns):
            x, y = column * 40 - 150, row * 90 - 90 + random.normal(0, 2)
            across = x * np.cos(angle) - y * np.sin(angle)
            down = x * np.sin(angle) + y * np.cos(angle)
            boxes.append(digit(round(400 + across), round(400 + down)))
    return array(boxes)


@pytest.mark.parametrize("degrees", [-40, -12, 0, 5, 25])
def test_skew(degrees: int) -> None:
    assert page.estimate_skew(tilted(degrees), HEIGHT) == pytest.approx(degrees, abs=1.5)


@pytest.mark.parametrize("degrees", [-12, 5])
def test_skew_of_single_line(degrees: int) -> None:
    boxes = tilted(degrees, rows=1, columns=5)
    assert page.estimate_skew(boxes, HEIGHT) == pytest.approx(degrees, abs=2.5)


@pytest.mark.parametrize("boxes", [[], [digit(5, 5)], [digit(5, 5), digit(900, 905)]])
def test_skew_without_neighbours(boxes: list[Box]) -> None:
    assert page.estimate_skew(array(boxes), HEIGHT) == 0


def test_skew_of_vertical_column() -> None:
    boxes = array([digit(100, top) for top in range(50, 500, 70)])
    assert abs(page.estimate_skew(boxes, HEIGHT)) <= 3


def test_skew_of_short_numbers() -> None:
    """The centres of two adjacent digits differ by a tenth of their height."""
    boxes = []
    for left in range(50, 1000, 200):
        for top in (100, 250):
            boxes += [digit(left, top), digit(left + 30, top + 8, height=32)]
    assert abs(page.estimate_skew(array(boxes), HEIGHT)) <= 3


@pytest.mark.parametrize("tilt", [-20, 8, 30])
def test_to_original_of_tilted_page(test_slice: Split, tilt: float) -> None:
    sheet = Sheet()
    for top in (150, 250):
        sheet.write(chosen(test_slice, "314159"), 200, top)
    ink = ink_of(sheet.photograph(tilt))
    level = level_of(ink)
    assert level.angle == pytest.approx(-tilt, abs=2)
    assert level.components.size == pieces_of(ink).components.size >= 12
    for number in range(level.components.size):
        piece, own = level.components.crop([number], level.ink, level.levels.edge)
        box = to_original(own, level, ink.shape)
        inside = ink[box.top : box.bottom, box.left : box.right]
        assert inside.sum() > 0.95 * piece.sum()
        assert inside.size < 3.5 * piece.size


def test_deskew_keeps_level_page(test_slice: Split) -> None:
    sheet = Sheet()
    sheet.write(chosen(test_slice, "314159"), 200, 150)
    found = pieces_of(ink_of(sheet.photograph(1)))
    assert deskew(found, np.ones(found.components.size, np.bool_)) is found
    assert found.angle == 0
    box = Box(3, 4, 50, 60)
    assert to_original(box, found, found.ink.shape) == box


def test_deskew_uses_sure_digits_only(test_slice: Split) -> None:
    sheet = Sheet()
    boxes = sheet.write(chosen(test_slice, "3141"), 200, 100)
    for step in range(12):
        sheet.ink.paste(255, (100 + 40 * step, 200 + 20 * step, 120 + 40 * step, 230 + 20 * step))
    found = pieces_of(ink_of(sheet.photograph()))
    sure = found.components.boxes[:, 3] <= max(box[3] for box in boxes) + 5
    assert deskew(found, sure) is found
    turned = deskew(found, ~sure)
    assert turned is not None
    assert turned.angle == pytest.approx(math.degrees(math.atan(0.5)), abs=3)


@pytest.mark.parametrize("angle", [-30.0, 10.0, 45.0])
def test_to_original_turns_around_middle(angle: float) -> None:
    found = pieces_of(np.pad(np.full((20, 20), 200, np.uint8), 100))
    turned = found._replace(ink=np.zeros((300, 400), np.uint8), angle=angle)
    box = to_original(Box(198, 148, 202, 152), turned, (220, 220))
    assert (box.left + box.right, box.top + box.bottom) == pytest.approx((220, 220), abs=2)
    # What lies right of the middle on a page that was turned counterclockwise lay below it.
    right = to_original(Box(258, 148, 262, 152), turned, (220, 220))
    down = (right.top + right.bottom) / 2 - 110
    assert down == pytest.approx(60 * math.sin(math.radians(angle)), abs=2)


@given(
    st.tuples(st.integers(0, 290), st.integers(0, 390)), st.floats(-45, 45).filter(lambda a: a != 0)
)
def test_to_original_inside_picture(corner: tuple[int, int], angle: float) -> None:
    turned = Page(np.zeros((300, 400), np.uint8), None, None, None, 20.0, angle)  # type: ignore[arg-type]
    box = to_original(Box(corner[1], corner[0], corner[1] + 10, corner[0] + 10), turned, (200, 330))
    assert 0 <= box.left <= box.right <= 330
    assert 0 <= box.top <= box.bottom <= 200


def test_pieces_and_height(test_slice: Split) -> None:
    sheet = Sheet()
    boxes = sheet.write(chosen(test_slice, "2718"), 120, 200)
    found = pieces_of(ink_of(sheet.photograph()))
    assert 30 < found.height < 50
    assert sorted(found.components.boxes[:, 0].tolist()) == pytest.approx(
        [box[0] for box in boxes], abs=4
    )
    assert not found.lines.any()


def test_ruled_lines_are_no_pieces(test_slice: Split) -> None:
    sheet = Sheet()
    boxes = sheet.write(chosen(test_slice, "2068"), 120, 205)
    sheet.rule(40, squared=True)
    found = pieces_of(ink_of(sheet.photograph(2)))
    assert found.lines.sum() > 500 * 5
    heavy = found.components.select(found.components.mass > found.components.mass.max() / 4)
    assert heavy.size == 4
    for one, other in zip(sorted(heavy.boxes.tolist()), boxes, strict=True):
        assert one[2] - one[0] == pytest.approx(other[2] - other[0], abs=6)


def test_ruled_lines_of_curled_paper() -> None:
    ink = np.zeros((600, 900), np.uint8)
    x = np.arange(900)
    for top in range(60, 520, 50):
        y = top + np.round(25 * np.sin(x * np.pi / 900)).astype(int)
        ink[y, x] = ink[y + 1, x] = 200
    ink[230:270, 400:412] = 230
    found = pieces_of(ink)
    assert found.lines.sum() > 0.8 * (ink == 200).sum()
    [left, top, right, bottom] = found.components.boxes[found.components.mass.argmax()]
    assert (left, right) == (400, 412)
    assert (top, bottom) == pytest.approx((230, 270), abs=2)


def test_lines_and_pieces_disjoint(test_slice: Split) -> None:
    sheet = Sheet()
    sheet.write(chosen(test_slice, "2068"), 120, 205)
    sheet.rule(40)
    found = pieces_of(ink_of(sheet.photograph()))
    labels = found.components.label_map(found.ink.shape)
    assert not (found.lines & (labels >= 0)).any()
    assert (found.ink[found.lines] > found.levels.low).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (5, 300), (300, 400)])
def test_blank_page_has_no_pieces(shape: tuple[int, int]) -> None:
    assert find_pieces(np.zeros(shape, np.uint8)) is None


def test_smallest_page() -> None:
    ink = np.zeros((page.MIN_PIXELS - 1, 40), np.uint8)
    ink[1:4, 10:20] = 255
    assert find_pieces(ink) is None


@pytest.mark.parametrize("kind", ["specks", "noise", "texture"])
def test_max_pieces(kind: str) -> None:
    random = np.random.default_rng(0)
    ink = np.zeros((1200, 1600), np.uint8)
    if kind == "specks":
        at = random.permutation(1200 * 1600 // 16)[:10_000]
        ink.reshape(300, 4, 400, 4)[at // 400, 1, at % 400, 1] = 255
        ink.reshape(300, 4, 400, 4)[at // 400, 2, at % 400, 2] = random.integers(1, 255, len(at))
    elif kind == "noise":
        ink = random.integers(0, 256, ink.shape, dtype=np.uint8)
    else:
        ink[random.random(ink.shape) < 0.15] = 220
    found = pieces_of(ink)
    assert found.components.size <= MAX_PIECES
    if kind == "specks":
        assert found.components.size > 0.9 * MAX_PIECES
        assert found.components.mass.min() > 400  # of 256 to 510


def test_max_pieces_of_equal_mass() -> None:
    """Whichever of them are kept."""
    ink = np.zeros((600, 1200), np.uint8)
    ink[3::6, 3::6] = 255
    ink[100:120, 100:104] = 255
    found = pieces_of(ink)
    assert 1 <= found.components.size <= MAX_PIECES


@settings(max_examples=50)
@given(
    hnp.arrays(
        np.uint8,
        hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=60),
        elements=st.sampled_from([0, 0, 0, 90, 255]),
    ),
    st.data(),
)
def test_any_ink(ink: np.ndarray, data: st.DataObject) -> None:
    found = find_pieces(ink)
    if found is None:
        return
    assert found.height > 0
    assert found.components.size > 0
    some = st.lists(st.booleans(), min_size=found.components.size, max_size=found.components.size)
    level = deskew(found, np.array(data.draw(some), np.bool_))
    if level is not None:
        for left, top, right, bottom in level.components.boxes.tolist():
            box = to_original(Box(left, top, right, bottom), level, ink.shape)
            assert 0 <= box.left <= box.right <= ink.shape[1]
            assert 0 <= box.top <= box.bottom <= ink.shape[0]


@given(
    hnp.arrays(np.int64, st.integers(1, 20), elements=st.integers(0, 50)),
    st.data(),
)
def test_weighted_median(values: np.ndarray, data: st.DataObject) -> None:
    count = len(values)
    given = np.array(data.draw(st.lists(st.integers(1, 9), min_size=count, max_size=count)))
    middle = page.weighted_median(values, given)
    assert middle in values
    assert 2 * given[values < middle].sum() <= given.sum()
    assert 2 * given[values > middle].sum() <= given.sum()


def test_skew_memory_of_crowded_page() -> None:
    """Rows of narrow 1s: the maximum number, each with hundreds of neighbours."""
    row, column = np.divmod(np.arange(MAX_PIECES), 240)
    left, top = 8 * column, 64 * row
    boxes = np.stack([left, top, left + 4, top + 60], 1)
    tracemalloc.start()
    try:
        page.estimate_skew(boxes, 60.0)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 500e6
