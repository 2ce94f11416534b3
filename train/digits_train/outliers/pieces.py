"""Several digits in one picture and slices of one, in pixels: 0 = paper and 255 = ink."""

import numpy as np

from digits.data.mnist import Split
from digits_train.handwriting.pen import Picture
from digits_train.handwriting.strokes import Random

_TRIES = 20
_WIDE = 1.8  # times as wide as high
_PALE = 60  # of 255; the edge of the ink


def several(random: Random, digits: Split) -> Picture:
    """Two or three digits side by side, as they touch in a number."""
    return _row(random, digits, int(random.integers(2, 4)), fall=0)


def falling(random: Random, digits: Split) -> Picture:
    """Two digits, each lower or higher than the one before."""
    return _row(random, digits, 2, fall=int(random.choice([-1, 1]) * random.integers(4, 13)))


def two_lines(random: Random, digits: Split) -> Picture:
    """Two lines of digits; one on top of one might be an 8."""
    rows = [_row(random, digits, int(random.integers(2, 4)), fall=0) for _ in range(2)]
    width = max(row.shape[1] for row in rows)
    return np.concatenate([np.pad(row, ((0, 0), (0, width - row.shape[1]))) for row in rows])


def _row(random: Random, digits: Split, count: int, fall: int) -> Picture:
    chosen = random.integers(0, len(digits), count)
    parts = [image[:, image.any(0)] for image in digits.images[chosen]]
    overlap = int(random.integers(0, 3))
    drawn = np.zeros((28 + abs(fall) * (count - 1), sum(p.shape[1] for p in parts)), np.uint8)
    left = 0
    for place, part in enumerate(parts):
        top = abs(fall) * (place if fall > 0 else count - 1 - place)
        place_in = drawn[top : top + 28, left : left + part.shape[1]]
        np.maximum(place_in, part, out=place_in)
        left += part.shape[1] - overlap
    return drawn


def overlapping(random: Random, digits: Split) -> Picture:
    """Two digits, one half over the other: neither is a 1, which adds but a line to the other."""
    for _ in range(_TRIES):
        one, other = random.integers(0, len(digits), 2)
        labels = {int(digits.labels[one]), int(digits.labels[other])}
        if len(labels) == 2 and 1 not in labels:
            first, second = (image[:, image.any(0)] for image in digits.images[[one, other]])
            shift = round(first.shape[1] * random.uniform(0.4, 0.65))
            drawn = np.zeros((28, max(first.shape[1], shift + second.shape[1])), np.uint8)
            drawn[:, : first.shape[1]] = first
            right = drawn[:, shift : shift + second.shape[1]]
            np.maximum(right, second, out=right)
            return drawn
    return several(random, digits)


def slice_of(random: Random, digits: Split) -> Picture:
    """The upper or lower end of a digit that a fold or a ruled line cut off.

    It is much wider than high, as no digit is: an upright piece might be a 1, and a larger one of
    an 8 a 0, of a 3 a 7.
    """
    for _ in range(_TRIES):
        image = digits.images[random.integers(len(digits))]
        ink = np.where(image > _PALE, image, 0)
        rows = np.flatnonzero(ink.any(1))
        if random.random() < 0.5:
            ink, rows = ink[::-1], 27 - rows[::-1]
        height = round((rows[-1] + 1 - rows[0]) * random.uniform(0.2, 0.34))
        kept: Picture = ink[rows[0] : rows[0] + height]
        columns = np.flatnonzero(kept.any(0))
        if len(columns) == np.ptp(columns) + 1 > _WIDE * height:  # and no specks beside it
            return kept
    return several(random, digits)
