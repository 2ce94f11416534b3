"""Polarity: whether the ink is darker than the paper or lighter."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from digits.images.grey import Grey

Counts = NDArray[np.int64]  # [256]: how many pixels have each value
Floats = NDArray[np.float32]
Pixel = TypeVar("Pixel", np.uint8, np.float32)

MIN_INK = 0.003  # of the pixels are ink, in a picture with some


def rank(grey: Floats, difference: Floats) -> tuple[bool, ...]:
    """Whether the ink is dark; both answers, the likelier first, where the cues disagree.

    The pixels farthest from the background are ink (their mean and skewness are useless: half a
    picture in shadow outweighs the ink); most of the border is paper; and so is most of the middle,
    even where a table surrounds the sheet. difference: grey minus the smooth background.
    """
    few = round(MIN_INK * difference.size)
    ordered = np.partition(difference.reshape(-1), [few, difference.size - 1 - few])
    half = (float(grey.min()) + float(grey.max())) / 2
    return _vote(bool(ordered[few] + ordered[-1 - few] <= 0), grey, half)


def rank_flat(grey: Grey, counts: Counts) -> tuple[bool, ...]:
    """The same on paper of a single grey, by counting instead of sorting."""
    few, values = round(MIN_INK * grey.size), np.flatnonzero(counts)
    farthest = np.searchsorted(np.cumsum(counts), [few, grey.size - 1 - few], side="right")
    half = (int(values[0]) + int(values[-1])) / 2
    return _vote(bool(farthest.sum() <= 2 * counts.argmax()), grey, half)


def _vote(farthest: bool, grey: NDArray[Pixel], half: float) -> tuple[bool, ...]:
    """The majority of three cues. farthest: the first of them. half: lighter pixels are light."""
    height, width = grey.shape
    border = np.concatenate([grey[0], grey[-1], grey[1:-1, 0], grey[1:-1, -1]])
    middle = grey[height // 4 : height - height // 4, width // 4 : width - width // 4]
    cues = [farthest]
    for part in (border, middle):
        cues.append(bool(2 * np.count_nonzero(part > half) >= part.size))
    dark = sum(cues) >= 2
    return (dark,) if len(set(cues)) == 1 else (dark, not dark)


def histogram(grey: Grey) -> Counts:
    """How many pixels have each value."""
    if grey.size < 1 << 14:
        return np.bincount(grey.reshape(-1), minlength=256)
    # Four times as fast as bincount.
    return np.array(Image.fromarray(np.ascontiguousarray(grey)).histogram())


def median(values: NDArray[np.generic]) -> float:
    """The upper median; np.median takes three times as long."""
    middle = len(values) // 2
    return float(np.partition(values, middle)[middle])
