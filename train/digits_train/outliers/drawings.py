"""Scribbles, shapes and ruled lines, in pixels: 0 = paper and 255 = ink."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from digits.data.mnist import Split
from digits_train.handwriting.letters import draw_letter
from digits_train.handwriting.pen import Picture

_SIDE = 84  # pixels, three times that of a frame
_RADIUS = 36.0  # pixels, of the shapes

Points = NDArray[np.float64]  # [n, 2], x and y


class _Canvas:
    def __init__(self, beneath: Picture | None = None) -> None:
        self.image = Image.new("L", (_SIDE, _SIDE))
        if beneath is not None:
            drawn = Image.fromarray(beneath)
            self.image = drawn.resize((_SIDE, _SIDE), Image.Resampling.BILINEAR)
        self.pen = ImageDraw.Draw(self.image)

    def line(self, points: Points, width: int, curved: bool = True) -> None:
        joint = "curve" if curved else None
        self.pen.line(points.ravel().tolist(), fill=255, width=width, joint=joint)

    def dot(self, x: float, y: float, across: float, down: float) -> None:
        self.pen.ellipse((x - across, y - down, x + across, y + down), fill=255)

    def specks(self, rng: Generator, count: int, top: float, bottom: float) -> None:
        for _ in range(count):
            x, y = rng.uniform(8, _SIDE - 8), rng.uniform(top, bottom)
            self.dot(x, y, *rng.uniform(1, 6, 2))

    def picture(self) -> Picture:
        return np.asarray(self.image)


def _around(angles: NDArray[np.float64], radius: NDArray[np.float64]) -> Points:
    """Points around the centre."""
    return np.asarray(_SIDE / 2 + radius[:, None] * np.stack([np.cos(angles), np.sin(angles)], 1))


def scribble(rng: Generator, digits: Split) -> Picture:
    """Four to six cubic curves; fewer may be a 7 or a 2."""
    canvas = _Canvas()
    width = int(rng.integers(3, 8))
    along = np.linspace(0, 1, 24)[:, None]
    for _ in range(rng.integers(4, 7)):
        a, b, c, d = rng.uniform(6, _SIDE - 6, (4, 2))
        first, second = a * (1 - along) ** 3, 3 * b * along * (1 - along) ** 2
        canvas.line(first + second + 3 * c * along**2 * (1 - along) + d * along**3, width)
    return canvas.picture()


def hatching(rng: Generator, digits: Split) -> Picture:
    """Five or more strokes side by side, crossed by others or not."""
    canvas = _Canvas()
    for strokes in _hatches(rng, int(rng.integers(1, 3))):
        width = int(rng.integers(2, 6))
        for stroke in strokes:
            canvas.line(stroke, width, curved=False)
    return canvas.picture()


def crossed_out(rng: Generator, digits: Split) -> Picture:
    """A letter beneath strokes back and forth; a digit might still be legible."""
    canvas = _Canvas(draw_letter(rng))
    for strokes in _hatches(rng, int(rng.integers(1, 3))):
        strokes[1::2] = strokes[1::2, ::-1]  # without lifting the pen
        canvas.line(strokes, int(rng.integers(2, 6)))
    return canvas.picture()


def _hatches(rng: Generator, sets: int) -> list[NDArray[np.float64]]:
    """Sets of parallel strokes all over the picture: each [n, 2, 2], the x and y of both ends."""
    hatches = []
    for _ in range(sets):
        strokes, angle = int(rng.integers(5, 10)), rng.uniform(0, np.pi)
        along = np.array([np.cos(angle), np.sin(angle)])
        across = np.array([-along[1], along[0]])
        shifts = np.linspace(-30, 30, strokes)[:, None] + rng.normal(0, 2, (strokes, 2))
        ends = shifts[..., None] * across + np.array([[-34.0], [34.0]]) * along
        hatches.append(_SIDE / 2 + ends + rng.normal(0, 3, ends.shape))
    return hatches


def polygon(rng: Generator, digits: Split) -> Picture:
    """A triangle, a quadrilateral or a star, filled or not."""
    corners = int(rng.integers(3, 5))
    uneven, radius = rng.normal(0, 0.2, corners), np.full(corners, _RADIUS)
    filled = rng.random() < 0.4
    if rng.random() < 0.5:  # with equal radii, many corners would be a 0
        corners = int(rng.integers(3, 9)) * 2
        uneven = np.zeros(corners)
        radius = np.resize([_RADIUS, _RADIUS * rng.uniform(0.2, 0.7)], corners)
    angles = np.arange(corners) * (2 * np.pi / corners) + rng.uniform(0, 2 * np.pi) + uneven
    points, canvas = _around(angles, radius), _Canvas()
    if filled:
        canvas.pen.polygon(points.ravel().tolist(), fill=255)
    else:
        canvas.line(np.concatenate([points, points[:1]]), int(rng.integers(3, 12)))
    return canvas.picture()


def outline(rng: Generator, digits: Split) -> Picture:
    """A closed curve with three or four bays, or a circle with marks in it.

    With shallow bays, or a single line or dot, it would be a 0.
    """
    canvas = _Canvas()
    width = int(rng.integers(3, 10))
    angle = np.linspace(0, 2 * np.pi, 60)
    radius = np.full(60, _RADIUS)
    if rng.random() < 0.4:
        bays = rng.integers(3, 5)
        radius *= 1 + rng.uniform(0.25, 0.4) * np.cos(bays * angle + rng.uniform(0, 7))
        radius *= 1 + rng.uniform(0.1, 0.3) * np.cos(angle + rng.uniform(0, 7))
    else:
        marks, start = int(rng.integers(2, 6)), rng.uniform(0, 2 * np.pi)
        for around in start + 2 * np.pi * np.arange(marks) / marks:
            apart = rng.uniform(10, 18)  # from the centre
            x, y = _SIDE / 2 + apart * np.cos(around), _SIDE / 2 + apart * np.sin(around)
            _mark(canvas, rng, x, y)
    canvas.line(_around(angle, radius * (_RADIUS / radius.max())), width)
    return canvas.picture()


def _mark(canvas: _Canvas, rng: Generator, x: float, y: float) -> None:
    """Draw a short line, a dot or an arc."""
    size, width = rng.uniform(4, 10), int(rng.integers(3, 8))
    match int(rng.integers(3)):
        case 0:
            angle = rng.uniform(0, np.pi)
            half = size * np.array([np.cos(angle), np.sin(angle)])
            canvas.line(np.array([(x, y) - half, (x, y) + half]), width, curved=False)
        case 1:
            radius = rng.uniform(0.5, 1) * width
            canvas.dot(x, y, radius, radius)
        case _:
            box, start = (x - size, y - size, x + size, y + size), rng.uniform(0, 360)
            canvas.pen.arc(box, start, start + rng.uniform(60, 200), fill=255, width=width)


def spiral(rng: Generator, digits: Split) -> Picture:
    """A spiral of two to four turns; with one it might be a 6 or a 9."""
    turns, start = rng.uniform(1.8, 4), rng.uniform(0, 2 * np.pi)
    along = np.linspace(0, 1, 160)
    angle = start + rng.choice([-1, 1]) * 2 * np.pi * turns * along
    radius = _RADIUS * along ** rng.uniform(0.7, 1.3)
    x = radius * np.cos(angle) * rng.uniform(0.7, 1)
    y = radius * np.sin(angle) * rng.uniform(0.7, 1)
    x = x + rng.uniform(-0.3, 0.3) * y
    canvas = _Canvas()
    canvas.line(_SIDE / 2 + np.stack([x, y], 1), int(rng.integers(2, 6)))
    return canvas.picture()


def branches(rng: Generator, digits: Split) -> Picture:
    """Four to six straight strokes, each branching off an earlier one."""
    canvas = _Canvas()
    width = int(rng.integers(2, 7))
    strokes = [_stroke(np.full(2, _SIDE / 2), rng.uniform(0, 2 * np.pi), rng)]
    for _ in range(rng.integers(3, 6)):
        start, stop = strokes[rng.integers(len(strokes))]
        joint = start + (stop - start) * rng.choice([0, 0.5, 1])
        x, y = stop - start
        turn = rng.uniform(np.pi / 6, 5 * np.pi / 6) * rng.choice([-1, 1])
        strokes.append(_stroke(joint, np.arctan2(y, x) + turn, rng))
    for stroke in strokes:
        canvas.line(stroke, width, curved=False)
    return canvas.picture()


def _stroke(start: NDArray[np.float64], angle: float, rng: Generator) -> Points:
    along = np.array([np.cos(angle), np.sin(angle)])
    return np.stack([start, (start + rng.uniform(16, 40) * along).clip(2, _SIDE - 2)])


# The ends of ruled lines, from 0 to 1: corners of boxes and crossings. Left out are the upper right
# corner, which is a 7, a T upside down, a 1, and a T with its foot to the left, a 4.
_RULED_LINES: tuple[tuple[tuple[float, float, float, float], ...], ...] = (
    ((0, 0, 0, 1), (0, 1, 1, 1)),
    ((0, 0, 0, 1), (0, 0, 1, 0)),
    ((1, 0, 1, 1), (0, 1, 1, 1)),
    ((0, 0, 0, 1), (0, 0.5, 1, 0.5)),
    ((0.5, 0, 0.5, 1), (0, 0, 1, 0)),
    ((0.5, 0, 0.5, 1), (0, 0.5, 1, 0.5)),
    ((0, 0.3, 1, 0.3), (0, 0.7, 1, 0.7), (0.5, 0, 0.5, 1)),
    ((0.3, 0, 0.3, 1), (0.7, 0, 0.7, 1), (0, 0.5, 1, 0.5)),
    ((0, 0, 0, 1), (1, 0, 1, 1), (0, 1, 1, 1)),
    ((0, 0, 0, 1), (1, 0, 1, 1), (0, 0, 1, 0)),
    ((0, 0.2, 1, 0.2), (0, 0.8, 1, 0.8), (0.2, 0, 0.2, 1), (0.8, 0, 0.8, 1)),
)


def ruled_lines(rng: Generator, digits: Split) -> Picture:
    """The corner of a box, crossing lines, or a long line with specks."""
    canvas = _Canvas()
    width = int(rng.integers(2, 10))
    if rng.random() < 0.3:
        y = rng.uniform(30, _SIDE - 30)
        ends = np.array([(4, y), (_SIDE - 4, y + rng.normal(0, 6))])
        canvas.line(ends, width, curved=False)
        canvas.specks(rng, int(rng.integers(2, 8)), y - 12, y + 12)
        return canvas.picture()
    stretch = rng.uniform(44, 72, 2)
    for line in _RULED_LINES[rng.integers(len(_RULED_LINES))]:
        ends = np.reshape(line, (2, 2)) * stretch + 6
        canvas.line(ends + rng.normal(0, 1.5, ends.shape), width, curved=False)
    return np.asarray(canvas.image.rotate(rng.uniform(-10, 10), Image.Resampling.BILINEAR))


def dotted_line(rng: Generator, digits: Split) -> Picture:
    """One or two lines of dots or dashes, or specks; none upright, which would be a 1."""
    canvas = _Canvas()
    if rng.random() < 0.25:
        canvas.specks(rng, int(rng.integers(5, 14)), 8, _SIDE - 8)
        return canvas.picture()
    slope, count = rng.uniform(-0.5, 0.5), int(rng.integers(4, 9))
    radius, length = rng.uniform(2, 5), rng.choice([0.0, rng.uniform(2, 5)])
    for row in range(int(rng.integers(1, 3))):
        for x in np.linspace(10, _SIDE - 10, count).tolist():
            y = _SIDE / 2 + slope * (x - _SIDE / 2) + row * 20
            half = np.array([length, slope * length])
            dash = np.array([(x, y) - half, (x, y) + half])
            canvas.line(dash, round(2 * radius), curved=False)
            if not length:
                canvas.dot(x, y, radius, radius)
    return canvas.picture()
