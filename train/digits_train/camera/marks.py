"""Marks that are no writing: ticks, arrows, underlines, scribbles, blots and shapes."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from digits_train.camera.ranges import RANGES, Ranges
from digits_train.raster import Bytes, Coverage, Random, cropped, log_uniform

Points = NDArray[np.float64]  # [n, 2], x and y in pixels
Mark = Callable[[Random, float, float], Coverage]  # of digits' height and a pen's width, in pixels


def draw_marks(count: int, height: float, random: Random, ranges: Ranges = RANGES) -> list[Bytes]:
    """Draw `count` marks, cropped to their ink, beside digits of a height in pixels."""
    return [_draw(random, height, (*_SHAPES, _curve, _ring), ranges) for _ in range(count)]


def draw_shape(height: float, random: Random, ranges: Ranges = RANGES) -> Bytes:
    """A mark that doesn't look like a digit alone, either."""
    return _draw(random, height, _SHAPES, ranges)


def _draw(random: Random, height: float, kinds: Sequence[Mark], ranges: Ranges) -> Bytes:
    draw = kinds[int(random.integers(len(kinds)))]
    coverage = draw(random, height, random.uniform(*ranges.mark_pen) * height)
    return (cropped(coverage) * 255).astype(np.uint8)


def stroke(lines: Sequence[Points], width: float) -> Coverage:
    """Draw lines through points [n, 2] (x, y in pixels), cropped to their ink."""
    points = np.concatenate(lines)
    low = points.min(0) - width
    size = np.ceil(points.max(0) + width - low).astype(int) + 1
    image = Image.new("L", (2 * int(size[0]), 2 * int(size[1])))
    pen = ImageDraw.Draw(image)
    thick = max(1, round(2 * width))
    for line in lines:
        at = [(float(x), float(y)) for x, y in (line - low) * 2]
        pen.line(at, fill=255, width=thick, joint="curve")
        for x, y in (at[0], at[-1]) if thick > 2 else ():
            r = thick / 2
            pen.ellipse((x - r, y - r, x + r, y + r), fill=255)
    return cropped(np.asarray(image.reduce(2), np.float32) / np.float32(255))


def filled(outline: Points) -> Coverage:
    """Fill a closed outline, points [n, 2] (x, y in pixels), cropped to its ink."""
    low = outline.min(0) - 1
    size = np.ceil(2 * (outline.max(0) - low)).astype(int) + 2
    image = Image.new("L", (int(size[0]), int(size[1])))
    ImageDraw.Draw(image).polygon([(x, y) for x, y in ((outline - low) * 2).tolist()], fill=255)
    return cropped(np.asarray(image.reduce(2), np.float32) / np.float32(255))


def scribble(random: Random, length: float, height: float, pen: float) -> Coverage:
    """A dense zigzag, as for striking out: about [height, length]."""
    count = max(6, round(length / height * random.uniform(5, 9)))
    x = np.linspace(0, length, count) + random.normal(0, 0.1, count) * height
    y = np.where(np.arange(count) % 2, 0.1, 0.9) + random.normal(0, 0.12, count)
    return stroke([np.stack([x, y * height], 1)], pen)


def around(angle: NDArray[Any], radius: NDArray[Any] | float) -> Points:
    """Points around (0, 0) in polar coordinates: float64 [n, 2]."""
    return np.asarray(np.stack([np.cos(angle), np.sin(angle)], 1) * np.reshape(radius, (-1, 1)))


# Each of these takes the height of the digits and the width of the pen, in pixels.


def _tick(random: Random, height: float, pen: float) -> Coverage:
    points = np.array([(0, 0.55), (0.3, 1), (random.uniform(0.8, 1.2), random.uniform(-0.2, 0.2))])
    size = random.uniform(0.5, 1.6) * height
    return stroke([(points + random.normal(0, 0.05, points.shape)) * size], pen)


def _arrow(random: Random, height: float, pen: float) -> Coverage:
    length, head, rise = random.uniform(1, 2.5), random.uniform(0.2, 0.35), random.normal(0, 0.1)
    along = np.linspace(0, 1, 9)
    shaft = np.stack([along * length, np.sin(along * 3) * rise], 1)
    tip = shaft[-1]
    wings = np.array([tip + (-head, -head), tip, tip + (-head * random.uniform(0.7, 1.2), head)])
    size = random.uniform(0.5, 1.2) * height * np.array([random.choice([-1, 1]), 1])
    return stroke([shaft * size, wings * size], pen)


