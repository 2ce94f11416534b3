"""Scribbles, shapes and ruled lines, in pixels: 0 = paper and 255 = ink."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from digits.data.mnist import Split
from digits_train.handwriting.letters import draw_letter
from digits_train.handwriting.pen import Picture
from digits_train.handwriting.strokes import Random

_SIDE = 84  # pixels, three times the frame's


def scribble(random: Random, digits: Split) -> Picture:
    """Four to six strokes of a pen, each a cubic curve; fewer are a 7 or a 2 at times."""
    image = Image.new("L", (_SIDE, _SIDE))
    pen = ImageDraw.Draw(image)
    width = int(random.integers(3, 8))
    along = np.linspace(0, 1, 24)[:, None]
    for _ in range(random.integers(4, 7)):
        a, b, c, d = random.uniform(6, _SIDE - 6, (4, 2))
        curve = (
            a * (1 - along) ** 3
            + 3 * b * along * (1 - along) ** 2
            + 3 * c * along**2 * (1 - along)
            + d * along**3
        )
        pen.line([tuple(point) for point in curve], fill=255, width=width, joint="curve")
    return np.asarray(image)


def hatching(random: Random, digits: Split) -> Picture:
    """Five or more strokes side by side, crossed by others or not."""
    image = Image.new("L", (_SIDE, _SIDE))
    for strokes in _hatches(random, int(random.integers(1, 3))):
        width = int(random.integers(2, 6))
        for start, stop in strokes:
            ImageDraw.Draw(image).line([tuple(start), tuple(stop)], fill=255, width=width)
    return np.asarray(image)


def crossed_out(random: Random, digits: Split) -> Picture:
    """A letter beneath strokes back and forth; a digit might still be read."""
    beneath = Image.fromarray(draw_letter(random))
    image = beneath.resize((_SIDE, _SIDE), Image.Resampling.BILINEAR)
    for strokes in _hatches(random, int(random.integers(1, 3))):
        strokes[1::2] = strokes[1::2, ::-1]  # without lifting the pen
        width = int(random.integers(2, 6))
        path = [tuple(point) for point in strokes.reshape(-1, 2)]
        ImageDraw.Draw(image).line(path, fill=255, width=width, joint="curve")
    return np.asarray(image)


def _hatches(random: Random, sets: int) -> list[NDArray[np.float64]]:
    """Strokes side by side all over the picture: in each set [n, 2, 2], ends of x and y."""
    hatches = []
    for _ in range(sets):
        strokes, angle = int(random.integers(5, 10)), random.uniform(0, np.pi)
        along = np.array([np.cos(angle), np.sin(angle)])
        across = np.array([-along[1], along[0]])
        shifts = np.linspace(-30, 30, strokes)[:, None] + random.normal(0, 2, (strokes, 2))
        ends = shifts[..., None] * across + np.array([[-34.0], [34.0]]) * along
        hatches.append(_SIDE / 2 + ends + random.normal(0, 3, ends.shape))
    return hatches


def shape(random: Random, digits: Split) -> Picture:
    """A triangle, a quadrilateral or a star, filled or not."""
    corners = int(random.integers(3, 5))
    uneven, radius = random.normal(0, 0.2, corners), np.full(corners, 36.0)
    filled = random.random() < 0.4
    if random.random() < 0.5:  # more corners of one radius would be a 0
        corners = int(random.integers(3, 9)) * 2
        uneven = np.zeros(corners)
        radius = np.resize([36.0, 36 * random.uniform(0.2, 0.7)], corners)
    angles = np.arange(corners) * (2 * np.pi / corners) + random.uniform(0, 2 * np.pi) + uneven
    points = _SIDE / 2 + radius[:, None] * np.stack([np.cos(angles), np.sin(angles)], 1)
    outline = [tuple(point) for point in points]
    image = Image.new("L", (_SIDE, _SIDE))
    if filled:
        ImageDraw.Draw(image).polygon(outline, fill=255)
    else:
        width = int(random.integers(3, 12))
        ImageDraw.Draw(image).line([*outline, outline[0]], fill=255, width=width, joint="curve")
    return np.asarray(image)


def outline(random: Random, digits: Split) -> Picture:
    """A closed curve with three or four bays, or a circle with marks in it.

    With shallow bays, one line or one dot it would be a 0.
    """
    image = Image.new("L", (_SIDE, _SIDE))
    pen = ImageDraw.Draw(image)
    width = int(random.integers(3, 10))
    angle = np.linspace(0, 2 * np.pi, 60)
    radius = np.full(60, 36.0)
    if random.random() < 0.4:
        bays = random.integers(3, 5)
        radius *= 1 + random.uniform(0.25, 0.4) * np.cos(bays * angle + random.uniform(0, 7))
        radius *= 1 + random.uniform(0.1, 0.3) * np.cos(angle + random.uniform(0, 7))
    else:
        marks, start = int(random.integers(2, 6)), random.uniform(0, 2 * np.pi)
        for around in start + 2 * np.pi * np.arange(marks) / marks:
            apart = random.uniform(10, 18)  # from the middle
            _mark(pen, random, apart * np.cos(around), apart * np.sin(around))
    radius *= 36 / radius.max()
    points = _SIDE / 2 + radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    pen.line([tuple(point) for point in points], fill=255, width=width, joint="curve")
    return np.asarray(image)


def _mark(pen: ImageDraw.ImageDraw, random: Random, right: float, down: float) -> None:
    """A short line, a dot or an arc, so far from the middle."""
    x, y = _SIDE / 2 + right, _SIDE / 2 + down
    size, width = random.uniform(4, 10), int(random.integers(3, 8))
    match int(random.integers(3)):
        case 0:
            angle = random.uniform(0, np.pi)
            dx, dy = size * np.cos(angle), size * np.sin(angle)
            pen.line([(x - dx, y - dy), (x + dx, y + dy)], fill=255, width=width)
        case 1:
            radius = random.uniform(0.5, 1) * width
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
        case _:
            box, start = (x - size, y - size, x + size, y + size), random.uniform(0, 360)
            pen.arc(box, start, start + random.uniform(60, 200), fill=255, width=width)


def coil(random: Random, digits: Split) -> Picture:
    """A spiral of two to four turns; of one it might be a 6 or a 9."""
    image = Image.new("L", (_SIDE, _SIDE))
    turns, start = random.uniform(1.8, 4), random.uniform(0, 2 * np.pi)
    along = np.linspace(0, 1, 160)
    angle = start + random.choice([-1, 1]) * 2 * np.pi * turns * along
    radius = 36 * along ** random.uniform(0.7, 1.3)
    x = radius * np.cos(angle) * random.uniform(0.7, 1)
    y = radius * np.sin(angle) * random.uniform(0.7, 1)
    x = x + random.uniform(-0.3, 0.3) * y
    points = [tuple(point) for point in _SIDE / 2 + np.stack([x, y], 1)]
    width = int(random.integers(2, 6))
    ImageDraw.Draw(image).line(points, fill=255, width=width, joint="curve")
    return np.asarray(image)


def joined(random: Random, digits: Split) -> Picture:
    """Four to six straight strokes, each at an angle from somewhere on one before it."""
    image = Image.new("L", (_SIDE, _SIDE))
    pen = ImageDraw.Draw(image)
    width = int(random.integers(2, 7))
    strokes = [_stroke(np.full(2, _SIDE / 2), random.uniform(0, 2 * np.pi), random)]
    for _ in range(random.integers(3, 6)):
        start, stop = strokes[random.integers(len(strokes))]
        joint = start + (stop - start) * random.choice([0, 0.5, 1])
        x, y = stop - start
        turn = random.uniform(np.pi / 6, 5 * np.pi / 6) * random.choice([-1, 1])
        strokes.append(_stroke(joint, np.arctan2(y, x) + turn, random))
    for stroke in strokes:
        pen.line([tuple(point) for point in stroke], fill=255, width=width)
    return np.asarray(image)


def _stroke(start: NDArray[np.float64], angle: float, random: Random) -> NDArray[np.float64]:
    """float64 [2, 2]: the ends' x and y."""
    along = np.array([np.cos(angle), np.sin(angle)])
    return np.stack([start, (start + random.uniform(16, 40) * along).clip(2, _SIDE - 2)])


