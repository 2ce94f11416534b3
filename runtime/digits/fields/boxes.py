"""Propose the fields of a blank form: its printed boxes."""

import cv2
import numpy as np

from digits.fields.form import Box
from digits.images.grey import Grey


def propose(page: Grey) -> list[tuple[Box, int]]:
    """The printed rectangles inside, and of how many cells each comb of adjoining ones consists.

    page: uint8 [h, w]. Boxes are in its pixels, in reading order; plain ones have 0 cells.
    """
    paper = cv2.blur(page, [max(page.shape) // 20 + 3] * 2)
    ink = (page < paper - 10.0).astype(np.uint8)
    outlines, tree = cv2.findContours(ink, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    cells, boxes = list[list[int]](), list[list[int]]()
    for outline, (*_, parent) in zip(outlines, [] if tree is None else tree[0], strict=True):
        x, y, width, height = cv2.boundingRect(outline)
        is_straight = cv2.contourArea(outline) > 0.9 * (width - 1) * (height - 1)
        if parent >= 0 and is_straight and min(width, height) > max(page.shape) / 100:
            cells.append([x, y, x + width, y + height, 1])
    for cell in sorted(cells):
        height, width = cell[3] - cell[1], cell[2] - cell[0]
        for box in boxes:
            is_level = np.abs(np.subtract(box[1:4:2], cell[1:4:2])).max() < height / 8
            if (
                is_level
                and 0 <= cell[0] - box[2] < width / 3
                and abs((box[2] - box[0]) / box[4] / width - 1) < 0.3
            ):
                box[2], box[4] = cell[2], box[4] + 1
                break
        else:
            boxes.append(cell)
    boxes.sort(key=lambda box: (round(box[1] / (max(page.shape) / 60)), box[0]))
    return [((b[0], b[1], b[2], b[3]), b[4] if b[4] > 1 else 0) for b in boxes]
