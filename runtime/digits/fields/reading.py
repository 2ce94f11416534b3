"""Read the sheets of a form: find each field, and read the one number in it."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFilter

from digits.constraints.constraints import Constraints
from digits.fields import doubts
from digits.fields.form import Field, Form
from digits.fields.locate import Location, Locator, SheetNotFound, project, rectify
from digits.fields.rules import apply_rules
from digits.fields.sheet import Sheet
from digits.images import picture
from digits.images.grey import Grey
from digits.images.picture import GreyImage
from digits.inference.detector_model import DetectorModel
from digits.inference.recognizer_model import RecognizerModel
from digits.prediction import Number
from digits.reader import crops
from digits.reader.detections import Detections, Floats, Mask
from digits.reader.lattice import Arc, best_path, build_lattice, has_digit
from digits.reader.numbers import BROKEN, NumberReading, read_number
from digits.reader.opinions import Views, Weights
from digits.reader.page import find_symbols
from digits.reader.reading import Networks, region, to_number, view_numbers

_BESIDE = 1.0  # of a box's height: a digit beyond its edge is seen whole
AROUND = 0.25  # of a box's height: writing crosses its lines
_CELL = 0.08  # of a cell's shorter side: its lines, and a millimetre by which they are elsewhere
_BLUR, _OUTLIER = 0.03, 6.0  # of its height, against noise; standard deviations
locator = lru_cache(4)(Locator)  # of forms


def read_sheet(networks: Networks, page: GreyImage, form: Form, max_errors: float) -> Sheet:
    """Read a sheet in a page that was loaded with SHEET_MAX_SIDE; see `Classifier.read_fields`."""
    try:
        to_page, note = locate(page, form)
    except SheetNotFound as error:
        return Sheet(form, (), str(error))
    detected = [
        _detect(networks.detector, page.pixels, form, field, to_page) for field in form.fields
    ]
    views = [_recognize(networks.recognizer, field) for field in detected]
    constraints = [field.constraints for field in form.fields]
    read = [
        _read(field, seen, required, networks.weights)
        for field, seen, required in zip(detected, views, constraints, strict=True)
    ]
    readings, notes = apply_rules(form, read)
    numbers = (
        _to_number(page, _on_page(field, seen), reading, max_errors)
        for field, seen, reading in zip(detected, views, readings, strict=True)
    )
    note = "; ".join(filter(None, (note, *notes)))
    to_picture = np.diag([page.downscale, page.downscale, 1]) @ to_page
    return Sheet(form, tuple(numbers), note, to_picture)


def locate(page: GreyImage, form: Form) -> Location:
    """Find a sheet in a page, by fewer pixels. Raises SheetNotFound."""
    small = picture.reduce(page, picture.PAGE_MAX_SIDE)
    homography, note = locator(form).locate(small.pixels)
    scale = small.downscale / page.downscale
    return np.diag([scale, scale, 1]) @ homography, note


def cut(page: Grey, of: Field, to_page: Floats, around: float = AROUND) -> tuple[Grey, Floats]:
    """See a field from straight above, as `rectify`, and so many of its heights around it."""
    left, top, right, bottom = of.box
    margin = around * (bottom - top)
    grown = left - margin, top - margin, right + margin, bottom + margin
    return rectify(page, to_page, grown)


def find_symbols_in(
    detector: DetectorModel, crop: Grey, cells: int, around: float = AROUND
) -> tuple[list[Arc], Detections]:
    """The lattice of what is in a field, of so many cells; and what may be around it.

    crop, around: uint8 [h, w] by `cut`, and its argument. Boxes are in pixels of the crop. Raises
    ModelError.
    """
    height = crop.shape[0] / (1 + 2 * around)
    edge = around * height
    size = np.array([crop.shape[1] - 2 * edge, height])
    seen = find_symbols(crop, detector.maps)
    middles = seen.centres - edge
    is_in = ((middles > 0) & (middles < size)).all(1)
    lattice = build_lattice(seen.select(is_in))
    return _snap(lattice, edge, size[0] / cells, cells) if cells else lattice, seen.select(~is_in)


def _inside_cells(crop: Grey, cells: int) -> list[Grey]:
    """What is inside the lines of each cell, or of the field. crop: by `cut`, around 0."""
    height, width = crop.shape
    inset = round(_CELL * min(height, width / max(cells, 1)))
    edges = np.linspace(0, width, max(cells, 1) + 1).round().astype(int)
    rows = crop[inset : height - inset]
    return [rows[:, left + inset : right - inset] for left, right in pairwise(edges)]


def _snap(lattice: list[Arc], left: float, width: float, cells: int) -> list[Arc]:
    """A lattice in which those with their middles in the same cell exclude each other."""
    middles = np.array([arc.box[0] + arc.box[2] for arc in lattice]) / 2
    cell = ((middles - left) / width).astype(int).clip(0, cells - 1)
    order = np.argsort(cell, kind="stable")
    starts = np.searchsorted(cell[order], cell[order]).tolist()
    return [lattice[n]._replace(start=start) for n, start in zip(order, starts, strict=True)]


def _bounds(from_crop: Floats, box: tuple[float, ...]) -> tuple[float, float, float, float]:
    """What a box of the crop takes of the page."""
    left, top, right, bottom = box
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    projected = project(from_crop, np.array(corners, np.float64))
    return (*projected.min(0).tolist(), *projected.max(0).tolist())


class _DetectedField(NamedTuple):
    """What the detector sees in a field.

    crop, to_page: by `cut`. lattice, path: of its symbols, in pixels of the crop. inside: what is
    inside the lines of its cells. is_struck_out: whether its digits are. wholeness, emptiness: the
    probabilities that no digit beside the field is of its number, and that none reaches into the
    field.
    """

    crop: Grey
    to_page: Floats
    lattice: list[Arc]
    path: list[Arc]
    inside: list[Grey]
    is_struck_out: bool
    wholeness: float
    emptiness: float

    @property
    def box(self) -> tuple[float, float, float, float]:
        """The field in its crop."""
        height, width = self.crop.shape
        edge = height * _BESIDE / (1 + 2 * _BESIDE)
        return edge, edge, width - edge, height - edge


def _detect(
    detector: DetectorModel, page: Grey, form: Form, field: Field, to_page: Floats
) -> _DetectedField:
    """Look at a field and its surroundings by the detector."""
    crop, from_crop = cut(page, field, to_page, _BESIDE)
    lattice, beside = find_symbols_in(detector, crop, field.cells, _BESIDE)
    path, inside = best_path(lattice), _inside_cells(cut(page, field, to_page, 0)[0], field.cells)
    beside = _outside_fields(form, np.linalg.inv(to_page) @ from_crop, beside)
    detected = _DetectedField(crop, from_crop, lattice, path, inside, False, 0.5, 1.0)
    is_struck_out, whole = _examine_number(crop, detected.box[0], path, beside)
    emptiness = doubts.emptiness(beside, detected.box)
    return detected._replace(is_struck_out=is_struck_out, wholeness=whole, emptiness=emptiness)


def _recognize(recognizer: RecognizerModel, field: _DetectedField) -> Views:
    """What both networks see of the number in a field; where there seems to be none, of it all."""
    (left, top, right, bottom), where = field.box, crops.inside(field.box)
    if has_digit(field.path):
        number, room = region(field.lattice), AROUND * (bottom - top)
        ends = max(number.left, left - room), min(number.right, right + room)
        where = number._replace(left=ends[0], right=ends[1])
    numbers = [(field.lattice, where)]
    [views] = view_numbers(recognizer.log_probabilities, field.crop, numbers)
    return views


def _read(
    field: _DetectedField, views: Views, constraints: Constraints, weights: Weights
) -> NumberReading:
    """The number in a field, or that it is blank, and how likely that is."""
    reading = read_number(views, constraints, weights)
    if reading.text:
        likely = reading.probability * field.wholeness
        return reading._replace(probability=likely, is_disputed=field.is_struck_out)
    if any(map(_has_ink, field.inside)):  # both may overlook thin strokes, or a scribble
        return reading._replace(probability=0.5)
    blank = (1 - BROKEN * (1 - reading.probability)) * field.emptiness
    return reading._replace(probability=blank)


def _on_page(field: _DetectedField, views: Views) -> Views:
    """The same with boxes in the page's pixels."""
    lattice = [arc._replace(box=_bounds(field.to_page, arc.box)) for arc in views.lattice]
    return views._replace(lattice=lattice, box=_bounds(field.to_page, views.box))


