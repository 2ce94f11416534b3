"""Draw what was read where, and what `predict` considered, on the grey pixels that were read."""

import io
from collections.abc import Iterable, Sequence

from PIL import Image, ImageDraw, ImageFont, ImageOps

from digits.images import picture
from digits.prediction import Number, Prediction
from digits.vision.candidates import Candidates
from digits.vision.frame import SIDE

# Distinct for colour-blind people.
SURE, UNSURE = (0, 158, 115), (213, 94, 0)

# Debug strips, in pixels.
_PANEL = 8 * SIDE
_LINE = 20  # of text
_GAP = 16
_BORDER = 4  # around a panel, in colour around the most probable hypothesis
_MAX_COLUMNS = 5  # of panels

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


def debug_strip(examined: Candidates, prediction: Prediction) -> Image.Image:
    """Draw what `predict` considered: the grey picture, and the frame of each hypothesis.

    Above a frame is the hypothesis's kind; below it the network's top digit, its confidence, and
    the hypothesis's weight. The most probable one has a border. The last line is the prediction,
    and the probabilities of several digits and of none.
    """
    hypotheses, ranking = examined.hypotheses, examined.ranking
    weights = ranking.hypothesis_probabilities
    colour = UNSURE if prediction.digit is None else SURE
    grey = Image.fromarray(examined.picture.pixels).convert("RGB")
    if hypotheses:
        left, top, right, bottom = examined.box
        width = max(1, round(2 * max(grey.size) / _PANEL))
        ImageDraw.Draw(grey).rectangle((left, top, right - 1, bottom - 1), None, colour, width)
    # Pillow 11's `pad` fails where it rounds the shorter side to zero.
    fitted = [max(1, round(side * _PANEL / max(grey.size))) for side in grey.size]
    padded = ImageOps.pad(grey.resize(fitted), (_PANEL, _PANEL), color="lightgrey")
    panels = [_panel(padded, "picture", "")]
    for index, (hypothesis, frame, answer, weight) in enumerate(
        zip(hypotheses, examined.frames, examined.answers, weights, strict=True)
    ):
        enlarged = Image.fromarray(frame).resize((_PANEL, _PANEL), Image.Resampling.NEAREST)
        kind = hypothesis.kind + (" (inverted)" if hypothesis.inverted else "")
        below = f"{answer.argmax()}  ({_percent(answer.max())})    weight {_percent(weight)}"
        panels.append(
            _panel(enlarged, kind, below, colour if index == examined.likeliest else "white")
        )
    several, none = _percent(ranking.several), _percent(ranking.none)
    meaning = prediction.note or prediction.to_text()
    text = f"{meaning}        several digits {several}        no digit {none}"
    font, (width, height) = ImageFont.load_default(16), panels[0].size
    columns = min(len(panels), _MAX_COLUMNS)
    bottom = -(-len(panels) // columns) * height
    size = max(columns * width, round(font.getlength(text))) + 2 * _GAP, bottom + 2 * _LINE
    strip = Image.new("RGB", size, "white")
    for index, panel in enumerate(panels):
        strip.paste(panel, (_GAP + index % columns * width, index // columns * height))
    ImageDraw.Draw(strip).text((_GAP, bottom), text, "black", font)
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


def _panel(
    image: Image.Image, above: str, below: str, border: tuple[int, int, int] | str = "white"
) -> Image.Image:
    """Frame a picture with a border, and with a line of text above and below."""
    panel = ImageOps.expand(image.convert("RGB"), _BORDER, border)
    panel = ImageOps.expand(panel, (0, _LINE, _GAP, _LINE), "white")
    pen, font = ImageDraw.Draw(panel), ImageFont.load_default(14)
    pen.text((_BORDER, 0), above, "black", font)
    pen.text((_BORDER, panel.height - _LINE), below, "black", font)
    return panel


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
