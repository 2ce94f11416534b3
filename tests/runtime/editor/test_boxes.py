"""Which boxes of a blank form are proposed."""

import time

import numpy as np
import pytest
from PIL import Image, ImageDraw

from digits.editor.boxes import propose
from digits.images.grey import Grey


def test_boxes_and_combs_are_proposed_in_reading_order() -> None:
    image = Image.new("L", (600, 800), 230)
    draw = ImageDraw.Draw(image)
    draw.text((60, 40), "Please write only digits", 20, font_size=30)
    for box in ((360, 104, 500, 150), (60, 300, 260, 360)):
        draw.rectangle(box, outline=40, width=2)
    draw.rectangle((20, 20, 580, 780), outline=40, width=2)  # a frame, which is no field
    for left in range(60, 260, 40):
        draw.rectangle((left, 100, left + 40, 150), outline=40, width=2)
    draw.line((60, 500, 400, 500), 40, 2)
    proposed = propose(np.asarray(image))
    assert [cells for _, cells in proposed] == [5, 0, 0]
    expected = [(60, 100, 260, 150), (360, 104, 500, 150), (60, 300, 260, 360)]
    np.testing.assert_allclose([box for box, _ in proposed], expected, atol=5)
    assert propose(np.zeros((1, 1), np.uint8)) == []


def seconds_for(page: Grey) -> float:
    start = time.process_time()
    propose(page)
    return time.process_time() - start


@pytest.mark.slow
def test_holes_of_one_piece_take_no_longer_than_as_many_pieces() -> None:
    holes = (np.indices((1024, 1024)).sum(0) % 2 * 255).astype(np.uint8)
    pieces = np.full((1024, 1024), 255, np.uint8)
    pieces[::2, ::2] = 0
    assert seconds_for(holes) < 8 * seconds_for(pieces)
