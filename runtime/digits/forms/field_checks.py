"""What makes a field's number doubtful: digits beside it, a stroke through it or on an edge."""

import math
from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
from PIL import Image, ImageFilter

from digits.forms.cut import FieldCrop
from digits.forms.field import FieldReading
from digits.images.grey import Grey
from digits.reader.detections import Box, Detections, Floats, overlaps
from digits.reader.lines import nearest_digits
from digits.reader.numbers import VIOLATION_RATE
from digits.reader.page import MUCH_LARGER
from digits.vision.components import run_lengths
from digits.vision.ink import Ink, masked, otsu_levels

_GAP = 1.7  # widths of a printed box, or else heights of a digit: so far apart may be two numbers
_INSET = 0.08  # of a box's shorter side: its lines, and a millimetre by which they are elsewhere
_BOX_BLUR = 0.03  # of a printed box's height, against noise
_OUTLIER = 6.0  # standard deviations of the paper
_BLUR = 0.02  # of a field's height, against noise
_PAPER = 0.5  # of a field's height: the median so far to all sides of a pixel is paper
_MAX_WINDOW = 255  # pixels, the largest that OpenCV takes the median of
_LINE = 0.1  # of a field's height: so far to both sides its printed line may be
_STROKE = 0.25  # of a digit's ink, and of the field's height: so much ink on a line is a stroke
_HEIGHT = 40  # pixels, to which digits are reduced to find strokes through them
_SLOPES = np.linspace(-1, 1, 33)  # of strokes that strike out


def check_field(crop: FieldCrop, reading: FieldReading) -> FieldReading:
    """Weigh what else is in a field, or around it."""
    number, symbols = reading.number, reading.symbols
    beside = _outside(crop.field_boxes, symbols.beside)
    if number.text:
        completeness, is_struck_out = _examine_number(crop, symbols.path, beside)
        is_disputed = number.is_disputed or is_struck_out or _is_in_two_parts(crop, symbols.path)
        is_doubtful = is_disputed or completeness < number.probability
        probability = number.probability * completeness
        checked = number._replace(probability=probability, is_disputed=is_disputed)
        return reading._replace(number=checked, reason="doubt" if is_doubtful else "unsure")
    if any(map(_has_ink, _inside_boxes(crop))):  # both may overlook thin strokes, or a scribble
        return reading._replace(number=number._replace(probability=0.5), reason="doubt")
    blank_probability = 1 - VIOLATION_RATE * (1 - number.probability)
    probability = blank_probability * no_intruding_digit_probability(beside, crop.box)
    return reading._replace(number=number._replace(probability=probability))


def _outside(field_boxes: Floats, beside: Detections) -> Detections:
    """The detections that are in no field."""
    middles = beside.centres[:, None]
    is_inside = np.all((middles > field_boxes[:, :2]) & (middles < field_boxes[:, 2:]), 2)
    return beside.select(np.asarray(~is_inside.any(1)))


def _examine_number(crop: FieldCrop, path: Detections, beside: Detections) -> tuple[float, bool]:
    """How likely all of a number is in its field, and whether it is struck out.

    path: the number's symbols.
    """
    boxes = path.boxes[path.are_digits]
    if not len(boxes):
        return 0.5, False  # only the recognizer sees any
    ink = stroke_ink(crop.pixels, crop.box[0], boxes)
    if is_struck_out(ink, crop.box[0], boxes):
        return 0.0, True
    completeness = no_missing_digit_probability(beside, boxes)
    if is_on_edge(ink, crop.box[0], boxes):
        completeness = min(completeness, 0.5)
    return completeness, False


def _is_in_two_parts(crop: FieldCrop, path: Detections) -> bool:
    """Whether two neighbouring symbols are so far apart that they may not be of one number."""
    height = float(path.heights[path.are_digits].max(initial=0.0))
    left, _, right, _ = crop.box
    unit = (right - left) / crop.digit_boxes if crop.digit_boxes else height
    return bool((np.diff(path.centres[:, 0]) > _GAP * unit).any())


def _inside_boxes(crop: FieldCrop) -> list[Grey]:
    """The pixels inside the lines of each printed box, or of a field without them."""
    left, top, right, bottom = map(round, crop.box)
    count = max(crop.digit_boxes, 1)
    inset = round(_INSET * min(bottom - top, (right - left) / count))
    edges = np.linspace(left, right, count + 1).round().astype(int)
    rows = crop.pixels[top + inset : bottom - inset]
    return [rows[:, start + inset : end - inset] for start, end in pairwise(edges)]


def _has_ink(grey: Grey) -> bool:
    """Whether something inside a field's or a box's lines is far darker than its paper varies."""
    blur = ImageFilter.GaussianBlur(_BOX_BLUR * len(grey))
    blurred = np.asarray(Image.fromarray(grey).filter(blur), np.float64)
    middle = np.median(blurred)
    deviation = 1.4826 * np.median(np.abs(blurred - middle))  # as if it were normal
    return bool(middle - blurred.min(initial=middle) > _OUTLIER * max(deviation, 1.0))


