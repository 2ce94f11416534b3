"""Candidate cuts between touching digits."""

from typing import NamedTuple

import numpy as np

from digits.vision.components import Box, Component, Integers, trim
from digits.vision.ink import Floats, Ink

_MIN_DISTANCE = 0.15  # of the digits' height, between seams and from the edges
_MAX_SEAMS = 40
_MAX_CROSSED = 2.0  # stroke widths of full ink; digits touch at one or two places
_ASIDE_COST = 0.02  # of a step aside; a pixel of full ink costs 1
_STEPS = np.array([0, -1, 1])  # columns from one row to the next, a straight one first


class Piece(NamedTuple):
    """A part of a component between two seams.

    crossed: stroke widths that the seams on its left and right cross; 0 where there is none.
    """

    component: Component
    crossed: tuple[float, float]


def cut(whole: Component, height: float, pen: float) -> list[Piece]:
    """Cut a component along its best seams; returns the pieces from left to right.

    height: of digits, pen: of their strokes' width, in pixels. A seam runs down through as little
    ink as possible, at most one column aside per row (S. Avidan, A. Shamir, "Seam carving", 2007).
    Columns are tried by the cost of the seam through their middle, not too close to each other.
    """
    seams, costs = _seams(whole.ink, height, _MAX_CROSSED * pen)
    rows, width = whole.ink.shape
    ends = np.zeros((1, rows), np.int64), np.full((1, rows), width)
    edges = np.maximum.accumulate(np.concatenate([ends[0], seams, ends[1]]))  # seams may cross
    parts = [_between(whole, edges[k], edges[k + 1]) for k in range(len(edges) - 1)]
    # A seam between strokes that touch only at their corners crosses no ink.
    crossed = np.zeros(len(edges))
    crossed[1:-1] = np.maximum(costs, _ASIDE_COST) / max(pen, _ASIDE_COST)
    inked = [k for k, part in enumerate(parts) if part is not None]
    crossed[[*range(inked[0] + 1), *range(inked[-1] + 1, len(edges))]] = 0
    return [
        Piece(part, (float(crossed[k]), float(crossed[k + 1])))
        for k, part in enumerate(parts)
        if part is not None
    ]


def _between(whole: Component, left: Integers, right: Integers) -> Component | None:
    """The part of a component between two seams; None without ink."""
    first, last = int(left.min()), int(right.max())
    columns = np.arange(first, last)
    between = (columns >= left[:, None]) & (columns < right[:, None])
    ink = np.where(between, whole.ink[:, first:last], 0)
    box = whole.box
    window = Box(box.left + first, box.top, box.left + last, box.bottom)
    return trim(ink, window) if ink.any() else None


def _seams(ink: Ink, height: float, most: float) -> tuple[Integers, Floats]:
    """The best seams down through a component: the column after each, int64 [seams, rows].

    Also returns the cost of each, float32 [seams].
    """
    cost = ink.astype(np.float32) / np.float32(255)
    rows, width = ink.shape
    middle, apart = rows // 2, max(2, round(_MIN_DISTANCE * height))
    from_top, steps_up = _min_cost_path(cost[: middle + 1])
    from_bottom, steps_down = _min_cost_path(cost[middle:][::-1])
    total = from_top + from_bottom - cost[middle]
    seams: list[int] = []
    for column in np.argsort(total, kind="stable").tolist():
        if total[column] > most:
            break
        if apart <= column <= width - apart and all(abs(column - s) >= apart for s in seams):
            seams.append(column)
    chosen = sorted(seams[:_MAX_SEAMS])
    paths = np.zeros((len(chosen), rows), np.int64)
    for path, column in zip(paths, chosen, strict=True):
        path[: middle + 1] = _backtrack(steps_up, column)[::-1]
        path[middle:] = _backtrack(steps_down, column)
    return paths, total[chosen]


def _min_cost_path(cost: Floats) -> tuple[Floats, Integers]:
    """The cost of the cheapest path from the first row to each column of the last.

    cost: float32 [rows, width]. Also returns the steps (-1, 0, 1) taken: int64, shaped as `cost`.
    """
    total, steps = cost[0], np.zeros(cost.shape, np.int64)
    ways = np.full((3, len(total)), np.inf, np.float32)
    for row in range(1, len(cost)):
        aside = total + _ASIDE_COST
        ways[0], ways[1, 1:], ways[2, :-1] = total, aside[:-1], aside[1:]
        steps[row] = _STEPS[ways.argmin(0)]
        total = cost[row] + ways.min(0)
    return total, steps


def _backtrack(steps: Integers, column: int) -> list[int]:
    """The columns of the path that ends in `column`, from the last row to the first."""
    path = [column]
    for row in range(len(steps) - 1, 0, -1):
        path.append(path[-1] + int(steps[row, path[-1]]))
    return path
