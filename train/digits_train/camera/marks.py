"""Marks that are no writing: ticks, arrows, underlines, scribbles, blots and shapes.

A mark is its lines, by the height of the digits beside it.
"""

from collections.abc import Callable

import numpy as np

from digits_train.camera.distributions import Range
from digits_train.camera.ink import Glyph, Points, around, smooth, stroke
from digits_train.pixels import Random, log_uniform, pick

Mark = Callable[[Random], list[Points]]


def draw_mark(height: float, random: Random, pen: Range, alone: bool = False) -> Glyph:
    """Draw a mark beside digits of a height in pixels.

    pen: its width, in heights. alone: one that can't be taken for a 0.
    """
    kind = pick(random, _KINDS[:-2] if alone else _KINDS)
    lines = [line * height for line in kind(random)]
    filled = bool(random.random() < _FILLED.get(kind, 0))
    return Glyph(stroke(lines, 1 if filled else random.uniform(*pen) * height, filled))


def zigzag(random: Random, length: float, height: float) -> Points:
    """A dense scribble, as for striking out: [n, 2]."""
    count = max(6, round(length / height * random.uniform(5, 9)))
    x = np.linspace(0, length, count) + random.normal(0, 0.1, count) * height
    y = np.where(np.arange(count) % 2, 0.1, 0.9) + random.normal(0, 0.12, count)
    return np.stack([x, y * height], 1)


def ring(random: Random, half: Points) -> Points:
    """A ring drawn by hand around (0, 0): [n, 2]. half: its width and height by two, [2]."""
    angle = np.linspace(0, random.uniform(5.8, 6.9), 32)
    wobble = 1 + random.normal(0, 0.04) * np.cos(2 * angle) + random.normal(0, 0.03) * angle
    return around(angle + random.uniform(0, 2 * np.pi), wobble) * half


def _tick(random: Random) -> list[Points]:
    points = np.array([(0, 0.55), (0.3, 1), (random.uniform(0.8, 1.2), random.uniform(-0.2, 0.2))])
    return [(points + random.normal(0, 0.05, points.shape)) * random.uniform(0.5, 1.6)]


def _arrow(random: Random) -> list[Points]:
    length, head, along = random.uniform(1, 2.5), random.uniform(0.2, 0.35), np.linspace(0, 1, 9)
    shaft = np.stack([along * length, np.sin(along * 3) * random.normal(0, 0.1)], 1)
    wings = shaft[-1] + np.array([(-1, -1), (0, 0), (-random.uniform(0.7, 1.2), 1)]) * head
    size = random.uniform(0.5, 1.2) * np.array([random.choice([-1, 1]), 1])
    return [shaft * size, wings * size]


def _underline(random: Random) -> list[Points]:
    """One or two lines."""
    length, count = random.uniform(2, 6), 2 if random.random() < 0.25 else 1
    waves = random.normal(0, 0.03, (count, 4)) + 0.2 * np.arange(count)[:, None]
    return [smooth(np.stack([np.linspace(0, length, 4), wave], 1)) for wave in waves]


def _dashes(random: Random) -> list[Points]:
    """A line of dots or dashes; not upright, or each would be a 1."""
    half = random.uniform(0, 0.2)
    middles = np.arange(random.integers(3, 10)) * random.uniform(0.2, 0.6)
    return [np.array([(x - half, 0), (x + half, 0)]) for x in middles]


def _blot(random: Random) -> list[Points]:
    """A drop of ink."""
    return [ring(random, log_uniform(random, 0.08, 0.5) * random.uniform(0.6, 1.2, 2))]


def _polygon(random: Random) -> list[Points]:
    """A triangle, a quadrilateral or a star; with more corners it would be a 0."""
    corners, radius = int(random.integers(3, 5)), np.array([0.7])
    if random.random() < 0.5:
        corners, radius = 2 * int(random.integers(3, 7)), np.array([0.7, random.uniform(0.15, 0.5)])
    angle = np.arange(corners + 1.0) * (2 * np.pi / corners) + random.uniform(0, 2 * np.pi)
    return [around(angle, np.resize(radius, corners + 1)) * random.uniform(0.7, 1.3, 2)]


