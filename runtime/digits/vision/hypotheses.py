"""Hypotheses of what the one digit of a picture is. Rules only add hypotheses; none removes one."""

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np

from digits.images.grey import Grey
from digits.vision.background import MAX_LINE_WIDTH, remove_lines
from digits.vision.components import (
    Box,
    Component,
    Components,
    Mask,
    dilate,
    ink_box,
    label_components,
    trim,
)
from digits.vision.ink import Ink, Levels, Polarity, darker_level, extract, otsu_levels

MAX_HYPOTHESES = 8  # a picture
MAX_OF_BOTH = 12  # a picture, if both polarities are asked for

_MIN_SIDE = 3  # pixels; nothing smaller is a digit
_MIN_MASS = 0.1  # of the main component's mass; less is a speck
_BLANK = Levels(0, 63, 255, 255)  # of a picture without ink
_CENTRAL = 5.0  # weight of the squared distance; with 3 to 6, 500 mixed pictures lose 3.0 %
_MAX_GAP = 0.5  # of the main component's longer side; pieces of one digit are not further apart

# If there are too many, the last ones go. main: the heaviest component near the middle, with the
# pieces near it. narrow: the same of narrow strokes, without what comes in from the border. crop:
# all ink, light and all, as in a picture that is cropped to its digit. inner: main, without what
# comes in from the border. unruled, narrow unruled: without the lines of the paper or the box of a
# form. dark: main, of the darker ink. alone: the main component alone. all: all ink. second: the
# second heaviest component.
KINDS = (
    *("main", "narrow", "narrow unruled", "crop", "inner", "unruled"),
    *("dark", "alone", "all", "second"),
)


class Hypothesis(NamedTuple):
    """One view of where the digit is.

    kind: one of KINDS. component: its ink and where it is. share: how much of all ink (of the
    narrow strokes, for a hypothesis of these) it explains, 0 to 1. is_only: whether its ink is the
    picture's only connected component. inverted: whether it has the less likely polarity: light on
    dark in a picture that looks dark on light, or vice versa. unevenness: how much the light
    changes within its box, as a share of the brightest, 0 to 1.
    """

    kind: str
    component: Component
    share: float
    is_only: bool
    inverted: bool
    unevenness: float


