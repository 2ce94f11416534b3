"""All the digits on a page, in reading order."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from digits.vision import ink as inks
from digits.vision import printed
from digits.vision.ink import Ink
from digits.vision.strokes import Box, Integers, Shape, Strokes

# In units of the digits' usual height.
_TOO_HIGH = 3.0
_TOO_LOW = 0.35  # specks, dots and dashes
_GAP = 0.25  # between pieces of one digit, one above the other
_GROWTH = 1.25  # pieces together are no higher
_LOW = 0.6  # of two pieces one is this low
_COLUMN = 3.0  # between columns; what is written in one go has smaller gaps
_LINE = 0.6  # of two digits in one line, the middles are no further apart
_CLOSE_UP = 4.0  # a picture that is no higher is no page, and digits may reach its border
_TAILED = 1.4  # and more: a digit with a tail
_NEIGHBOURS = 3.0  # digits that tell how a page is tilted are no further apart

_SMALLEST = 6  # pixels; a lower digit can't be read
_MOST = 1000  # of digits on a page; noise and textures have more
_SPECKS = 10  # for each digit, on the dirtiest page
_MARGIN = 0.01  # of a page's longer side
_STRAIGHT = 3.0  # degrees; neither lines nor network mind less
_TILTS = np.radians(np.arange(-45, 45.5, 0.5))

Line = list[list[Shape]]  # columns of digits, from left to right


@dataclass(frozen=True)
class Page:
    """A page whose lines are level.

    ink: uint8 [height, width], 255 = ink. angle: by how many degrees it was turned, counter-
    clockwise; 0 when it was straight. groups, height: as `groups` gives them.
    """

    ink: Ink
    angle: float
    groups: list[Shape]
    height: float


def upright(ink: Ink) -> Page:
    """The page turned so that its lines are level. ink: uint8 [height, width]."""
    shapes, height = groups(ink)
    angle = tilt([shape.box for shape in shapes], height)
    if abs(angle) < _STRAIGHT:
        return Page(ink, 0.0, shapes, height)
    written = np.zeros_like(ink)  # what was at the border would be away from it afterwards
    for shape in shapes:
        box = shape.box
        part = written[box.top : box.bottom, box.left : box.right]
        np.maximum(part, shape.ink, out=part)
    image = Image.fromarray(written).rotate(angle, Image.Resampling.BILINEAR, expand=True)
    turned = np.asarray(image)
    return Page(turned, angle, *groups(turned))


def turned_back(box: Box, page: Page, ink: Ink) -> Box:
    """Where a box of a page is in the ink that `upright` made it of.

    The smallest box around its corners.
    """
    if not page.angle:
        return box
    (height, width), (own_height, own_width) = page.ink.shape, ink.shape
    cos, sin = math.cos(math.radians(page.angle)), math.sin(math.radians(page.angle))
    xs, ys = [], []
    for x in (box.left - width / 2, box.right - width / 2):
        for y in (box.top - height / 2, box.bottom - height / 2):
            xs.append(x * cos - y * sin + own_width / 2)
            ys.append(x * sin + y * cos + own_height / 2)
    left, right = np.clip([min(xs), max(xs)], 0, own_width)
    top, bottom = np.clip([min(ys), max(ys)], 0, own_height)
    return Box(math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom))


def groups(ink: Ink) -> tuple[list[Shape], float]:
    """What may be digits, some of them touching each other, and their usual height in pixels.

    ink: uint8 [height, width]. Nothing when it is blank, or all noise.
    """
    levels = inks.levels(ink)
    strokes = printed.without(ink, levels) if levels else None
    if levels is None or strokes is None or not len(strokes) or min(ink.shape) < _SMALLEST:
        return [], 0.0
    heights = strokes.boxes[:, 3] - strokes.boxes[:, 1]
    height = _weighted_median(heights, strokes.mass)
    strokes = strokes.only((heights <= _TOO_HIGH * height) & ~_cut_off(strokes, ink, height))
    if len(strokes) > _SPECKS * _MOST:
        return [], 0.0
    joined = [
        pieces
        for pieces in _joined(strokes, height)
        if strokes.box(pieces).height >= max(_TOO_LOW * height, _SMALLEST)
    ]
    if len(joined) > _MOST:
        return [], 0.0
    return [strokes.cut(pieces, ink, levels.edge) for pieces in joined], height


def _cut_off(strokes: Strokes, ink: Ink, height: float) -> np.ndarray:
    """Which strokes reach the border of a page: the edge of the sheet, or what is half outside."""
    if _CLOSE_UP * height > min(ink.shape):
        return np.zeros(len(strokes), np.bool_)
    margin = _MARGIN * max(ink.shape)
    left, top, right, bottom = strokes.boxes.T
    inside = (left > margin) & (right < ink.shape[1] - margin)
    inside &= (top > margin) & (bottom < ink.shape[0] - margin)
    return np.asarray(~inside)


def _weighted_median(values: Integers, weights: np.ndarray) -> float:
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2)])


def _joined(strokes: Strokes, height: float) -> list[list[int]]:
    """The pieces of each digit: of a broken one they lie one above the other."""
    boxes, group = strokes.boxes.copy(), np.arange(len(strokes))
    order = np.argsort(boxes[:, 3] - boxes[:, 1])
    for small in order.tolist():
        if boxes[small, 3] - boxes[small, 1] > _LOW * height:
            continue
        common = np.minimum(boxes[:, 2], boxes[small, 2]) - np.maximum(boxes[:, 0], boxes[small, 0])
        narrower = np.minimum(boxes[:, 2] - boxes[:, 0], boxes[small, 2] - boxes[small, 0])
        gap = np.maximum(boxes[:, 1], boxes[small, 1]) - np.minimum(boxes[:, 3], boxes[small, 3])
        union = np.maximum(boxes[:, 3], boxes[small, 3]) - np.minimum(boxes[:, 1], boxes[small, 1])
        highest = np.maximum(boxes[:, 3] - boxes[:, 1], height)
        fits = (2 * common >= narrower) & (gap <= _GAP * height) & (union <= _GROWTH * highest)
        fits &= group != group[small]
        if not fits.any():
            continue
        into = int(np.flatnonzero(fits)[gap[fits].argmin()])
        members = (group == group[small]) | (group == group[into])
        group[members] = group[into]
        merged = boxes[members]
        boxes[members] = [*merged[:, :2].min(0), *merged[:, 2:].max(0)]
    return [np.flatnonzero(group == number).tolist() for number in np.unique(group)]


def tilt(boxes: list[Box], height: float) -> float:
    """By how many degrees the lines run down to the right: what levels most neighbours.

    boxes: of the digits; height: their usual one, in pixels.
    """
    x = np.array([(box.left + box.right) / 2 for box in boxes])
    y = np.array([(box.top + box.bottom) / 2 for box in boxes])
    one, other = np.nonzero(
        (np.abs(x[:, None] - x) < _NEIGHBOURS * height)
        & (np.abs(y[:, None] - y) < _NEIGHBOURS * height)
        & (np.arange(len(x))[:, None] < np.arange(len(x)))
    )
    if not len(one):
        return 0.0
    right, down = x[other] - x[one], y[other] - y[one]
    uneven = down[:, None] * np.cos(_TILTS) - right[:, None] * np.sin(_TILTS)
    along = np.abs(right[:, None] * np.cos(_TILTS) + down[:, None] * np.sin(_TILTS))
    level = np.exp(-((uneven / (0.2 * height)) ** 2)) * (along > 0.3 * height)
    # Of equally good angles, as of a single pair's, the smaller one.
    return float(np.degrees(_TILTS[(level.sum(0) - 0.01 * np.abs(_TILTS)).argmax()]))


def lines(shapes: list[Shape], height: float) -> list[Line]:
    """The digits of an upright page in lines, from top to bottom, and in columns.

    height: their usual one, in pixels.
    """
    rows: list[list[Shape]] = []
    # First those of usual height: the middle of a 9 with a long tail is between two lines.
    for shape in sorted(shapes, key=lambda s: (s.box.height > _TAILED * height, _middle(s.box))):
        reach = max(_LINE * height, shape.box.height / 2)
        nearest = min(rows, key=lambda row: _distance(row, shape), default=None)
        if nearest and _distance(nearest, shape) < reach:
            nearest.append(shape)
        else:
            rows.append([shape])
    rows.sort(key=lambda row: float(np.median([_middle(shape.box) for shape in row])))
    return [list(_columns(row, height)) for row in rows]


def _middle(box: Box) -> float:
    return (box.top + box.bottom) / 2


def _distance(row: list[Shape], shape: Shape) -> float:
    """How much higher or lower a shape is than its nearest neighbour in a row."""
    neighbour = min(row, key=lambda other: abs(other.box.left - shape.box.left))
    return abs(_middle(neighbour.box) - _middle(shape.box))


def _columns(row: list[Shape], height: float) -> Iterator[list[Shape]]:
    column: list[Shape] = []
    for shape in sorted(row, key=lambda shape: shape.box.left + shape.box.right):
        if column and shape.box.left - column[-1].box.right > _COLUMN * height:
            yield column
            column = []
        column.append(shape)
    yield column
