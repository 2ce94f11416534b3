"""Pages of bars, and a network that takes bars for digits, for tests."""

from collections.abc import Sequence

import numpy as np

from digits.vision.components import Box
from digits.vision.frame import to_mnist
from digits.vision.ink import Ink, extract


class Network:
    """Calls everything as narrow as a digit a 3, and counts its calls.

    sure: how surely.
    """

    def __init__(self, sure: float = 0.97) -> None:
        self.sure = sure
        self.batches: list[int] = []

    def __call__(self, inks: Sequence[Ink]) -> tuple[np.ndarray, np.ndarray]:
        self.batches.append(len(inks))
        answers = np.full((len(inks), 10), 0.1, np.float32)
        for answer, ink in zip(answers, inks, strict=True):
            height, width = ink.shape
            if height >= width:
                answer[:] = (1 - self.sure) / 9
                answer[3] = self.sure
        return to_mnist(inks), answers


def ink_of(photo: np.ndarray) -> Ink:
    """The ink of the likelier polarity."""
    return extract(photo)[0].ink


def bar(left: int, top: int = 100, width: int = 12, height: int = 40) -> Box:
    return Box(left, top, left + width, top + height)


def bars(*places: Box, shape: tuple[int, int] = (300, 600)) -> Ink:
    ink = np.zeros(shape, np.uint8)
    for box in places:
        ink[box.top : box.bottom, box.left : box.right] = 220
    return ink
