"""Marks that are no writing: ticks, arrows, underlines, scribbles and shapes."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from digits.data.mnist import Split
from digits_train.camera import marks
from digits_train.camera.glyphs import EM
from digits_train.camera.marks import Coverage, Random
from digits_train.outliers import drawings

_SHAPES = (
    *(drawings.scribble, drawings.hatching, drawings.crossed_out, drawings.polygon),
    *(drawings.outline, drawings.spiral, drawings.branches, drawings.dotted_line),
)


def draw_marks(digits: Split, count: int, random: Random) -> list[NDArray[np.uint8]]:
    """Draw `count` marks, cropped to their ink, for digits EM pixels high."""
    made = []
    for number in range(count):
        if number % 2:
            shape = _SHAPES[int(random.integers(len(_SHAPES)))]
            coverage = shape(random, digits).astype(np.float32) / np.float32(255)
        else:
            pen = random.uniform(0.04, 0.14) * EM
            coverage = _MARKS[int(random.integers(len(_MARKS)))](random, pen)
        made.append((marks.cropped(coverage) * 255).astype(np.uint8))
    return made


def _tick(random: Random, pen: float) -> Coverage:
    return marks.tick(random, random.uniform(0.5, 1.6) * EM, pen)


def _arrow(random: Random, pen: float) -> Coverage:
    return marks.arrow(random, random.uniform(0.5, 1.2) * EM, pen)


def _underline(random: Random, pen: float) -> Coverage:
    return marks.underline(random, random.uniform(2, 6) * EM, EM, pen)


def _zigzag(random: Random, pen: float) -> Coverage:
    return marks.scribble(random, random.uniform(1, 4) * EM, random.uniform(0.5, 1.2) * EM, pen)


def _curve(random: Random, pen: float) -> Coverage:
    points = np.cumsum(random.normal(0, 0.3, (int(random.integers(3, 12)), 2)), 0)
    return marks.stroke([points * EM], pen)


def _ring(random: Random, pen: float) -> Coverage:
    """Around a word or a number: too large for a zero beside them."""
    around = np.linspace(0, random.uniform(5.5, 7), 24)
    ring = np.stack([np.cos(around), np.sin(around)], 1) * random.uniform(1.6, 4, 2)
    return marks.stroke([ring * EM], pen)


_MARKS: tuple[Callable[[Random, float], Coverage], ...] = (
    *(_tick, _arrow, _underline, _zigzag, _curve, _ring),
)
