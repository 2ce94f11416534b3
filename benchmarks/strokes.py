"""Strokes such as people draw on the page: digits and numbers.

They are traced from MNIST's digits. Its pens are so thick that many small loops are filled, and
vanish when they are traced; others were never closed. So of its 0, 6, 8 and 9 only those are taken
whose drawing has 1, 1, 2 and 1 holes. Nothing else is left out, and no network chooses.
"""

from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from skimage.measure import label
from skimage.morphology import skeletonize

from digits.data.split import Split
from digits_train.camera.ink import Points
from digits_train.camera.numbers import random_digits
from digits_train.pixels import Random

Drawing = list[Points]  # its strokes, on a paper from (0, 0) to (1, 1)

_UPSAMPLE = 4  # before an image is traced
_STEP = 4  # upsampled pixels from point to point
_MIN_POINTS = 3  # of a stroke: shorter ones are burrs of the skeleton
_HOLES = {0: 1, 6: 1, 8: 2, 9: 1}
_SHEET = 280  # pixels of the paper's side in which holes are counted, and of the pen
_PEN = 5
_MAX_DIGITS = 8  # of a number
_NEIGHBOURS = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if y or x]


def trace(image: NDArray[np.uint8]) -> Drawing:
    """Trace the strokes of an image of ink, in pixels of that image."""
    size = _UPSAMPLE * image.shape[1], _UPSAMPLE * image.shape[0]
    fine = Image.fromarray(image).resize(size, Image.Resampling.BICUBIC)
    left = {(int(y), int(x)) for y, x in np.argwhere(skeletonize(np.asarray(fine) > 127))}
    strokes: list[list[tuple[int, int]]] = []
    while left:
        ends = [pixel for pixel in left if len(_around(pixel, left)) == 1]
        strokes.append(_walk(min(ends or left), left))
    long = [stroke for stroke in strokes if len(stroke) >= _UPSAMPLE * _MIN_POINTS] or strokes[:1]
    return [np.array([*stroke[::_STEP], stroke[-1]])[:, ::-1] / _UPSAMPLE for stroke in long]


def _around(pixel: tuple[int, int], left: set[tuple[int, int]]) -> list[tuple[int, int]]:
    neighbours = ((pixel[0] + y, pixel[1] + x) for y, x in _NEIGHBOURS)
    return [neighbour for neighbour in neighbours if neighbour in left]


def _walk(pixel: tuple[int, int], left: set[tuple[int, int]]) -> list[tuple[int, int]]:
    """Follow and remove pixels, as straight on as possible."""
    stroke = [pixel]
    left.discard(pixel)
    while neighbours := _around(pixel, left):
        back = stroke[max(0, len(stroke) - 6)]
        ahead = (pixel[0] - back[0], pixel[1] - back[1])
        pixel = max(neighbours, key=lambda to: to[0] * ahead[0] + to[1] * ahead[1])
        left.discard(pixel)
        stroke.append(pixel)
    return stroke


def placed(drawing: Drawing, left: float, top: float, height: float) -> Drawing:
    """Move the drawing to its place on the paper and scale it to its height."""
    points = np.concatenate(drawing)
    across, down = np.ptp(points, axis=0)
    scale = height / max(down, across / 2, 1e-6)
    return [(stroke - points.min(0)) * scale + (left, top) for stroke in drawing]


def width(drawing: Drawing) -> float:
    return float(np.ptp(np.concatenate(drawing)[:, 0]))


def inked(drawing: Drawing, size: tuple[int, int], scale: float, pen: float) -> Image.Image:
    """Draw with a round pen, white on a black picture. scale: pixels by the drawing's unit."""
    image = Image.new("L", size)
    brush = ImageDraw.Draw(image)
    for stroke in drawing:
        points = [(x, y) for x, y in (stroke * scale).tolist()]
        brush.line(points, fill=255, width=max(1, round(pen)))
        for point in points:
            brush.circle(point, pen / 2, fill=255)
    return image


def holes(drawing: Drawing) -> int:
    """Count the holes of a drawing that is half as high as the paper, drawn with the page's pen.

    A gap between strokes that is smaller than the pen's tip is no hole.
    """
    ink = np.asarray(inked(placed(drawing, 0.05, 0.25, 0.5), (_SHEET, _SHEET), _SHEET, _PEN))
    areas = np.bincount(label(ink == 0, connectivity=1).ravel())[1:]
    return int((areas >= _PEN**2).sum()) - 1  # less what is around it


