"""Simple pages with labels, and the maps of a detector that knows them."""

import numpy as np

from digits.images.grey import Grey
from digits_train.symbols import LabelledPage, Truth
from tests.drawings import NOTHING, Drawn, Maps, maps_of

SEVEN = np.array([[1, 1, 1], [0, 0, 1], [0, 1, 0], [0, 1, 0], [0, 1, 0]], np.uint8)


def drawn_page(seed: int, count: int = 3) -> LabelledPage:
    """Draw a line of sevens, 20 pixels high, on a page of 128x208 pixels with noise."""
    random = np.random.default_rng(seed)
    page = random.integers(190, 210, (128, 208)).astype(np.uint8)
    digit = np.kron(SEVEN, np.ones((4, 4), np.uint8)) > 0
    boxes = []
    for number in range(count):
        left, top = 20 + 50 * number, 40 + int(random.integers(0, 8))
        page[top : top + 20, left : left + 12][digit] = 40
        boxes.append((left, top, left + 12, top + 20))
    truth = Truth(np.array(boxes, np.float32).reshape(-1, 4), np.full(count, 7, np.int64))
    return LabelledPage(page, truth, text="  ".join("7" * count))


PAGES = [drawn_page(number) for number in range(6)]


def ink_maps(page: Grey) -> Maps:
    """Answer as a perfect detector of such pages at any scale: what is dark is a row of sevens."""
    ink = page < 120
    rows = np.flatnonzero(ink.any(1))
    edges = np.flatnonzero(np.diff(np.pad(ink.any(0), 1).astype(int)))
    sevens = [
        Drawn("7", (left, rows[0], right, rows[-1] + 1)) for left, right in edges.reshape(-1, 2)
    ]
    centres, symbols, boxes = maps_of(page, sevens, logit=5)
    # So unlikely that no calibration makes symbols of paper.
    return np.where(centres == NOTHING, np.float32(-100), centres), symbols, boxes
