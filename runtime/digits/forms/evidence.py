"""Show what was read on sheets: `digits read --annotate`."""

import io
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from digits.forms.locate import box_corners, project
from digits.forms.sheet import Sheet
from digits.images import picture
from digits.images.picture import GreyImage

if TYPE_CHECKING:
    from digits.reader.detections import Floats

_SIDE = 1600  # pixels of a drawing's longer side
_LINE = 28  # pixels of a line of text
_POINTS = 842  # of a PDF page's longer side: A4's
# Distinct for colour-blind people, and with white text on them.
GREEN, AMBER, RED = (0, 122, 90), (178, 112, 0), (180, 0, 40)
_COLOURS = {"accepted": GREEN, "blank": GREEN, "complete": GREEN}
_COLOURS |= {"review": AMBER, "unreadable": RED, "not found": RED}


def draw_sheet(page: GreyImage, sheet: Sheet) -> Image.Image:
    """Draw each field's box and text on a page: green if accepted, amber or red if not.

    The sheet's status and note are above.
    """
    small = picture.reduce(page, _SIDE)
    image, scale = Image.fromarray(small.pixels).convert("RGB"), 1 / small.downscale
    if sheet.location is not None:
        pen = ImageDraw.Draw(image)
        for field, number in zip(sheet.form.fields, sheet.numbers, strict=True):
            colour = _COLOURS[number.status]
            outline: Floats = scale * project(sheet.location, box_corners(field.box))
            pen.polygon([(x, y) for x, y in outline.tolist()], outline=colour, width=3)
            height = float(np.linalg.norm(outline[3] - outline[0]))
            text = number.to_text()
            _label(pen, text, (*outline.min(0).tolist(),), colour, round(height / 2))
    titled = ImageOps.expand(image, (0, _LINE, 0, 0), _COLOURS[sheet.status])
    title = f"{page.name}   {sheet.status}   {sheet.note}"
    ImageDraw.Draw(titled).text((8, 4), title, "white", ImageFont.load_default(18))
    return titled


def make_pdf(pages: Iterable[tuple[str, bytes]]) -> bytes:
    """Make a PDF. pages: a JPEG for each; where it is empty, a line of text is shown instead."""
    from fpdf import FPDF  # workers, which only draw, do without its 20 MB

    pdf = FPDF(unit="pt")
    pdf.set_auto_page_break(False)
    pdf.set_font("helvetica", size=14)
    for text, jpeg in pages:
        if jpeg:
            size = Image.open(io.BytesIO(jpeg), formats=["JPEG"]).size
            width, height = (_POINTS * side / max(size) for side in size)
            pdf.add_page(format=(width, height))
            pdf.image(io.BytesIO(jpeg), 0, 0, width, height)
        else:
            pdf.add_page(format="a4")
            pdf.set_text_color(RED)
            pdf.multi_cell(0, text=text.encode("latin-1", "replace").decode("latin-1"))
    return bytes(pdf.output())


def _label(
    pen: ImageDraw.ImageDraw,
    text: str,
    corner: tuple[float, float],
    colour: tuple[int, int, int],
    size: int,
) -> None:
    """Write a text above a corner, on its colour."""
    font = ImageFont.load_default(min(max(size, 14), 40))
    x, y = corner
    box = pen.textbbox((x, y - 2), text, font, "lb")
    pen.rectangle((box[0] - 3, box[1] - 3, box[2] + 3, box[3] + 3), fill=colour)
    pen.text((x, y - 2), text, "white", font, "lb")
