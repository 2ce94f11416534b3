"""Draw what was read where, and what `predict` considered."""

import io
import itertools
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from digits.classifier import Examination
from digits.commands.inputs import STDIN
from digits.files import write_bytes
from digits.images import decoder, picture
from digits.prediction import Prediction, Symbol
from digits.vision.components import Box
from digits.vision.frame import SIDE
from digits.vision.hypotheses import Hypothesis

Pixels = NDArray[np.uint8]
Colour = tuple[int, int, int]

# Distinct for colour-blind people, and from blue and black ink.
SURE, UNSURE = (0, 158, 115), (213, 94, 0)
BACKDROP = (232, 232, 232)

# Debug strips, in pixels.
_PANEL = 8 * SIDE
_LINE = 20  # of text
_GAP = 16
_FRAME = 4  # around the most probable hypothesis

_MAX_COLUMNS = 5  # of panels
_MAX_NAME = 200  # bytes; file systems allow 255


def annotate(source: str | bytes, symbols: Iterable[Symbol]) -> Image.Image:
    """Draw a box around each symbol in the upright picture, and above it how it is read.

    A rejected symbol is orange, with a question mark. Raises PictureError if the picture can't be
    opened.
    """
    loaded = picture.load(source, picture.PAGE_MAX_SIDE)
    image = _in_colour(source, loaded)
    scale = image.width / loaded.size[0]
    pen = ImageDraw.Draw(image)
    width = max(1, round(max(image.size) / 500))
    for symbol in symbols:
        sure = symbol.symbol is not None
        colour = SURE if sure else UNSURE
        left, top, right, bottom = (round(side * scale) for side in symbol.box)
        pen.rectangle((left, top, right, bottom), outline=colour, width=width)
        answer = symbol.top1 if sure else f"{symbol.top1}?"
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


def debug_strip(examined: Examination, prediction: Prediction) -> Image.Image:
    """Draw what `predict` considered: the grey picture, and the frame of each hypothesis.

    Above a frame is the hypothesis's kind; below it the network's top digit, its confidence, and
    the hypothesis's weight. The most probable one is framed. The last line is the prediction.
    """
    hypotheses, judgement = examined.hypotheses, examined.judgement
    colour = UNSURE if prediction.digit is None else SURE
    heaviest = int(judgement.hypotheses.argmax()) if hypotheses else None
    strip = _Strip(len(hypotheses) + 1, _answer(examined, prediction))
    box = None if heaviest is None else hypotheses[heaviest].component.box
    strip.add(_located(examined.picture.pixels, box, colour), "picture")
    for number, (hypothesis, frame, answer, weight) in enumerate(
        zip(hypotheses, examined.frames, examined.answers, judgement.hypotheses, strict=True)
    ):
        panel = Image.fromarray(frame).resize((_PANEL, _PANEL), Image.Resampling.NEAREST)
        digit = f"{answer.argmax()}  ({percent(answer.max())})"
        below = digit, f"weight {percent(weight)}"
        strip.add(panel, _kind(hypothesis), below, colour if number == heaviest else None)
    return strip.image


class DebugWriter:
    """Saves drawings under the pictures' names, numbered if those repeat."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._taken = folder, set[str]()

    def save(self, file: str, image: Image.Image) -> None:
        """Save the drawing of a picture. Raises DigitsError if it can't be written."""
        name = "stdin" if file == STDIN else _short(os.path.basename(file))
        numbered = (f"{name}-{number}.png" for number in itertools.count(2))
        free = next(n for n in itertools.chain([f"{name}.png"], numbered) if n not in self._taken)
        self._taken.add(free)
        save(self._folder / free, image)


def save(path: Path, image: Image.Image) -> None:
    """Write a picture atomically, as JPEG or PNG by its suffix. Raises DigitsError."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG" if path.suffix.lower() == ".png" else "JPEG", quality=90)
    write_bytes(path, buffer.getvalue())


def _short(name: str) -> str:
    """Shorten a name, to leave room for a suffix."""
    return os.fsdecode(os.fsencode(name)[:_MAX_NAME])


class _Strip:
    """Panels in rows, with a line of text above and below each, and one below all."""

    def __init__(self, count: int, text: str) -> None:
        rows = -(-count // _MAX_COLUMNS)
        self._columns, self._count = -(-count // rows), 0
        self._font, large = ImageFont.load_default(14), ImageFont.load_default(16)
        width = max(self._columns * (_PANEL + _GAP), round(large.getlength(text)) + _GAP) + _GAP
        bottom = 2 * _GAP + rows * (_PANEL + 2 * _LINE + _GAP)
        self.image = Image.new("RGB", (width, bottom + _LINE + _GAP), "white")
        self._pen = ImageDraw.Draw(self.image)
        self._pen.text((_GAP, bottom), text, fill="black", font=large)

    def add(
        self,
        panel: Image.Image,
        above: str,
        below: tuple[str, str] = ("", ""),
        frame: Colour | None = None,
    ) -> None:
        """Add a panel. below: text on the left and on the right."""
        row, column = divmod(self._count, self._columns)
        self._count += 1
        left = _GAP + column * (_PANEL + _GAP)
        top = _GAP + row * (_PANEL + 2 * _LINE + _GAP) + _LINE
        right, bottom = left + _PANEL, top + _PANEL
        self._write((left, top - _LINE - _FRAME), above)
        self.image.paste(panel, (left, top))
        self._write((left, bottom + _FRAME), below[0])
        self._write((right, bottom + _FRAME), below[1], anchor="ra")
        if frame:
            around = (left - _FRAME, top - _FRAME, right + _FRAME - 1, bottom + _FRAME - 1)
            self._pen.rectangle(around, outline=frame, width=_FRAME)

    def _write(self, place: tuple[int, int], text: str, anchor: str = "la") -> None:
        self._pen.text(place, text, fill="black", font=self._font, anchor=anchor)


def _located(grey: Pixels, box: Box | None, colour: Colour) -> Image.Image:
    """Draw a grey picture as a panel, with a box."""
    height, width = grey.shape
    scale = _PANEL / max(width, height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    method = Image.Resampling.NEAREST if scale > 4 else Image.Resampling.BICUBIC
    corner = (_PANEL - size[0]) // 2, (_PANEL - size[1]) // 2
    panel = Image.new("RGB", (_PANEL, _PANEL), BACKDROP)
    panel.paste(Image.fromarray(grey).resize(size, method), corner)
    if box:
        near = corner[0] + round(box.left * scale), corner[1] + round(box.top * scale)
        far = corner[0] + round(box.right * scale), corner[1] + round(box.bottom * scale)
        last = max(near[0], far[0] - 1), max(near[1], far[1] - 1)
        ImageDraw.Draw(panel).rectangle((*near, *last), outline=colour, width=2)
    return panel


def _kind(hypothesis: Hypothesis) -> str:
    return hypothesis.kind + (" (inverted)" if hypothesis.inverted else "")


def _answer(examined: Examination, prediction: Prediction) -> str:
    """The prediction, and the probabilities of several digits and of none."""
    several, none = percent(examined.judgement.several), percent(examined.judgement.none)
    return f"{prediction.to_text()}        several digits {several}        no digit {none}"


def percent(share: float) -> str:
    """Format a ratio for drawings."""
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
