"""What makes another number of a field's: digits beside it, a stroke on its edge or through it."""

import math
from collections.abc import Sequence

import cv2
import numpy as np

from digits.images.grey import Grey
from digits.reader.detections import Detections, Floats, overlaps
from digits.reader.lines import nearest_digits
from digits.reader.page import MUCH_LARGER
from digits.vision.components import run_lengths
from digits.vision.ink import Ink, otsu_levels

_BLUR = 0.02  # of a field's height, against noise
_PAPER = 0.5  # of a field's height, to all sides of a pixel, of which the median is paper
_MAX_WINDOW = 255  # pixels, that OpenCV takes the median of
_LINE = 0.1  # of a field's height, to both sides: a printed line, wherever exactly it is
_STROKE = 0.25  # of a digit's ink, and of the field's height: then ink on a line is a stroke
_HEIGHT = 40  # pixels of a digit in which a stroke through it is sought
_SLOPES = np.linspace(-1, 1, 33)  # of strokes that strike out


def wholeness(beside: Detections, digits: Detections) -> float:
    """The probability that no digit beside a number belongs to it, by its place and height.

    beside: what may be around the number's digits, sorted from left to right.
    """
    ratios = np.abs(np.log(beside.heights / np.median(digits.heights)))
    is_near = (nearest_digits(beside, digits) >= 0) & (ratios < math.log(MUCH_LARGER))
    return _absence(beside.select(is_near))


def emptiness(beside: Detections, field: Sequence[float]) -> float:
    """The probability that no digit reaches into a field from outside.

    beside: what may be around the field. field: left, top, right and bottom, in the same pixels.
    """
    shared, _ = overlaps(np.array(field), beside.boxes)
    return _absence(beside.select(shared > 0))


def _absence(detections: Detections) -> float:
    scores = detections.scores[detections.are_digits]
    return float(np.exp(-np.logaddexp(0, scores).sum()))


def stroke_ink(crop: Grey, edge: float, digits: Floats) -> Ink:
    """Ink as dark as a number's strokes: uint8 [h, w], 0 where there is none.

    crop: uint8 [h, w], a field and `edge` pixels around it. digits: float64 [n, 4], the boxes in
    the crop of the number's digits, of which there is one at least.
    """
    height = len(crop) - 2 * edge
    smooth = cv2.GaussianBlur(crop, (0, 0), max(_BLUR * height, 0.1))
    paper = cv2.medianBlur(crop, min(2 * round(_PAPER * height) + 1, _MAX_WINDOW))
    ink = np.asarray(cv2.subtract(paper, smooth), np.uint8)
    levels = otsu_levels(_window(ink, *_hull(digits)))
    return ink * np.uint8(0) if levels is None else ink * (ink > levels.edge)


def is_on_edge(ink: Ink, edge: float, digits: Floats) -> bool:
    """Whether a stroke is on the left or right side of a field, as near as a digit of the number.

    A stretch of a side then has more ink than a printed line, which is alike all along.

    ink: by `stroke_ink`. edge, digits: the same as for `stroke_ink`.
    """
    field_height, right = len(ink) - 2 * edge, ink.shape[1] - edge
    line, length = _LINE * field_height, max(round(_STROKE * field_height), 1)
    near, _, far, _ = _hull(digits)
    rows_of_digits = (_window(ink, *box).sum() / (box[3] - box[1]) for box in digits)
    digit, height = float(np.median([*rows_of_digits])), _height(digits)
    sides = []  # what a digit itself has there is its own
    if near - edge < height:
        sides.append((edge - line, min(edge + line, near)))
    if right - far < height:
        sides.append((max(right - line, far), right + line))
    for start, end in sides:
        rows = _window(ink, start, edge + line, end, len(ink) - edge - line).sum(1)
        stretches = np.convolve(rows, np.ones(length) / length, "valid")
        if stretches.max() - np.quantile(rows, 0.1) > _STROKE * digit:
            return True
    return False


def is_struck_out(ink: Ink, edge: float, digits: Floats) -> bool:
    """Whether a straight stroke crosses the whole number, longer than any within a digit.

    The field's upper and lower line don't count. Arguments: as for `is_on_edge`.
    """
    left, top, right, bottom = _hull(digits)
    height, line = _height(digits), _LINE * (len(ink) - 2 * edge)
    room = height / 2
    upper, lower = max(top - room, edge + line), min(bottom + room, len(ink) - edge - line)
    part = _window(ink, left - room, upper, right + room, lower)
    if not part.size:
        return False
    scale = min(_HEIGHT / height, 1.0)
    size = [max(round(scale * side), 1) for side in part.shape[::-1]]
    mask = cv2.resize(np.where(part, np.uint8(255), np.uint8(0)), size, None, 0, 0, cv2.INTER_AREA)
    diagonal = math.hypot(height, float(np.median(digits[:, 2] - digits[:, 0])))
    columns, padding = np.arange(size[0]), math.ceil(size[0] / 2)
    padded = np.pad(mask > 127, ((padding, padding), (0, 0)))
    rows = np.arange(size[1])[:, None] + padding
    for slope in _SLOPES:  # a stroke of this slope becomes level
        level = padded[rows + (slope * (columns - size[0] / 2)).astype(int), columns]
        _, starts, ends = run_lengths(level)
        length = (ends - starts).max(initial=0) / scale
        if length > right - left and length * math.hypot(1, slope) > diagonal:
            return True
    return False


def _hull(boxes: Floats) -> tuple[float, float, float, float]:
    (left, top), (right, bottom) = boxes[:, :2].min(0).tolist(), boxes[:, 2:].max(0).tolist()
    return left, top, right, bottom


def _height(boxes: Floats) -> float:
    return float(np.median(boxes[:, 3] - boxes[:, 1]))


def _window(ink: Ink, left: float, top: float, right: float, bottom: float) -> Ink:
    return ink[max(round(top), 0) : round(bottom), max(round(left), 0) : round(right)]
