"""The symbols of a picture: what they are, and where."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Box = tuple[float, float, float, float]  # left, top, right, bottom


class Symbol(NamedTuple):
    """label: 0 to 9, 10 for a minus, 11 for a point. height: of its hand's digits, in pixels."""

    box: Box
    label: int
    height: float


def moved(box: Box, left: float, top: float, across: float = 1, down: float = 1) -> Box:
    """A box in a picture that begins at (left, top), and is enlarged."""
    near, high, far, low = box
    return across * (near - left), down * (high - top), across * (far - left), down * (low - top)


def columns(
    symbols: Sequence[Symbol],
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]:
    """Their boxes [n, 4], labels [n] and heights [n]."""
    boxes, labels, heights = zip(*symbols, strict=True) if symbols else ((), (), ())
    return (
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(labels, np.int64),
        np.array(heights, np.float32),
    )
