"""Propose the fields of a blank form: its printed boxes."""

import cv2
import numpy as np

from digits.forms.form import Box
from digits.images.grey import Grey

_MAX_BOXES = 1000  # which are compared in pairs


def propose(page: Grey) -> list[tuple[Box, int]]:
    """The printed rectangles inside, and of how many cells each comb of adjoining ones consists.

    page: uint8 [h, w]. Boxes are in its pixels, in reading order; plain ones have 0 cells.
    """
    side, cells, combs = max(page.shape), list[Box](), list[list[Box]]()
    ink = (page < cv2.blur(page, [side // 20 + 3] * 2) - 10.0).astype(np.uint8)
    # Not RETR_CCOMP, which takes time quadratic in the holes of a piece of ink.
    outlines, _ = cv2.findContours(ink, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    for outline in outlines:
        x, y, width, height = cv2.boundingRect(outline)
        area = cv2.contourArea(outline, oriented=True)  # negative, unless it is a hole
        if area > 0.9 * (width - 1) * (height - 1) and min(width, height) > side / 100:
            cells.append((x, y, x + width, y + height))
    near, far = np.split(np.array(cells).reshape(-1, 4)[:_MAX_BOXES], 2, 1)
    contains = ((near >= near[:, None]) & (far <= far[:, None])).all(2)
    cells = [cell for cell, n in zip(cells, contains.sum(1), strict=False) if n == 1]  # no frames
    for cell in sorted(cells):
        comb = next((comb for comb in combs if _adjoin(comb[-1], cell)), None)
        if comb:
            comb.append(cell)
        else:
            combs.append([cell])
    combs.sort(key=lambda comb: (comb[0][1] * 60 // side, comb[0][0]))
    boxes = [(*comb[0][:2], *comb[-1][2:]) for comb in combs]
    sizes = [len(comb) if len(comb) > 1 else 0 for comb in combs]
    return [*zip(boxes, sizes, strict=True)]


def _adjoin(cell: Box, other: Box) -> bool:
    """Whether another cell is on the right of one, and like it."""
    width, height = cell[2] - cell[0], cell[3] - cell[1]
    left, top, right, bottom = np.abs(np.subtract(other, cell)).tolist()
    is_like = max(top, bottom) < height / 8 and abs(right - left) < 0.3 * width
    return is_like and 0 <= other[0] - cell[2] < width / 3