def _examine_number(
    crop: Grey, edge: float, path: Sequence[Arc], beside: Detections
) -> tuple[bool, float]:
    """Whether the number is struck out, and how likely all of it is in its field.

    crop: by `cut`, with `edge` pixels around it. path: the number's symbols.
    """
    seen = [arc for arc in path if arc.is_digit]
    if not seen:
        return False, 0.5  # only the recognizer sees any
    boxes, symbols = np.array([arc.box for arc in seen]), np.array([arc.symbols for arc in seen])
    digits = Detections(np.array([arc.score for arc in seen]), symbols, boxes)
    ink = doubts.stroke_ink(crop, edge, boxes)
    if doubts.is_struck_out(ink, edge, boxes):
        return True, 0.0
    whole = doubts.wholeness(beside, digits)
    return False, min(whole, 0.5) if doubts.is_on_edge(ink, edge, boxes) else whole


def _outside_fields(form: Form, to_form: Floats, beside: Detections) -> Detections:
    """Those that are in no field, by their places in the form's unit."""
    if not len(beside.scores):
        return beside
    places = project(to_form, beside.centres)[:, None]
    boxes = np.array([field.box for field in form.fields])
    inside = np.all((places > boxes[:, :2]) & (places < boxes[:, 2:]), 2)
    outside: Mask = ~np.any(inside, 1)
    return beside.select(outside)


def _has_ink(grey: Grey) -> bool:
    """Whether something inside a field's or a cell's lines is far darker than its paper varies."""
    blur = ImageFilter.GaussianBlur(_BLUR * len(grey))
    smooth = np.asarray(Image.fromarray(grey).filter(blur), np.float64)
    middle = np.median(smooth)
    deviation = 1.4826 * np.median(np.abs(smooth - middle))  # as if it were normal
    return bool(middle - smooth.min(initial=middle) > _OUTLIER * max(deviation, 1.0))


def _to_number(page: GreyImage, views: Views, reading: NumberReading, max_errors: float) -> Number:
    if reading.text or reading.probability <= 0.5:
        return to_number(page, views, reading, (1, 1), max_errors)
    is_sure = reading.probability >= 1 - max_errors
    return Number("", reading.probability, "blank" if is_sure else "review", "", "", ())
