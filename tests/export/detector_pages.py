"""Simple pages with labels, and the maps of a detector that knows them."""

import numpy as np

from digits.images.grey import Grey
from digits.inference.interface import PAGE_MULTIPLE
from digits.reader.pyramid import Map
from digits_train.symbols import LabelledPage, Truth

SEVEN = np.array([[1, 1, 1], [0, 0, 1], [0, 1, 0], [0, 1, 0], [0, 1, 0]], np.uint8)


def drawn_page(seed: int, count: int = 3) -> LabelledPage:
    """A line of sevens, 20 pixels high, on a page of 128x208 pixels with noise."""
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


def ink_maps(page: Grey) -> tuple[Map, Map, Map]:
    """Maps of a perfect detector of such pages at any scale: what is dark is a row of sevens."""
    height, width = (max(32, side + -side % PAGE_MULTIPLE) for side in page.shape)
    cells = height // 4, width // 4
    # So unlikely that no calibration makes symbols of paper.
    centres, symbols = np.full(cells, -100, np.float32), np.zeros((12, *cells), np.float32)
    boxes = np.zeros((4, *cells), np.float32)
    ink = page < 120
    rows = np.flatnonzero(ink.any(1))
    edges = np.flatnonzero(np.diff(np.pad(ink.any(0), 1).astype(int)))
    for left, right in edges.reshape(-1, 2):
        top, bottom = rows[0], rows[-1] + 1
        x, y = (left + right) / 2, (top + bottom) / 2
        row, column = int(y // 4), int(x // 4)
        centres[row, column], symbols[7, row, column] = 6, 5
        sides = np.log(np.array([right - left, bottom - top]) / 16)
        offsets = (x - 4 * column - 2) / 16, (y - 4 * row - 2) / 16
        boxes[:, row, column] = (*offsets, *sides)
    return centres, symbols, boxes