def _traced(split: Split, indices: Iterable[int]) -> Iterator[tuple[str, Drawing]]:
    """Trace the images whose drawings have the holes that their digits must have."""
    for index in indices:
        digit, drawing = int(split.labels[index]), trace(split.images[index])
        if digit not in _HOLES or holes(drawing) == _HOLES[digit]:
            yield str(digit), drawing


def digits(split: Split, count: int, random: Random) -> Iterator[tuple[str, Drawing]]:
    """Single digits, each somewhere on the paper and as large as people draw."""
    for digit, traced in islice(_traced(split, random.permutation(len(split)).tolist()), count):
        height = random.uniform(0.4, 0.75)
        drawing = placed(traced, 0, 0, height)
        left = (1 - width(drawing)) * random.uniform(0.3, 0.7)
        yield digit, placed(drawing, left, (1 - height) * random.uniform(0.3, 0.7), height)


def numbers(split: Split, count: int, random: Random) -> Iterator[tuple[str, Drawing]]:
    """Numbers of one to eight digits, as many of each length, which fill the paper's width."""
    for number in range(count):
        length = number % _MAX_DIGITS + 1
        text = random_digits(random, length, length)
        traced = [placed(_any(split, int(digit), random), 0, 0, 1.0) for digit in text]
        gaps = random.uniform(0.25, 0.4, len(traced))
        room = sum(map(width, traced)) + gaps.sum()
        height = min(0.9 / room, 0.5)
        drawing: Drawing = []
        left, top = 0.05 + (0.9 - room * height) / 2, 0.5 - height / 2
        for digit, gap in zip(traced, gaps, strict=True):
            shift = random.uniform(-0.06, 0.06) * height
            drawing += placed(digit, left, top + shift, height)
            left += (width(digit) + gap) * height
        yield text, drawing


def _any(split: Split, digit: int, random: Random) -> Drawing:
    """A drawing of this digit."""
    indices = np.flatnonzero(split.labels == digit)
    return next(drawing for _, drawing in _traced(split, random.permutation(indices).tolist()))


def drawn(text: str, split: Split, random: Random) -> NDArray[np.uint8]:
    """A number drawn with a pen on white, uint8 [height, width]: strokes of the same width.

    Its 1s are a stem, often with an upstroke or a foot; the other digits trace some of `split`.
    """
    height = random.uniform(40, 200)
    pen, slant, ones = random.uniform(0.05, 0.12) * height, random.normal(0.05, 0.1), _one(random)
    lines: Drawing = []
    x = random.uniform(0.3, 1.5)  # in heights, as all here
    y = random.uniform(0.3, 1.0)
    for character in text:
        drawing = ones
        if character != "1":
            indices = np.flatnonzero(split.labels == int(character))
            drawing = trace(split.images[int(random.choice(indices))])
        tall = random.uniform(0.9, 1.1)
        shift = random.normal(0, 0.04) + 1 - tall
        lean = np.array([(1, 0), (-slant, 1)])
        leaning = [stroke @ lean for stroke in placed(drawing, 0, 0, tall)]
        left = np.concatenate(leaning)[:, 0].min()
        lines += [stroke + (x - left, y + shift) for stroke in leaning]
        x += width(leaning) + random.uniform(0.2, 0.45)
    size = round((x + random.uniform(0.3, 1.5)) * height), round((y + 1.4) * height)
    return 255 - np.asarray(inked(lines, size, height, pen))


def _one(random: Random) -> Drawing:
    """How one person draws a 1, 1 high: a third a bare stem, some with a foot."""
    bend = random.normal(0, 0.02)
    stem = np.array([(0.0, 0.0), (bend, 0.5), (0.0, 1.0)])
    if random.random() < 0.35:
        return [stem]
    length, angle = random.uniform(0.15, 0.7), np.radians(random.uniform(25, 60))
    start = length * np.array([-np.cos(angle), np.sin(angle)])
    drawing = [np.vstack([start, stem])]
    if random.random() < 0.3:
        half = random.uniform(0.15, 0.3)
        drawing.append(np.array([(-half, 1.0), (half, 1.0)]))
    return drawing
