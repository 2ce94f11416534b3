"""The one digit in a picture."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits.errors import PictureError
from digits.vision import ink as inks
from digits.vision import picture, printed
from digits.vision.frame import frame
from digits.vision.ink import Ink
from digits.vision.picture import Source
from digits.vision.strokes import Integers, Shape, Strokes

_MIN_SIDE = 3  # pixels; nothing smaller is a digit
_MIN_SHARE = 0.2  # of all strokes; a digit stands out, noise and texture are all alike
_PIECE = 0.1  # of the main stroke's mass; less is a speck
_NEAR = 0.5  # of the main stroke's longer side; pieces of one digit are not further apart
_RIVAL = 0.5  # of the main stroke's height and a third of its mass: perhaps another digit
_MOST_RIVALS = 8
_OVERLAP = 0.2  # of the narrower one's width; of digits side by side, no more is above each other


class Found(NamedTuple):
    """The digit, and what else it may be.

    parts: the pieces of the digit, where each may be a digit of its own. others: what is not a
    piece of it, and may be a digit. crowded: so much else is in the picture that the digit doesn't
    stand out; the others are then all that may be digits.
    """

    digit: Shape
    parts: list[Shape]
    others: list[Shape]
    crowded: bool = False

    @property
    def shapes(self) -> list[Shape]:
        """All that the network should look at."""
        return [self.digit, *self.parts, *self.others]


def framed(source: Source) -> NDArray[np.uint8]:
    """The 28x28 pixels of a picture's one digit that the network sees: uint8, 255 = ink.

    Raises PictureError when the picture can't be opened or holds no digit.
    """
    loaded = picture.load(source)
    found = find(inks.extract(loaded.grey))
    if isinstance(found, str):
        raise PictureError(f"{loaded.name}: {found}")
    return frame(found.digit.ink)


def find(ink: Ink) -> Found | str:
    """Find the digit: the strongest strokes near the middle. Or say why there is none.

    ink: uint8 [height, width], 255 = ink.
    """
    levels = inks.levels(ink)
    strokes = printed.without(ink, levels) if levels else None
    if levels is None or strokes is None or not len(strokes):
        return "no ink is found on it"
    height, width = ink.shape
    x = (strokes.boxes[:, 0] + strokes.boxes[:, 2]) / width - 1
    y = (strokes.boxes[:, 1] + strokes.boxes[:, 3]) / height - 1
    # A digit is near the middle; borders and neighbours aren't.
    main = int((strokes.mass * np.exp(-(x * x + y * y))).argmax())
    heavy = strokes.mass > _PIECE * strokes.mass[main]
    near = _gaps(strokes.boxes, main) <= _NEAR * _sides(strokes.boxes[main]).max()
    pieces = np.flatnonzero(heavy & near)
    crowded = strokes.mass[pieces].sum() < _MIN_SHARE * strokes.mass.sum()
    digit = strokes.cut(pieces, ink, levels.edge)
    if max(digit.ink.shape) < _MIN_SIDE:
        return "what is on it is too small to be a digit"
    rivals = _rivals(strokes, main, (height, width))
    cut = {i: strokes.cut([i], ink, levels.edge) for i in rivals}
    if crowded:
        return Found(digit, [], list(cut.values()), crowded=True)
    parts = [cut[i] for i in rivals if i in pieces]
    others = [cut[i] for i in rivals if i not in pieces]
    return Found(digit, parts if len(parts) > 1 else [], others)


def _rivals(strokes: Strokes, main: int, shape: tuple[int, ...]) -> list[int]:
    """The main stroke and those beside it that are as high and as heavy, from left to right."""
    height, width = shape
    boxes = strokes.boxes
    left, top, right, bottom = boxes.T
    free = (left > 0) & (top > 0) & (right < width) & (bottom < height)
    high = bottom - top >= _RIVAL * (bottom - top)[main]
    heavy = strokes.mass >= strokes.mass[main] / 3
    candidates = [int(i) for i in np.flatnonzero(free & high & heavy) if i != main]
    rivals: list[int] = [main]
    for i in sorted(candidates, key=lambda i: -strokes.mass[i])[:_MOST_RIVALS]:
        if all(_overlap(boxes[i], boxes[j]) < _OVERLAP for j in rivals):
            rivals.append(i)
    return sorted(rivals, key=lambda i: int(left[i])) if len(rivals) > 1 else []


def _overlap(one: Integers, other: Integers) -> float:
    """How much of the narrower box is above or below the other: 0 to 1."""
    common = min(one[2], other[2]) - max(one[0], other[0])
    return float(common / min(one[2] - one[0], other[2] - other[0]))


def _sides(box: Integers) -> Integers:
    return box[2:] - box[:2]


def _gaps(boxes: Integers, main: int) -> Integers:
    """How far each box is from the main one, across or down: 0 where they overlap."""
    apart = np.maximum(boxes[:, :2] - boxes[main, 2:], boxes[main, :2] - boxes[:, 2:])
    gaps: Integers = np.maximum(apart, 0).max(1)
    return gaps
