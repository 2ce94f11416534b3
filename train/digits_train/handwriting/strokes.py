"""Strokes of a pen, and how a hand varies them.

A stroke is a polyline, float64 [n, 2]: x to the right and y downwards, in heights of the digit, in
the order in which the pen goes. A glyph, a digit or a letter, is a list of strokes; most lie
between y = 0 and y = 1. Functions here take and return them; none changes its arguments.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Random = np.random.Generator
Stroke = NDArray[np.float64]
Glyph = list[Stroke]
Point = tuple[float, float]


class Style(NamedTuple):
    """One of the ways in which people write a digit.

    weight: how common it is among its digit's. model: makes a glyph of it. room: the widest pen
    that leaves it legible, as a share of the glyph's width or half its height.
    """

    weight: float
    model: Callable[[Random], Glyph]
    room: float = np.inf


_STEPS = 12  # points of a curve from one control point to the next
_WAVES = 3  # of the smooth warp, over the glyph's height: more would be a tremor
_TREMOR = 0.08  # heights between two independent shifts of an unsteady hand


def line(*points: Point) -> Stroke:
    """Straight from point to point."""
    return np.array(points, np.float64)


def curve(*points: Point, closed: bool = False) -> Stroke:
    """A smooth curve through the points; closed: back to the first.

    The natural cubic spline, whose curvature is continuous, so that four points of a circle give
    nearly a circle; the square roots of the distances as its parameter keep it from overshooting
    between uneven ones (E. T. Y. Lee, "Choosing nodes in parametric curve interpolation", 1989).
    """
    nodes = np.array(points, np.float64)
    beyond = min(3, len(nodes)) if closed else 0  # points of the next and the last round
    if closed:
        nodes = np.concatenate([nodes[-beyond:], nodes, nodes[: beyond + 1]])
    steps = np.maximum(np.hypot(*np.diff(nodes, axis=0).T), 1e-6)[:, None] ** 0.5
    bends = np.zeros_like(nodes)  # second derivatives
    if len(nodes) > 2:
        inner = steps[1:-1, 0]
        system = (
            np.diag(2 * (steps[:-1, 0] + steps[1:, 0])) + np.diag(inner, 1) + np.diag(inner, -1)
        )
        bends[1:-1] = np.linalg.solve(system, 6 * np.diff(np.diff(nodes, axis=0) / steps, axis=0))
    after = np.linspace(0, 1, _STEPS, endpoint=False)[:, None]
    before = 1 - after
    bent = (before**3 - before) * bends[:-1, None] + (after**3 - after) * bends[1:, None]
    parts = before * nodes[:-1, None] + after * nodes[1:, None] + bent * steps[:, None] ** 2 / 6
    whole = np.concatenate(
        [parts[beyond : len(parts) - beyond].reshape(-1, 2), nodes[-1 - beyond :][:1]]
    )
    return np.asarray(whole)


def arc(centre: Point, radii: Point, start: float, stop: float) -> Stroke:
    """Part of an ellipse. start, stop: degrees, clockwise from the right, in either direction."""
    angles = np.radians(np.linspace(start, stop, max(3, int(abs(stop - start) / 10))))
    around = np.stack([np.cos(angles), np.sin(angles)], 1)
    return np.asarray(np.array(centre) + around * np.array(radii), np.float64)


def joined(*strokes: Stroke) -> Stroke:
    """One stroke through several, without lifting the pen."""
    return np.concatenate(strokes)


def jittered(random: Random, spread: float, *points: Point) -> list[Point]:
    """The points, each moved a little, by a careless hand more than by a careful one.

    spread: median over the hands of the standard deviation along each axis.
    """
    spread *= float(np.exp(np.clip(random.normal(0, 0.6), -1, 0.8)))
    moved = np.array(points) + random.normal(0, spread, (len(points), 2))
    return [(x, y) for x, y in moved.tolist()]


def resampled(stroke: Stroke, step: float) -> Stroke:
    """The same stroke with points at most `step` apart, and its first and last point."""
    lengths = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(stroke, axis=0).T))])
    at = np.linspace(0, lengths[-1], max(2, int(np.ceil(lengths[-1] / step)) + 1))
    return np.stack([np.interp(at, lengths, stroke[:, axis]) for axis in (0, 1)], 1)


def varied(glyph: Glyph, random: Random, warp: float, tremor: float) -> Glyph:
    """As an unsteady hand writes it.

    warp: standard deviation, in heights, of a smooth displacement of the whole, which keeps what
    touches together. tremor: that of each stroke's own, fast one.
    """
    phases = random.uniform(0, 2 * np.pi, (2, _WAVES, 2))
    waves = random.uniform(1, 2 * np.pi * 0.9, (2, _WAVES, 2))
    sizes = random.normal(0, warp / np.sqrt(_WAVES / 2), (2, _WAVES))
    changed = []
    for stroke in glyph:
        fine = resampled(stroke, 0.03)
        moved = fine.copy()
        for axis in (0, 1):
            for wave in range(_WAVES):
                angle = fine @ waves[axis, wave] + phases[axis, wave, 0]
                moved[:, axis] += sizes[axis, wave] * np.sin(angle)
        changed.append(_trembled(moved, random, tremor) if tremor else moved)
    return changed


def _trembled(stroke: Stroke, random: Random, tremor: float) -> Stroke:
    length = float(np.hypot(*np.diff(stroke, axis=0).T).sum())
    nodes = max(2, int(length / _TREMOR))
    shifts = random.normal(0, tremor, (nodes, 2))
    places = np.linspace(0, nodes - 1, len(stroke))
    before = np.minimum(places.astype(int), nodes - 2)
    # Eased from shift to shift: straight from one to the next would make corners.
    share = (0.5 - np.cos(np.pi * (places - before)) / 2)[:, None]
    return np.asarray(stroke + shifts[before] * (1 - share) + shifts[before + 1] * share)


def hurried(glyph: Glyph, random: Random, haste: float) -> Glyph:
    """As a fast hand writes it: corners are rounded, and ends overshoot.

    haste: heights before and after a corner where its rounding begins and ends.
    """
    changed = []
    for stroke in glyph:
        fine = resampled(stroke, 0.02)
        half = min(round(haste / 0.02), len(fine) // 4)
        if half:
            # Beyond the ends it goes on as mirrored there, so that they stay where they are.
            before, after = 2 * fine[0] - fine[half:0:-1], 2 * fine[-1] - fine[-2 : -half - 2 : -1]
            sums = np.cumsum(np.concatenate([np.zeros((1, 2)), before, fine, after]), axis=0)
            fine = (sums[2 * half + 1 :] - sums[: -2 * half - 1]) / (2 * half + 1)
            beyond = (fine[-1] - fine[-3]) * random.uniform(0, haste / 0.04)
            fine = np.concatenate([fine, fine[-1:] + beyond])
        changed.append(fine)
    return changed


def transformed(glyph: Glyph, slant: float = 0.0, width: float = 1.0, turn: float = 0.0) -> Glyph:
    """Stretched, then slanted, then turned.

    slant: by how much of its height the top lies right of the foot. width: factor. turn: degrees,
    clockwise.
    """
    cos, sin = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    matrix = np.array([[cos, -sin], [sin, cos]]) @ np.array([[1, -slant], [0, 1.0]])
    matrix = matrix @ np.diag([width, 1.0])
    return [np.asarray(stroke @ matrix.T) for stroke in glyph]


def bounds(glyph: Sequence[Stroke]) -> tuple[float, float, float, float]:
    """Left, top, right, bottom."""
    points = np.concatenate(list(glyph))
    (left, top), (right, bottom) = points.min(0).tolist(), points.max(0).tolist()
    return left, top, right, bottom
