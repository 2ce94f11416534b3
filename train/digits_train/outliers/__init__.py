"""What a network must not take for a digit: letters, drawings, textures, digits side by side.

Without such pictures it is confident about everything (D. Hendrycks, M. Mazeika,
T. Dietterich, "Deep anomaly detection with outlier exposure", ICLR 2019).
"""

import itertools
from collections.abc import Callable, Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from digits.data.mnist import Split
from digits.vision.frame import to_mnist
from digits_train.handwriting.pen import Picture
from digits_train.outliers.drawings import (
    branches,
    crossed_out,
    dotted_line,
    hatching,
    outline,
    polygon,
    ruled_lines,
    scribble,
    spiral,
)
from digits_train.outliers.letters import distorted, handwritten, printed, text, word
from digits_train.outliers.pieces import (
    digit_slice,
    overlapping,
    staggered,
    touching_digits,
    two_lines,
)
from digits_train.outliers.textures import blot, smear, stripes, texture
from digits_train.raster import cropped

GeneratorFn = Callable[[Generator, Split], Picture]

_FAINT = 12  # of 255; less isn't ink
_LEAST_INK = 0.01  # share of the pixels


def generate(digits: Split, count: int, seed: int | Sequence[int]) -> NDArray[np.uint8]:
    """Draw pictures of all kinds, framed like digits: uint8 [count, 28, 28].

    digits: used in some of them. The same seed gives the same pictures.
    """
    rng = np.random.default_rng(seed)
    generators = itertools.islice(itertools.cycle(GENERATORS), count)
    return np.concatenate([to_mnist([_draw_ink(draw, rng, digits)]) for draw in generators])


def _draw_ink(draw: GeneratorFn, rng: Generator, digits: Split) -> Picture:
    """The first drawing with enough ink, cropped to it."""
    while True:
        ink = draw(rng, digits)
        mask = ink > _FAINT
        if mask.mean() > _LEAST_INK:
            return cropped(np.where(mask, ink, 0))


# Drawn in turn, in an order that gives even a few pictures variety. Half of them are letters, and
# half of these handwritten, because most non-digits beside digits are letters.
GENERATORS: tuple[GeneratorFn, ...] = (
    *(handwritten, distorted, touching_digits, handwritten, printed, blot, handwritten, scribble),
    *(handwritten, distorted, word, polygon, handwritten, digit_slice, printed, texture),
    *(handwritten, distorted, ruled_lines, handwritten, overlapping, printed, smear, hatching),
    *(handwritten, distorted, touching_digits, outline, handwritten, word, distorted, crossed_out),
    *(handwritten, stripes, staggered, distorted, text, printed, dotted_line, two_lines),
    *(handwritten, distorted, spiral, branches, handwritten, printed, outline, branches),
)