def propose(grey: Grey) -> Iterator[Hypothesis]:
    """Propose where the digit is: likelier hypotheses first, none if blank.

    grey: uint8 [height, width]. What comes after the first takes several times as long.
    """
    likelier, *others = extract(grey)
    first = _distinct(likelier, inverted=False)
    yield from islice(first, 1)
    inverted = [view for other in others for view in _distinct(other, inverted=True)]
    # The likelier polarity keeps at least half of them.
    kept = [*islice(first, max(MAX_HYPOTHESES - len(inverted), MAX_HYPOTHESES // 2) - 1)]
    yield from (kept + inverted)[: MAX_HYPOTHESES - 1]


def propose_inverted(grey: Grey) -> list[Hypothesis]:
    """Propose light ink where the ink seems to be dark, or vice versa; none on flat paper."""
    _, *others = extract(grey, both=True)
    return [view for other in others for view in _distinct(other, inverted=True)]


def _distinct(polarity: Polarity, inverted: bool) -> Iterator[Hypothesis]:
    """The hypotheses of one polarity, each once."""
    seen: list[Component] = []
    for kind, (ink, box), share, is_only in _views(polarity):
        alike = (other.ink for other in seen if other.box == box)
        if box.longer >= _MIN_SIDE and not any(np.array_equal(ink, other) for other in alike):
            seen.append(Component(ink, box))
            unevenness = polarity.unevenness(*box)
            yield Hypothesis(kind, seen[-1], share, is_only, inverted, unevenness)


View = tuple[str, Component, float, bool]  # of a Hypothesis: kind, component, share and is_only


def _views(polarity: Polarity) -> Iterator[View]:
    """The hypotheses of one polarity, some of which may be alike."""
    layer = _Layer(polarity.ink)
    components = layer.components
    if not components.size:
        return
    main = layer.main(components)
    yield from layer.view("main", components, main)
    if not polarity.flat:
        narrow = _Layer(polarity.narrow)
        inner = narrow.inside(narrow.components)
        chosen = narrow.main(inner)
        yield from narrow.view("narrow", inner, chosen)
        yield from narrow.view_without("narrow unruled", narrow.lines(inner, chosen))
        if levels := otsu_levels(polarity.uncorrected):
            yield "crop", _crop(polarity.uncorrected, levels), 1.0, False
    yield from layer.view_without("inner", layer.border())
    yield from layer.view_without("unruled", layer.lines(components, main))
    dark = layer.ink > darker_level(layer.ink, layer.levels.low)
    if (layer.mask & ~dilate(dark)).any():  # more than the soft edges of the same strokes
        darker = label_components(dark, layer.ink)
        yield from layer.view("dark", darker, layer.main(darker))
    if components.size > 1:
        yield from layer.view("alone", components, main[:1])
        yield from layer.view("all", components, [*range(components.size)])
        yield from layer.view("second", components, layer.ranked(components)[1:])


def _crop(ink: Ink, levels: Levels) -> Component:
    """All ink of a picture, uneven light included."""
    mask = ink > levels.threshold
    mask |= dilate(mask) & (ink > levels.edge)
    paper = np.uint8(levels.paper)
    return trim((np.maximum(ink, paper) - paper) * mask)


class _Layer:
    """One kind of ink of a picture, and its connected components."""

    def __init__(self, ink: Ink) -> None:
        self.levels = otsu_levels(ink) or _BLANK
        mask = ink > self.levels.low
        # Bare paper around the ink only costs time; boxes are shifted back at the end.
        left, top, right, bottom = ink_box(mask) if mask.any() else (0, 0, 1, 1)
        self._corner = max(left - 1, 0), max(top - 1, 0)
        window = slice(self._corner[1], bottom + 1), slice(self._corner[0], right + 1)
        self.ink, self.mask = ink[window], mask[window]
        self._shape, self._around = ink.shape, ink.size - self.ink.size
        self.components = _inked_components(self.mask, self.ink, self.levels)
        self._total = max(int(self.components.mass.sum()), 1)

    def view(self, kind: str, components: Components, chosen: list[int]) -> Iterator[View]:
        """The chosen components, if there are any."""
        if chosen:
            ink, box = components.crop(chosen, self.ink, self.levels.edge)
            share = min(int(components.mass[chosen].sum()) / self._total, 1.0)
            yield kind, Component(ink, box.shift(*self._corner)), share, components.size == 1

    def view_without(self, kind: str, gone: Mask) -> Iterator[View]:
        """The main component away from the border, without some of the ink, if there is any.

        The levels are found anew: pencil is faint beside the edge of a table or a printed box.
        """
        if gone.any() and (levels := otsu_levels(self.ink * ~dilate(gone), self._around)):
            rest = _inked_components((self.ink > levels.low) & ~gone, self.ink, levels)
            inner = self.inside(rest)
            yield from self.view(kind, inner, self.main(inner))

    def ranked(self, components: Components) -> list[int]:
        """The two components with the most ink near the middle, the heavier first."""
        middles = components.boxes[:, :2] + components.boxes[:, 2:] + 2 * np.array(self._corner)
        x, y = (middles / self._shape[::-1] - 1).T
        weights = components.mass * np.exp(-_CENTRAL * (x * x + y * y))
        ranked: list[int] = np.argsort(-weights)[:2].tolist()
        return ranked

    def main(self, components: Components) -> list[int]:
        """The heaviest component near the middle, with lighter ones near it."""
        if components.size < 2:
            return [*range(components.size)]
        main = self.ranked(components)[0]
        boxes, mass = components.boxes, components.mass
        pieces = (mass > _MIN_MASS * mass[main]) & (mass < mass[main])
        gaps = np.maximum(boxes[:, :2] - boxes[main, 2:], boxes[main, :2] - boxes[:, 2:]).max(1)
        pieces &= gaps <= _MAX_GAP * (boxes[main, 2:] - boxes[main, :2]).max()  # or they overlap
        return [main, *np.flatnonzero(pieces).tolist()]

    def inside(self, components: Components) -> Components:
        """Those that don't touch the picture's border."""
        return components.select(~components.touching(self.ink.shape))

    def border(self) -> Mask:
        """What comes in from the border, with its soft edges: bool [height, width]."""
        outer = np.flatnonzero(self.components.touching(self.ink.shape)).tolist()
        window = Box(0, 0, *self.ink.shape[::-1])
        return dilate(self.components.mask(outer, window)) if outer else np.zeros_like(self.mask)

    def lines(self, components: Components, main: list[int]) -> Mask:
        """The printed lines in the main component: bool [height, width]."""
        lines = np.zeros_like(self.mask)
        if main:
            box = components.box(main)
            if thickest := int(MAX_LINE_WIDTH * box.longer):
                drawn = components.mask(main, box)
                lines[box.pixels] = drawn & ~remove_lines(drawn, thickest)
        return lines


def _inked_components(mask: Mask, ink: Ink, levels: Levels) -> Components:
    """The components that reach full ink somewhere; others are noise or stains."""
    components = label_components(mask, ink)
    return components.select(components.peak > levels.threshold)
