"""Several digits in one picture and slices of one, in pixels: 0 = paper and 255 = ink."""

import numpy as np

from digits.data.mnist import Split
from digits_train.handwriting.pen import Picture
from digits_train.handwriting.strokes import Random

_TRIES = 20
_WIDE = 2.0  # times as wide as high
_PALE = 60  # of 255; the edge of the ink


def several(random: Random, digits: Split) -> Picture:
    """Two or three digits side by side, as they touch in a number."""
    return _side_by_side(_some(random, digits, int(random.integers(2, 4))), random)


def staggered(random: Random, digits: Split) -> Picture:
    """Two digits, one lower than the other; neither is a 1, which makes a 9 of a 0."""
    pair = _some(random, digits, 2, without_one=True)
    fall = int(random.integers(4, 13))
    first, second = ((0, fall), (fall, 0)) if random.random() < 0.5 else ((fall, 0), (0, fall))
    pair = [
        np.pad(digit, (rows, (0, 0))) for digit, rows in zip(pair, (first, second), strict=True)
    ]
    return _side_by_side(pair, random)


def two_lines(random: Random, digits: Split) -> Picture:
    """Two lines of digits; one on top of one might be an 8."""
    rows = [several(random, digits) for _ in range(2)]
    width = max(row.shape[1] for row in rows)
    return np.concatenate([np.pad(row, ((0, 0), (0, width - row.shape[1]))) for row in rows])


def overlapping(random: Random, digits: Split) -> Picture:
    """Two digits, one half over the other; neither is a 1, which adds but a line to the other.

    They are not the same: that would be one digit, retouched.
    """
    first, second = _some(random, digits, 2, without_one=True, alike=False)
    return _beside(first, second, round(first.shape[1] * random.uniform(0.45, 0.65)))


def _some(
    random: Random, digits: Split, count: int, without_one: bool = False, alike: bool = True
) -> list[Picture]:
    """Any digits, 28 pixels high and no wider than their ink. alike: or else of one label each."""
    among = np.arange(len(digits))
    if without_one and (digits.labels != 1).any():
        among = np.flatnonzero(digits.labels != 1)
    for _ in range(_TRIES):
        chosen = random.choice(among, count)
        if alike or len(set(digits.labels[chosen].tolist())) == count:
            break
    return [image[:, image.any(0)] for image in digits.images[chosen]]


def _side_by_side(parts: list[Picture], random: Random) -> Picture:
    overlap = int(random.integers(0, 3))
    row = parts[0]
    for part in parts[1:]:
        row = _beside(row, part, row.shape[1] - overlap)
    return row


def _beside(left: Picture, right: Picture, shift: int) -> Picture:
    """Both of one height, the second `shift` pixels to the right."""
    drawn = np.zeros((left.shape[0], max(left.shape[1], shift + right.shape[1])), np.uint8)
    drawn[:, : left.shape[1]] = left
    place = drawn[:, shift : shift + right.shape[1]]
    np.maximum(place, right, out=place)
    return drawn


def slice_of(random: Random, digits: Split) -> Picture:
    """The upper or lower end of a digit that a fold or a ruled line cut off.

    It is much wider than high, as no digit is: an upright piece might be a 1, and a larger one of
    an 8 a 0, of a 3 a 7.
    """
    for _ in range(_TRIES):
        image = digits.images[random.integers(len(digits))]
        ink = np.where(image > _PALE, image, 0)
        rows = np.flatnonzero(ink.any(1))
        height = round(len(rows) * random.uniform(0.2, 0.3))
        if not height:
            continue
        top = rows[0] if random.random() < 0.5 else rows[-1] + 1 - height
        kept: Picture = ink[top : top + height]
        columns = np.flatnonzero(kept.any(0))
        if len(columns) == np.ptp(columns) + 1 > _WIDE * height:  # and no specks beside it
            return kept
    return several(random, digits)
