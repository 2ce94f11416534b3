"""What is beside a field's number, or runs through it."""

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw

from digits.fields.doubts import aloneness, is_disturbed
from tests.runtime.reader.drawn import detections

HEIGHT, WIDTH = 100, 300  # of a field, with as much around it as it is high
BOX = HEIGHT, HEIGHT, HEIGHT + WIDTH, 2 * HEIGHT
DIGITS = np.array([(130.0, 120, 175, 180), (190, 120, 235, 180)])
Pen = Callable[[ImageDraw.ImageDraw], None]
STROKES: dict[str, tuple[Pen, bool]] = {
    "nothing else": (lambda pen: None, False),
    "a field beside it": (lambda pen: pen.rectangle((405, 100, 495, 200), outline=120), False),
    "print beside it": (lambda pen: pen.text((420, 150), "/20", 20, font_size=30), False),
    "a 1 on the left line": (lambda pen: pen.line((97, 120, 103, 180), 30, 6), True),
    "a digit half outside": (lambda pen: pen.ellipse((380, 120, 425, 180), None, 30, 6), True),
    "struck out": (lambda pen: pen.line((120, 140, 245, 155), 30, 5), True),
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
    assert is_disturbed(crop, HEIGHT, DIGITS) == expected


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
    number = detections(DIGITS.tolist(), [8.0, 8.0], 0)
    alone = aloneness(detections([box], [8.0], symbol), number, 1.0)
    assert alone == pytest.approx(expected, abs=0.01)
