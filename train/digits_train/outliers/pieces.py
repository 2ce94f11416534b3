"""Several digits in one picture, and slices of digits, in pixels: 0 = paper and 255 = ink."""

import numpy as np
from numpy.random import Generator

from digits.data.mnist import Split
from digits_train.handwriting.pen import Picture
from digits_train.raster import paste

_TRIES = 20
_MIN_ASPECT = 2.0  # width by height of a slice
_PALE = 60  # of 255; less is the edge of ink


def touching_digits(rng: Generator, digits: Split) -> Picture:
    """Two or three digits side by side, as they touch in a number."""
    return _side_by_side(_choose_digits(rng, digits, int(rng.integers(2, 4))), rng)


def staggered(rng: Generator, digits: Split) -> Picture:
    """Two digits, one lower than the other; neither is a 1, which would turn a 0 into a 9."""
    pair = _choose_digits(rng, digits, 2, without_one=True)
    fall = int(rng.integers(4, 13))
    above, below = (0, fall), (fall, 0)
    rows = (above, below) if rng.random() < 0.5 else (below, above)
    return _side_by_side([np.pad(pair[n], (rows[n], (0, 0))) for n in (0, 1)], rng)


def two_lines(rng: Generator, digits: Split) -> Picture:
    """Two lines of several digits; one digit above another might be an 8."""
    rows = [touching_digits(rng, digits) for _ in range(2)]
    width = max(row.shape[1] for row in rows)
    return np.concatenate([np.pad(row, ((0, 0), (0, width - row.shape[1]))) for row in rows])


def overlapping(rng: Generator, digits: Split) -> Picture:
    """Two different digits, one half over the other; neither is a 1, which adds only a line."""
    first, second = _choose_digits(rng, digits, 2, without_one=True, alike=False)
    return _overlay(first, second, round(first.shape[1] * rng.uniform(0.45, 0.65)))


def _choose_digits(
    rng: Generator, digits: Split, count: int, without_one: bool = False, alike: bool = True
) -> list[Picture]:
    """Random digits, 28 pixels high and as wide as their ink. alike: whether labels may repeat."""
    among = np.arange(len(digits))
    if without_one and (digits.labels != 1).any():
        among = np.flatnonzero(digits.labels != 1)
    for _ in range(_TRIES):
        chosen = rng.choice(among, count)
        if alike or len(set(digits.labels[chosen].tolist())) == count:
            break
    return [image[:, image.any(0)] for image in digits.images[chosen]]


def _side_by_side(parts: list[Picture], rng: Generator) -> Picture:
    overlap = int(rng.integers(0, 3))
    row = parts[0]
    for part in parts[1:]:
        row = _overlay(row, part, row.shape[1] - overlap)
    return row


def _overlay(left: Picture, right: Picture, shift: int) -> Picture:
    """Both, of equal height, the second `shift` pixels to the right."""
    drawn = np.zeros((left.shape[0], max(left.shape[1], shift + right.shape[1])), np.uint8)
    paste(drawn, left, 0, 0)
    paste(drawn, right, shift, 0)
    return drawn


def digit_slice(rng: Generator, digits: Split) -> Picture:
    """The upper or lower end of a digit, as cut off by a fold or a ruled line.

    It is much wider than high: an upright piece might be a 1, a larger one of an 8 a 0, of a 3 a 7.
    """
    for _ in range(_TRIES):
        image = digits.images[rng.integers(len(digits))]
        ink = np.where(image > _PALE, image, 0)
        rows = np.flatnonzero(ink.any(1))
        height = round(len(rows) * rng.uniform(0.2, 0.3))
        if not height:
            continue
        top = rows[0] if rng.random() < 0.5 else rows[-1] + 1 - height
        end: Picture = ink[top : top + height]
        columns = np.flatnonzero(end.any(0))
        if len(columns) == np.ptp(columns) + 1 > _MIN_ASPECT * height:  # and no specks beside it
            return end
    return touching_digits(rng, digits)
