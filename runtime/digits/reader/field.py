"""Read the one number in a field of a form, seen from straight above with what is around it."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFilter

from digits.constraints.constraints import Constraints
from digits.images.grey import Grey
from digits.inference.detector_model import DetectorModel
from digits.inference.models import Models
from digits.reader import crops, doubts
from digits.reader.detections import Box, Detections, Floats
from digits.reader.looks import Views, look_at, number_region
from digits.reader.numbers import VIOLATION_RATE, Calibration, NumberReading, read_number
from digits.reader.page import find_symbols
from digits.reader.path import best_path

BESIDE = 1.0  # of a field's height: so much around it shows a digit beyond its edge whole
AROUND = 0.25  # of a field's height: so far writing crosses its lines
# Of a field's height: a digit's, so that from a fifth to the whole of it suits the one level.
_DIGIT_HEIGHT = 0.5
_GAP = 1.7  # widths of a cell, or else heights of a digit: so far apart may be two numbers
_INSET = 0.08  # of a cell's shorter side: its lines, and a millimetre by which they are elsewhere
_BLUR = 0.03  # of a cell's height, against noise
_OUTLIER = 6.0  # standard deviations of the paper


class FieldCrop(NamedTuple):
    """A field from straight above.

    pixels: uint8 [h, w], with BESIDE of the field's height around it.
    field_pixels: uint8 [h, w], the field alone.
    cells: of how many printed boxes, each for one digit, it consists, or 0.
    field_boxes: float64 [n, 4], the boxes in `pixels` of all fields of the form.
    """

    pixels: Grey
    field_pixels: Grey
    cells: int
    field_boxes: Floats

    @property
    def box(self) -> Box:
        """The box of the field in `pixels`."""
        height, width = self.pixels.shape
        edge = height * BESIDE / (1 + 2 * BESIDE)
        return edge, edge, width - edge, height - edge


def read_field(
    networks: Models, crop: FieldCrop, constraints: Constraints
) -> tuple[NumberReading, Views]:
    """Read the number in a field, or that it is blank, and how likely that is.

    Returns what the networks see of it, too, in the crop's pixels. Raises ModelError.
    """
    recognizer, second = networks.recognizer, networks.second_opinion
    symbols, beside = find_symbols_in(networks.detector, crop.pixels, crop.cells, BESIDE)
    path, beside = best_path(symbols), _outside(crop.field_boxes, beside)
    number = symbols, _region(crop.box, symbols)
    [views] = look_at(
        crop.pixels,
        [number],
        recognizer.log_probabilities,
        second.log_probabilities if second else None,
    )
    reading = read_number(views, constraints, Calibration.load(networks))
    probability = reading.probability
    if reading.text:
        is_struck_out, whole_probability = _examine_number(crop, path, beside)
        is_disputed = reading.is_disputed or is_struck_out or _is_in_two_parts(crop, path)
        return reading._replace(
            probability=probability * whole_probability, is_disputed=is_disputed
        ), views
    if any(map(_has_ink, _inside_cells(crop))):  # both may overlook thin strokes, or a scribble
        probability = 0.5
    else:
        blank_probability = 1 - VIOLATION_RATE * (1 - probability)
        probability = blank_probability * doubts.no_intruding_digit_probability(beside, crop.box)
    return reading._replace(probability=probability), views


def find_symbols_in(
    detector: DetectorModel, crop: Grey, cells: int, around: float = AROUND
) -> tuple[Detections, Detections]:
    """What may be the symbols in a field, and what may be around it, in pixels of the crop.

    crop: uint8 [h, w], with `around` of the field's height around it.
    cells: see `FieldCrop`.

    Raises ModelError.
    """
    height = crop.shape[0] / (1 + 2 * around)
    edge = around * height
    size = np.array([crop.shape[1] - 2 * edge, height])
    detections = find_symbols(crop, detector.maps, _DIGIT_HEIGHT * height)
    middles = detections.centres - edge
    is_inside = ((middles > 0) & (middles < size)).all(1)
    symbols, beside = detections.select(is_inside), detections.select(~is_inside)
    if cells:
        symbols = _one_in_each_cell(symbols, edge, size[0] / cells)
    return symbols, beside


def _one_in_each_cell(symbols: Detections, left: float, width: float) -> Detections:
    """The surest symbol with its middle in each cell."""
    cells = ((symbols.centres[:, 0] - left) / width).astype(int)
    surest_first = np.argsort(-symbols.scores, kind="stable")
    _, firsts = np.unique(cells[surest_first], return_index=True)
    return symbols.select(surest_first[firsts])


def _outside(field_boxes: Floats, beside: Detections) -> Detections:
    """The detections that are in no field."""
    middles = beside.centres[:, None]
    is_inside = np.all((middles > field_boxes[:, :2]) & (middles < field_boxes[:, 2:]), 2)
    return beside.select(np.asarray(~is_inside.any(1)))


def _region(field: Box, symbols: Detections) -> crops.Region:
    """The region at which the recognizer looks: the number's, or the whole field's without one."""
    if not best_path(symbols).are_digits.any():
        return crops.inside(field)
    left, top, right, bottom = field
    region, room = number_region(symbols), AROUND * (bottom - top)
    return region._replace(
        left=max(region.left, left - room), right=min(region.right, right + room)
    )


def _examine_number(crop: FieldCrop, path: Detections, beside: Detections) -> tuple[bool, float]:
    """Whether the number is struck out, and how likely all of it is in its field.

    path: the number's symbols.
    """
    boxes = path.boxes[path.are_digits]
    if not len(boxes):
        return False, 0.5  # only the recognizer sees any
    edge = crop.box[0]
    ink = doubts.stroke_ink(crop.pixels, edge, boxes)
    if doubts.is_struck_out(ink, edge, boxes):
        return True, 0.0
    probability = doubts.no_missing_digit_probability(beside, boxes)
    return False, min(probability, 0.5) if doubts.is_on_edge(ink, edge, boxes) else probability


def _is_in_two_parts(crop: FieldCrop, path: Detections) -> bool:
    """Whether two neighbouring symbols are so far apart that they may not be of one number."""
    height = float(path.heights[path.are_digits].max(initial=0.0))
    unit = (crop.box[2] - crop.box[0]) / crop.cells if crop.cells else height
    return bool((np.diff(path.centres[:, 0]) > _GAP * unit).any())


def _inside_cells(crop: FieldCrop) -> list[Grey]:
    """The pixels inside the lines of each cell, or of a field without cells."""
    (height, width), cells = crop.field_pixels.shape, max(crop.cells, 1)
    inset = round(_INSET * min(height, width / cells))
    edges = np.linspace(0, width, cells + 1).round().astype(int)
    rows = crop.field_pixels[inset : height - inset]
    return [rows[:, left + inset : right - inset] for left, right in pairwise(edges)]


def _has_ink(grey: Grey) -> bool:
    """Whether something inside a field's or a cell's lines is far darker than its paper varies."""
    blur = ImageFilter.GaussianBlur(_BLUR * len(grey))
    blurred = np.asarray(Image.fromarray(grey).filter(blur), np.float64)
    middle = np.median(blurred)
    deviation = 1.4826 * np.median(np.abs(blurred - middle))  # as if it were normal
    return bool(middle - blurred.min(initial=middle) > _OUTLIER * max(deviation, 1.0))
