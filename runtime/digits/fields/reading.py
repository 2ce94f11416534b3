"""Read the sheets of a form: find each field, and read the one number in it."""

import math
from functools import partial

import numpy as np

from digits.fields.form import Field, Form
from digits.fields.locate import Location, SheetNotFound, project, rectify
from digits.fields.sheet import Sheet
from digits.images.picture import GreyImage
from digits.inference.model import Model
from digits.inference.reader_model import ReaderModel
from digits.prediction import Number
from digits.reader.classify import Weights, classify, classify_inks
from digits.reader.detections import Floats
from digits.reader.lattice import Arc, build_lattice
from digits.reader.numbers import ANY_TEXT, read_number
from digits.reader.page import find_symbols
from digits.reader.reading import Rules, to_number
from digits.reader.search import search

_AROUND = 0.25  # of a box's height: writing crosses its lines


def read_sheet(
    model: Model, reader: ReaderModel, page: GreyImage, form: Form, max_errors: float | None
) -> Sheet:
    """Read a sheet in a page that was loaded with PAGE_MAX_SIDE; see `Classifier.read_fields`."""
    try:
        location = form.locator.locate(page.pixels)
    except SheetNotFound as error:
        return Sheet(form, (), str(error))
    temperature = reader.metadata.number_temperature
    numbers = list[Number]()
    for of in form.fields:
        lattice = find_lattice(model, reader, page, of, location)
        rules = Rules.of(of.constraints, max_errors)
        numbers.append(_read(lattice, page, rules, temperature))
    return Sheet(form, tuple(numbers), location.note, location.homography)


def find_lattice(
    model: Model, reader: ReaderModel, page: GreyImage, of: Field, location: Location
) -> list[Arc]:
    """The lattice of what is in a field, its boxes in the page's pixels."""
    left, top, right, bottom = of.box
    around = _AROUND * (bottom - top)
    grown = left - around, top - around, right + around, bottom + around
    crop, to_page = rectify(page.pixels, location.homography, grown)
    scale = crop.shape[0] / (bottom - top + 2 * around)  # pixels of the crop for a unit
    size = np.array([right - left, bottom - top]) * scale
    seen = find_symbols(crop, reader.maps)
    middles = seen.centres - around * scale
    seen = seen.select(((middles > 0) & (middles < size)).all(1))
    weights = Weights(reader.metadata.reader_weight, reader.metadata.classifier_weight)
    [[lattice]] = classify([[build_lattice(seen)]], crop, partial(classify_inks, model), weights)
    if of.cells:
        lattice = _snap(lattice, around * scale, size[0] / of.cells, of.cells)
    return [arc._replace(box=_bounds(to_page, arc.box)) for arc in lattice]


def _snap(lattice: list[Arc], left: float, width: float, cells: int) -> list[Arc]:
    """A lattice in which those with their middles in the same cell exclude each other."""
    middles = np.array([arc.box[0] + arc.box[2] for arc in lattice]) / 2
    cell = ((middles - left) / width).astype(int).clip(0, cells - 1)
    order = np.argsort(cell, kind="stable")
    starts = np.searchsorted(cell[order], cell[order]).tolist()
    return [lattice[n]._replace(start=start) for n, start in zip(order, starts, strict=True)]


def _bounds(to_page: Floats, box: tuple[float, ...]) -> tuple[float, float, float, float]:
    """What a box of the crop takes of the page."""
    left, top, right, bottom = box
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    projected = project(to_page, np.array(corners))
    return (*projected.min(0).tolist(), *projected.max(0).tolist())


def _read(lattice: list[Arc], page: GreyImage, rules: Rules, temperature: float) -> Number:
    """The number of a field; blank if that is likelier than any text."""
    blank = math.exp(-search(lattice, ANY_TEXT, temperature).total)
    if blank > 0.5:
        is_sure = blank >= 1 - rules.max_errors
        return Number("", blank, "blank" if is_sure else "review", "", "", ())
    reading = read_number(lattice, rules.constraints, temperature)
    return to_number(page, reading, (1, 1), rules)
