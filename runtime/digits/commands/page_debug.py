"""Draw what the reader saw on a page: `digits read --debug`."""

from math import ceil
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from digits.commands.drawing import SURE, UNSURE, Colour
from digits.images.picture import GreyImage
from digits.inference.interface import STRIDE, SYMBOLS
from digits.reader.detections import probabilities
from digits.reader.lattice import Arc, Lattice, best_path
from digits.reader.looks import MARGIN
from digits.reader.page import find_lattices
from digits.reader.peaks import Grey, Map, MapsFn

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

# As SURE and UNSURE distinct for colour-blind people.
ALTERNATIVE, LINE = (0, 114, 178), (204, 121, 167)
HEAT = (213, 94, 0)
_LEGEND = (
    ("read", SURE),
    ("rejected (?)", UNSURE),
    ("alternatives", ALTERNATIVE),
    ("lines and columns", LINE),
)

# In pixels.
_PAGE = 1600  # the longer side of the page
_MAX_ENLARGED = 4.0  # a factor, for small pages
_LOOK = 520, 800  # width and height of a look, unless it is smaller
_GAP = 16
_TEXT, _TITLE = 20, 24  # heights of a line of text
_SMALLEST, _LARGEST = 12, 40  # fonts on the page


class Look(NamedTuple):
    """What the network was shown, and the log odds of a centre that it found in each cell."""

    pixels: Grey
    centres: Map


class Seen(NamedTuple):
    """What was seen on a page. lattices: of the columns of each line."""

    page: GreyImage
    looks: list[Look]
    lattices: list[list[Lattice]]


def examine(page: GreyImage, maps: MapsFn) -> Seen:
    """Look at a page as `Classifier.read` does, and keep what it forgets. maps: of the reader."""
    looks: list[Look] = []

    def recorded(pixels: Grey) -> tuple[Map, Map, Map]:
        found = maps(pixels)
        looks.append(Look(pixels, found[0]))
        return found

    lattices = find_lattices(page.pixels, recorded)
    return Seen(page, looks, lattices)


def draw(seen: Seen, threshold: float) -> Image.Image:
    """Draw the page with all symbols and their alternatives, and below it each look.

    threshold: confidence of a symbol that isn't rejected.
    """
    width = seen.page.pixels.shape[1]
    page = _draw_page(seen, threshold)
    looks = [_draw_heat(look) for look in seen.looks]
    titles = [
        f"look {number}: {look.pixels.shape[1]}x{look.pixels.shape[0]} pixels, scale"
        f" {(look.pixels.shape[1] - 2 * MARGIN) / width:.2f}"
        for number, look in enumerate(seen.looks, 1)
    ]
    font = ImageFont.load_default(_TEXT - 4)
    columns = [
        max(look.width, ceil(font.getlength(title)))
        for look, title in zip(looks, titles, strict=True)
    ]
    legend = _GAP + sum(ceil(font.getlength(text)) + 2 * _GAP for text, _ in _LEGEND)
    own = max(page.width + 2 * _GAP, legend)
    wide = max(own, *(column + 2 * _GAP for column in columns))
    places, bottom = _places(columns, [look.height for look in looks], wide, page.height)
    image = Image.new("RGB", (wide, bottom), "white")
    pen = ImageDraw.Draw(image)
    image.paste(page, (_GAP, _TITLE + _GAP))
    _write_legend(pen, font)
    for look, title, (left, top) in zip(looks, titles, places, strict=True):
        pen.text((left, top), title, fill="black", font=font)
        image.paste(look, (left, top + _TITLE))
    return image


def _places(
    widths: list[int], heights: list[int], wide: int, page: int
) -> tuple[list[tuple[int, int]], int]:
    """Where each look is, in rows below the page, and where the picture ends."""
    left, top, tallest = _GAP, 2 * _GAP + _TITLE + page, 0
    places = []
    for width, height in zip(widths, heights, strict=True):
        if left > _GAP and left + width + _GAP > wide:
            left, top, tallest = _GAP, top + tallest + _TITLE + _GAP, 0
        places.append((left, top))
        left, tallest = left + width + _GAP, max(tallest, height)
    return places, top + tallest + _TITLE + _GAP


