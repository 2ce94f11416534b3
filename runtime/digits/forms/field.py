"""Read the one number in each field of a sheet."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image, ImageFilter

from digits.forms import field_checks
from digits.forms.cut import FieldCrop
from digits.forms.form import Form
from digits.images.grey import Grey
from digits.inference.detector_model import DetectorModel
from digits.inference.networks import Networks
from digits.reader import crops
from digits.reader.crops import Region
from digits.reader.detections import Detections, Floats
from digits.reader.looks import Views, look_at, number_region
from digits.reader.numbers import VIOLATION_RATE, Calibration, NumberReading, read_number
from digits.reader.page import find_symbols
from digits.reader.path import best_path

CROSSING = 0.25  # of a field's height: so far writing crosses its lines
# Of a field's height: a digit's, so that from a fifth to the whole of it suits the one level.
_DIGIT_HEIGHT = 0.5
_GAP = 1.7  # widths of a printed box, or else heights of a digit: so far apart may be two numbers
_INSET = 0.08  # of a box's shorter side: its lines, and a millimetre by which they are elsewhere
_BLUR = 0.03  # of a box's height, against noise
_OUTLIER = 6.0  # standard deviations of the paper


class Symbols(NamedTuple):
    """What the detector sees of a field, in the crop's pixels.

    inside: what may be the symbols of its number.
    path: the likeliest of them, from left to right.
    beside: what may be around the field.
    """

    inside: Detections
    path: Detections
    beside: Detections


class FieldReading(NamedTuple):
    """What is read in a field.

    number: as `read_number` reads it, but less likely by what else is there; a blank field has no
        text, and the probability of that.
    views: what the networks see of it, in the crop's pixels.
    reason: why it isn't accepted, if it is neither blank nor breaks its constraints.
    """

    number: NumberReading
    views: Views
    reason: Literal["unsure", "doubt", "rule"] = "unsure"


def read_fields(
    networks: Networks, field_crops: Sequence[FieldCrop], form: Form
) -> list[FieldReading]:
    """Read the number in each field, or that it is blank, and how likely that is.

    The recognizer looks at all of them at once. Raises ModelError.
    """
    recognizer, second = networks.recognizer, networks.second_opinion
    symbols = [find_symbols_in(networks.detector, crop) for crop in field_crops]
    numbers = [
        (crop.pixels, seen.inside, _region(crop, seen))
        for crop, seen in zip(field_crops, symbols, strict=True)
    ]
    views = look_at(
        numbers, recognizer.log_probabilities, second.log_probabilities if second else None
    )
    calibration = Calibration.load(networks)
    readings = [
        read_number(each, field.constraints, calibration)
        for each, field in zip(views, form.fields, strict=True)
    ]
    return [*map(_check, field_crops, symbols, readings, views)]


def _check(
    crop: FieldCrop, symbols: Symbols, number: NumberReading, views: Views
) -> FieldReading:
    """Weigh what else is in a field or around it."""
    beside = _outside(crop.field_boxes, symbols.beside)
    if number.text:
        completeness, is_struck_out = _examine_number(crop, symbols.path, beside)
        is_disputed = number.is_disputed or is_struck_out or _is_in_two_parts(crop, symbols.path)
        is_doubtful = is_disputed or completeness < number.probability
        probability = number.probability * completeness
        checked = number._replace(probability=probability, is_disputed=is_disputed)
        return FieldReading(checked, views, "doubt" if is_doubtful else "unsure")
    if any(map(_has_ink, _inside_boxes(crop))):  # both may overlook thin strokes, or a scribble
        return FieldReading(number._replace(probability=0.5), views, "doubt")
    blank_probability = 1 - VIOLATION_RATE * (1 - number.probability)
    probability = blank_probability * field_checks.no_intruding_digit_probability(beside, crop.box)
    return FieldReading(number._replace(probability=probability), views)


def find_symbols_in(detector: DetectorModel, crop: FieldCrop) -> Symbols:
    """What may be the symbols in a field, and around it. Raises ModelError."""
    left, top, right, bottom = crop.box
    detections = find_symbols(crop.pixels, detector.maps, _DIGIT_HEIGHT * (bottom - top))
    centres = detections.centres
    is_inside = ((centres > (left, top)) & (centres < (right, bottom))).all(1)
    inside, beside = detections.select(is_inside), detections.select(~is_inside)
    if crop.digit_boxes:
        inside = _one_in_each_box(inside, left, (right - left) / crop.digit_boxes)
    return Symbols(inside, best_path(inside), beside)


def _one_in_each_box(symbols: Detections, left: float, width: float) -> Detections:
    """The surest symbol with its middle in each printed box."""
    boxes = ((symbols.centres[:, 0] - left) / width).astype(int)
    surest_first = np.argsort(-symbols.scores, kind="stable")
    _, firsts = np.unique(boxes[surest_first], return_index=True)
    return symbols.select(surest_first[firsts])


def _outside(field_boxes: Floats, beside: Detections) -> Detections:
    """The detections that are in no field."""
    middles = beside.centres[:, None]
    is_inside = np.all((middles > field_boxes[:, :2]) & (middles < field_boxes[:, 2:]), 2)
    return beside.select(np.asarray(~is_inside.any(1)))


def _region(crop: FieldCrop, symbols: Symbols) -> Region:
    """The region at which the recognizer looks: the number's, or the whole field's without one."""
    if not symbols.path.are_digits.any():
        return crops.inside(crop.box)
    left, top, right, bottom = crop.box
    region, room = number_region(symbols.inside), CROSSING * (bottom - top)
    return region._replace(
        left=max(region.left, left - room), right=min(region.right, right + room)
    )


def _examine_number(crop: FieldCrop, path: Detections, beside: Detections) -> tuple[float, bool]:
    """How likely all of a number is in its field, and whether it is struck out.

    path: the number's symbols.
    """
    boxes = path.boxes[path.are_digits]
    if not len(boxes):
        return 0.5, False  # only the recognizer sees any
    ink = field_checks.stroke_ink(crop.pixels, crop.margin, boxes)
    if field_checks.is_struck_out(ink, crop.margin, boxes):
        return 0.0, True
    completeness = field_checks.no_missing_digit_probability(beside, boxes)
    is_on_edge = field_checks.is_on_edge(ink, crop.margin, boxes)
    return (min(completeness, 0.5) if is_on_edge else completeness), False


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
    blur = ImageFilter.GaussianBlur(_BLUR * len(grey))
    blurred = np.asarray(Image.fromarray(grey).filter(blur), np.float64)
    middle = np.median(blurred)
    deviation = 1.4826 * np.median(np.abs(blurred - middle))  # as if it were normal
    return bool(middle - blurred.min(initial=middle) > _OUTLIER * max(deviation, 1.0))
