"""Draw what the reader saw on a page: `digits read --debug`."""

from collections.abc import Sequence
from itertools import accumulate
from math import ceil
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from digits.commands.drawing import SURE, UNSURE, Colour
from digits.images.picture import GreyImage
from digits.inference.interface import STRIDE, SYMBOLS
from digits.reader.detections import Detections, probabilities
from digits.reader.lattice import Arc, Lattice, best_path
from digits.reader.looks import MARGIN
from digits.reader.page import build_lattices, find_symbols
from digits.reader.peaks import Grey, Map, MapsFn

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
    """What was seen on a page."""

    page: GreyImage
    looks: list[Look]
    found: Detections


def examine(page: GreyImage, maps: MapsFn) -> Seen:
    """Look at a page as `Classifier.read` does, and keep what it forgets. maps: of the reader."""
    looks: list[Look] = []

    def recorded(pixels: Grey) -> tuple[Map, Map, Map]:
        found = maps(pixels)
        looks.append(Look(pixels, found[0]))
        return found

    return Seen(page, looks, find_symbols(page.pixels, recorded))


def draw(seen: Seen, threshold: float) -> Image.Image:
    """Draw the page with all symbols and their alternatives, and then each look.

    threshold: confidence of a symbol that isn't rejected.
    """
    parts = [_labelled(_draw_page(seen, threshold), _LEGEND)]
    for number, look in enumerate(seen.looks, 1):
        height, width = look.pixels.shape
        scale = (width - 2 * MARGIN) / seen.page.pixels.shape[1]
        title = f"look {number}: {width}x{height} pixels, scale {scale:.2f}"
        parts.append(_labelled(_draw_heat(look), [(title, (0, 0, 0))]))
    return _arranged(parts)


def _labelled(image: Image.Image, texts: Sequence[tuple[str, Colour]]) -> Image.Image:
    """Write coloured texts above a picture."""
    font = ImageFont.load_default(_TEXT - 4)
    widths = [ceil(font.getlength(text)) + 2 * _GAP for text, _ in texts]
    size = max(image.width, sum(widths)), _TITLE + image.height
    labelled = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(labelled)
    for (text, colour), left in zip(texts, accumulate([0, *widths[:-1]]), strict=True):
        pen.text((left, 0), text, fill=colour, font=font)
    labelled.paste(image, (0, _TITLE))
    return labelled


def _arranged(images: Sequence[Image.Image]) -> Image.Image:
    """Put pictures side by side, in rows that are no wider than the widest."""
    wide = max(image.width for image in images) + 2 * _GAP
    left, top, bottom = _GAP, _GAP, 0
    places = []
    for image in images:
        if left + image.width + _GAP > wide:
            left, top = _GAP, bottom + _GAP
        places.append((left, top))
        left, bottom = left + image.width + _GAP, max(bottom, top + image.height)
    arranged = Image.new("RGB", (wide, bottom + _GAP), "white")
    for image, place in zip(images, places, strict=True):
        arranged.paste(image, place)
    return arranged


def _draw_heat(look: Look) -> Image.Image:
    """Draw a look, the more coloured the likelier a symbol's centre is in a cell."""
    height, width = look.pixels.shape
    scale = min(_MAX_ENLARGED, _LOOK[0] / width, _LOOK[1] / height)
    # Light, so that the colour stands out.
    light = _resized(Image.fromarray(128 + look.pixels // 2), scale).convert("RGB")
    heat = Image.fromarray(
        (255 * probabilities(look.centres.astype(np.float64))).round().astype(np.uint8)
    )
    cells = 0, 0, width / STRIDE, height / STRIDE
    mask = heat.resize(light.size, Image.Resampling.NEAREST, cells)
    return Image.composite(Image.new("RGB", light.size, HEAT), light, mask)


def _draw_page(seen: Seen, threshold: float) -> Image.Image:
    pixels = seen.page.pixels
    scale = min(_MAX_ENLARGED, _PAGE / max(pixels.shape))
    image = _resized(Image.fromarray(pixels).convert("RGB"), scale)
    pen = _Pen(image, threshold)
    lattices = [
        [Lattice([_scaled(arc, scale) for arc in column.arcs]) for column in line]
        for line in build_lattices(seen.found)
    ]
    paths = [[best_path(column) for column in line] for line in lattices]
    taken = {arc.box for line in paths for path in line for arc in path}
    for arc in (arc for line in lattices for column in line for arc in column.arcs):
        if arc.box not in taken:
            pen.alternative(arc)
    for number, line in enumerate(paths, 1):  # over the alternatives
        pen.line(number, [path for path in line if path])
    return image


class _Pen:
    """Draws arcs on a page. threshold: confidence of a symbol that isn't rejected."""

    def __init__(self, image: Image.Image, threshold: float) -> None:
        self._threshold = threshold
        self._pen = ImageDraw.Draw(image)

    def line(self, number: int, columns: list[list[Arc]]) -> None:
        """Draw a line's number, course and symbols, and a box around each of its columns."""
        boxes = [np.array([arc.box for arc in column]) for column in columns]
        for column in boxes:
            near, far = column[:, :2].min(0) - 4, column[:, 2:].max(0) + 4
            self._pen.rectangle((*near.tolist(), *far.tolist()), outline=LINE)
        if boxes:
            middles = np.concatenate([(column[:, :2] + column[:, 2:]) / 2 for column in boxes])
            self._pen.line(middles.ravel().tolist(), fill=LINE, width=1)
            place = max(boxes[0][0, 0] - 8, _TEXT), middles[0, 1]
            self._write(place, str(number), LINE, _TEXT, "rm")
        for arc in (arc for column in columns for arc in column):
            self.symbol(arc)

    def alternative(self, arc: Arc) -> None:
        """Draw the box of a symbol that was not taken, and below it how likely that is."""
        self._pen.rectangle(arc.box, outline=ALTERNATIVE)
        text = f"{_symbol(arc)} {arc.probabilities.max():.0%}"
        self._write((arc.box[0], arc.box[3] + 2), text, ALTERNATIVE, _SMALLEST, "lt")

    def symbol(self, arc: Arc) -> None:
        """Draw the box of a symbol, and above it how it is read."""
        left, top, _, bottom = arc.box
        sure = float(arc.probabilities.max()) >= self._threshold
        colour = SURE if sure else UNSURE
        self._pen.rectangle(arc.box, outline=colour, width=2)
        size = min(max(_SMALLEST, round((bottom - top) / 2)), _LARGEST)
        text = _symbol(arc) + "?" * (not sure)
        self._write((left, max(top - 2, size)), text, colour, size, "lb")

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


def _scaled(arc: Arc, scale: float) -> Arc:
    left, top, right, bottom = (side * scale for side in arc.box)
    return arc._replace(box=(left, top, right, bottom))


def _symbol(arc: Arc) -> str:
    return SYMBOLS[int(arc.symbols.argmax())]


def _resized(image: Image.Image, scale: float) -> Image.Image:
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    method = Image.Resampling.NEAREST if scale > 2 else Image.Resampling.BICUBIC
    return image.resize(size, method)
