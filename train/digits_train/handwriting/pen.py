"""Draws strokes with a pen."""

from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from digits_train.handwriting.strokes import Glyph, Stroke, bounds, resample

Picture = NDArray[np.uint8]  # [height, width], 0 = paper, 255 = ink

SIZE = 96  # pixels of a glyph's longer side, without the pen's width
_HAIRLINE, _MARKER = 0.03, 0.32  # heights
_MAX_TAPERED = 0.12  # heights; the ends of wider strokes are blunt
_SUPERSAMPLING = 2  # for smooth edges
_STEP = 6.0  # supersampled pixels, at least, from dot to dot of a stroke


class Pen(NamedTuple):
    """How a pen writes.

    width: in heights of the glyph. pressure: share by which the width varies along a stroke.
    taper: share of a stroke's length over which its end thins. gap: probability that a stroke is
    interrupted. retouch: probability that a part of it is drawn twice.
    """

    width: float
    pressure: float = 0.0
    taper: float = 0.0
    gap: float = 0.0
    retouch: float = 0.0


def random_pen(rng: Generator, widest: float = _MARKER) -> Pen:
    """A random pen, from hairline to marker, more often thin. widest: in heights."""
    root = rng.uniform(_HAIRLINE**0.5, min(widest, _MARKER) ** 0.5)
    return Pen(
        width=root**2,
        pressure=rng.uniform(0, 0.35),
        taper=rng.uniform(0.1, 0.4) if root**2 < _MAX_TAPERED and rng.random() < 0.5 else 0.0,
        gap=0.15 if rng.random() < 0.15 else 0.0,
        retouch=0.3 if rng.random() < 0.08 else 0.0,
    )


def draw(glyph: Glyph, pen: Pen, rng: Generator) -> Picture:
    """Draw a glyph, cropped, with SIZE pixels plus the pen's width along its longer side."""
    left, top, right, bottom = bounds(glyph)
    scale = _SUPERSAMPLING * SIZE / max(right - left, bottom - top, 1e-3)
    # As wide as for a glyph of height 1, or a sprawling one would get a hairline.
    width = pen.width * _SUPERSAMPLING * SIZE
    margin = width * (1 + pen.pressure) / 2 + 2
    strokes = _add_faults(glyph, pen, rng)
    left, top, right, bottom = bounds(strokes)
    size = (right - left) * scale + 2 * margin, (bottom - top) * scale + 2 * margin
    image = Image.new("L", (int(np.ceil(size[0])), int(np.ceil(size[1]))))
    brush = ImageDraw.Draw(image)
    for stroke in strokes:
        points = (stroke - (left, top)) * scale + margin
        _trace(brush, resample(points, max(_STEP, width / 3)), width, pen, rng)
    small = image.reduce(_SUPERSAMPLING)
    return np.asarray(small.crop(small.getbbox()))


def _add_faults(glyph: Glyph, pen: Pen, rng: Generator) -> Glyph:
    """Interrupt and retouch some of the strokes."""
    strokes: Glyph = []
    for stroke in glyph:
        fine = resample(stroke, 0.02)
        if len(fine) > 12 and rng.random() < pen.gap:
            start = int(rng.integers(4, len(fine) - 6))
            strokes += [fine[:start], fine[start + int(rng.integers(2, 5)) :]]
        else:
            strokes.append(fine)
        if len(fine) > 6 and rng.random() < pen.retouch:
            start = int(rng.integers(0, len(fine) // 2))
            stop = int(rng.integers(start + 3, len(fine) + 1))
            strokes.append(fine[start:stop] + rng.normal(0, pen.width / 3, 2))
    return strokes


def _trace(
    brush: ImageDraw.ImageDraw, points: Stroke, width: float, pen: Pen, rng: Generator
) -> None:
    """Draw a stroke, in pixels, as a chain of round dots joined by lines."""
    count = len(points)
    nodes = rng.normal(0, pen.pressure / 2, 4)
    widths = width * (1 + np.interp(np.linspace(0, 3, count), np.arange(4), nodes))
    if pen.taper:
        rest = np.clip(np.linspace(1, 0, count) / pen.taper, 0, 1)
        widths = widths * (0.35 + 0.65 * rest)
    widths = np.clip(widths, 1.5, width * (1 + pen.pressure))
    for (x, y), wide in zip(points.tolist(), (widths / 2).tolist(), strict=True):
        brush.ellipse((x - wide, y - wide, x + wide, y + wide), fill=255)
    for start, stop, wide in zip(points[:-1], points[1:], widths[1:], strict=True):
        brush.line((*start.tolist(), *stop.tolist()), fill=255, width=max(1, round(wide)))
