"""Read the sheets of a form: find each field, and read the one number in it."""

import math
from functools import lru_cache
from itertools import pairwise

import numpy as np
from PIL import Image, ImageFilter

from digits.fields.form import Field, Form
from digits.fields.locate import Location, Locator, SheetNotFound, project, rectify
from digits.fields.rules import apply_rules
from digits.fields.sheet import Sheet
from digits.images import picture
from digits.images.grey import Grey
from digits.images.picture import GreyImage
from digits.inference.model import Model
from digits.inference.reader_model import ReaderModel
from digits.prediction import Number
from digits.reader.detections import Floats
from digits.reader.lattice import Arc, build_lattice
from digits.reader.numbers import ANY_TEXT, NumberReading, read_number
from digits.reader.page import find_symbols
from digits.reader.reading import Rules, classify_symbols, digit_arc, to_number
from digits.reader.search import search
from digits.vision.candidates import examine_alone

AROUND = 0.25  # of a box's height: writing crosses its lines
_INSIDE = -0.04  # without a box's lines
_CELL = 0.08  # of a cell's shorter side: its lines, and a millimetre by which they are elsewhere
_BLUR, _OUTLIER = 0.03, 6.0  # of its height, against noise; standard deviations
# Of the looks' errors: 1/2 if they were the same, 1 if independent. The largest at which no more
# than 1 % of what is accepted at 1 % was wrong in generated fields, by hands that training shows.
_INDEPENDENCE = 2 / 3

locator = lru_cache(4)(Locator)  # of forms


def read_sheet(
    model: Model, reader: ReaderModel, page: GreyImage, form: Form, max_errors: float | None
) -> Sheet:
    """Read a sheet in a page that was loaded with SHEET_MAX_SIDE; see `Classifier.read_fields`."""
    try:
        to_page, note = locate(page, form)
    except SheetNotFound as error:
        return Sheet(form, (), str(error))
    looks = (_read_field(model, reader, page.pixels, of, to_page) for of in form.fields)
    lattices, read = zip(*looks, strict=True) if form.fields else ((), ())
    readings, notes = apply_rules(form, lattices, read, reader.metadata.number_temperature)
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
    model: Model, reader: ReaderModel, crop: Grey, cells: int, around: float = AROUND
) -> list[Arc]:
    """The lattice of what is in a field, of so many cells; its boxes in pixels of the crop.

    crop, around: uint8 [h, w] by `cut`, and its argument. Raises ModelError.
    """
    height = crop.shape[0] / (1 + 2 * around)
    edge = around * height
    size = np.array([crop.shape[1] - 2 * edge, height])
    seen = find_symbols(crop, reader.maps)
    middles = seen.centres - edge
    seen = seen.select(((middles > 0) & (middles < size)).all(1))
    [[lattice]] = classify_symbols(model, reader, crop, [[build_lattice(seen)]])
    return _snap(lattice, edge, size[0] / cells, cells) if cells else lattice


def _cell_lattice(model: Model, crop: Grey, cells: int) -> list[Arc]:
    """The lattice of the digit in each cell, as `predict` reads it. crop: by `cut`, around 0."""
    height, width = crop.shape
    inset = round(_CELL * min(height, width / cells))
    edges, pictures = np.linspace(0, width, cells + 1).round().astype(int), list[GreyImage]()
    for left, right in pairwise(edges):
        part = crop[inset : height - inset, left + inset : right - inset]
        whole = GreyImage("", part, 1.0, part.shape[::-1])
        pictures.append(picture.reduce(whole, picture.DIGIT_MAX_SIDE))
    examined = zip(examine_alone(model, pictures), pairwise(edges.tolist()), strict=True)
    return [
        digit_arc(number, candidates.ranking, (left, 0, right, height))
        for number, (candidates, (left, right)) in enumerate(examined)
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


def _read_field(
    model: Model, reader: ReaderModel, page: Grey, of: Field, to_page: Floats
) -> tuple[list[Arc], NumberReading]:
    """The number in a field, and its lattice in the page's pixels, by two looks.

    The first is the reader's at a field and its surroundings. The second is its own without the
    box's lines, of which it makes 1s and 7s; or where these are between the digits, `predict`'s.
    Where they agree, both are wrong more seldom than either, though not as if they were
    independent; where not, the surer one may be wrong as well as not.
    """
    crop, from_crop = cut(page, of, to_page)
    first = find_lattice(model, reader, crop, of.cells), from_crop
    around = 0 if of.cells else _INSIDE
    crop, from_crop = cut(page, of, to_page, around)
    if 0 < 4 * of.cells <= crop.shape[1]:
        second = _cell_lattice(model, crop, of.cells), from_crop
    else:
        second = find_lattice(model, reader, crop, of.cells, around), from_crop
    looks = list[tuple[list[Arc], NumberReading]]()
    for arcs, from_crop in (first, second):
        lattice = [arc._replace(box=_bounds(from_crop, arc.box)) for arc in arcs]
        looks.append((lattice, _read(lattice, of, reader.metadata.number_temperature)))
    (_, other), (lattice, reading) = sorted(looks, key=lambda look: look[1].probability)
    if (reading.text, reading.satisfies) != (other.text, other.satisfies):
        probability = min(reading.probability, 0.5)
    elif not reading.symbols:  # the same thin strokes, or a scribble, may be overlooked twice
        is_empty = of.cells or not _has_ink(crop)
        probability = other.probability if is_empty else 0.5
    else:
        both = (1 - reading.probability) * (1 - other.probability)
        probability = 1 - both**_INDEPENDENCE
    return lattice, reading._replace(probability=probability)


def _has_ink(crop: Grey) -> bool:
    """Whether something in a field without its lines is far darker than its paper varies."""
    height = len(crop)
    smooth = Image.fromarray(crop).filter(ImageFilter.GaussianBlur(_BLUR * height))
    inset = round(_CELL * height)
    grey = np.asarray(smooth, np.float64)[inset : height - inset, inset : crop.shape[1] - inset]
    middle = np.median(grey)
    deviation = 1.4826 * np.median(np.abs(grey - middle))  # as if it were normal
    return bool(middle - grey.min(initial=middle) > _OUTLIER * max(deviation, 1.0))


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