def no_missing_digit_probability(beside: Detections, digits: Floats) -> float:
    """The probability that no digit beside a number belongs to it, by its place and height.

    beside: what may be around the number's digits, sorted from left to right.
    digits: float64 [n, 4], the boxes of the number's digits.
    """
    ratios = np.abs(np.log(beside.heights / _height(digits)))
    is_near = (nearest_digits(beside, digits) >= 0) & (ratios < math.log(MUCH_LARGER))
    return _absence(beside.select(is_near))


def no_intruding_digit_probability(beside: Detections, field: Sequence[float]) -> float:
    """The probability that no digit reaches into a field from outside.

    beside: what may be around the field.
    field: left, top, right and bottom, in the same pixels.
    """
    shares, _ = overlaps(np.array(field), beside.boxes)
    return _absence(beside.select(shares > 0))


def _absence(detections: Detections) -> float:
    """The probability that none of the digits is there."""
    scores = detections.scores[detections.are_digits]
    return float(np.exp(-np.logaddexp(0, scores).sum()))


def stroke_ink(crop: Grey, edge: float, digits: Floats) -> Ink:
    """Ink as dark as a number's strokes: uint8 [h, w], 0 where there is none.

    crop: uint8 [h, w], a field and `edge` pixels around it.
    digits: float64 [n, 4], the boxes in the crop of the number's digits, at least one.
    """
    height = len(crop) - 2 * edge
    blurred = cv2.GaussianBlur(crop, (0, 0), max(_BLUR * height, 0.1))
    paper = cv2.medianBlur(crop, min(2 * round(_PAPER * height) + 1, _MAX_WINDOW))
    ink = np.asarray(cv2.subtract(paper, blurred), np.uint8)
    levels = otsu_levels(_window(ink, _hull(digits)))
    if levels is None:
        return np.zeros_like(ink)
    return masked(ink, ink > levels.edge)


def is_on_edge(ink: Ink, edge: float, digits: Floats) -> bool:
    """Whether a stroke is on the left or right side of a field, as near as a digit of the number.

    A stretch of a side then has more ink than a printed line, which is alike all along.

    ink: from `stroke_ink`.
    edge, digits: see `stroke_ink`.
    """
    field_height, field_right = len(ink) - 2 * edge, ink.shape[1] - edge
    line, length = _LINE * field_height, max(round(_STROKE * field_height), 1)
    left, _, right, _ = _hull(digits)
    ink_of_rows = [_window(ink, box).sum() / (box[3] - box[1]) for box in digits.tolist()]
    digit_ink, height = float(np.median(ink_of_rows)), _height(digits)
    sides = []  # without the digits' own ink
    if left - edge < height:
        sides.append((edge - line, min(edge + line, left)))
    if field_right - right < height:
        sides.append((max(field_right - line, right), field_right + line))
    for start, end in sides:
        rows = _window(ink, (start, edge + line, end, len(ink) - edge - line)).sum(1)
        stretches = np.convolve(rows, np.ones(length) / length, "valid")
        if stretches.max() - np.quantile(rows, 0.1) > _STROKE * digit_ink:
            return True
    return False


def is_struck_out(ink: Ink, edge: float, digits: Floats) -> bool:
    """Whether a straight stroke crosses the whole number, longer than any within a digit.

    The field's upper and lower line don't count. Arguments: see `is_on_edge`.
    """
    left, top, right, bottom = _hull(digits)
    height, line = _height(digits), _LINE * (len(ink) - 2 * edge)
    room = height / 2
    upper, lower = max(top - room, edge + line), min(bottom + room, len(ink) - edge - line)
    window = _window(ink, (left - room, upper, right + room, lower))
    if not window.size:
        return False
    scale = min(_HEIGHT / height, 1.0)
    width, depth = (max(round(scale * side), 1) for side in window.shape[::-1])
    black_and_white = np.where(window, np.uint8(255), np.uint8(0))
    reduced = cv2.resize(black_and_white, (width, depth), interpolation=cv2.INTER_AREA)
    diagonal = math.hypot(height, float(np.median(digits[:, 2] - digits[:, 0])))
    padding = math.ceil(width / 2)
    padded = np.pad(reduced > 127, ((padding, padding), (0, 0)))
    rows, columns = np.arange(depth)[:, None] + padding, np.arange(width)
    for slope in _SLOPES:  # a stroke of this slope becomes level
        level = padded[rows + (slope * (columns - width / 2)).astype(int), columns]
        _, starts, ends = run_lengths(level)
        length = (ends - starts).max(initial=0) / scale
        if length > right - left and length * math.hypot(1, slope) > diagonal:
            return True
    return False


def _hull(boxes: Floats) -> Box:
    """The smallest box around all boxes."""
    (left, top), (right, bottom) = boxes[:, :2].min(0).tolist(), boxes[:, 2:].max(0).tolist()
    return left, top, right, bottom


def _height(boxes: Floats) -> float:
    """The median height."""
    return float(np.median(boxes[:, 3] - boxes[:, 1]))


def _window(ink: Ink, box: Sequence[float]) -> Ink:
    """The pixels in a box, which may reach beyond the picture."""
    left, top, right, bottom = box
    return ink[max(round(top), 0) : round(bottom), max(round(left), 0) : round(right)]