# The ends of ruled lines, from 0 to 1: corners of boxes and crossings. The upper right corner is a
# 7, a T upside down a 1, and one that lies with its foot to the left a 4.
_RULED: tuple[tuple[tuple[float, float, float, float], ...], ...] = (
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


def ruled(random: Random, digits: Split) -> Picture:
    """The corner of a box, lines that cross, or a long one with specks."""
    image = Image.new("L", (_SIDE, _SIDE))
    pen = ImageDraw.Draw(image)
    width = int(random.integers(2, 10))
    if random.random() < 0.3:
        y = random.uniform(30, _SIDE - 30)
        pen.line([(4, y), (_SIDE - 4, y + random.normal(0, 6))], fill=255, width=width)
        _specks(pen, random, int(random.integers(2, 8)), up=y - 12, down=y + 12)
        return np.asarray(image)
    stretch = random.uniform(44, 72, 2)
    for start_x, start_y, stop_x, stop_y in _RULED[random.integers(len(_RULED))]:
        ends = np.array([[start_x, start_y], [stop_x, stop_y]]) * stretch + 6
        pen.line([tuple(end) for end in ends + random.normal(0, 1.5, ends.shape)], 255, width)
    return np.asarray(image.rotate(random.uniform(-10, 10), Image.Resampling.BILINEAR))


def _specks(pen: ImageDraw.ImageDraw, random: Random, count: int, up: float, down: float) -> None:
    for _ in range(count):
        x, y = random.uniform(8, _SIDE - 8), random.uniform(up, down)
        dx, dy = random.uniform(1, 6, 2)
        pen.ellipse((x - dx, y - dy, x + dx, y + dy), fill=255)


def dotted(random: Random, digits: Split) -> Picture:
    """A line of dots or dashes, two of them, or specks; none upright, which would be a 1."""
    image = Image.new("L", (_SIDE, _SIDE))
    pen = ImageDraw.Draw(image)
    if random.random() < 0.25:
        _specks(pen, random, int(random.integers(5, 14)), up=8, down=_SIDE - 8)
        return np.asarray(image)
    slope, count = random.uniform(-0.5, 0.5), int(random.integers(4, 9))
    radius, length = random.uniform(2, 5), random.choice([0.0, random.uniform(2, 5)])
    for row in range(int(random.integers(1, 3))):
        for x in np.linspace(10, _SIDE - 10, count).tolist():
            y = _SIDE / 2 + slope * (x - _SIDE / 2) + row * 20
            long = (x - length, y - slope * length, x + length, y + slope * length)
            pen.line(long, fill=255, width=round(2 * radius))
            if not length:
                pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return np.asarray(image)
