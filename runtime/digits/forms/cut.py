"""Cut the fields of a sheet out of its page, as seen from straight above."""

from typing import NamedTuple

import numpy as np

from digits.forms.form import Field, Form
from digits.forms.homography import project, rectify
from digits.images.grey import Grey
from digits.reader.detections import Box, Floats

_AROUND = 1.0  # of a field's height: so much around it shows a digit beyond its edge whole


class FieldCrop(NamedTuple):
    """A field from straight above.

    pixels: uint8 [h, w], the field and what is around it.
    box: of the field, in `pixels`.
    digit_boxes: of how many printed boxes, each for one digit, it consists, or 0.
    field_boxes: float64 [n, 4], the boxes in `pixels` of all fields of the form.
    to_page: float64 [3, 3], the homography from `pixels` to the page's pixels.
    """

    pixels: Grey
    box: Box
    digit_boxes: int
    field_boxes: Floats
    to_page: Floats


def cut_fields(page: Grey, form: Form, to_page: Floats) -> list[FieldCrop]:
    """Cut all fields of a form out of a page; see `cut_field`."""
    return [cut_field(page, form, field, to_page) for field in form.fields]


def cut_field(
    page: Grey, form: Form, field: Field, to_page: Floats, around: float = _AROUND
) -> FieldCrop:
    """Cut one field out of a page.

    page: uint8 [h, w].
    to_page: float64 [3, 3], the homography from the form's unit to the page's pixels.
    around: how much around the field is cut out, too, in heights of the field.
    """
    left, top, right, bottom = field.box
    margin = around * (bottom - top)
    grown = left - margin, top - margin, right + margin, bottom + margin
    pixels, from_crop = rectify(page, to_page, grown)
    boxes = project(np.linalg.inv(from_crop) @ to_page, form.corners).reshape(-1, 4)
    (height, width), edge = pixels.shape, len(pixels) * around / (1 + 2 * around)
    box = edge, edge, width - edge, height - edge
    return FieldCrop(pixels, box, field.digit_boxes, boxes, from_crop)
