"""A window on a page: the ink that it shows, and what the ink means.

A whole photographed page costs a second and is mostly paper. So training composes windows of a few
lines instead: endless, and with much more of what is difficult than a page has.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits_train.camera import marks
from digits_train.camera.glyphs import PenBank, Writer
from digits_train.camera.lettering import Lettering
from digits_train.raster import Bytes, Coverage, overlap, paste

Box = tuple[float, float, float, float]  # left, top, right, bottom


class Materials(NamedTuple):
    """What windows are made of.

    texts: for each hand or font, what it writes without digits. hard: texts and marks of which more
    than their share is wanted.
    """

    pens: PenBank
    fonts: Sequence[Writer]
    texts: Sequence[Sequence[Lettering]]
    marks: Sequence[Bytes]
    hard: Sequence[Lettering] = ()


@dataclass
class Window:
    """Ink and its meaning.

    ink, printed: float32 [side, side], coverage by what is written, and by rules and forms. boxes:
    of the symbols. symbols: 0 to 9, 10 for a minus, 11 for a point. heights: of the digits of the
    symbol's hand, in pixels. doubtful: boxes of what may or may not be a symbol.
    """

    ink: Coverage
    printed: Coverage
    boxes: list[Box] = field(default_factory=list)
    symbols: list[int] = field(default_factory=list)
    heights: list[float] = field(default_factory=list)
    doubtful: list[Box] = field(default_factory=list)

    @classmethod
    def empty(cls, side: int) -> "Window":
        return cls(np.zeros((side, side), np.float32), np.zeros((side, side), np.float32))

    def put(self, coverage: Bytes, left: int, top: int, level: float, most: float) -> bool:
        """Add ink, unless more than a share of it, `most`, would fall on other ink."""
        part, cut = overlap(self.ink, coverage, left, top)
        ink = cut.astype(np.float32) / np.float32(255)
        if (np.minimum(part, ink) > 0.25).sum() > most * (ink > 0.4).sum():
            return False
        np.maximum(part, ink * np.float32(level), out=part)
        return True

    def draw(self, points: NDArray[np.float64], pen: float, printed: bool = False) -> None:
        """Draw a line through points [n, 2] (x, y), over whatever is there."""
        left, top = (round(float(low - pen + pen / 2)) for low in points.min(0))
        paste(self.printed if printed else self.ink, marks.stroke([points], pen), left, top)
