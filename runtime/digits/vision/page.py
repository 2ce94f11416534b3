"""A page: its ink, turned level, its components and its lines of text."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from digits.vision.background import remove_lines
from digits.vision.components import Box, Components, Integers, Mask, inked_components
from digits.vision.ink import Ink, Levels, otsu_levels

MAX_PIECES = 2000  # of a page, the heaviest ones; only noise and textures have more
# Pixels of all boxes that are classified: times those of the page, and at least.
_BUDGET, _MIN_BUDGET = 4, 1 << 24
MIN_PIXELS = 6  # pixels; a lower digit can't be read

_MAX_LINE_WIDTH = 0.008  # of the page's longer side; a printed line is thinner
_PARTS = 3  # parts of the longer side: paper curls, but not much within a third of it
# In units of the digits' usual height.
MIN_HEIGHT, MAX_HEIGHT = 0.35, 2.5  # a digit is neither lower nor higher
_MAX_SPECK = 0.15
_CORE = (0.6, 1.4)  # what decides where a line runs: neither a dash nor a digit with a tail
_MAX_OFFSET = 0.6  # of two digits in one line, the middles are no further apart
COLUMN_GAP = 3.0  # between columns; what is written in one go has smaller gaps

_MIN_SKEW = 3.0  # degrees; less disturbs neither the lines nor the network
_MAX_PAIRED = 400  # digits that tell how a page is tilted
_TILT_STD = np.radians(30)  # of equally good angles the smaller one is the likelier
_TILTS = np.radians(np.arange(-45, 45.5, 0.5))


class Page(NamedTuple):
    """The ink of a page whose lines are level.

    ink: uint8 [height, width]. levels: of the ink. lines: bool [height, width], the
    ruled lines of the paper. components: everything else, at most MAX_PIECES. height: the usual
    height of its digits, in pixels. angle: degrees by which it was turned, counterclockwise.
    """

    ink: Ink
    levels: Levels
    lines: Mask
    components: Components
    height: float
    angle: float


def find_pieces(ink: Ink, angle: float = 0.0) -> Page | None:
    """Find the components of a page; None if it is blank. ink: uint8 [height, width]."""
    levels = otsu_levels(ink)
    if levels is None or min(ink.shape) < MIN_PIXELS:
        return None
    mask = ink > levels.low
    cleaned = remove_lines(mask, max(3, round(_MAX_LINE_WIDTH * max(ink.shape))), _PARTS)
    components = inked_components(cleaned, ink, levels)
    if not components.size:  # what looks like a line is a row of thin digits
        cleaned = mask
        components = inked_components(cleaned, ink, levels)
    if components.size > MAX_PIECES:
        heaviest = np.zeros(components.size, np.bool_)
        heaviest[np.argpartition(components.mass, -MAX_PIECES)[-MAX_PIECES:]] = True
        components = components.select(heaviest)
    areas = (components.boxes[:, 2:] - components.boxes[:, :2]).prod(1)
    components = components.select(affordable(areas, ink.size))
    heights = components.boxes[:, 3] - components.boxes[:, 1]
    height = weighted_median(heights, components.mass)
    return Page(ink, levels, mask & ~cleaned, components, height, angle)


def affordable(areas: Integers, page: int) -> Mask:
    """The smallest boxes, up to a total of a few times the area of the page: bool [n].

    areas: int64 [n], page: pixels. Only patterns such as nested rings have more.
    """
    order = np.argsort(areas, kind="stable")
    kept = np.zeros(len(areas), np.bool_)
    kept[order[np.cumsum(areas[order]) <= max(_BUDGET * page, _MIN_BUDGET)]] = True
    return kept


def deskew(page: Page, digits: Mask) -> Page | None:
    """Turn a page so that its lines are level. digits: bool [components], which are digits."""
    if not digits.any():
        return page
    boxes = page.components.boxes[digits]
    angle = estimate_skew(boxes, float(np.median(boxes[:, 3] - boxes[:, 1])))
    if abs(angle) < _MIN_SKEW:
        return page
    # What was cut off at the border would no longer touch it.
    mask = page.components.mask(
        range(page.components.size), Box(0, 0, page.ink.shape[1], page.ink.shape[0])
    )
    image = Image.fromarray(page.ink * mask)
    turned = image.rotate(angle, Image.Resampling.BILINEAR, expand=True)
    return find_pieces(np.asarray(turned), angle)


def estimate_skew(boxes: Integers, height: float) -> float:
    """Estimate by how many degrees the lines descend to the right: what levels most neighbours.

    boxes: int64 [n, 4], of the digits; height: the usual one, in pixels. Neighbours are level when
    their middles are, or their feet.
    """
    boxes = boxes[:: 1 + len(boxes) // _MAX_PAIRED]
    x, middle, foot = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2, boxes[:, 3]
    one, other = np.nonzero(
        (np.abs(x[:, None] - x) < COLUMN_GAP * height)
        & (np.abs(middle[:, None] - middle) < COLUMN_GAP * height)
        & (np.arange(len(x))[:, None] < np.arange(len(x)))
    )
    cos, sin = np.cos(_TILTS), np.sin(_TILTS)
    right, down = (x[other] - x[one])[:, None], (middle[other] - middle[one])[:, None]
    lower = (foot[other] - foot[one])[:, None]
    uneven = np.minimum(np.abs(down * cos - right * sin), np.abs(lower * cos - right * sin))
    apart = np.abs(right * cos + down * sin) > 0.3 * height
    level = np.exp(-((uneven / (0.2 * height)) ** 2)) * apart
    likely = (1 + level.sum(0)) * np.exp(-(_TILTS**2) / 2 / _TILT_STD**2)
    return float(np.degrees(_TILTS[likely.argmax()]))


def to_original(box: Box, page: Page, shape: tuple[int, ...]) -> Box:
    """The bounding box of a page's box in the original picture, which has this shape."""
    if not page.angle:
        return box
    (height, width), (own_height, own_width) = page.ink.shape, shape
    cos, sin = math.cos(math.radians(page.angle)), math.sin(math.radians(page.angle))
    xs, ys = [], []
    for x in (box.left - width / 2, box.right - width / 2):
        for y in (box.top - height / 2, box.bottom - height / 2):
            xs.append(x * cos - y * sin + own_width / 2)
            ys.append(x * sin + y * cos + own_height / 2)
    left, right = np.clip([min(xs), max(xs)], 0, own_width)
    top, bottom = np.clip([min(ys), max(ys)], 0, own_height)
    return Box(math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom))


