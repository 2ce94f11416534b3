"""Which boxes of a blank form are proposed."""

import numpy as np
from PIL import Image, ImageDraw

from digits.forms.editor.new_form import propose


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
    assert [count for _, count in proposed] == [5, 0, 0]
    expected = [(60, 100, 260, 150), (360, 104, 500, 150), (60, 300, 260, 360)]
    np.testing.assert_allclose([box for box, _ in proposed], expected, atol=5)
    assert propose(np.zeros((1, 1), np.uint8)) == []
