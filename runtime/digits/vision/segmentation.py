"""Where the one digit of a picture is, by its ink."""

from typing import NamedTuple

import numpy as np

from digits.vision.components import Component, Components, ink_box, label_components
from digits.vision.ink import Ink, otsu_levels

_MIN_SIDE = 3  # pixels; nothing smaller is a digit
_MIN_MASS = 0.1  # of the main component's mass; less is a speck
_CENTRAL = 5.0  # weight of the squared distance; with 3 to 6, 500 mixed pictures lose 3.0 %
_MAX_GAP = 0.5  # of the main component's longer side; pieces of one digit are not further apart


class Segment(NamedTuple):
    """What may be the digit of a picture.

    component: its ink and where it is. is_whole: whether this is all the picture's ink, in one
    piece, and not cut by the border.
    """

    component: Component
    is_whole: bool


def find_digit(ink: Ink) -> Segment | None:
    """The heaviest component near the middle, with the pieces near it; None on bare paper.

    ink: uint8 [height, width], 255 = full ink.
    """
    levels = otsu_levels(ink)
    if levels is None:
        return None
    mask = ink > levels.low
    # Bare paper around the ink only costs time; boxes are shifted back at the end.
    left, top, right, bottom = ink_box(mask) if mask.any() else (0, 0, 1, 1)
    left, top = max(left - 1, 0), max(top - 1, 0)
    window = ink[top : bottom + 1, left : right + 1]
    components = label_components(mask[top : bottom + 1, left : right + 1], window)
    # The others never reach full ink: they are noise or stains.
    components = components.select(components.peak > levels.threshold)
    if not components.size:
        return None
    indices = _main(components, (left, top), ink.shape)
    component = components.crop(indices, window, levels.edge)
    box = component.box.shift(left, top)
    if box.longer < _MIN_SIDE:
        return None
    height, width = ink.shape
    is_inside = box.left > 0 and box.top > 0 and box.right < width and box.bottom < height
    return Segment(Component(component.ink, box), components.size == 1 and is_inside)


def _main(components: Components, corner: tuple[int, int], shape: tuple[int, ...]) -> list[int]:
    """The indices of the heaviest component near the middle, and of lighter ones near it.

    corner: where the components' window begins in the picture, whose shape this is.
    """
    if components.size < 2:
        return [*range(components.size)]
    boxes, mass = components.boxes, components.mass
    middles = boxes[:, :2] + boxes[:, 2:] + 2 * np.array(corner)
    x, y = (middles / shape[::-1] - 1).T
    main = int((mass * np.exp(-_CENTRAL * (x * x + y * y))).argmax())
    pieces = (mass > _MIN_MASS * mass[main]) & (mass < mass[main])
    gaps = np.maximum(boxes[:, :2] - boxes[main, 2:], boxes[main, :2] - boxes[:, 2:]).max(1)
    pieces &= gaps <= _MAX_GAP * (boxes[main, 2:] - boxes[main, :2]).max()  # or they overlap
    return [main, *np.flatnonzero(pieces).tolist()]
