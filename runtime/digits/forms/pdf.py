"""The sheet of a form, as a picture and as a PDF."""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from digits.errors import DataError
from digits.files import write_drawing
from digits.forms.form import Form
from digits.forms.form_file import load_form
from digits.images import picture
from digits.images.grey import Grey

PAPERS = {"a4": (210.0, 297.0), "letter": (215.9, 279.4)}  # millimetres

_MAX_SHAPE = 4  # so that markers don't overlap
_WIDTH = 2100  # pixels of a sheet, of which each module of a marker has 15
_MARKERS = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)


def draw_without_fields(form: Form) -> Grey:
    """Draw a sheet, but not its fields: uint8 [height, width]. Raises DigitsError."""
    if form.blank:
        return picture.load(form.blank, picture.PAGE_MAX_SIDE).pixels
    if max(form.size) > _MAX_SHAPE * min(form.size):
        raise DataError(f"a sheet is at most {_MAX_SHAPE} times as long as wide; see {form.file}")
    scale = _WIDTH / form.size[0]
    sheet = np.full((round(scale * form.size[1]), _WIDTH), 255, np.uint8)
    markers = form.marker_boxes if form.find_by == "marks" else {}
    for marker_id, box in markers.items():
        left, top, right, _ = (round(scale * edge) for edge in box)
        marker = cv2.aruco.generateImageMarker(_MARKERS, marker_id, right - left)
        sheet[top:, left:][: right - left, : right - left] = marker
    return sheet


def millimetres(form: Form) -> float:
    """How many millimetres the form's unit is on the paper that is most like its shape."""
    width, height = sorted(_paper(form))
    return min(width / min(form.size), height / max(form.size))


def _paper(form: Form) -> tuple[float, float]:
    shape = max(form.size) / min(form.size)
    return min(PAPERS.values(), key=lambda size: abs(size[1] / size[0] - shape))


def print_form(path: Path, output: Path) -> None:
    """Write a sheet of the form in a file as a PDF, on the paper that is most like its shape.

    Its lists needn't be there. Raises DigitsError if it can't be read or written, or if the font
    lacks a symbol of a name.
    """
    from fpdf import FPDF  # others do without its 20 MB
    from fpdf.errors import FPDFUnicodeEncodingException

    form = load_form(path, layout_only=True)
    (width, height), scale = form.size, millimetres(form)
    pdf = FPDF("portrait" if width <= height else "landscape", format=_paper(form))
    pdf.add_page()
    pdf.image(Image.fromarray(draw_without_fields(form)), 0, 0, scale * width, scale * height)
    pdf.set_font("helvetica", size=8)
    pdf.set_line_width(0.3)
    pdf.set_draw_color(166)  # so light that ink stands out
    for field in form.fields:
        left, top, right, bottom = (scale * edge for edge in field.box)
        count = max(field.digit_boxes, 1)
        for edge in np.linspace(left, right, count, endpoint=False):
            pdf.rect(edge, top, (right - left) / count, bottom - top)
        try:
            pdf.text(left, top - 1, field.name)
        except FPDFUnicodeEncodingException as error:
            raise DataError(f"a PDF's font can't show the name {field.name}") from error
    write_drawing(output, bytes(pdf.output()))
