"""Draw what was read where, and what `predict` considered."""

import io
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from digits.commands.inputs import STDIN
from digits.files import write_bytes
from digits.images import decoder, picture
from digits.prediction import Number, Prediction
from digits.vision.candidates import Candidates
from digits.vision.components import Box
from digits.vision.frame import SIDE

Pixels = NDArray[np.uint8]
Colour = tuple[int, int, int]

# Distinct for colour-blind people, and from blue and black ink.
SURE, UNSURE = (0, 158, 115), (213, 94, 0)
_BACKDROP = (232, 232, 232)

# Debug strips, in pixels.
_PANEL = 8 * SIDE
_LINE = 20  # of text
_GAP = 16
_FRAME = 4  # around the most probable hypothesis

_MAX_CLOSE_UP = 1024  # pixels of the longer side

_MAX_COLUMNS = 5  # of panels
_MAX_NAME = 200  # bytes; file systems allow 255


def annotate(source: str | bytes, numbers: Iterable[Number]) -> Image.Image:
    """Draw a box around each symbol in the upright picture, and above it how it is read.

    A number that isn't accepted is orange, with a question mark. Raises PictureError if the picture
    can't be opened.
    """
    loaded = picture.load(source, picture.PAGE_MAX_SIDE)
    image = _in_colour(source, loaded)
    scale = image.width / loaded.size[0]
    pen = ImageDraw.Draw(image)
    width = max(1, round(max(image.size) / 500))
    for number, symbol in ((each, symbol) for each in numbers for symbol in each.symbols):
        sure = number.status == "accepted"
        colour = SURE if sure else UNSURE
        left, top, right, bottom = (round(side * scale) for side in symbol.box)
        pen.rectangle((left, top, right, bottom), outline=colour, width=width)
        answer = symbol.symbol if sure or symbol is not number.symbols[-1] else f"{symbol.symbol}?"
        size = min(max(12, (bottom - top) // 2), 60)
        pen.text(
            (left, max(top - width, size)),
            answer,
            fill=colour,
            font=ImageFont.load_default(size),
            anchor="lb",
            stroke_width=width,
            stroke_fill="white",
        )
    return image


def close_up(file: str, box: Sequence[int]) -> bytes:
    """Draw a box in the upright picture, and cut out what is around it, as a JPEG.

    box: as in `Prediction`; the whole picture for zeros, or one outside. Raises PictureError.
    """
    loaded = picture.load(file, picture.PAGE_MAX_SIDE)
    image = _in_colour(file, loaded)
    left, top, right, bottom = (round(side * image.width / loaded.size[0]) for side in box)
    if any(box) and left < image.width and top < image.height:
        right, bottom = min(right, image.width), min(bottom, image.height)
        width = max(1, (right - left) // 100)
        outside = left - width, top - width, right + width - 1, bottom + width - 1
        ImageDraw.Draw(image).rectangle(outside, outline=UNSURE, width=width)
        margin = max(bottom - top, (right - left) // 4) // 2 + width
        near = max(0, left - margin), max(0, top - margin)
        far = min(image.width, right + margin), min(image.height, bottom + margin)
        image = image.crop((*near, *far))
    image.thumbnail((_MAX_CLOSE_UP, _MAX_CLOSE_UP))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90, subsampling=0)  # a thin box keeps its colour
    return buffer.getvalue()


class _Panel(NamedTuple):
    """A picture in a debug strip, with text on its left above and on both sides below."""

    image: Image.Image
    above: str
    below: tuple[str, str] = ("", "")
    frame: Colour | None = None


def debug_strip(examined: Candidates, prediction: Prediction) -> Image.Image:
    """Draw what `predict` considered: the grey picture, and the frame of each hypothesis.

    Above a frame is the hypothesis's kind; below it the network's top digit, its confidence, and
    the hypothesis's weight. The most probable one is framed. The last line is the prediction, and
    the probabilities of several digits and of none.
    """
    hypotheses, ranking = examined.hypotheses, examined.ranking
    colour = UNSURE if prediction.digit is None else SURE
    heaviest = int(ranking.hypotheses.argmax()) if hypotheses else None
    box = None if heaviest is None else hypotheses[heaviest].component.box
    panels = [_Panel(_located(examined.picture.pixels, box, colour), "picture")]
    for index, (hypothesis, frame, answer, weight) in enumerate(
        zip(hypotheses, examined.frames, examined.answers, ranking.hypotheses, strict=True)
    ):
        enlarged = Image.fromarray(frame).resize((_PANEL, _PANEL), Image.Resampling.NEAREST)
        kind = hypothesis.kind + (" (inverted)" if hypothesis.inverted else "")
        below = f"{answer.argmax()}  ({_percent(answer.max())})", f"weight {_percent(weight)}"
        panels.append(_Panel(enlarged, kind, below, colour if index == heaviest else None))
    several, none = _percent(ranking.several), _percent(ranking.none)
    text = f"{prediction.to_text()}        several digits {several}        no digit {none}"
    return _strip(panels, text)


class DebugWriter:
    """Saves drawings under the pictures' names, numbered if those repeat."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._taken = folder, set[str]()

    def save(self, file: str, image: Image.Image) -> None:
        """Save the drawing of a picture. Raises DigitsError if it can't be written."""
        # Shortened, to leave room for a suffix.
        start = os.fsdecode(os.fsencode(os.path.basename(file))[:_MAX_NAME])
        stem = name = "stdin" if file == STDIN else start
        number = 1
        while name in self._taken:
            number += 1
            name = f"{stem}-{number}"
        self._taken.add(name)
        save(self._folder / f"{name}.png", image)


def save(path: Path, image: Image.Image) -> None:
    """Write a picture atomically, as JPEG or PNG by its suffix. Raises DigitsError."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG" if path.suffix.lower() == ".png" else "JPEG", quality=90)
    write_bytes(path, buffer.getvalue())


def _strip(panels: Sequence[_Panel], text: str) -> Image.Image:
    """Draw panels in rows, and a line of text below all."""
    rows = -(-len(panels) // _MAX_COLUMNS)
    columns = -(-len(panels) // rows)
    font, large = ImageFont.load_default(14), ImageFont.load_default(16)
    width = max(columns * (_PANEL + _GAP), round(large.getlength(text)) + _GAP) + _GAP
    height = 2 * _GAP + rows * (_PANEL + 2 * _LINE + _GAP)
    image = Image.new("RGB", (width, height + _LINE + _GAP), "white")
    pen = ImageDraw.Draw(image)
    pen.text((_GAP, height), text, fill="black", font=large)
    for index, panel in enumerate(panels):
        row, column = divmod(index, columns)
        left = _GAP + column * (_PANEL + _GAP)
        top = _GAP + row * (_PANEL + 2 * _LINE + _GAP) + _LINE
        right, bottom = left + _PANEL, top + _PANEL
        image.paste(panel.image, (left, top))
        for corner, words, anchor in (
            ((left, top - _LINE - _FRAME), panel.above, "la"),
            ((left, bottom + _FRAME), panel.below[0], "la"),
            ((right, bottom + _FRAME), panel.below[1], "ra"),
        ):
            pen.text(corner, words, fill="black", font=font, anchor=anchor)
        if panel.frame:
            around = (left - _FRAME, top - _FRAME, right + _FRAME - 1, bottom + _FRAME - 1)
            pen.rectangle(around, outline=panel.frame, width=_FRAME)
    return image


def _located(grey: Pixels, box: Box | None, colour: Colour) -> Image.Image:
    """Draw a grey picture as a panel, with a box."""
    height, width = grey.shape
    scale = _PANEL / max(width, height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    method = Image.Resampling.NEAREST if scale > 4 else Image.Resampling.BICUBIC
    corner = (_PANEL - size[0]) // 2, (_PANEL - size[1]) // 2
    panel = Image.new("RGB", (_PANEL, _PANEL), _BACKDROP)
    panel.paste(Image.fromarray(grey).resize(size, method), corner)
    if box:
        near = corner[0] + round(box.left * scale), corner[1] + round(box.top * scale)
        far = corner[0] + round(box.right * scale), corner[1] + round(box.bottom * scale)
        last = max(near[0], far[0] - 1), max(near[1], far[1] - 1)
        ImageDraw.Draw(panel).rectangle((*near, *last), outline=colour, width=2)
    return panel


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _in_colour(source: str | bytes, loaded: picture.GreyImage) -> Image.Image:
    """Load the picture in colour, if it has any, in the size of its grey pixels."""
    height, width = loaded.pixels.shape
    with (
        io.BytesIO(source) if isinstance(source, bytes) else open(source, "rb") as file,
        decoder.open_image(loaded.name, file) as image,
    ):
        if image.mode not in ("RGB", "YCbCr", "CMYK"):
            return Image.fromarray(loaded.pixels).convert("RGB")
        image.draft("RGB", (width, height))
        image.load()
        turn = picture.transpose_method(image)
        upright = image if turn is None else image.transpose(turn)
        upright = upright.convert("RGB")
    return upright.resize((width, height), Image.Resampling.BOX, reducing_gap=2.0)
