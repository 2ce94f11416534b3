"""What the network finds on a page, as one object of arrays."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

SAME = 0.5  # IoU of two boxes of one symbol; those of neighbours that touch share less
DIGITS = 10  # of the network's symbols the first ten are digits, the others signs


class Detections(NamedTuple):
    """Places where a symbol may be.

    scores: float64 [n], log odds that there is one. symbols: float64 [n, 12], log probabilities of
    SYMBOLS, if there is one. boxes: float64 [n, 4], left, top, right and bottom in the page's
    pixels.
    """

    scores: Floats
    symbols: Floats
    boxes: Floats

    @property
    def heights(self) -> Floats:
        return self.boxes[:, 3] - self.boxes[:, 1]

    @property
    def centres(self) -> Floats:
        """x and y of the boxes' centres: float64 [n, 2]."""
        return (self.boxes[:, :2] + self.boxes[:, 2:]) / 2

    @property
    def probabilities(self) -> Floats:
        """That there is a symbol: float64 [n]."""
        present: Floats = np.exp(-np.logaddexp(0, -self.scores))
        return present

    @property
    def are_digits(self) -> Mask:
        """Whether each is rather a digit than a minus or a point."""
        digits: Mask = self.symbols.argmax(1) < DIGITS
        return digits

    def select(self, chosen: Mask | Integers | slice) -> "Detections":
        """Select some, by a mask, a slice or their numbers."""
        return Detections(self.scores[chosen], self.symbols[chosen], self.boxes[chosen])

    def between(self, lefts: Floats, rights: Floats) -> list[slice]:
        """Which have their centres between n pairs of x, if they are sorted by these."""
        x = self.centres[:, 0]
        return list(map(slice, np.searchsorted(x, lefts), np.searchsorted(x, rights, "right")))


def concatenate(parts: Sequence[Detections]) -> Detections:
    """Join detections, of at least one part."""
    return Detections(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def overlaps(boxes: Floats, others: Floats) -> tuple[Floats, Floats]:
    """How much boxes share with others: float64 [..., 4] each, which are broadcast.

    Returns the intersection by the union (IoU), and by the area of the other box.
    """
    far, near = np.minimum(boxes, others)[..., 2:], np.maximum(boxes, others)[..., :2]
    common = (far - near).clip(0).prod(-1)
    area, other_area = ((each[..., 2:] - each[..., :2]).prod(-1) for each in (boxes, others))
    return common / (area + other_area - common), common / other_area


def log_softmax(logits: NDArray[Any]) -> NDArray[Any]:
    """The logarithms of probabilities, along the last axis."""
    relative = logits - logits.max(-1, keepdims=True)
    return np.asarray(relative - np.log(np.exp(relative).sum(-1, keepdims=True)))
