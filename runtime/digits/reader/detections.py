"""What the detector finds on a page, as one object of arrays."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits.inference.interface import SYMBOLS

Floats = NDArray[np.float64]
Box = tuple[float, float, float, float]  # left, top, right and bottom, in pixels
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

NMS_IOU = 0.5  # IoU of two boxes of one symbol; those of neighbours that touch share less
NUM_DIGITS = 10  # the first of SYMBOLS; the others are signs


class Detections(NamedTuple):
    """Places where a symbol may be.

    scores: float64 [n], log odds that there is one.
    symbols: float64 [n, 12], log probabilities of SYMBOLS, if there is one.
    boxes: float64 [n, 4], left, top, right and bottom in the page's pixels.
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
        """How likely it is that there is a symbol: float64 [n]."""
        return np.asarray(np.exp(-np.logaddexp(0, -self.scores)))

    @property
    def are_digits(self) -> Mask:
        """Whether each is rather a digit than a minus or a point."""
        return np.asarray(self.symbols.argmax(1) < NUM_DIGITS)

    @property
    def text(self) -> str:
        """The likeliest symbol of each, in their order."""
        return "".join(SYMBOLS[label] for label in self.symbols.argmax(1))

    def select(self, index: Mask | Integers | slice) -> "Detections":
        """Select some, by a mask, by their indices or by a slice."""
        return Detections(self.scores[index], self.symbols[index], self.boxes[index])

    def slices(self, lefts: Floats, rights: Floats) -> list[slice]:
        """The detections with their centres between each of n pairs of x.

        The detections must be sorted by their centres.
        """
        x = self.centres[:, 0]
        return list(map(slice, np.searchsorted(x, lefts), np.searchsorted(x, rights, "right")))


def concatenate(parts: Sequence[Detections]) -> Detections:
    """Join detections, of at least one part."""
    return Detections(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def overlaps(first: Floats, second: Floats) -> tuple[Floats, Floats]:
    """How much pairs of boxes share: float64 [..., 4] each, which are broadcast.

    Returns the intersection by the union (IoU), and by the area of the second box.
    """
    near, far = np.maximum(first, second)[..., :2], np.minimum(first, second)[..., 2:]
    common = (far - near).clip(0).prod(-1)
    first_area = (first[..., 2:] - first[..., :2]).prod(-1)
    second_area = (second[..., 2:] - second[..., :2]).prod(-1)
    return common / (first_area + second_area - common), common / second_area


def log_softmax(logits: NDArray[Any]) -> NDArray[Any]:
    """The logarithms of probabilities, along the last axis."""
    relative = logits - logits.max(-1, keepdims=True)
    return np.asarray(relative - np.log(np.exp(relative).sum(-1, keepdims=True)))
