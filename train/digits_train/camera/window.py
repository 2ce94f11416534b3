"""A window on a page: the ink that it shows, and what the ink means.

Whole pages are mostly paper. So training composes windows of a few lines: endless, and with much
more of what is difficult than a page has.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from digits_train.camera.ink import Points, stroke
from digits_train.pixels import Bytes, Coverage, Scalar, overlap, paste
from digits_train.symbols import Box, Symbol, moved


@dataclass
class Window:
    """Ink and its meaning.

    ink, printed: float32 [height, width], coverage by what is written, and by rules and forms.
    doubtful: boxes of what may or may not be a symbol. others: of words, marks and what is struck
    out. separators: of signs that are no symbols, such as slashes. fractions: with the digits
    before them. fraction_digits: of their own digits, which are no symbols. margin: pixels that
    stay free on each side, or None if ink may be cut by the window's edge.
    """

    ink: Coverage
    printed: Coverage
    symbols: list[Symbol] = field(default_factory=list)
    doubtful: list[Box] = field(default_factory=list)
    others: list[Box] = field(default_factory=list)
    separators: list[Box] = field(default_factory=list)
    fractions: list[Box] = field(default_factory=list)
    fraction_digits: list[Box] = field(default_factory=list)
    margin: int | None = None

    @classmethod
    def empty(cls, shape: tuple[int, int], margin: int | None = None) -> "Window":
        return cls(np.zeros(shape, np.float32), np.zeros(shape, np.float32), margin=margin)

    def put(self, coverage: Bytes, left: int, top: int, level: float, max_shared: float) -> bool:
        """Add ink, unless it would reach into the margin, or too much of it lie on other ink.

        level: of the ink, up to 1. max_shared: the share of it that may lie on other ink.
        """
        if self.margin is not None:
            (down, across), (height, width) = self.ink.shape, coverage.shape
            if min(left, top, across - left - width, down - top - height) < self.margin:
                return False
        written, cut = overlap(self.ink, coverage, left, top)
        added = cut / np.float32(255)
        shared = np.minimum(written, added) > 0.25
        if np.count_nonzero(shared) > max_shared * np.count_nonzero(added > 0.4):
            return False
        np.maximum(written, added * np.float32(level), out=written)
        return True

    def draw(self, points: Points, pen: float, printed: bool = False) -> None:
        """Draw a line through points [n, 2] (x, y), over whatever is there."""
        left, top = (round(float(low - pen / 2)) for low in points.min(0))
        line = stroke([points], pen) / np.float32(255)
        paste(self.printed if printed else self.ink, line, left, top)

    def crop(self, box: Iterable[float]) -> "Window":
        """Cut out a box, in whole pixels; beyond the window nothing is written."""
        left, top, right, bottom = map(round, box)
        area = left, top, right, bottom
        symbols = [symbol._replace(box=moved(symbol.box, left, top)) for symbol in self.symbols]
        doubtful = [moved(box, left, top) for box in self.doubtful]
        return Window(cut_out(self.ink, area), cut_out(self.printed, area), symbols, doubtful)


def cut_out(layer: NDArray[Scalar], box: Iterable[float]) -> NDArray[Scalar]:
    """Cut a box, in whole pixels, out of a layer; beyond the layer is 0."""
    left, top, right, bottom = map(round, box)
    pixels = np.zeros((bottom - top, right - left), layer.dtype)
    paste(pixels, layer, -left, -top)
    return pixels
