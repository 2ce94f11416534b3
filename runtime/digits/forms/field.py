"""Read the one number in each field of a sheet."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from digits.forms.cut import FieldCrop
from digits.forms.form import Form
from digits.inference.detector_model import DetectorModel
from digits.inference.models import Models
from digits.reader import crops
from digits.reader.crops import Region
from digits.reader.decode import Calibration, NumberReading, read_number
from digits.reader.detect import find_symbols
from digits.reader.detections import Detections
from digits.reader.looks import NetworkOutputs, look_at, number_region
from digits.reader.path import best_path

CROSSING = 0.25  # of a field's height: so far writing crosses its lines
# Of a field's height: a digit's, so that from a fifth to the whole of it suits the one level.
_DIGIT_HEIGHT = 0.5


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

    number: as `read_number` reads it, and then less likely by what else is there; a blank field has
        no text, and the probability of that.
    views: what the networks see of it, in the crop's pixels.
    symbols: what the detector sees of the field.
    reason: why it isn't accepted, if it is neither blank nor breaks its constraints.
    """

    number: NumberReading
    views: NetworkOutputs
    symbols: Symbols
    reason: Literal["unsure", "doubt", "rule"] = "unsure"


def read_fields(models: Models, field_crops: Sequence[FieldCrop], form: Form) -> list[FieldReading]:
    """Read the number in each field, or that it is blank, and how likely that is.

    The recognizer looks at all of them at once. Raises ModelError.
    """
    recognizer, second = models.recognizer, models.second_opinion
    symbols = [find_symbols_in(models.detector, crop) for crop in field_crops]
    numbers = [
        (crop.pixels, seen.inside, _region(crop, seen))
        for crop, seen in zip(field_crops, symbols, strict=True)
    ]
    views = look_at(numbers, recognizer.read, second.log_probabilities if second else None)
    calibration = Calibration.load(models)
    readings = [
        read_number(each, field.constraints, calibration)
        for each, field in zip(views, form.fields, strict=True)
    ]
    return [*map(FieldReading, readings, views, symbols)]


def find_symbols_in(detector: DetectorModel, crop: FieldCrop) -> Symbols:
    """What may be the symbols in a field, and around it. Raises ModelError."""
    left, top, right, bottom = crop.box
    detections = find_symbols(crop.pixels, detector.maps, _DIGIT_HEIGHT * (bottom - top))
    centres = detections.centres
    is_inside = np.all((centres > (left, top)) & (centres < (right, bottom)), 1)
    inside, beside = detections.select(is_inside), detections.select(np.invert(is_inside))
    if crop.digit_boxes:
        inside = _one_in_each_box(inside, left, (right - left) / crop.digit_boxes)
    return Symbols(inside, best_path(inside), beside)


def _one_in_each_box(symbols: Detections, left: float, width: float) -> Detections:
    """The surest symbol with its middle in each printed box."""
    boxes = ((symbols.centres[:, 0] - left) / width).astype(int)
    surest_first = np.argsort(-symbols.scores, kind="stable")
    _, firsts = np.unique(boxes[surest_first], return_index=True)
    return symbols.select(surest_first[firsts])


def _region(crop: FieldCrop, symbols: Symbols) -> Region:
    """The region at which the recognizer looks: the number's, or the whole field's without one."""
    if not symbols.path.are_digits.any():
        return crops.region_of_box(crop.box)
    left, top, right, bottom = crop.box
    region, room = number_region(symbols.inside), CROSSING * (bottom - top)
    return region._replace(
        left=max(region.left, left - room), right=min(region.right, right + room)
    )
