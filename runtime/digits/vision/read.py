"""All the digits of a page, in reading order."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits.vision.components import Box
from digits.vision.ink import Ink
from digits.vision.lattice import Lattice, Step, best_path
from digits.vision.page import COLUMN_GAP, Page, to_original
from digits.vision.pieces import Classify
from digits.vision.segment import segment


class Digit(NamedTuple):
    """A digit of a page.

    probabilities: float64 [10], which sum to 1. box: in the picture. frame: uint8 [28, 28], the
    network's input.
    """

    probabilities: NDArray[np.float64]
    box: Box
    frame: NDArray[np.uint8]


def read_page(inks: Sequence[Ink], classify: Classify) -> list[list[list[Digit]]]:
    """The digits of a page: lines from top to bottom, in each its columns, in each its digits.

    inks: uint8 [height, width], one for each possible polarity; the one with more digits wins.
    Empty where no digit is found.
    """
    best: list[list[list[Digit]]] = []
    most = 0.0
    for ink in inks:
        found = segment(ink, classify)
        if found is None:
            continue
        lines = [_columns(lattices, found.height) for lattices in found.lines]
        digits = [
            [[_digit(step, found.page, ink.shape) for step in column] for column in line]
            for line in lines
            if line
        ]
        count = sum(
            float(digit.probabilities.max())
            for line in digits
            for column in line
            for digit in column
        )
        if count > most:
            best, most = digits, count
    return best


def _columns(lattices: list[Lattice], height: float) -> list[list[Step]]:
    """The digits on the best paths through a line, separated at wide gaps."""
    columns: list[list[Step]] = []
    reach = -math.inf
    for step in (step for lattice in lattices for step in best_path(lattice)):
        assert step.arc.component is not None
        box = step.arc.component.box
        if box.left - reach > COLUMN_GAP * height:
            columns.append([])
        columns[-1].append(step)
        reach = box.right
    return columns


def _digit(step: Step, page: Page, shape: tuple[int, ...]) -> Digit:
    component, frame = step.arc.component, step.arc.frame
    assert component is not None and frame is not None
    return Digit(step.probabilities, to_original(component.box, page, shape), frame)
