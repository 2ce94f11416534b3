"""Scribbles, shapes and ruled lines, in pixels: 0 = paper and 255 = ink."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from digits.data.mnist import Split
from digits_train.handwriting.letters import draw_letter
from digits_train.handwriting.pen import Picture

_SIDE = 84  # pixels, three times that of a frame


def scribble(rng: Generator, digits: Split) -> Picture:
    """Four to six cubic curves; fewer may be a 7 or a 2."""
    image = Image.new("L", (_SIDE, _SIDE))
    pen = ImageDraw.Draw(image)
    width = int(rng.integers(3, 8))
    along = np.linspace(0, 1, 24)[:, None]
    for _ in range(rng.integers(4, 7)):
        a, b, c, d = rng.uniform(6, _SIDE - 6, (4, 2))
        curve = (
            a * (1 - along) ** 3
            + 3 * b * along * (1 - along) ** 2
            + 3 * c * along**2 * (1 - along)
            + d * along**3
        )
        pen.line([tuple(point) for point in curve], fill=255, width=width, joint="curve")
    return np.asarray(image)


def hatching(rng: Generator, digits: Split) -> Picture:
    """Five or more strokes side by side, crossed by others or not."""
    image = Image.new("L", (_SIDE, _SIDE))
    for strokes in _hatches(rng, int(rng.integers(1, 3))):
        width = int(rng.integers(2, 6))
        for start, stop in strokes:
            ImageDraw.Draw(image).line([tuple(start), tuple(stop)], fill=255, width=width)
    return np.asarray(image)


def crossed_out(rng: Generator, digits: Split) -> Picture:
    """A letter beneath strokes back and forth; a digit might still be legible."""
    beneath = Image.fromarray(draw_letter(rng))
    image = beneath.resize((_SIDE, _SIDE), Image.Resampling.BILINEAR)
    for strokes in _hatches(rng, int(rng.integers(1, 3))):
        strokes[1::2] = strokes[1::2, ::-1]  # without lifting the pen
        width = int(rng.integers(2, 6))
        path = [tuple(point) for point in strokes.reshape(-1, 2)]
        ImageDraw.Draw(image).line(path, fill=255, width=width, joint="curve")
    return np.asarray(image)


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
    uneven, radius = rng.normal(0, 0.2, corners), np.full(corners, 36.0)
    filled = rng.random() < 0.4
    if rng.random() < 0.5:  # with equal radii, many corners would be a 0
        corners = int(rng.integers(3, 9)) * 2
        uneven = np.zeros(corners)
        radius = np.resize([36.0, 36 * rng.uniform(0.2, 0.7)], corners)
    angles = np.arange(corners) * (2 * np.pi / corners) + rng.uniform(0, 2 * np.pi) + uneven
    points = _SIDE / 2 + radius[:, None] * np.stack([np.cos(angles), np.sin(angles)], 1)
    outline = [tuple(point) for point in points]
    image = Image.new("L", (_SIDE, _SIDE))
    if filled:
        ImageDraw.Draw(image).polygon(outline, fill=255)
    else:
        width = int(rng.integers(3, 12))
        ImageDraw.Draw(image).line([*outline, outline[0]], fill=255, width=width, joint="curve")
    return np.asarray(image)


def outline(rng: Generator, digits: Split) -> Picture:
    """A closed curve with three or four bays, or a circle with marks in it.

    With shallow bays, or a single line or dot, it would be a 0.
    """
    image = Image.new("L", (_SIDE, _SIDE))
    pen = ImageDraw.Draw(image)
    width = int(rng.integers(3, 10))
    angle = np.linspace(0, 2 * np.pi, 60)
    radius = np.full(60, 36.0)
    if rng.random() < 0.4:
        bays = rng.integers(3, 5)
        radius *= 1 + rng.uniform(0.25, 0.4) * np.cos(bays * angle + rng.uniform(0, 7))
        radius *= 1 + rng.uniform(0.1, 0.3) * np.cos(angle + rng.uniform(0, 7))
    else:
        marks, start = int(rng.integers(2, 6)), rng.uniform(0, 2 * np.pi)
        for around in start + 2 * np.pi * np.arange(marks) / marks:
            apart = rng.uniform(10, 18)  # from the centre
            _mark(pen, rng, apart * np.cos(around), apart * np.sin(around))
    radius *= 36 / radius.max()
    points = _SIDE / 2 + radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    pen.line([tuple(point) for point in points], fill=255, width=width, joint="curve")
    return np.asarray(image)


def _mark(pen: ImageDraw.ImageDraw, rng: Generator, right: float, down: float) -> None:
    """Draw a short line, a dot or an arc, off the centre by (right, down)."""
    x, y = _SIDE / 2 + right, _SIDE / 2 + down
    size, width = rng.uniform(4, 10), int(rng.integers(3, 8))
    match int(rng.integers(3)):
        case 0:
            angle = rng.uniform(0, np.pi)
            dx, dy = size * np.cos(angle), size * np.sin(angle)
            pen.line([(x - dx, y - dy), (x + dx, y + dy)], fill=255, width=width)
        case 1:
            radius = rng.uniform(0.5, 1) * width
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
        case _:
            box, start = (x - size, y - size, x + size, y + size), rng.uniform(0, 360)
            pen.arc(box, start, start + rng.uniform(60, 200), fill=255, width=width)


def spiral(rng: Generator, digits: Split) -> Picture:
    """A spiral of two to four turns; with one it might be a 6 or a 9."""
    image = Image.new("L", (_SIDE, _SIDE))
    turns, start = rng.uniform(1.8, 4), rng.uniform(0, 2 * np.pi)
    along = np.linspace(0, 1, 160)
    angle = start + rng.choice([-1, 1]) * 2 * np.pi * turns * along
    radius = 36 * along ** rng.uniform(0.7, 1.3)
    x = radius * np.cos(angle) * rng.uniform(0.7, 1)
    y = radius * np.sin(angle) * rng.uniform(0.7, 1)
    x = x + rng.uniform(-0.3, 0.3) * y
    points = [tuple(point) for point in _SIDE / 2 + np.stack([x, y], 1)]
    width = int(rng.integers(2, 6))
    ImageDraw.Draw(image).line(points, fill=255, width=width, joint="curve")
    return np.asarray(image)


def branches(rng: Generator, digits: Split) -> Picture:
    """Four to six straight strokes, each branching off an earlier one."""
    image = Image.new("L", (_SIDE, _SIDE))
    pen = ImageDraw.Draw(image)
    width = int(rng.integers(2, 7))
    strokes = [_stroke(np.full(2, _SIDE / 2), rng.uniform(0, 2 * np.pi), rng)]
    for _ in range(rng.integers(3, 6)):
        start, stop = strokes[rng.integers(len(strokes))]
        joint = start + (stop - start) * rng.choice([0, 0.5, 1])
        x, y = stop - start
        turn = rng.uniform(np.pi / 6, 5 * np.pi / 6) * rng.choice([-1, 1])
        strokes.append(_stroke(joint, np.arctan2(y, x) + turn, rng))
    for stroke in strokes:
        pen.line([tuple(point) for point in stroke], fill=255, width=width)
    return np.asarray(image)


def _stroke(start: NDArray[np.float64], angle: float, rng: Generator) -> NDArray[np.float64]:
    """float64 [2, 2]: the x and y of both ends."""
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
    image = Image.new("L", (_SIDE, _SIDE))
    pen = ImageDraw.Draw(image)
    width = int(rng.integers(2, 10))
    if rng.random() < 0.3:
        y = rng.uniform(30, _SIDE - 30)
        pen.line([(4, y), (_SIDE - 4, y + rng.normal(0, 6))], fill=255, width=width)
        _specks(pen, rng, int(rng.integers(2, 8)), up=y - 12, down=y + 12)
        return np.asarray(image)
    stretch = rng.uniform(44, 72, 2)
    for start_x, start_y, stop_x, stop_y in _RULED_LINES[rng.integers(len(_RULED_LINES))]:
        ends = np.array([[start_x, start_y], [stop_x, stop_y]]) * stretch + 6
        pen.line([tuple(end) for end in ends + rng.normal(0, 1.5, ends.shape)], 255, width)
    return np.asarray(image.rotate(rng.uniform(-10, 10), Image.Resampling.BILINEAR))


def _specks(pen: ImageDraw.ImageDraw, rng: Generator, count: int, up: float, down: float) -> None:
    for _ in range(count):
        x, y = rng.uniform(8, _SIDE - 8), rng.uniform(up, down)
        dx, dy = rng.uniform(1, 6, 2)
        pen.ellipse((x - dx, y - dy, x + dx, y + dy), fill=255)


def dotted_line(rng: Generator, digits: Split) -> Picture:
    """One or two lines of dots or dashes, or specks; none upright, which would be a 1."""
    image = Image.new("L", (_SIDE, _SIDE))
    pen = ImageDraw.Draw(image)
    if rng.random() < 0.25:
        _specks(pen, rng, int(rng.integers(5, 14)), up=8, down=_SIDE - 8)
        return np.asarray(image)
    slope, count = rng.uniform(-0.5, 0.5), int(rng.integers(4, 9))
    radius, length = rng.uniform(2, 5), rng.choice([0.0, rng.uniform(2, 5)])
    for row in range(int(rng.integers(1, 3))):
        for x in np.linspace(10, _SIDE - 10, count).tolist():
            y = _SIDE / 2 + slope * (x - _SIDE / 2) + row * 20
            long = (x - length, y - slope * length, x + length, y + slope * length)
            pen.line(long, fill=255, width=round(2 * radius))
            if not length:
                pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return np.asarray(image)
