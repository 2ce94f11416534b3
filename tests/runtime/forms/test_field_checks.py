"""What is beside a field's number, or runs through it."""

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw

from digits.forms.field_checks import (
    is_on_edge,
    is_struck_out,
    no_intruding_digit_probability,
    no_missing_digit_probability,
    stroke_ink,
)
from tests.drawings import detections

HEIGHT, WIDTH = 100, 160  # of a field, with as much around it as it is high
BOX = HEIGHT, HEIGHT, HEIGHT + WIDTH, 2 * HEIGHT
DIGITS = np.array([(130.0, 120, 175, 180), (190, 120, 235, 180)])
Pen = Callable[[ImageDraw.ImageDraw], None]
STROKES: dict[str, tuple[Pen, tuple[bool, bool]]] = {
    "nothing else": (lambda pen: None, (False, False)),
    "a box beside it": (lambda pen: pen.rectangle((265, 100, 355, 200), None, 120), (False, False)),
    "print beside it": (lambda pen: pen.text((280, 150), "/20", 20, font_size=30), (False, False)),
    "a 1 on the left line": (lambda pen: pen.line((97, 120, 103, 180), 30, 6), (True, False)),
    "half a digit": (lambda pen: pen.ellipse((240, 120, 285, 180), None, 30, 6), (True, False)),
    "struck out": (lambda pen: pen.line((120, 140, 245, 155), 30, 5), (False, True)),
    "a diagonal": (lambda pen: pen.line((125, 185, 240, 115), 30, 5), (False, True)),
}


@pytest.mark.parametrize("name", STROKES)
@pytest.mark.parametrize("line", [0, 3])
def test_stroke_that_is_no_part_of_the_number(name: str, line: int) -> None:
    image = Image.new("L", (WIDTH + 2 * HEIGHT, 3 * HEIGHT), 220)
    draw, expected = STROKES[name]
    pen = ImageDraw.Draw(image)
    if line:
        pen.rectangle(BOX, outline=120, width=line)
    for box in DIGITS.tolist():
        pen.ellipse(box, None, 30, 6)
    draw(pen)
    noise = np.random.default_rng(0).normal(0, 4, (3 * HEIGHT, WIDTH + 2 * HEIGHT))
    crop = np.asarray((np.asarray(image) + noise).clip(0, 255), np.uint8)
    ink = stroke_ink(crop, HEIGHT, DIGITS)
    assert (is_on_edge(ink, HEIGHT, DIGITS), is_struck_out(ink, HEIGHT, DIGITS)) == expected


@pytest.mark.parametrize(
    ("box", "symbol", "expected"),
    [
        ((250, 118, 290, 182), 5, 0.0),
        ((250, 155, 270, 180), 5, 1.0),  # small print
        ((250, 20, 290, 80), 5, 1.0),  # in another line
        ((250, 90, 270, 240), 1, 1.0),  # a line of the form
        ((250, 150, 290, 155), 10, 1.0),  # a minus
        ((310, 118, 350, 182), 5, 1.0),  # another number, or print
    ],
)
def test_digit_beside_a_number(box: tuple[float, ...], symbol: int, expected: float) -> None:
    assert no_missing_digit_probability(detections([box], [8.0], symbol), DIGITS) == pytest.approx(
        expected, abs=0.01
    )


def test_digit_that_reaches_into_an_empty_field() -> None:
    beside = detections([(150, 60, 190, 105)], [8.0])
    assert no_intruding_digit_probability(beside, BOX) == pytest.approx(0, abs=0.01)
    assert no_intruding_digit_probability(beside, (100, 106, 260, 200)) == 1
