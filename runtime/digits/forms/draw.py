"""Draw what was read on sheets: `digits read --annotate`."""

import io
from collections.abc import Iterable

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from digits.forms.homography import rectify
from digits.forms.sheet import Sheet
from digits.images.picture import GreyImage

_SIDE = 1600  # pixels of a drawing's longer side
_LINE = 28  # pixels of a line of text
_POINTS = 842  # of a PDF page's longer side: A4's
# Distinct for colour-blind people, and with white text on them.
GREEN, AMBER, RED = (0, 122, 90), (178, 112, 0), (180, 0, 40)
_COLOURS = {"accepted": GREEN, "review": AMBER, "none": RED}


def draw_sheet(page: GreyImage, sheet: Sheet) -> Image.Image:
    """Draw each field's box and text on the upright sheet: green if accepted, amber or red if not.

    A sheet that isn't found is drawn as the page shows it. The status, and why, are above.
    """
    pixels, form = page.pixels, sheet.form
    if sheet.homography is not None:
        to_page = np.diag([1 / page.downscale, 1 / page.downscale, 1]) @ sheet.homography
        pixels, _ = rectify(pixels, to_page, (0, 0, *form.size))
    image = Image.fromarray(pixels)
    image.thumbnail((_SIDE, _SIDE))
    image = image.convert("RGB")
    pen, scale = ImageDraw.Draw(image), image.width / form.size[0]
    for field, number in zip(form.fields, sheet.numbers, strict=False):
        box = [scale * side for side in field.box]
        colour = _COLOURS[number.status]
        if number.reason == "blank":
            colour = GREEN if field.is_optional else AMBER
        text = number.to_text().replace("–", "-")  # which the font has
        pen.rectangle(box, outline=colour, width=3)
        font = ImageFont.load_default(min(max((box[3] - box[1]) / 2, 14), 40))
        label = pen.textbbox((box[0] + 3, box[1] - 3), text, font, "lb")
        pen.rectangle((label[0] - 3, label[1] - 3, label[2] + 3, label[3] + 3), fill=colour)
        pen.text((box[0] + 3, box[1] - 3), text, "white", font, "lb")
    status, reason, problems = sheet.judgement
    titled = ImageOps.expand(image, (0, _LINE, 0, 0), _COLOURS[status])
    remarks = "; ".join(filter(None, (problems, sheet.note))) or reason
    title = f"{page.name}   {status}   {remarks}"
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