def _underline(random: Random, height: float, pen: float) -> Coverage:
    """One or two lines."""
    x = np.linspace(0, random.uniform(2, 6) * height, 12)
    lines = []
    for number in range(2 if random.random() < 0.25 else 1):
        y = 0.05 * height * random.normal(0, 0.5) * np.sin(x / height + random.uniform(0, 6))
        y += random.normal(0, 0.01) * x + number * 0.2 * height
        lines.append(np.stack([x + random.normal(0, 0.05) * height, y], 1))
    return stroke(lines, pen)


def _dashes(random: Random, height: float, pen: float) -> Coverage:
    """A line of dots or dashes; not upright, or each would be a 1."""
    ends = np.arange(random.integers(3, 10)) * random.uniform(0.2, 0.6) * height
    half = random.uniform(0, 0.2) * height
    return stroke([np.array([(x - half, 0), (x + half, 0)]) for x in ends], pen)


def _zigzag(random: Random, height: float, pen: float) -> Coverage:
    return scribble(random, random.uniform(1, 4) * height, random.uniform(0.5, 1.2) * height, pen)


def _curve(random: Random, height: float, pen: float) -> Coverage:
    points = np.cumsum(random.normal(0, 0.3, (int(random.integers(3, 12)), 2)), 0)
    return stroke([points * height], pen)


def _ring(random: Random, height: float, pen: float) -> Coverage:
    """Around a word or a number: too large for a zero beside them."""
    angle = np.linspace(0, random.uniform(5.5, 7), 24)
    return stroke([around(angle, height) * random.uniform(1.6, 4, 2)], pen)


def _blot(random: Random, height: float, pen: float) -> Coverage:
    """A drop of ink: a disc with a wavy edge."""
    angle = np.linspace(0, 2 * np.pi, 40)
    radius = np.full(len(angle), log_uniform(random, 0.08, 0.5) * height)
    for waves in (2, 3, 5):
        radius *= 1 + random.normal(0, 0.3) / waves * np.sin(waves * angle + random.uniform(0, 6))
    return filled(around(angle, radius) * (1, random.uniform(0.6, 1)))


def _polygon(random: Random, height: float, pen: float) -> Coverage:
    """A triangle, a quadrilateral or a star, filled or not; with more corners it would be a 0."""
    corners, radius = int(random.integers(3, 5)), np.array([0.7])
    if random.random() < 0.5:
        corners, radius = 2 * int(random.integers(3, 7)), np.array([0.7, random.uniform(0.15, 0.5)])
    angle = np.arange(corners + 1.0) * (2 * np.pi / corners) + random.uniform(0, 2 * np.pi)
    points = around(angle, np.resize(radius, corners + 1) * height) * random.uniform(0.7, 1.3, 2)
    return filled(points) if random.random() < 0.4 else stroke([points], pen)


def _spiral(random: Random, height: float, pen: float) -> Coverage:
    """Two to four turns; with one it might be a 6 or a 9."""
    along = np.linspace(0, 1, 120)
    angle = random.choice([-1, 1]) * 2 * np.pi * random.uniform(1.8, 4) * along
    radius = 0.7 * height * along ** random.uniform(0.7, 1.3)
    return stroke([around(angle + random.uniform(0, 6), radius) * random.uniform(0.7, 1, 2)], pen)


def _hatching(random: Random, height: float, pen: float) -> Coverage:
    """Five or more parallel strokes, crossed by others or not."""
    lines = []
    start = random.uniform(0, np.pi)
    for angle in (start, start + random.uniform(0.8, 2))[: random.integers(1, 3)]:
        along = np.array([np.cos(angle), np.sin(angle)])
        across = np.array([-along[1], along[0]])
        for far in np.linspace(-0.6, 0.6, int(random.integers(5, 10))):
            ends = far * across + np.array([[-0.7], [0.7]]) * along
            lines.append((ends + random.normal(0, 0.05, (2, 2))) * height)
    return stroke(lines, pen)


def _branches(random: Random, height: float, pen: float) -> Coverage:
    """Four to six straight strokes, each branching off an earlier one."""
    lines = [np.array([(0.0, 0.0), (random.uniform(-0.6, 0.6), 0.8)])]
    for _ in range(int(random.integers(3, 6))):
        start, end = lines[int(random.integers(len(lines)))]
        joint = start + (end - start) * random.choice([0, 0.5, 1])
        angle, length = random.uniform(0, 2 * np.pi), random.uniform(0.3, 0.7)
        lines.append(np.stack([joint, joint + length * around(np.array([angle]), 1.0)[0]]))
    return stroke([line * height for line in lines], pen)


# None of them looks like a digit alone.
_SHAPES: tuple[Mark, ...] = (
    *(_tick, _arrow, _underline, _dashes, _zigzag, _blot),
    *(_polygon, _spiral, _hatching, _branches),
)
