"""The synthetic pages of the camera match their labels, boxes and text."""

import numpy as np
import pytest

from digits.data.mnist import Split
from digits_train.camera import fonts
from digits_train.camera.page import Page, drawing, page, text_page

SEEDS = range(8)
PRINTED = [str(file) for file in fonts.bundled("held back")]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pages(test_slice: Split) -> list[Page]:
    return [page(test_slice, np.random.default_rng(seed)) for seed in SEEDS]


def test_same_seed_same_page(test_slice: Split, pages: list[Page]) -> None:
    again = page(test_slice, np.random.default_rng(SEEDS[3]))
    assert again.text == pages[3].text
    for one, other in zip(again, pages[3], strict=True):
        np.testing.assert_array_equal(one, other)
    assert len({one.text for one in pages}) > 1


def test_text_matches_classes(pages: list[Page]) -> None:
    for one in pages:
        assert "".join(one.text.split()) == "".join(map(str, one.classes))
        assert all(line and line == line.strip() for line in one.text.split("\n"))
        assert max(one.image.shape) <= 2048 and one.image.shape[2] == 3
        assert one.labels.shape == one.image.shape[:2]


def test_boxes_enclose_labels(pages: list[Page]) -> None:
    for one in pages:
        assert one.labels.max() == len(one.classes) == len(one.boxes)
        for number, (left, top, right, bottom) in enumerate(one.boxes, 1):
            mine = one.labels == number
            assert mine[top:bottom, left:right].sum() == mine.sum() > 6
            for edge in (mine[top], mine[bottom - 1], mine[:, left], mine[:, right - 1]):
                assert edge.any()
            assert 8 <= bottom - top <= 150


def test_lines_run_down_and_digits_left_to_right(pages: list[Page]) -> None:
    for one in pages:
        middles, first = [], 0
        for line in one.text.split("\n"):
            boxes = one.boxes[first : first + len("".join(line.split()))]
            first += len(boxes)
            middles.append((boxes[:, 1] + boxes[:, 3]).mean() / 2)
            assert (np.diff(boxes[:, 0] + boxes[:, 2]) > 0).all()
        assert len(middles) == 1 or middles[0] < middles[-1]


def test_labelled_pixels_are_ink(pages: list[Page]) -> None:
    """The pixels labelled as a digit are darker than those around them."""
    darker = []
    for one in pages:
        grey = one.image.mean(2)
        for number, (left, top, right, bottom) in enumerate(one.boxes, 1):
            around = slice(max(0, top - 3), bottom + 3), slice(max(0, left - 3), right + 3)
            mine, paper = one.labels[around] == number, one.labels[around] == 0
            darker.append(np.median(grey[around][mine]) < np.median(grey[around][paper]) - 5)
    assert np.mean(darker) > 0.98


def test_drawing_contrasts_with_ground(test_slice: Split) -> None:
    """Digits may be lighter or darker than the ground."""
    for seed in SEEDS:
        one = drawing(test_slice, np.random.default_rng(seed))
        assert one.text == "".join(map(str, one.classes))
        assert one.labels.max() == len(one.classes) <= 6
        grey = one.image.mean(2)
        assert abs(np.median(grey[one.labels > 0]) - np.median(grey[one.labels == 0])) > 80


def test_page_without_digits(test_slice: Split) -> None:
    empty = page(test_slice, np.random.default_rng(0), fonts=PRINTED, digits=False)
    assert empty.text == "" and not len(empty.classes) and not empty.labels.any()
    assert empty.boxes.shape == (0, 4)
    image = text_page(np.random.default_rng(0), PRINTED)
    np.testing.assert_array_equal(image, empty.image)
    assert np.ptp(image) > 60  # something is written on it
