"""Read the sheets of a form: find each field, and read the one number in it."""

import numpy as np

from digits.forms.form import Field, Form
from digits.forms.locate import Location, SheetNotFound, find_sheet, project, rectify
from digits.forms.rules import apply_rules
from digits.forms.sheet import Sheet
from digits.images import picture
from digits.images.grey import Grey
from digits.images.picture import GreyImage
from digits.inference.networks import Networks
from digits.prediction import Number
from digits.reader.detections import Floats
from digits.reader.field import AROUND, BESIDE, FieldCrop, read_field
from digits.reader.looks import Views
from digits.reader.numbers import NumberReading
from digits.reader.reading import to_number
from digits.reader.symbols import symbol_boxes


def read_sheet(networks: Networks, page: GreyImage, form: Form, max_errors: float) -> Sheet:
    """Read a sheet in a page that was loaded with SHEET_MAX_SIDE; see `Classifier.read_fields`."""
    try:
        to_page, note = find_in_page(page, form)
    except SheetNotFound as error:
        return Sheet(form, (), str(error))
    crops = [_crop(page.pixels, form, field, to_page) for field in form.fields]
    alone = [
        read_field(networks, crop, field.constraints)
        for (crop, _), field in zip(crops, form.fields, strict=True)
    ]
    readings, notes = apply_rules(form, [reading for reading, _ in alone])
    numbers = (
        _to_number(page, views, from_crop, reading, max_errors)
        for reading, (_, views), (_, from_crop) in zip(readings, alone, crops, strict=True)
    )
    note = "; ".join(filter(None, (note, *notes)))
    to_picture = np.diag([page.downscale, page.downscale, 1]) @ to_page
    return Sheet(form, tuple(numbers), note, to_picture)


def find_in_page(page: GreyImage, form: Form) -> Location:
    """Find a sheet in a page, which is reduced for that. Raises SheetNotFound."""
    small = picture.reduce(page, picture.PAGE_MAX_SIDE)
    homography, note = find_sheet(form, small.pixels)
    scale = small.downscale / page.downscale
    return np.diag([scale, scale, 1]) @ homography, note


def cut(page: Grey, field: Field, to_page: Floats, around: float = AROUND) -> tuple[Grey, Floats]:
    """Rectify a field and its surroundings; see `rectify`.

    around: how far its surroundings reach, in heights of the field.
    """
    left, top, right, bottom = field.box
    margin = around * (bottom - top)
    grown = left - margin, top - margin, right + margin, bottom + margin
    return rectify(page, to_page, grown)


def _crop(page: Grey, form: Form, field: Field, to_page: Floats) -> tuple[FieldCrop, Floats]:
    """Rectify a field; returns the homography from its pixels to the page's, too."""
    pixels, from_crop = cut(page, field, to_page, BESIDE)
    field_pixels, _ = cut(page, field, to_page, 0)
    corners = np.array([other.box for other in form.fields], np.float64).reshape(-1, 2)
    field_boxes = project(np.linalg.inv(from_crop) @ to_page, corners).reshape(-1, 4)
    return FieldCrop(pixels, field_pixels, field.cells, field_boxes), from_crop


def _bounds(from_crop: Floats, box: tuple[float, ...]) -> tuple[float, float, float, float]:
    """The box on the page around a box of the crop."""
    left, top, right, bottom = box
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    projected = project(from_crop, np.array(corners, np.float64))
    return (*projected.min(0).tolist(), *projected.max(0).tolist())


def _to_number(
    page: GreyImage, views: Views, from_crop: Floats, reading: NumberReading, max_errors: float
) -> Number:
    """The number of a field. from_crop: the homography from its crop's pixels to the page's."""
    if reading.text or reading.probability <= 0.5:
        boxes = [_bounds(from_crop, box) for box in symbol_boxes(reading.text, views)]
        return to_number(page, reading, boxes, (1, 1), max_errors)
    is_sure = reading.probability >= 1 - max_errors
    if is_sure:
        return Number("", reading.probability, "none", "blank", "", "", ())
    return Number("", reading.probability, "review", "unsure", "", "", ())
