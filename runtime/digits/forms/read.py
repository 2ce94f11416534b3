"""Read the sheets of a form: locate the sheet, cut out its fields, read and check them."""

from pathlib import Path

import numpy as np

from digits.errors import DataError
from digits.forms import form_file
from digits.forms.cut import FieldCrop, cut_fields
from digits.forms.field import FieldReading, read_fields
from digits.forms.form import Form
from digits.forms.locate import SheetNotFound, find_in_page, load_blank
from digits.forms.revise import revise
from digits.forms.sheet import Sheet
from digits.images.picture import GreyImage
from digits.inference.networks import Networks
from digits.prediction import Number
from digits.reader.reading import to_number
from digits.reader.symbols import symbol_boxes


def load_form(path: str | Path) -> Form:
    """Load a form whose sheets are to be read.

    Raises DataError if it can't be read, makes no sense, or has no fields, or if its blank can't be
    used.
    """
    form = form_file.load(path)
    if not form.fields:
        raise DataError(f"{path} has no fields: `digits form edit -o {path}` adds them")
    if form.find_by == "blank":
        load_blank(form)  # fails now, not at the first picture
    return form


def read_sheet(networks: Networks, page: GreyImage, form: Form, max_errors: float) -> Sheet:
    """Read a sheet in a page that was loaded with SHEET_MAX_SIDE; see `Classifier.read_fields`."""
    try:
        to_page, note = find_in_page(page, form)
    except SheetNotFound as error:
        return Sheet(form, (), "not_found", str(error))
    crops = cut_fields(page.pixels, form, to_page)
    readings = revise(form, read_fields(networks, crops, form))
    numbers = [
        _to_number(page, crop, reading, max_errors)
        for crop, reading in zip(crops, readings, strict=True)
    ]
    to_picture = np.diag([page.downscale, page.downscale, 1]) @ to_page
    return Sheet(form, tuple(numbers), note=note, homography=to_picture)


def _to_number(
    page: GreyImage, crop: FieldCrop, reading: FieldReading, max_errors: float
) -> Number:
    """The number of a field."""
    number = reading.number
    if not number.text and number.probability > 0.5:
        is_sure = number.probability >= 1 - max_errors
        return Number("", number.probability, "blank" if is_sure else "review", "", "", ())
    boxes = crop.on_page(symbol_boxes(number.text, reading.views))
    return to_number(page, number, boxes, (1, 1), max_errors)
