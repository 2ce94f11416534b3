"""Pictures for people: what was read where, and what `predict` considered."""

import io
import itertools
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, ImageOps

from digits.classifier import Examination
from digits.commands.sources import STDIN
from digits.files import write_bytes
from digits.prediction import Prediction
from digits.vision import decoder, picture
from digits.vision.components import Box
from digits.vision.frame import SIDE
from digits.vision.hypotheses import Hypothesis

Pixels = NDArray[np.uint8]
Colour = tuple[int, int, int]

# Told apart by people who see few colours, and from blue and black ink.
SURE, UNSURE = (0, 158, 115), (213, 94, 0)
BACKDROP = (232, 232, 232)

# Of a debug strip, in pixels.
_PANEL = 8 * SIDE  # whole pixels for each of the frame's
_LINE = 20  # of text
_GAP = 16
_FRAME = 4  # around the heaviest hypothesis

_MAX_COLUMNS = 5  # of panels
_LONGEST_NAME = 200  # bytes; disks take 255


def annotated(source: str | bytes, predictions: Iterable[Prediction]) -> Image.Image:
    """The picture, upright, with a box around each digit and the answer above it.

    An answer that isn't sure is orange, with a question mark. Raises PictureError when the picture
    can't be opened.
    """
    loaded = picture.load(source, picture.PAGE_MAX_SIDE)
    image = _in_colour(source, loaded)
    scale = image.width / loaded.size[0]
    pen = ImageDraw.Draw(image)
    width = max(1, round(max(image.size) / 500))
    for prediction in predictions:
        sure = prediction.digit is not None
        colour = SURE if sure else UNSURE
        left, top, right, bottom = (round(side * scale) for side in prediction.box)
        pen.rectangle((left, top, right, bottom), outline=colour, width=width)
        answer = f"{prediction.top1}" if sure else f"{prediction.top1}?"
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
    """What `predict` considered: the grey picture, and each hypothesis as the network saw it.

    Above each hypothesis is its kind; below it the network's likeliest digit, its confidence, and
    the weight of the hypothesis: its probability. The heaviest is framed. The last line is the
    answer.
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
    """Saves each picture's debug strip under its name, numbered where two have the same."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._taken = folder, set[str]()

    def save(self, file: str, examined: Examination, prediction: Prediction) -> None:
        """Raises DigitsError when the strip can't be written."""
        name = "stdin" if file == STDIN else _short(os.path.basename(file))
        numbered = (f"{name}-{number}.png" for number in itertools.count(2))
        free = next(n for n in itertools.chain([f"{name}.png"], numbered) if n not in self._taken)
        self._taken.add(free)
        save(self._folder / free, debug_strip(examined, prediction))


def save(path: Path, image: Image.Image) -> None:
    """Write a picture by rename, as JPEG or PNG by its suffix. Raises DigitsError."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG" if path.suffix.lower() == ".png" else "JPEG", quality=90)
    write_bytes(path, buffer.getvalue())


def _short(name: str) -> str:
    """Its beginning, where a file couldn't be called so with more behind it."""
    return os.fsdecode(os.fsencode(name)[:_LONGEST_NAME])


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
        """The next panel. below: text on its left and on its right."""
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
    """A grey picture as a panel, a box drawn on it."""
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
    """What `digits predict` prints, and the probability that the picture shows no one digit."""
    several, none = percent(examined.judgement.several), percent(examined.judgement.none)
    return f"{prediction.to_text()}        several digits {several}        no digit {none}"


def percent(share: float) -> str:
    """A share of 1, as the drawings write it."""
    return f"{100 * share:.1f} %"


def _in_colour(source: str | bytes, loaded: picture.GreyImage) -> Image.Image:
    """The picture as large as its grey pixels, in its colours where it plainly has some."""
    height, width = loaded.pixels.shape
    with (
        io.BytesIO(source) if isinstance(source, bytes) else open(source, "rb") as file,
        decoder.open_image(loaded.name, file) as image,
    ):
        if image.mode not in ("RGB", "YCbCr", "CMYK"):
            return Image.fromarray(loaded.pixels).convert("RGB")
        image.draft("RGB", (width, height))
        upright = ImageOps.exif_transpose(image).convert("RGB")
    return upright.resize((width, height), Image.Resampling.BOX, reducing_gap=2.0)