def text_lines(boxes: Integers, height: float) -> list[Integers]:
    """Group boxes into lines, top to bottom: the numbers of each line's boxes, left to right.

    boxes: int64 [n, 4]; height: the digits' usual one, in pixels. What is much smaller than a digit
    and beside no line is left out.
    """
    left, top, right, bottom = boxes.T.astype(np.float64)
    x, y, high = (left + right) / 2, (top + bottom) / 2, bottom - top
    core = np.flatnonzero((high >= _CORE[0] * height) & (high <= _CORE[1] * height))
    number = np.full(len(boxes), -1)
    number[core] = _chains(x[core], y[core], height)
    fragments = int(number.max(initial=-1)) + 1
    for i in np.flatnonzero((number < 0) & (high > _MAX_SPECK * height)):
        away = np.abs(y[core] - y[i])
        near = core[away < max(_MAX_OFFSET * height, high[i] / 2)]
        if len(near):
            number[i] = number[near[np.hypot(x[near] - x[i], y[near] - y[i]).argmin()]]
        elif high[i] >= _CORE[0] * height:
            number[i] = fragments
            fragments += 1
    parts = [np.flatnonzero(number == fragment) for fragment in range(fragments)]
    return _join_fragments([part[np.argsort(x[part])] for part in parts], x, y, height)


def _chains(x: NDArray[np.float64], y: NDArray[np.float64], height: float) -> Integers:
    """Number the chains of close neighbours from left to right: int64 [n]."""
    number = np.arange(len(x))
    order = np.argsort(x)
    for place, i in enumerate(order):
        after = order[place + 1 :]
        after = after[x[after] - x[i] < COLUMN_GAP * height]
        level = after[np.abs(y[after] - y[i]) < _MAX_OFFSET * height]
        if len(level):
            follower = level[np.hypot(x[level] - x[i], 2 * (y[level] - y[i])).argmin()]
            number[number == number[follower]] = number[i]
    return np.unique(number, return_inverse=True)[1]


def _join_fragments(
    parts: list[Integers], x: NDArray[np.float64], y: NDArray[np.float64], height: float
) -> list[Integers]:
    """Join fragments that continue each other, however far apart, into lines."""
    rows: list[Integers] = []
    for part in sorted(parts, key=lambda part: float(np.median(y[part]))):
        first, last = part[0], part[-1]
        for number, row in enumerate(rows):
            place = int(np.searchsorted(x[row], x[first]))
            if place < len(row) and x[row[place]] < x[last]:
                continue
            left, right = row[place - 1 : place], row[place : place + 1]
            if (
                np.abs(np.append(y[left] - y[first], y[right] - y[last])).min()
                < _MAX_OFFSET * height
            ):
                rows[number] = np.insert(row, place, part)
                break
        else:
            rows.append(part)
    return sorted(rows, key=lambda row: float(np.median(y[row])))


def weighted_median(values: Integers, weights: NDArray[np.generic]) -> float:
    """The value with half of the weight on either side."""
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2)])
