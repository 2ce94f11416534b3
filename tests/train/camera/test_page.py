"""The synthetic pages of the camera match their labels, boxes and text."""

import numpy as np
import pytest

from digits.data.mnist import Split
from digits_train.camera import fonts
from digits_train.camera.page import Page, page, text_page

SEEDS = range(8)
PRINTED = [str(file) for file in fonts.bundled("held back")]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pages(test_slice: Split) -> list[Page]:
    return [page(test_slice, np.random.default_rng(seed)) for seed in SEEDS]


def test_same_seed_same_page(test_slice: Split, pages: list[Page]) -> None:
    again = page(test_slice, np.random.default_rng(SEEDS[3]))
    assert again.text == pages[3].text
    for name in ("image", "labels", "classes", "boxes"):
        assert np.array_equal(getattr(again, name), getattr(pages[3], name)), name
    assert len({shown.text for shown in pages}) > 1


def test_text_classes_and_order_match(pages: list[Page]) -> None:
    for shown in pages:
        assert "".join(shown.text.split()) == "".join(map(str, shown.classes))
        assert max(shown.image.shape) <= 2048 and shown.image.shape[2] == 3
        assert shown.labels.shape == shown.image.shape[:2]
        middles, first = [], 0
        for line in shown.text.split("\n"):
            assert line and line == line.strip()
            boxes = shown.boxes[first : first + len("".join(line.split()))]
            first += len(boxes)
            middles.append((boxes[:, 1] + boxes[:, 3]).mean() / 2)
            assert (np.diff(boxes[:, 0] + boxes[:, 2]) > 0).all()
        assert len(middles) == 1 or middles[0] < middles[-1]


def test_boxes_enclose_labels_of_ink(pages: list[Page]) -> None:
    darker = []
    for shown in pages:
        grey = shown.image.mean(2)
        assert shown.labels.max() == len(shown.classes) == len(shown.boxes)
        for number, (left, top, right, bottom) in enumerate(shown.boxes, 1):
            mine = shown.labels == number
            assert mine[top:bottom, left:right].sum() == mine.sum() > 6
            for edge in (mine[top], mine[bottom - 1], mine[:, left], mine[:, right - 1]):
                assert edge.any()
            assert 8 <= bottom - top <= 150
            around = slice(max(0, top - 3), bottom + 3), slice(max(0, left - 3), right + 3)
            paper = shown.labels[around] == 0
            ink_level = np.median(grey[around][mine[around]])
            darker.append(ink_level < np.median(grey[around][paper]) - 5)
    assert np.mean(darker) > 0.98


def test_page_without_digits(test_slice: Split) -> None:
    empty = page(test_slice, np.random.default_rng(0), fonts=PRINTED, digits=False)
    assert empty.text == "" and not len(empty.classes) and not empty.labels.any()
    assert empty.boxes.shape == (0, 4)
    assert np.array_equal(text_page(np.random.default_rng(0), PRINTED), empty.image)
    assert np.ptp(empty.image) > 60  # something is written on it
