"""What a pen leaves on the paper of the strokes that a hand makes."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from digits_train.handwriting.strokes import Glyph, Random, Stroke, bounds, resampled

Picture = NDArray[np.uint8]  # [height, width], 0 = paper, 255 = ink

SIZE = 96  # pixels of a glyph's longer side, without the pen's width
_HAIRLINE, _MARKER = 0.03, 0.32  # heights
_SOFT = 0.12  # heights; the ends of wider strokes are blunt
_FINE = 2  # times as many while it is drawn: so edges are smooth
_STEP = 6.0  # of those pixels, at least, from dot to dot of a stroke


class Pen(NamedTuple):
    """How a pen writes.

    width: of its strokes, in heights of the glyph. pressure: by how much of it the width varies
    along a stroke. taper: share of a stroke's length over which its end grows thin. gap: chance
    that a stroke is interrupted where the ink fails. retouch: chance that a part is drawn twice.
    """

    width: float
    pressure: float = 0.0
    taper: float = 0.0
    gap: float = 0.0
    retouch: float = 0.0


def some_pen(random: Random, widest: float = _MARKER) -> Pen:
    """Anybody's: from hairline to marker, rather thin than thick. widest: in heights."""
    root = random.uniform(_HAIRLINE**0.5, min(widest, _MARKER) ** 0.5)
    return Pen(
        width=root**2,
        pressure=random.uniform(0, 0.35),
        taper=random.uniform(0.1, 0.4) if root**2 < _SOFT and random.random() < 0.5 else 0.0,
        gap=0.15 if random.random() < 0.15 else 0.0,
        retouch=0.3 if random.random() < 0.08 else 0.0,
    )


def draw(glyph: Glyph, pen: Pen, random: Random) -> Picture:
    """The glyph, up to its edges, with SIZE pixels along its longer side and the pen's width."""
    left, top, right, bottom = bounds(glyph)
    scale = _FINE * SIZE / max(right - left, bottom - top, 1e-3)
    # A sprawling glyph would else get a hairline: the pen is as wide as for one of height 1.
    width = pen.width * _FINE * SIZE
    margin = width * (1 + pen.pressure) / 2 + 2
    strokes = _with_faults(glyph, pen, random)
    left, top, right, bottom = bounds(strokes)
    size = (right - left) * scale + 2 * margin, (bottom - top) * scale + 2 * margin
    image = Image.new("L", (int(np.ceil(size[0])), int(np.ceil(size[1]))))
    brush = ImageDraw.Draw(image)
    for stroke in strokes:
        points = (stroke - (left, top)) * scale + margin
        _trace(brush, resampled(points, max(_STEP, width / 3)), width, pen, random)
    small = image.reduce(_FINE)
    return np.asarray(small.crop(small.getbbox()))


def _with_faults(glyph: Glyph, pen: Pen, random: Random) -> Glyph:
    """The strokes, some of them in two pieces, and retouched ones twice."""
    strokes: Glyph = []
    for stroke in glyph:
        fine = resampled(stroke, 0.02)
        if len(fine) > 12 and random.random() < pen.gap:
            start = int(random.integers(4, len(fine) - 6))
            strokes += [fine[:start], fine[start + int(random.integers(2, 5)) :]]
        else:
            strokes.append(fine)
        if len(fine) > 6 and random.random() < pen.retouch:
            start = int(random.integers(0, len(fine) // 2))
            stop = int(random.integers(start + 3, len(fine) + 1))
            strokes.append(fine[start:stop] + random.normal(0, pen.width / 3, 2))
    return strokes


def _trace(
    brush: ImageDraw.ImageDraw, points: Stroke, width: float, pen: Pen, random: Random
) -> None:
    """Draw one stroke, in pixels, as a chain of round dots and the bars between them."""
    count = len(points)
    nodes = random.normal(0, pen.pressure / 2, 4)
    widths = width * (1 + np.interp(np.linspace(0, 3, count), np.arange(4), nodes))
    if pen.taper:
        rest = np.clip(np.linspace(1, 0, count) / pen.taper, 0, 1)
        widths = widths * (0.35 + 0.65 * rest)
    widths = np.clip(widths, 1.5, width * (1 + pen.pressure))
    for (x, y), wide in zip(points.tolist(), (widths / 2).tolist(), strict=True):
        brush.ellipse((x - wide, y - wide, x + wide, y + wide), fill=255)
    for start, stop, wide in zip(points[:-1], points[1:], widths[1:], strict=True):
        brush.line((*start.tolist(), *stop.tolist()), fill=255, width=max(1, round(wide)))
