"""Read the sheets of a form: find each field, and read the one number in it."""

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFilter

from digits.fields import doubts
from digits.fields.form import Field, Form
from digits.fields.locate import Location, Locator, SheetNotFound, project, rectify
from digits.fields.rules import apply_rules
from digits.fields.sheet import Sheet
from digits.images import picture
from digits.images.grey import Grey
from digits.images.picture import GreyImage
from digits.inference.detector_model import DetectorModel
from digits.inference.model import Model
from digits.prediction import Number
from digits.reader.detections import Detections, Floats, Mask
from digits.reader.lattice import LEAST_STEPS, PAGE_STEPS, Arc, best_path, build_lattice
from digits.reader.numbers import ANY_TEXT, BROKEN, NumberReading, read_number
from digits.reader.page import find_symbols
from digits.reader.reading import Rules, classify_digits, digit_arc, to_number
from digits.reader.search import search
from digits.vision.candidates import examine_alone

_BESIDE = 1.0  # of a box's height: a digit beyond its edge is seen whole
AROUND = 0.25  # of a box's height: writing crosses its lines
_INSIDE = -0.04  # without a box's lines
_CELL = 0.08  # of a cell's shorter side: its lines, and a millimetre by which they are elsewhere
_BLUR, _OUTLIER = 0.03, 6.0  # of its height, against noise; standard deviations
# Of the looks' errors: 1/2 if they were the same, 1 if independent. The largest at which no more
# than 1 % of what is accepted at 1 % was wrong in generated fields, by hands that training shows.
_INDEPENDENCE = 2 / 3

locator = lru_cache(4)(Locator)  # of forms


def read_sheet(
    model: Model, detector: DetectorModel, page: GreyImage, form: Form, max_errors: float | None
) -> Sheet:
    """Read a sheet in a page that was loaded with SHEET_MAX_SIDE; see `Classifier.read_fields`."""
    try:
        to_page, note = locate(page, form)
    except SheetNotFound as error:
        return Sheet(form, (), str(error))
    looks = (_read_field(model, detector, page.pixels, form, of, to_page) for of in form.fields)
    lattices, read = zip(*looks, strict=True) if form.fields else ((), ())
    readings, notes = apply_rules(form, lattices, read, detector.metadata.number_temperature)
    rules = (Rules.of(of.constraints, max_errors) for of in form.fields)
    numbers = (_to_number(page, *each) for each in zip(readings, rules, strict=True))
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


def find_lattice(
    model: Model, detector: DetectorModel, crop: Grey, cells: int, around: float = AROUND
) -> list[Arc]:
    """The lattice of what is in a field, of so many cells; its boxes in pixels of the crop.

    crop, around: uint8 [h, w] by `cut`, and its argument. Raises ModelError.
    """
    return _look(model, detector, crop, cells, around, PAGE_STEPS)[0]


