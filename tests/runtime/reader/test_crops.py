"""Level crops of numbers: where they are cut, and what they look like."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from digits.inference.interface import CROP_HEIGHT, CROP_INK, CROP_MAX_WIDTH, CROP_PAPER
from digits.reader import crops
from digits.reader.crops import MARGINS, Margins, Region

SLOPE = 0.2
INK_LEVEL, PAPER_LEVEL = 40, 200


def sloping(count: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """A page of bars 10 x 30 pixels along a line that descends, and their boxes."""
    page, boxes = np.full((300, 600), PAPER_LEVEL, np.uint8), []
    for number in range(count):
        left, top = 100 + 30 * number, round(100 + SLOPE * 30 * number)
        page[top : top + 30, left : left + 10] = INK_LEVEL
        boxes.append((left, top, left + 10, top + 30))
    return page, np.array(boxes, np.float64)


def test_a_number_is_level_and_has_the_room_that_is_wanted() -> None:
    page, boxes = sloping()
    margins = Margins(left=1, above=0.5, right=2, below=0.5)
    region = crops.region_of(boxes, np.ones(len(boxes), bool), margins)
    assert region.slope == pytest.approx(SLOPE, abs=0.02)
    assert (region.left, region.right) == (70, 500)
    crop = crops.cut(page, region)
    scale = CROP_HEIGHT / (region.bottom - region.top)
    assert crop.shape == (CROP_HEIGHT, pytest.approx(430 * scale, abs=1))
    rows, columns = np.nonzero(crop < (INK_LEVEL + PAPER_LEVEL) / 2)
    assert rows.min() == pytest.approx(15 * scale, abs=3)
    assert rows.max() == pytest.approx(45 * scale, abs=3)
    assert columns.min() == pytest.approx(30 * scale, abs=2)
    # Few digits say little about the page's tilt, a minus says nothing.
    short = crops.region_of(boxes[:2], np.array([True, False]))
    assert short.slope == 0 and short.right == boxes[1, 2] + 30 * MARGINS.right


def test_shares_of_boxes_that_are_seen() -> None:
    region = Region(0, 100, SLOPE, 0, -20, 50, 20)
    boxes = [(10, 92, 20, 112), (40, 99, 60, 119), (0, 122, 0.01, 132), (60, 100, 70, 110)]
    assert region.visible_shares(np.array(boxes, np.float64)) == pytest.approx([1, 0.5, 0, 0])


@pytest.mark.parametrize("ink", [INK_LEVEL, 255])
def test_ink_is_light_in_spite_of_polarity_and_shadow(ink: int) -> None:
    image = Image.new("L", (200, CROP_HEIGHT), 160)
    pen = ImageDraw.Draw(image)
    pen.rectangle((100, 0, 200, CROP_HEIGHT), fill=110)  # a shadow
    for x in range(20, 200, 30):
        pen.line((x, 10, x, 38), fill=ink, width=3)
    level = crops.normalise_contrast(np.asarray(image))
    assert (level[20:30, 20:200:30] > (CROP_INK + CROP_PAPER) / 2).all()
    assert (np.abs(level[20:30, 35:85].astype(int) - CROP_PAPER)[:, [0, -1]] < 5).all()


@pytest.mark.parametrize("shape", [(5, 4000), (4000, 5), (1, 1), (3000, 3000)])
def test_extreme_pictures_give_small_crops(shape: tuple[int, int]) -> None:
    page = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    crop = crops.normalise_contrast(crops.cut(page, crops.region_of_box((0, 0, *page.shape[::-1]))))
    assert crop.shape[0] == CROP_HEIGHT and 16 <= crop.shape[1] <= CROP_MAX_WIDTH


def test_a_region_beyond_the_page_is_paper() -> None:
    page, boxes = sloping()
    region = crops.region_of(boxes, np.ones(len(boxes), bool))
    beyond = region._replace(x=region.x + 5000, left=region.left + 5000, right=region.right + 5000)
    assert np.ptp(crops.cut(page, beyond)) == 0