def _write_legend(pen: ImageDraw.ImageDraw, font: Font) -> None:
    left = _GAP
    for text, colour in _LEGEND:
        pen.text((left, _GAP // 2), text, fill=colour, font=font)
        left += ceil(font.getlength(text)) + 2 * _GAP


def _draw_heat(look: Look) -> Image.Image:
    """Draw a look, the more coloured the likelier a symbol's centre is in a cell."""
    height, width = look.pixels.shape
    heat = probabilities(look.centres.astype(np.float64))
    cells = np.ones((STRIDE, STRIDE), np.float64)
    share = np.kron(heat, cells)[:height, :width, None]
    grey = 128 + look.pixels[..., None] / 2  # so that the colour stands out
    mixed = (1 - share) * grey + share * np.array(HEAT)
    image = Image.fromarray(mixed.round().astype(np.uint8))
    return _resized(image, min(_MAX_ENLARGED, _LOOK[0] / width, _LOOK[1] / height))


def _draw_page(seen: Seen, threshold: float) -> Image.Image:
    pixels = seen.page.pixels
    scale = min(_MAX_ENLARGED, _PAGE / max(pixels.shape))
    image = _resized(Image.fromarray(pixels).convert("RGB"), scale)
    pen = _Pen(image, scale)
    paths = [[best_path(column) for column in line] for line in seen.lattices]
    taken = {arc.box for line in paths for path in line for arc in path}
    for arc in (arc for line in seen.lattices for column in line for arc in column.arcs):
        if arc.box not in taken:
            pen.alternative(arc)
    for number, line in enumerate(paths, 1):  # over the alternatives
        pen.line(number, [path for path in line if path])
        for arc in (arc for path in line for arc in path):
            pen.symbol(arc, threshold)
    return image


class _Pen:
    """Draws on an enlarged or reduced page."""

    def __init__(self, image: Image.Image, scale: float) -> None:
        self._scale = scale
        self._pen = ImageDraw.Draw(image)

    def line(self, number: int, columns: list[list[Arc]]) -> None:
        """Draw a line's number and course, and a box around each of its columns."""
        arcs = [arc for column in columns for arc in column]
        if not arcs:
            return
        middles = [((box[0] + box[2]) / 2, (box[1] + box[3]) / 2) for box in map(self._box, arcs)]
        self._pen.line(middles, fill=LINE, width=1)
        for column in columns:
            boxes = np.array([self._box(arc) for arc in column])
            near, far = boxes[:, :2].min(0) - 4, boxes[:, 2:].max(0) + 4
            self._pen.rectangle((*near.tolist(), *far.tolist()), outline=LINE)
        left, top, _, bottom = self._box(arcs[0])
        place = max(left - 8, _TEXT), (top + bottom) / 2
        self._write(place, str(number), LINE, _TEXT, "rm")

    def alternative(self, arc: Arc) -> None:
        """Draw the box of a symbol that was not taken, and below it how likely that is."""
        left, top, right, bottom = self._box(arc)
        self._pen.rectangle((left, top, right, bottom), outline=ALTERNATIVE)
        text = f"{_symbol(arc)} {arc.probabilities.max():.0%}"
        self._write((left, bottom + 2), text, ALTERNATIVE, _SMALLEST, "lt")

    def symbol(self, arc: Arc, threshold: float) -> None:
        """Draw the box of a symbol, and above it how it is read."""
        left, top, right, bottom = self._box(arc)
        sure = float(arc.probabilities.max()) >= threshold
        colour = SURE if sure else UNSURE
        self._pen.rectangle((left, top, right, bottom), outline=colour, width=2)
        size = min(max(_SMALLEST, round((bottom - top) / 2)), _LARGEST)
        text = _symbol(arc) + "?" * (not sure)
        self._write((left, max(top - 2, size)), text, colour, size, "lb")

    def _box(self, arc: Arc) -> tuple[float, float, float, float]:
        left, top, right, bottom = (side * self._scale for side in arc.box)
        return left, top, right, bottom

    def _write(
        self, place: tuple[float, float], text: str, colour: Colour, size: int, anchor: str
    ) -> None:
        self._pen.text(
            place,
            text,
            fill=colour,
            font=ImageFont.load_default(size),
            anchor=anchor,
            stroke_width=1 if size == _SMALLEST else 2,
            stroke_fill="white",
        )


def _symbol(arc: Arc) -> str:
    return SYMBOLS[int(arc.symbols.argmax())]


def _resized(image: Image.Image, scale: float) -> Image.Image:
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    method = Image.Resampling.NEAREST if scale > 2 else Image.Resampling.BICUBIC
    return image.resize(size, method)
