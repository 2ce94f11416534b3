"""Which labelled digits say what their label says."""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from digits_train.pixels import Bytes, Mask, scaled

_SIDE = 12  # pixels of the pictures that are compared
_NEIGHBOURS = 5
_BLOCK = 1000  # digits whose distances to all others are computed together


def are_legible(digits: Sequence[Bytes], labels: Sequence[str], writers: Sequence[int]) -> Mask:
    """Which digits aren't taken for another one: bool [n].

    A digit is, if the five most similar ones by other people all have one label, and not its own
    (after D. Wilson, "Asymptotic properties of nearest neighbor rules using edited data", 1972).

    digits: uint8 [height, width] each, 255 = ink, cropped. writers: numbers of the people.
    """
    pictures = np.stack([_picture(digit) for digit in digits])
    _, label_ids = np.unique(labels, return_inverse=True)
    _, writer_ids = np.unique(writers, return_inverse=True)
    legible = np.ones(len(digits), bool)
    for start in range(0, len(digits), _BLOCK):
        block = slice(start, start + _BLOCK)
        likeness = pictures[block] @ pictures.T
        likeness[writer_ids[block, None] == writer_ids] = -np.inf
        nearest = np.argpartition(-likeness, _NEIGHBOURS - 1, axis=1)[:, :_NEIGHBOURS]
        others = label_ids[nearest]
        agree = (others == others[:, :1]).all(1)
        known = np.isfinite(np.take_along_axis(likeness, nearest, 1)).all(1)
        legible[block] = ~(known & agree & (others[:, 0] != label_ids[block]))
    return legible


def _picture(digit: Bytes) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """A small blurred picture of a digit in the middle of a square: float32 [n], of length 1."""
    high, wide = digit.shape
    side = max(high, wide)
    down, across = (side - high) // 2, (side - wide) // 2
    square = np.pad(digit, ((down, side - high - down), (across, side - wide - across)))
    small = ndimage.gaussian_filter(scaled(square, _SIDE, _SIDE).astype(np.float32), 0.8).ravel()
    return np.asarray(small / max(1.0, float(np.linalg.norm(small))))
