"""Read a sheet of a form: locate it, cut out its fields, read them, and check them."""

from dataclasses import replace

import numpy as np

from digits.errors import DataError
from digits.forms.cut import FieldCrop, cut_fields
from digits.forms.field import FieldReading, read_fields
from digits.forms.field_checks import check_field
from digits.forms.form import Form
from digits.forms.homography import bounds
from digits.forms.locate import SheetNotFound, find_in_page, load_blank
from digits.forms.revise import revise
from digits.forms.sheet import Sheet
from digits.images.picture import GreyImage
from digits.inference.models import Models
from digits.prediction import Number
from digits.reader.boxes import symbol_boxes
from digits.reader.read_page import to_number


def prepare(form: Form) -> None:
    """Raise DataError now, not at the first sheet, if a form has no fields or no usable blank."""
    if not form.fields:
        raise DataError(f"{form.file} has no fields: `digits form edit -o {form.file}` adds them")
    if form.find_by == "blank":
        load_blank(form)


def read_sheet(models: Models, page: GreyImage, form: Form, max_errors: float) -> Sheet:
    """Read a sheet in a page that was loaded with SHEET_MAX_SIDE; see `Reader.read_fields`."""
    try:
        to_page, note = find_in_page(page, form)
    except SheetNotFound as error:
        return Sheet(form, (), "not_found", str(error))
    crops = cut_fields(page.pixels, form, to_page)
    readings = map(check_field, crops, read_fields(models, crops, form))
    revised = revise(form, [*readings])
    numbers = [
        _to_number(page, crop, reading, max_errors)
        for crop, reading in zip(crops, revised, strict=True)
    ]
    to_picture = np.diag([page.downscale, page.downscale, 1]) @ to_page
    return Sheet(form, tuple(numbers), note=note, homography=to_picture)


def _to_number(
    page: GreyImage, crop: FieldCrop, reading: FieldReading, max_errors: float
) -> Number:
    """The number of a field."""
    number, confidence = reading.number, reading.number.probability
    if number.text:
        boxes = bounds(crop.to_page, symbol_boxes(number.text, reading.views))
        read = to_number(page, number, boxes, (1, 1), max_errors)
        return replace(read, reason=reading.reason) if read.status == "review" else read
    if confidence >= 1 - max_errors:
        return Number("", confidence, "none", "blank", "", "", ())
    # Perhaps there is something.
    return Number("", confidence, "review", reading.reason, "", number.unconstrained, ())