def _dented(random: Random) -> list[Points]:
    """A closed outline with a deep dent: a heart, a kidney, a crescent."""
    angle = np.linspace(0, 2 * np.pi, 49)
    depth, width = random.uniform(0.65, 0.95), random.uniform(0.6, 1.0)
    from_dent = np.abs((angle - random.uniform(0, 2 * np.pi) + np.pi) % (2 * np.pi) - np.pi)
    radius = 0.7 * (1 - depth * np.exp(-((from_dent / width) ** random.uniform(1, 2))))
    return [around(angle, radius) * random.uniform(0.7, 1.2, 2)]


def _spiral(random: Random) -> list[Points]:
    """Two to four turns; with one it might be a 6 or a 9."""
    along = np.linspace(0, 1, 120)
    angle = random.choice([-1, 1]) * 2 * np.pi * random.uniform(1.8, 4) * along
    radius = 0.7 * along ** random.uniform(0.7, 1.3)
    return [around(angle + random.uniform(0, 6), radius) * random.uniform(0.7, 1, 2)]


def _hatching(random: Random) -> list[Points]:
    """Five or more parallel strokes, crossed by others or not."""
    lines, start = [], random.uniform(0, np.pi)
    for angle in (start, start + random.uniform(0.8, 2))[: random.integers(1, 3)]:
        along, across = around(np.array([angle, angle + np.pi / 2]), 1.0)
        for distance in np.linspace(-0.6, 0.6, int(random.integers(5, 10))):
            ends = distance * across + np.array([[-0.7], [0.7]]) * along
            lines.append(ends + random.normal(0, 0.05, (2, 2)))
    return lines


def _branches(random: Random) -> list[Points]:
    """Four to six straight strokes, each branching off an earlier one."""
    lines = [np.array([(0.0, 0.0), (random.uniform(-0.6, 0.6), 0.8)])]
    for _ in range(int(random.integers(3, 6))):
        start, end = pick(random, lines)
        joint = start + (end - start) * random.choice([0, 0.5, 1])
        tip = around(random.uniform(0, 2 * np.pi, 1), random.uniform(0.3, 0.7))
        lines.append(np.concatenate([joint[None], joint + tip]))
    return lines


def _curve(random: Random) -> list[Points]:
    return [np.cumsum(random.normal(0, 0.3, (int(random.integers(3, 12)), 2)), 0)]


def _loop(random: Random) -> list[Points]:
    return [ring(random, random.uniform(0.5, 0.9, 2))]


def _figure(random: Random) -> list[Points]:
    """An outline with three to five smaller ones and curves in it or on it."""
    lines = _loop(random) if random.random() < 0.5 else _polygon(random)
    for _ in range(int(random.integers(3, 6))):
        detail = pick(random, (_loop, _polygon, _curve))(random)
        middle = around(random.uniform(0, 2 * np.pi, 1), random.uniform(0, 0.7))
        lines += [middle + random.uniform(0.1, 0.4) * line for line in detail]
    return lines


_KINDS: tuple[Mark, ...] = (
    *(_tick, _arrow, _underline, _dashes, _blot, _polygon, _dented, _spiral, _hatching, _branches),
    _figure,
    lambda random: [zigzag(random, random.uniform(1, 4), random.uniform(0.5, 1.2))],
    # Alone these look like digits; the ring, around a word, is too large for a zero beside it.
    _curve,
    lambda random: [ring(random, random.uniform(1.6, 4, 2))],
)
_FILLED: dict[Mark, float] = {_blot: 1.0, _polygon: 0.4, _dented: 0.2}  # chance