def _look(
    model: Model, detector: DetectorModel, crop: Grey, cells: int, around: float, steps: int
) -> tuple[list[Arc], Detections]:
    """As `find_lattice`, with so many steps of a search; and what may be around the field."""
    height = crop.shape[0] / (1 + 2 * around)
    edge = around * height
    size = np.array([crop.shape[1] - 2 * edge, height])
    seen = find_symbols(crop, detector.maps)
    middles = seen.centres - edge
    is_in = ((middles > 0) & (middles < size)).all(1)
    arcs = build_lattice(seen.select(is_in), max(LEAST_STEPS, steps // (is_in.sum() or 1)))
    [[lattice]] = classify_digits(model, detector, crop, [[arcs]])
    lattice = _snap(lattice, edge, size[0] / cells, cells) if cells else lattice
    return lattice, seen.select(~is_in)


def _inside_cells(crop: Grey, cells: int) -> list[Grey]:
    """What is inside the lines of each cell, or of the field. crop: by `cut`, around 0."""
    height, width = crop.shape
    inset = round(_CELL * min(height, width / max(cells, 1)))
    edges = np.linspace(0, width, max(cells, 1) + 1).round().astype(int)
    rows = crop[inset : height - inset]
    return [rows[:, left + inset : right - inset] for left, right in pairwise(edges)]


def _cell_lattice(model: Model, crop: Grey, cells: int) -> list[Arc]:
    """The lattice of the digit in each cell, as `predict` reads it. crop: by `cut`, around 0."""
    wholes = (GreyImage("", cell, 1.0, cell.shape[::-1]) for cell in _inside_cells(crop, cells))
    pictures = [picture.reduce(whole, picture.DIGIT_MAX_SIDE) for whole in wholes]
    height, width = len(crop), crop.shape[1] / cells
    return [
        digit_arc(number, candidates.ranking, (number * width, 0, (number + 1) * width, height))
        for number, candidates in enumerate(examine_alone(model, pictures))
    ]


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


class _Looks(NamedTuple):
    """What two looks at a field say.

    lattices: of both, in the page's pixels. inside: what is inside the lines of its cells.
    wholeness, emptiness: the probabilities that no digit beside the field is of its number, and
    that none reaches into the field.
    """

    lattices: list[list[Arc]]
    inside: list[Grey]
    wholeness: float
    emptiness: float


def _read_field(
    model: Model, detector: DetectorModel, page: Grey, form: Form, field: Field, to_page: Floats
) -> tuple[list[Arc], NumberReading]:
    """The number in a field, and its lattice in the page's pixels, by two looks.

    Where they agree, both are wrong more seldom than either, though not as if they were
    independent; where not, the surer one may be wrong as well as not.
    """
    temperature = detector.metadata.number_temperature
    looks = _look_twice(model, detector, page, form, field, to_page)
    read = [(lattice, _read(lattice, field, temperature)) for lattice in looks.lattices]
    (_, other), (lattice, reading) = sorted(read, key=lambda pair: pair[1].probability)
    both = 1 - ((1 - reading.probability) * (1 - other.probability)) ** _INDEPENDENCE
    if (reading.text, reading.satisfies) != (other.text, other.satisfies):
        probability = min(reading.probability, 0.5)
    elif reading.symbols:
        probability = both * looks.wholeness
    elif any(map(_has_ink, looks.inside)):  # both may overlook thin strokes, or a scribble
        probability = 0.5
    else:
        probability = (1 - BROKEN * (1 - both)) * looks.emptiness
    return lattice, reading._replace(probability=probability)


def _look_twice(
    model: Model, detector: DetectorModel, page: Grey, form: Form, field: Field, to_page: Floats
) -> _Looks:
    """Look at a field and its surroundings by the detector, then at the field alone.

    The second look is the detector's without the box's lines, of which it makes 1s and 7s; or where
    these are between the digits, `predict`'s at each cell. Digits that are struck out are disputed,
    whatever the form's rules say of them.
    """
    steps, temperature = PAGE_STEPS // len(form.fields), detector.metadata.number_temperature
    wide, from_wide = cut(page, field, to_page, _BESIDE)
    first, beside = _look(model, detector, wide, field.cells, _BESIDE, steps)
    around = 0 if field.cells else _INSIDE
    crop, from_crop = cut(page, field, to_page, around)
    if 0 < 4 * field.cells <= crop.shape[1]:
        second = _cell_lattice(model, crop, field.cells)
    else:
        second, _ = _look(model, detector, crop, field.cells, around, steps)
    beside = _outside_fields(form, np.linalg.inv(to_page) @ from_wide, beside)
    edge = len(wide) * _BESIDE / (1 + 2 * _BESIDE)
    box = edge, edge, wide.shape[1] - edge, len(wide) - edge
    is_struck, whole = _examine_number(wide, edge, best_path(first), beside, temperature)
    lattices = list[list[Arc]]()
    for lattice, to_look in ((first, from_wide), (second, from_crop)):
        arcs = [arc._replace(box=_bounds(to_look, arc.box)) for arc in lattice]
        lattices.append([arc._replace(disputed=arc.disputed or is_struck) for arc in arcs])
    inside = _inside_cells(crop, field.cells)
    return _Looks(lattices, inside, whole, doubts.emptiness(beside, box, temperature))


def _examine_number(
    wide: Grey, edge: float, path: Sequence[Arc], beside: Detections, temperature: float
) -> tuple[bool, float]:
    """Whether the number is struck out, and how likely all of it is in its field.

    wide: by `cut`, with `edge` pixels around it. path: the number's symbols.
    """
    seen = [arc for arc in path if arc.is_digit]
    if not seen:
        return False, 0.0
    boxes, symbols = np.array([arc.box for arc in seen]), np.array([arc.symbols for arc in seen])
    digits = Detections(np.array([arc.score for arc in seen]), symbols, boxes)
    ink = doubts.stroke_ink(wide, edge, boxes)
    if doubts.is_struck_out(ink, edge, boxes):
        return True, 0.0
    whole = doubts.wholeness(beside, digits, temperature)
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


def _read(lattice: list[Arc], of: Field, temperature: float) -> NumberReading:
    """The number in a lattice; no symbols if that there is none is likelier than any text."""
    blank = math.exp(-search(lattice, ANY_TEXT, temperature).total)
    if blank > 0.5:
        return NumberReading([], blank, "", "", False)
    return read_number(lattice, of.constraints, temperature)


def _to_number(page: GreyImage, reading: NumberReading, rules: Rules) -> Number:
    if reading.symbols or reading.probability <= 0.5:
        return to_number(page, reading, (1, 1), rules)
    is_sure = reading.probability >= 1 - rules.max_errors
    return Number("", reading.probability, "blank" if is_sure else "review", "", "", ())
