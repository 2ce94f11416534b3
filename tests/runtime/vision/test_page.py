from itertools import pairwise

import numpy as np
import pytest

from digits.data.mnist import Split
from digits.vision import ink, page
from digits.vision.strokes import Box, Shape
from tests.drawn import Sheet, chosen

HEIGHT = 40.0


def digit(left: int, top: int, width: int = 25, height: int = 40) -> Shape:
    return Shape(np.ones((height, width), np.uint8), Box(left, top, left + width, top + height))


def places(lines: list[page.Line]) -> list[list[list[int]]]:
    return [[[shape.box.left for shape in column] for column in line] for line in lines]


def test_lines_and_columns_in_reading_order() -> None:
    upper = [digit(left, 100) for left in (10, 45, 80)] + [digit(left, 104) for left in (300, 335)]
    lower = [digit(left, 180 + left // 20) for left in (20, 60, 100, 140)]
    mixed = [*lower[::-1], *upper[::-1]]
    assert places(page.lines(mixed, HEIGHT)) == [[[10, 45, 80], [300, 335]], [[20, 60, 100, 140]]]


def test_a_long_tail_stays_in_its_line() -> None:
    upper = [digit(10, 100), digit(45, 100, height=85), digit(80, 100)]
    lower = [digit(left, 190) for left in (10, 45, 80)]
    assert places(page.lines(upper + lower, HEIGHT)) == [[[10, 45, 80]], [[10, 45, 80]]]


def test_small_zeros_stay_in_their_line() -> None:
    row = [digit(10, 100), digit(45, 120, 18, 18), digit(80, 118, 18, 18), digit(110, 100)]
    assert places(page.lines(row, HEIGHT)) == [[[10, 45, 80, 110]]]


@pytest.mark.parametrize("degrees", [-40, -12, 0, 5, 25])
def test_the_tilt_is_found(degrees: int) -> None:
    random = np.random.default_rng(0)
    angle = np.radians(degrees)
    boxes = []
    for row in range(3):
        for column in range(8):
            x, y = column * 40 - 150, row * 90 - 90 + random.normal(0, 2)
            across, down = (
                x * np.cos(angle) - y * np.sin(angle),
                x * np.sin(angle) + y * np.cos(angle),
            )
            boxes.append(digit(round(400 + across), round(400 + down)).box)
    assert page.tilt(boxes, HEIGHT) == pytest.approx(degrees, abs=1.5)


def test_a_single_digit_has_no_tilt() -> None:
    assert page.tilt([digit(5, 5).box], HEIGHT) == 0


@pytest.mark.parametrize("tilt", [-20, 8, 30])
def test_boxes_of_an_upright_page_lie_on_the_tilted_one(test_slice: Split, tilt: float) -> None:
    sheet = Sheet()
    for top in (150, 250):
        sheet.write(chosen(test_slice, "314159"), 200, top)
    photo = sheet.photograph(tilt)
    own = ink.extract(photo)
    upright = page.upright(own)
    assert upright.angle == pytest.approx(-tilt, abs=2)
    assert len(upright.groups) == 12
    for shape in upright.groups:
        box = page.turned_back(shape.box, upright, own)
        inside = own[box.top : box.bottom, box.left : box.right]
        assert inside.sum() > 0.95 * shape.ink.sum()
        assert inside.size < 3.5 * shape.ink.size


def test_groups_are_digits_and_not_specks_and_dashes(test_slice: Split) -> None:
    sheet = Sheet()
    boxes = sheet.write(chosen(test_slice, "2718"), 120, 200)
    photo = sheet.photograph()
    photo[300:303, 300:304] = 60
    photo[225:229, 400:420] = 60  # a dash
    shapes, height = page.groups(ink.extract(photo))
    assert 30 < height < 50
    found = sorted(shape.box.left for shape in shapes)
    np.testing.assert_allclose(found, [box[0] for box in boxes], atol=4)


def test_the_pieces_of_a_broken_digit_are_one_group(test_slice: Split) -> None:
    sheet = Sheet()
    sheet.write(chosen(test_slice, "3333"), 120, 200, size=80)
    photo = sheet.photograph()
    whole = page.groups(ink.extract(photo))[0]
    photo[228:230, 180:230] = 215  # white across the second one, in its upper third
    broken = page.groups(ink.extract(photo))[0]
    assert [shape.box.left for shape in broken] == pytest.approx(
        [shape.box.left for shape in whole], abs=4
    )
    for one, other in pairwise(sorted(broken, key=lambda shape: shape.box.left)):
        assert one.box.right <= other.box.left + 4


def test_a_blank_page_has_no_groups() -> None:
    assert page.groups(np.zeros((300, 400), np.uint8)) == ([], 0.0)
