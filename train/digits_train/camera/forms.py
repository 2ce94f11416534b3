"""What a form prints around numbers: frames, rings, and cells with shared bars."""

import numpy as np

from digits_train.camera.ink import Points
from digits_train.camera.marks import ring
from digits_train.camera.ranges import RANGES, Ranges
from digits_train.camera.window import Window
from digits_train.raster import Random


def draw_frames(
    window: Window, first: int, height: float, random: Random, ranges: Ranges = RANGES
) -> None:
    """Frame each symbol from `first` on, or the whole number: a form's box, or a ring.

    height: of its digits, in pixels.
    """
    boxes = np.array(window.boxes[first:]).reshape(-1, 4)
    if len(boxes) and random.random() < ranges.whole:
        boxes = hull(boxes)[None]
    is_ring = random.random() < ranges.ringed
    room = random.uniform(*ranges.frame) * height * np.array([-1, -1, 1, 1])
    for box in boxes + room:
        outline = box[[[0, 1], [2, 1], [2, 3], [0, 3], [0, 1]]]
        if is_ring:
            half = (box[2:] - box[:2]) / 2
            outline = ring(random, half * random.uniform(1.15, 1.5, 2)) + box[:2] + half
        window.draw(outline, max(1.0, random.uniform(*ranges.line) * height), printed=True)


def draw_cells(
    window: Window,
    start: tuple[float, float],
    count: int,
    size: tuple[float, float],
    slope: float,
    random: Random,
    ranges: Ranges = RANGES,
) -> None:
    """Draw `count` cells in a row, with a bar between two of them.

    start: where the row begins, at the y of the baseline at x = 0. size: the width of a cell and
    the height of the digits, in pixels. slope: of the baseline, down.
    """
    (x, y), (wide, height) = start, size
    above, below = (random.uniform(*part) * height for part in (ranges.above, ranges.below))
    is_comb = random.random() < ranges.comb
    tick = random.uniform(*ranges.ticks) * above if is_comb else above + below
    length, pen = count * wide, max(1.0, random.uniform(*ranges.line) * height)
    bars = [((wide * bar, below - tick), (wide * bar, below)) for bar in range(1, count)]
    frame = [(0, -above), (length, -above), (length, below), (0, below), (0, -above)]
    for line in (frame, *bars):  # turned as the page is
        points = np.array(line, np.float64) @ [[1, slope], [-slope, 1]] + (x, y + slope * x)
        window.draw(points, pen, printed=True)


def hull(boxes: Points) -> Points:
    """The smallest box around boxes [n, 4]: [4]."""
    return np.concatenate([boxes[:, :2].min(0), boxes[:, 2:].max(0)])
