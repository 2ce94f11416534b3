"""A window on a page: the ink that it shows, and what the ink means.

Whole pages are mostly paper. So training composes windows of a few lines: endless, and with much
more of what is difficult than a page has.
"""

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

    def put(self, coverage: Bytes, left: int, top: int, level: float, most: float) -> bool:
        """Add ink, unless more than a share of it, `most`, would fall on other ink.

        Nor is any added that would reach into the margin.
        """
        if self.margin is not None:
            (down, across), (height, width) = self.ink.shape, coverage.shape
            if min(left, top, across - left - width, down - top - height) < self.margin:
                return False
        part, cut = overlap(self.ink, coverage, left, top)
        added = cut / np.float32(255)
        if np.count_nonzero(np.minimum(part, added) > 0.25) > most * np.count_nonzero(added > 0.4):
            return False
        np.maximum(part, added * np.float32(level), out=part)
        return True

    def draw(self, points: Points, pen: float, printed: bool = False) -> None:
        """Draw a line through points [n, 2] (x, y), over whatever is there."""
        left, top = (round(float(low - pen / 2)) for low in points.min(0))
        line = stroke([points], pen) / np.float32(255)
        paste(self.printed if printed else self.ink, line, left, top)

    def crop(self, box: Box) -> "Window":
        """Cut out a box, in whole pixels; beyond the window nothing is written."""
        left, top, *_ = map(round, box)
        symbols = [each._replace(box=moved(each.box, left, top)) for each in self.symbols]
        doubtful = [moved(each, left, top) for each in self.doubtful]
        return Window(cut_out(self.ink, box), cut_out(self.printed, box), symbols, doubtful)


def cut_out(layer: NDArray[Scalar], box: Box) -> NDArray[Scalar]:
    """The part of a layer in a box, in whole pixels; 0 beyond the layer."""
    left, top, right, bottom = map(round, box)
    part = np.zeros((bottom - top, right - left), layer.dtype)
    paste(part, layer, -left, -top)
    return part
