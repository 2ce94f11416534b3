"""What makes another number of a field's: digits beside it, a stroke on its edge or through it."""

import math

import cv2
import numpy as np

from digits.images.grey import Grey
from digits.reader.detections import Detections, Floats
from digits.reader.lines import nearest_digits
from digits.reader.page import MUCH_LARGER
from digits.vision.background import MAX_SLOPE
from digits.vision.components import run_lengths
from digits.vision.ink import Ink, otsu_levels

_BLUR = 0.02  # of a field's height, against noise
_PAPER = 0.25  # of a field's height, around each pixel, of which the median is paper
_LINE = 0.1  # of a field's height, to both sides: a printed line, wherever exactly it is
_STROKE = 0.25  # of a digit's ink, and of the field's height: then ink on a line is a stroke
_SLOPES = 17  # that are tried


def aloneness(beside: Detections, digits: Detections, temperature: float) -> float:
    """The probability that no digit beside a number belongs to it, by its place and height.

    beside: what may be around the number's digits, sorted from left to right. temperature: as of
    `search`.
    """
    others = beside.select(beside.are_digits)
    ratios = np.abs(np.log(others.heights / np.median(digits.heights)))
    is_near = (nearest_digits(others, digits) >= 0) & (ratios < math.log(MUCH_LARGER))
    return float(np.exp(-np.logaddexp(0, others.scores[is_near] / temperature).sum()))


def is_disturbed(crop: Grey, edge: float, digits: Floats) -> bool:
    """Whether a number is struck out, or a stroke is on the left or right edge of its field.

    crop: uint8 [h, w], a field and `edge` pixels around it. digits: float64 [n, 4], the boxes in
    the crop of the number's digits, of which there is one at least.
    """
    height = len(crop) - 2 * edge
    smooth = cv2.GaussianBlur(crop, (0, 0), max(_BLUR * height, 0.1))
    paper = cv2.medianBlur(crop, 2 * round(_PAPER * height) + 1)
    ink = np.asarray(cv2.subtract(paper, smooth), np.uint8)
    return _is_on_edge(ink, edge, digits) or _is_struck_out(ink, digits)


def _is_on_edge(ink: Ink, edge: float, digits: Floats) -> bool:
    """Whether a stretch of a side has more ink than a printed line, which is alike all along."""
    height, right = len(ink) - 2 * edge, ink.shape[1] - edge
    line, length = _LINE * height, max(round(_STROKE * height), 1)
    near, far = digits[:, 0].min(), digits[:, 2].max()  # what a digit itself has there is its own
    sides = (edge - line, min(edge + line, near)), (max(right - line, far), right + line)
    digit = min(_window(ink, *box).sum() / (box[3] - box[1]) for box in digits)  # ink a row
    for left_end, right_end in sides:
        rows = _window(ink, left_end, edge + line, right_end, len(ink) - edge - line).sum(1)
        stretches = np.convolve(rows, np.ones(length) / length, "valid")
        if stretches.max() - np.quantile(rows, 0.1) > _STROKE * digit:
            return True
    return False


def _is_struck_out(ink: Ink, digits: Floats) -> bool:
    """Whether a straight stroke is as long as the whole number, and longer than a digit is high."""
    (left, top), (right, bottom) = digits[:, :2].min(0), digits[:, 2:].max(0)
    height = np.median(digits[:, 3] - digits[:, 1])
    part = _window(ink, left - height / 2, top, right + height / 2, bottom)
    levels = otsu_levels(part)
    if levels is None:
        return False
    columns = np.arange(part.shape[1]) - part.shape[1] / 2
    room = math.ceil(MAX_SLOPE * part.shape[1] / 2)
    mask = np.pad(part > levels.low, ((room, room), (0, 0)))
    rows = np.arange(part.shape[0])[:, None] + room
    for slope in np.linspace(-MAX_SLOPE, MAX_SLOPE, _SLOPES):
        sheared = mask[rows + (slope * columns).astype(int), np.arange(part.shape[1])]
        _, starts, ends = run_lengths(sheared)
        if (ends - starts).max(initial=0) > max(right - left, height):
            return True
    return False


def _window(ink: Ink, left: float, top: float, right: float, bottom: float) -> Ink:
    return ink[max(round(top), 0) : round(bottom), max(round(left), 0) : round(right)]
