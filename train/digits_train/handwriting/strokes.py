"""Strokes of a pen, and how handwriting varies them.

A stroke is a polyline, float64 [n, 2]: x to the right and y downwards, in heights of the digit, in
writing order. A glyph (a digit or a letter) is a list of strokes, mostly between y = 0 and y = 1.
No function here changes its arguments.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Stroke = NDArray[np.float64]
Glyph = list[Stroke]
Point = tuple[float, float]


class Style(NamedTuple):
    """One of the ways to write a digit.

    weight: its share among the digit's styles. model: makes a glyph. room: the widest pen that
    leaves it legible, as a share of the glyph's width or half its height.
    """

    weight: float
    model: Callable[[Generator], Glyph]
    room: float = np.inf


def style(
    weight: float, model: Callable[..., Glyph], room: float = np.inf, **ranges: tuple[float, float]
) -> Style:
    """A style whose model takes, beside a generator, a random number from each range, in turn."""

    def draw(rng: Generator) -> Glyph:
        return model(rng, **{name: rng.uniform(*limits) for name, limits in ranges.items()})

    return Style(weight, draw, room)


_STEPS = 12  # points of a curve from one control point to the next
_WAVES = 3  # of the smooth warp; more would be a tremor
_TREMOR = 0.08  # heights between two independent shifts of a tremor


def line(*points: Point) -> Stroke:
    """Straight lines from point to point."""
    return np.array(points, np.float64)


def curve(*points: Point, closed: bool = False) -> Stroke:
    """A smooth curve through the points. closed: and back to the first.

    A natural cubic spline: its curvature is continuous, so that four points of a circle give nearly
    a circle. Parametrised by the square roots of the distances, it doesn't overshoot between uneven
    points (E. T. Y. Lee, "Choosing nodes in parametric curve interpolation", 1989).
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


def join(*strokes: Stroke) -> Stroke:
    """Join several strokes into one."""
    return np.concatenate(strokes)


def jitter(rng: Generator, spread: float, *points: Point) -> list[Point]:
    """Move each point a little, with a random carelessness.

    spread: the median of the standard deviation along each axis.
    """
    spread *= float(np.exp(np.clip(rng.normal(0, 0.6), -1, 0.8)))
    moved = np.array(points) + rng.normal(0, spread, (len(points), 2))
    return [(x, y) for x, y in moved.tolist()]


def resample(stroke: Stroke, step: float) -> Stroke:
    """The same stroke, with points at most `step` apart and the same ends."""
    lengths = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(stroke, axis=0).T))])
    at = np.linspace(0, lengths[-1], max(2, int(np.ceil(lengths[-1] / step)) + 1))
    return np.stack([np.interp(at, lengths, stroke[:, axis]) for axis in (0, 1)], 1)


def deform(glyph: Glyph, rng: Generator, warp: float, tremor: float) -> Glyph:
    """Deform a glyph as an unsteady hand does.

    warp: standard deviation, in heights, of a smooth displacement of the whole, which keeps
    touching strokes together. tremor: that of a fast displacement of each stroke.
    """
    phases = rng.uniform(0, 2 * np.pi, (2, _WAVES, 2))
    waves = rng.uniform(1, 2 * np.pi * 0.9, (2, _WAVES, 2))
    sizes = rng.normal(0, warp / np.sqrt(_WAVES / 2), (2, _WAVES))
    changed = []
    for stroke in glyph:
        fine = resample(stroke, 0.03)
        moved = fine.copy()
        for axis in (0, 1):
            for wave in range(_WAVES):
                angle = fine @ waves[axis, wave] + phases[axis, wave, 0]
                moved[:, axis] += sizes[axis, wave] * np.sin(angle)
        changed.append(_add_tremor(moved, rng, tremor) if tremor else moved)
    return changed


def _add_tremor(stroke: Stroke, rng: Generator, tremor: float) -> Stroke:
    length = float(np.hypot(*np.diff(stroke, axis=0).T).sum())
    nodes = max(2, int(length / _TREMOR))
    shifts = rng.normal(0, tremor, (nodes, 2))
    places = np.linspace(0, nodes - 1, len(stroke))
    before = np.minimum(places.astype(int), nodes - 2)
    # Eased between the shifts: linear interpolation would make corners.
    share = (0.5 - np.cos(np.pi * (places - before)) / 2)[:, None]
    return np.asarray(stroke + shifts[before] * (1 - share) + shifts[before + 1] * share)


def round_corners(glyph: Glyph, rng: Generator, haste: float) -> Glyph:
    """Round corners and overshoot ends, as fast writing does.

    haste: the heights before and after a corner over which to round it.
    """
    changed = []
    for stroke in glyph:
        fine = resample(stroke, 0.02)
        half = min(round(haste / 0.02), len(fine) // 4)
        if half:
            # Mirrored beyond the ends, which so stay in place.
            before, after = 2 * fine[0] - fine[half:0:-1], 2 * fine[-1] - fine[-2 : -half - 2 : -1]
            sums = np.cumsum(np.concatenate([np.zeros((1, 2)), before, fine, after]), axis=0)
            fine = (sums[2 * half + 1 :] - sums[: -2 * half - 1]) / (2 * half + 1)
            beyond = (fine[-1] - fine[-3]) * rng.uniform(0, haste / 0.04)
            fine = np.concatenate([fine, fine[-1:] + beyond])
        changed.append(fine)
    return changed


def transform(glyph: Glyph, slant: float = 0.0, width: float = 1.0, turn: float = 0.0) -> Glyph:
    """Stretch, then slant, then turn.

    slant: shift of the top to the right, in heights. width: a factor. turn: degrees, clockwise.
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


def size(glyph: Sequence[Stroke]) -> tuple[float, float]:
    """Width, height."""
    left, top, right, bottom = bounds(glyph)
    return right - left, bottom - top
