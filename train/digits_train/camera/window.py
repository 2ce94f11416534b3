"""A window on a page: the ink that it shows, and what the ink means.

Whole pages are mostly paper. So training composes windows of a few lines: endless, and with much
more of what is difficult than a page has.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import compress
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits_train.camera.glyphs import PenBank, Writer
from digits_train.camera.ink import Glyph, Points, stroke
from digits_train.camera.ranges import RANGES, Ranges
from digits_train.raster import Bytes, Coverage, Random, Scalar, overlap, paste

Box = tuple[float, float, float, float]  # left, top, right, bottom


class Materials(NamedTuple):
    """What windows are made of.

    texts: for each hand or font, what it writes without digits. hard: texts and marks of which more
    than their share is wanted. ranges: how composing and photographing varies.
    """

    pens: PenBank
    fonts: Sequence[Writer]
    texts: Sequence[Sequence[Glyph]]
    marks: Sequence[Glyph]
    hard: Sequence[Glyph] = ()
    ranges: Ranges = RANGES

    def writer(self, random: Random) -> Writer:
        """A random hand: one of MNIST's writers, or a font."""
        if random.random() < self.ranges.in_font and self.fonts:
            return self.fonts[int(random.integers(len(self.fonts)))]
        return self.pens.writer(random)


@dataclass
class Window:
    """Ink and its meaning.

    ink, printed: float32 [height, width], coverage by what is written, and by rules and forms.
    boxes: of the symbols. symbols: 0 to 9, 10 for a minus, 11 for a point. heights: of the digits
    of the symbol's hand, in pixels. doubtful: boxes of what may or may not be a symbol. margin:
    pixels that stay free on each side, or None if ink may be cut by the window's edge.
    """

    ink: Coverage
    printed: Coverage
    boxes: list[Box] = field(default_factory=list)
    symbols: list[int] = field(default_factory=list)
    heights: list[float] = field(default_factory=list)
    doubtful: list[Box] = field(default_factory=list)
    margin: int | None = None

    @classmethod
    def empty(cls, shape: tuple[int, int], margin: int | None = None) -> "Window":
        return cls(np.zeros(shape, np.float32), np.zeros(shape, np.float32), margin=margin)

    def put(self, coverage: Bytes, left: int, top: int, level: float, most: float) -> bool:
        """Add ink, unless more than a share of it, `most`, would fall on other ink.

        Nor is any added that would reach into the margin.
        """
        if self.margin is not None:
            (down, across), (height, width) = self.ink.shape, coverage.shape
            if min(left, top, across - left - width, down - top - height) < self.margin:
                return False
        part, cut = overlap(self.ink, coverage, left, top)
        added = cut.astype(np.float32) / np.float32(255)
        if (np.minimum(part, added) > 0.25).sum() > most * (added > 0.4).sum():
            return False
        np.maximum(part, added * np.float32(level), out=part)
        return True

    def draw(self, points: Points, pen: float, printed: bool = False) -> None:
        """Draw a line through points [n, 2] (x, y), over whatever is there."""
        left, top = (round(float(low - pen + pen / 2)) for low in points.min(0))
        line = stroke([points], pen) / np.float32(255)
        paste(self.printed if printed else self.ink, line, left, top)

    def crop(self, box: Box) -> "Window":
        """Cut out a box, in whole pixels; beyond the window nothing is written."""
        left, top, *_ = map(round, box)
        cut = replace(self.moved(-left, -top), margin=None)
        return replace(cut, ink=cut_out(self.ink, box), printed=cut_out(self.printed, box))

    def moved(self, right: float, down: float) -> "Window":
        """All boxes moved: the ink stays."""

        def move(boxes: Sequence[Box]) -> list[Box]:
            return [(x + right, y + down, far + right, low + down) for x, y, far, low in boxes]

        return replace(self, boxes=move(self.boxes), doubtful=move(self.doubtful))

    def select(self, chosen: Sequence[bool]) -> "Window":
        """Some of the symbols: the ink of all stays."""
        symbols = list(compress(self.symbols, chosen))
        boxes, heights = list(compress(self.boxes, chosen)), list(compress(self.heights, chosen))
        return replace(self, boxes=boxes, symbols=symbols, heights=heights)


def cut_out(layer: NDArray[Scalar], box: Box) -> NDArray[Scalar]:
    """The part of a layer in a box, in whole pixels; 0 beyond the layer."""
    left, top, right, bottom = map(round, box)
    part = np.zeros((bottom - top, right - left), layer.dtype)
    paste(part, layer, -left, -top)
    return part
