"""Draw what was read where, and what `predict` considered, on the grey pixels that were read."""

import io
from collections.abc import Iterable, Sequence

from PIL import Image, ImageDraw, ImageFont, ImageOps

from digits.images import picture
from digits.images.picture import GreyImage
from digits.prediction import Number, Prediction
from digits.vision.frame import SIDE

# Distinct for colour-blind people.
SURE, UNSURE = (0, 158, 115), (213, 94, 0)

# Debug strips, in pixels.
_PANEL = 8 * SIDE
_LINE = 20  # of text
_GAP = 16

_MAX_CLOSE_UP = 1024  # pixels of the longer side


def annotate(source: picture.Source, numbers: Iterable[Number]) -> Image.Image:
    """Draw a box around each symbol in the upright picture, and above it how it is read.

    A number that isn't accepted is orange, with a question mark. Raises PictureError if the picture
    can't be opened.
    """
    image, scale = _load(source)
    pen = ImageDraw.Draw(image)
    width = max(1, round(max(image.size) / 500))
    for number in numbers:
        is_sure = number.status == "accepted"
        colour = SURE if is_sure else UNSURE
        for symbol in number.symbols:
            left, top, right, bottom = (round(side * scale) for side in symbol.box)
            pen.rectangle((left, top, right, bottom), outline=colour, width=width)
            text = symbol.symbol
            if not is_sure and symbol is number.symbols[-1]:
                text += "?"
            size = min(max(12, (bottom - top) // 2), 60)
            above, font = (left, max(top - width, size)), ImageFont.load_default(size)
            pen.text(above, text, colour, font, "lb", stroke_width=width, stroke_fill="white")
    return image


def close_up(source: picture.Source, box: Sequence[int], margin: float = 0.5) -> bytes:
    """Draw a box in the upright picture, and cut it out with a margin, as a JPEG.

    box: as in `Prediction`. If all sides are 0, or if it is outside the picture, the whole picture
        is returned, in grey.
    margin: its width as a multiple of the box's height, or of a quarter of the box's width.

    Raises PictureError.
    """
    image, scale = _load(source)
    left, top, right, bottom = (round(side * scale) for side in box)
    if any(box) and left < image.width and top < image.height:
        right, bottom = min(right, image.width), min(bottom, image.height)
        width = max(1, (right - left) // 100)
        outside = left - width, top - width, right + width - 1, bottom + width - 1
        ImageDraw.Draw(image).rectangle(outside, outline=UNSURE, width=width)
        pixels = int(margin * max(bottom - top, (right - left) // 4)) + width
        upper_left = max(0, left - pixels), max(0, top - pixels)
        lower_right = min(image.width, right + pixels), min(image.height, bottom + pixels)
        image = image.crop((*upper_left, *lower_right))
    else:
        image = image.convert("L")
    image.thumbnail((_MAX_CLOSE_UP, _MAX_CLOSE_UP))
    return encode(image)


def debug_strip(page: GreyImage, prediction: Prediction) -> Image.Image:
    """Draw the grey picture with the digit's box, the frame that the network saw, and the answer.

    page: as it was read.
    """
    colour = UNSURE if prediction.digit is None else SURE
    panels = [Image.fromarray(page.pixels).convert("RGB")]
    if prediction.frame is not None:
        left, top, right, bottom = (side / page.downscale for side in prediction.box)
        width = max(1, round(2 * max(page.pixels.shape) / _PANEL))
        lower_right = max(left, right - 1), max(top, bottom - 1)
        ImageDraw.Draw(panels[0]).rectangle((left, top, *lower_right), None, colour, width)
        frame = Image.fromarray(prediction.frame).convert("RGB")
        panels.append(frame.resize((_PANEL, _PANEL), Image.Resampling.NEAREST))
    text = prediction.note or prediction.to_text()
    font = ImageFont.load_default(16)
    width = max(len(panels) * (_PANEL + _GAP) + _GAP, round(font.getlength(text)) + 2 * _GAP)
    strip = Image.new("RGB", (width, _PANEL + 2 * _GAP + _LINE), "white")
    for index, panel in enumerate(panels):
        # Pillow 11's `pad` fails where it rounds the shorter side to zero.
        fitted = [max(1, round(side * _PANEL / max(panel.size))) for side in panel.size]
        padded = ImageOps.pad(panel.resize(fitted), (_PANEL, _PANEL), color="lightgrey")
        strip.paste(padded, (_GAP + index * (_PANEL + _GAP), _GAP))
    ImageDraw.Draw(strip).text((_GAP, _PANEL + 3 * _GAP / 2), text, "black", font)
    return strip


def encode(image: Image.Image, format: str = "JPEG") -> bytes:
    """Encode a picture as JPEG or PNG."""
    buffer = io.BytesIO()
    image.save(buffer, format, quality=90, subsampling=0)  # a thin box keeps its colour
    return buffer.getvalue()


def _load(source: picture.Source) -> tuple[Image.Image, float]:
    """Load a picture to draw on; return the scale from the file's pixels to its own, too."""
    loaded = picture.load(source, picture.PAGE_MAX_SIDE)
    image = Image.fromarray(loaded.pixels).convert("RGB")
    return image, image.width / loaded.size[0]
