"""Marks that are no writing: ticks, arrows, underlines, scribbles and shapes."""

from collections.abc import Callable

import numpy as np

from digits.data.mnist import Split
from digits_train.camera import marks
from digits_train.camera.glyphs import EM
from digits_train.outliers import drawings
from digits_train.raster import Bytes, Coverage, Random, cropped, log_uniform

_SHAPES = (
    *(drawings.scribble, drawings.hatching, drawings.crossed_out, drawings.polygon),
    *(drawings.outline, drawings.spiral, drawings.branches, drawings.dotted_line),
)


def draw_marks(digits: Split, count: int, random: Random) -> list[Bytes]:
    """Draw `count` marks, cropped to their ink, for digits EM pixels high."""
    drawn = []
    for number in range(count):
        if number % 2:
            shape = _SHAPES[int(random.integers(len(_SHAPES)))]
            coverage = shape(random, digits).astype(np.float32) / np.float32(255)
        else:
            pen = random.uniform(0.04, 0.14) * EM
            coverage = _MARKS[int(random.integers(len(_MARKS)))](random, pen)
        drawn.append((cropped(coverage) * 255).astype(np.uint8))
    return drawn


def _curve(random: Random, pen: float) -> Coverage:
    points = np.cumsum(random.normal(0, 0.3, (int(random.integers(3, 12)), 2)), 0)
    return marks.stroke([points * EM], pen)


def _ring(random: Random, pen: float) -> Coverage:
    """Around a word or a number: too large for a zero beside them."""
    around = np.linspace(0, random.uniform(5.5, 7), 24)
    ring = np.stack([np.cos(around), np.sin(around)], 1) * random.uniform(1.6, 4, 2)
    return marks.stroke([ring * EM], pen)


def _zigzag(random: Random, pen: float) -> Coverage:
    return marks.scribble(random, random.uniform(1, 4) * EM, random.uniform(0.5, 1.2) * EM, pen)


def _blot(random: Random, pen: float) -> Coverage:
    """A drop of ink: a disc with a wavy edge."""
    angle = np.linspace(0, 2 * np.pi, 40)
    radius = np.full(len(angle), log_uniform(random, 0.08, 0.5) * EM)
    for waves in (2, 3, 5):
        radius *= 1 + random.normal(0, 0.3) / waves * np.sin(waves * angle + random.uniform(0, 6))
    edge = np.stack([np.cos(angle), np.sin(angle) * random.uniform(0.6, 1)], 1) * radius[:, None]
    return marks.filled(edge)


_MARKS: tuple[Callable[[Random, float], Coverage], ...] = (
    lambda random, pen: marks.tick(random, random.uniform(0.5, 1.6) * EM, pen),
    lambda random, pen: marks.arrow(random, random.uniform(0.5, 1.2) * EM, pen),
    lambda random, pen: marks.underline(random, random.uniform(2, 6) * EM, EM, pen),
    *(_zigzag, _curve, _ring, _blot),
)
