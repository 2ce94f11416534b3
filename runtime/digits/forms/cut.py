"""Cut the fields of a sheet out of its page, as seen from straight above."""

from typing import NamedTuple

import numpy as np

from digits.forms.form import Field, Form
from digits.forms.locate import project, rectify
from digits.images.grey import Grey
from digits.reader.detections import Box, Floats

_AROUND = 1.0  # of a field's height: so much around it shows a digit beyond its edge whole


class FieldCrop(NamedTuple):
    """A field from straight above.

    pixels: uint8 [h, w], the field and what is around it.
    margin: pixels around the field.
    digit_boxes: of how many printed boxes, each for one digit, it consists, or 0.
    field_boxes: float64 [n, 4], the boxes in `pixels` of all fields of the form.
    to_page: float64 [3, 3], the homography from `pixels` to the page's pixels.
    """

    pixels: Grey
    margin: float
    digit_boxes: int
    field_boxes: Floats
    to_page: Floats

    @property
    def box(self) -> Box:
        """The box of the field in `pixels`."""
        (height, width), edge = self.pixels.shape, self.margin
        return edge, edge, width - edge, height - edge

    def on_page(self, boxes: list[Box]) -> list[Box]:
        """The boxes on the page around boxes in `pixels`."""
        if not boxes:
            return []
        left, top, right, bottom = np.array(boxes, np.float64).T
        x, y = np.stack([left, right, right, left], 1), np.stack([top, top, bottom, bottom], 1)
        corners = project(self.to_page, np.stack([x, y], 2).reshape(-1, 2)).reshape(-1, 4, 2)
        bounds = np.concatenate([corners.min(1), corners.max(1)], 1).tolist()
        return [(left, top, right, bottom) for left, top, right, bottom in bounds]


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
    corners = np.array([other.box for other in form.fields], np.float64).reshape(-1, 2)
    boxes = project(np.linalg.inv(from_crop) @ to_page, corners).reshape(-1, 4)
    edge = len(pixels) * around / (1 + 2 * around)
    return FieldCrop(pixels, edge, field.digit_boxes, boxes, from_crop)


def cut_fields(page: Grey, form: Form, to_page: Floats) -> list[FieldCrop]:
    """Cut all fields of a form out of a page; see `cut_field`."""
    return [cut_field(page, form, field, to_page) for field in form.fields]
