"""Digits that touch each other, apart."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from digits.vision.ink import Floats, Ink
from digits.vision.strokes import Box, Integers, Shape, shape

# In units of the digits' usual height.
_LOWEST = 0.35
_WIDEST = 1.5
_APART = 0.15  # seams, and seams and edges

_MOST_SEAMS = 40
_CUT = -0.5  # what each cut costs, as a logarithm: touching digits are the exception
_ASIDE = 0.02  # what a step aside costs a seam, where a pixel of full ink costs 1

Confidence = Callable[[Sequence[Shape]], NDArray[np.float32]]


def split(whole: Shape, height: float, confidence: Confidence) -> list[Shape]:
    """The digits in a shape, from left to right: those that the classifier is surest of.

    height: of digits, in pixels. confidence: how sure (0 to 1) the classifier is that each shape is
    one digit. The shape is cut along its best seams in all ways; the way with the highest product
    of confidences wins (heuristic over-segmentation: Y. LeCun et al., "Gradient-based learning
    applied to document recognition", 1998, section V).
    """
    seams = _seams(whole.ink, height)
    left, right = np.zeros_like(seams[:1, :]), np.full_like(seams[:1, :], whole.box.width)
    edges = np.concatenate([left, seams, right])
    pieces: dict[tuple[int, int], Shape] = {}
    for last in range(1, len(edges)):
        for first in range(last):
            if edges[last].min() - edges[first].max() > _WIDEST * height:
                continue
            piece = _between(whole, edges[first], edges[last])
            if piece and _may_be_digit(piece.box, height):
                pieces[first, last] = piece
    if not pieces:
        return [whole]
    sure = np.log(confidence(list(pieces.values()))).tolist()
    # The best way to each piece that ends at an edge; pieces are in the order of their ends.
    ways: list[list[tuple[float, list[Shape]]]] = [[] for _ in edges]
    for ((first, last), piece), logarithm in zip(pieces.items(), sure, strict=True):
        before = [
            (score + _CUT, way)
            for score, way in ways[first]
            if not _above_each_other(way[-1].box, piece.box)
        ]
        if first == 0 or before:
            score, way = max(before, key=lambda scored: scored[0], default=(0.0, []))
            ways[last].append((score + logarithm, [*way, piece]))
    _, chosen = max(ways[-1], key=lambda scored: scored[0], default=(0.0, [whole]))
    return chosen


def _may_be_digit(box: Box, height: float) -> bool:
    return box.width <= _WIDEST * height and box.height >= _LOWEST * height


def _above_each_other(one: Box, other: Box) -> bool:
    """Whether they are the upper and the lower part of one digit rather than two in a row."""
    across = min(one.right, other.right) - max(one.left, other.left)
    down = min(one.bottom, other.bottom) - max(one.top, other.top)
    return across > min(one.width, other.width) / 2 and down < min(one.height, other.height) / 2


def _between(whole: Shape, left: Integers, right: Integers) -> Shape | None:
    """What of a shape lies between two seams, if anything."""
    first, last = int(left.min()), int(right.max())
    columns = np.arange(first, last)
    between = (columns >= left[:, None]) & (columns < right[:, None])
    ink = np.where(between, whole.ink[:, first:last], 0)
    box = whole.box
    window = Box(box.left + first, box.top, box.left + last, box.bottom)
    return shape(ink, window) if ink.any() else None


def _seams(ink: Ink, height: float) -> Integers:
    """The best ways down through a shape: the column after each, int64 [seams, rows].

    A seam goes through as little ink as it can, one column aside a row at most (the cheapest path
    through the middle of each column; S. Avidan, A. Shamir, "Seam carving", 2007).
    """
    cost = ink.astype(np.float32) / np.float32(255)
    rows, width = ink.shape
    middle, apart = rows // 2, max(2, round(_APART * height))
    from_top, steps_up = _cheapest(cost[: middle + 1])
    from_bottom, steps_down = _cheapest(cost[middle:][::-1])
    total = from_top + from_bottom - cost[middle]
    seams: list[int] = []
    for column in np.argsort(total, kind="stable").tolist():
        if apart <= column <= width - apart and all(abs(column - s) >= apart for s in seams):
            seams.append(column)
    paths = np.zeros((min(len(seams), _MOST_SEAMS), rows), np.int64)
    for path, column in zip(paths, sorted(seams[:_MOST_SEAMS]), strict=True):
        path[: middle + 1] = _traced(steps_up, column)[::-1]
        path[middle:] = _traced(steps_down, column)
    return paths


def _cheapest(cost: Floats) -> tuple[Floats, Integers]:
    """What the cheapest path from the first row to each place of the last costs.

    cost: float32 [rows, width]. Also returns the steps (-1, 0, 1) that it took: int64, as `cost`.
    """
    total, steps = cost[0], np.zeros(cost.shape, np.int64)
    for row in range(1, len(cost)):
        beside = np.pad(total, 1, constant_values=np.inf)
        ways = np.stack([total, beside[:-2] + _ASIDE, beside[2:] + _ASIDE])
        chosen = ways.argmin(0)
        steps[row] = np.array([0, -1, 1])[chosen]
        total = cost[row] + ways.min(0)
    return total, steps


def _traced(steps: Integers, column: int) -> list[int]:
    """The columns of the path that ends in a column, from the last row to the first."""
    path = [column]
    for row in range(len(steps) - 1, 0, -1):
        path.append(path[-1] + int(steps[row, path[-1]]))
    return path
