"""Strokes of a pen, and how a hand varies them.

A stroke is a polyline, float64 [n, 2]: x to the right and y downwards, in heights of the digit, in
the order in which the pen goes. A glyph, a digit or a letter, is a list of strokes; most lie between
y = 0 and y = 1. Functions here take and return them; none changes its arguments.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Random = np.random.Generator
Stroke = NDArray[np.float64]
Glyph = list[Stroke]
Point = tuple[float, float]

_STEPS = 12  # points of a curve from one control point to the next
_WAVES = 3  # of the smooth warp, over the glyph's height: more would be a tremor
_TREMOR = 0.08  # heights between two independent shifts of an unsteady hand


def line(*points: Point) -> Stroke:
    """Straight from point to point."""
    return np.array(points, np.float64)


def curve(*points: Point, closed: bool = False) -> Stroke:
    """A smooth curve through the points; closed: back to the first.

    A centripetal Catmull-Rom spline (E. Catmull, R. Rom, 1974; P. Yuksel et al., 2011), which makes
    neither loops nor overshoots between points of uneven distance.
    """
    nodes = np.array(points, np.float64)
    if closed:
        nodes = np.concatenate([nodes[-1:], nodes, nodes[:2]])
    else:  # mirrored ends: the curve leaves its first point towards the second
        nodes = np.concatenate([2 * nodes[:1] - nodes[1:2], nodes, 2 * nodes[-1:] - nodes[-2:-1]])
    gaps = np.maximum(np.hypot(*np.diff(nodes, axis=0).T), 1e-6) ** 0.5
    times = np.concatenate([[0], np.cumsum(gaps)])
    parts = [
        _between(nodes[start : start + 4], times[start : start + 4])
        for start in range(len(nodes) - 3)
    ]
    return np.concatenate([*parts, nodes[-2:-1]])


def _between(nodes: NDArray[np.float64], times: NDArray[np.float64]) -> Stroke:
    """From the second of four nodes to just before the third (Barry and Goldman's pyramid)."""
    t = np.linspace(times[1], times[2], _STEPS, endpoint=False)[:, None]

    def blend(a: Stroke, b: Stroke, start: float, stop: float) -> Stroke:
        mixed: Stroke = ((stop - t) * a + (t - start) * b) / (stop - start)
        return mixed

    first, second, third = (
        blend(nodes[i], nodes[i + 1], times[i], times[i + 1]) for i in range(3)
    )
    left, right = blend(first, second, times[0], times[2]), blend(second, third, times[1], times[3])
    return blend(left, right, times[1], times[2])


def arc(centre: Point, radii: Point, start: float, stop: float) -> Stroke:
    """Part of an ellipse. start, stop: degrees, clockwise from the right, in either direction."""
    angles = np.radians(np.linspace(start, stop, max(3, int(abs(stop - start) / 10))))
    around = np.stack([np.cos(angles), np.sin(angles)], 1)
    return np.asarray(np.array(centre) + around * np.array(radii), np.float64)


def joined(*strokes: Stroke) -> Stroke:
    """One stroke through several, without lifting the pen."""
    return np.concatenate(strokes)


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
    places = np.linspace(0, nodes - 1, len(stroke))
    shifts = [np.interp(places, np.arange(nodes), random.normal(0, tremor, nodes)) for _ in "xy"]
    return np.asarray(stroke + np.stack(shifts, 1))


def transformed(
    glyph: Glyph, slant: float = 0.0, width: float = 1.0, turn: float = 0.0
) -> Glyph:
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
