"""What a network must not take for a digit: letters, drawings, textures, digits side by side.

Without such pictures a network is sure of everything that it is shown (D. Hendrycks, M. Mazeika,
T. Dietterich, "Deep anomaly detection with outlier exposure", ICLR 2019).
"""

import itertools
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from digits.data.mnist import Split
from digits.vision.frame import to_mnist
from digits_train.handwriting.pen import Picture
from digits_train.outliers.drawings import (
    coil,
    crossed_out,
    dotted,
    hatching,
    joined,
    outline,
    ruled,
    scribble,
    shape,
)
from digits_train.outliers.letters import bent, handwritten, printed, text, word
from digits_train.outliers.pieces import overlapping, several, slice_of, staggered, two_lines
from digits_train.outliers.textures import blot, smear, stripes, texture

Draw = Callable[[np.random.Generator, Split], Picture]

_FAINT = 12  # of 255; less isn't ink
_LEAST_INK = 0.01  # share of the pixels


def make(digits: Split, count: int, seed: int | Sequence[int]) -> NDArray[np.uint8]:
    """Draw pictures of every kind: uint8 [count, 28, 28], framed like digits.

    digits: what some of them are made of. The same seed gives the same pictures.
    """
    random = np.random.default_rng(seed)
    drawn = itertools.islice(itertools.cycle(KINDS), count)
    return np.stack([_framed(draw, random, digits) for draw in drawn])


def _framed(draw: Draw, random: np.random.Generator, digits: Split) -> Picture:
    """The first drawing with enough ink."""
    while True:
        ink = draw(random, digits)
        mask = ink > _FAINT
        if mask.mean() > _LEAST_INK:
            rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
            box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
            frame: Picture = to_mnist([np.where(mask, ink, 0)[box]])[0]
            return frame


# A round of kinds: each as often as it stands here, in an order that gives even a few pictures
# many. Half of all are letters, and half of these by hand, because most of what stands beside
# digits and is none is a letter.
KINDS: tuple[Draw, ...] = (
    *(handwritten, bent, several, handwritten, printed, blot, handwritten, scribble),
    *(handwritten, bent, word, shape, handwritten, slice_of, printed, texture),
    *(handwritten, bent, ruled, handwritten, overlapping, printed, smear, hatching),
    *(handwritten, bent, several, outline, handwritten, word, bent, crossed_out),
    *(handwritten, stripes, staggered, bent, text, printed, dotted, two_lines),
    *(handwritten, bent, coil, joined, handwritten, printed, outline, joined),
)
