"""Hypotheses of what the one digit of a picture is. Rules only add hypotheses; none removes one."""

from collections.abc import Iterable, Iterator
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
from digits.vision.ink import Ink, Levels, Polarity, darker_level, extract, masked, otsu_levels

MAX_HYPOTHESES = 8  # a picture
MAX_OF_BOTH_POLARITIES = 12  # a picture that is examined in both polarities

_MIN_SIDE = 3  # pixels; nothing smaller is a digit
_MIN_MASS = 0.1  # of the main component's mass; less is a speck
_BLANK = Levels(0, 63, 255, 255)  # of a picture without ink
_CENTRAL = 5.0  # weight of the squared distance; with 3 to 6, 500 mixed pictures lose 3.0 %
_MAX_GAP = 0.5  # of the main component's longer side; pieces of one digit are not further apart

# If there are too many, the last ones go.
KINDS = (
    "main",  # the heaviest component near the middle, with the pieces near it
    "narrow",  # the same of narrow strokes, without what comes in from the border
    "narrow unruled",  # the same without the lines of the paper or the box of a form
    "crop",  # all ink as lit, as in a picture that is cropped to its digit
    "inner",  # "main" without what comes in from the border
    "unruled",  # "main" without the lines of the paper or the box of a form
    "dark",  # "main" of the darker ink
    "alone",  # the main component alone
    "all",  # all ink
    "second",  # the second heaviest component
)


class Hypothesis(NamedTuple):
    """What the digit may be.

    kind: one of KINDS.
    component: its ink and where it is.
    share: how much of all ink (of the narrow strokes, for a hypothesis of these) it explains, 0 to
    1.
    is_only: whether its ink is the picture's only connected component.
    inverted: whether it has the less likely polarity: light on dark in a picture that looks dark on
    light, or vice versa.
    unevenness: how much the light changes within its box, as a share of the brightest, 0 to 1.
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
    likelier, *less_likely = extract(grey)
    upright = _distinct(likelier, inverted=False)
    yield from islice(upright, 1)
    inverted = _inverted(less_likely)
    # The likelier polarity keeps at least half of the room.
    kept = [*islice(upright, max(MAX_HYPOTHESES - len(inverted), MAX_HYPOTHESES // 2) - 1)]
    yield from (kept + inverted)[: MAX_HYPOTHESES - 1]


def propose_inverted(grey: Grey) -> list[Hypothesis]:
    """Propose light ink where the ink seems to be dark, or vice versa; none on flat paper."""
    _, *less_likely = extract(grey, both_polarities=True)
    return _inverted(less_likely)


def _inverted(polarities: Iterable[Polarity]) -> list[Hypothesis]:
    """The hypotheses of the less likely polarity, if there is one."""
    return [
        hypothesis for polarity in polarities for hypothesis in _distinct(polarity, inverted=True)
    ]


def _distinct(polarity: Polarity, inverted: bool) -> Iterator[Hypothesis]:
    """The hypotheses of one polarity, each once."""
    proposed: list[Component] = []
    for kind, component, share, is_only in _proposals(polarity):
        if component.box.longer >= _MIN_SIDE and not any(map(component.equals, proposed)):
            proposed.append(component)
            unevenness = polarity.unevenness(component.box)
            yield Hypothesis(kind, component, share, is_only, inverted, unevenness)


Proposal = tuple[str, Component, float, bool]  # a Hypothesis' kind, component, share and is_only


def _proposals(polarity: Polarity) -> Iterator[Proposal]:
    """What the digit may be in one polarity; some proposals may be alike."""
    layer = _Layer(polarity.ink)
    components = layer.components
    if not components.size:
        return
    main = layer.main(components)
    yield from layer.propose("main", components, main)
    if not polarity.is_flat:
        narrow = _Layer(polarity.narrow_ink)
        inner = narrow.inside(narrow.components)
        narrow_main = narrow.main(inner)
        yield from narrow.propose("narrow", inner, narrow_main)
        yield from narrow.propose_without("narrow unruled", narrow.lines(inner, narrow_main))
        if levels := otsu_levels(polarity.uncorrected_ink):
            yield "crop", _crop(polarity.uncorrected_ink, levels), 1.0, False
    yield from layer.propose_without("inner", layer.border())
    yield from layer.propose_without("unruled", layer.lines(components, main))
    dark = layer.ink > darker_level(layer.ink, layer.levels.low)
    if (layer.mask & ~dilate(dark)).any():  # more than the soft edges of the same strokes
        darker = label_components(dark, layer.ink)
        yield from layer.propose("dark", darker, layer.main(darker))
    if components.size > 1:
        yield from layer.propose("alone", components, main[:1])
        yield from layer.propose("all", components, [*range(components.size)])
        yield from layer.propose("second", components, layer.ranked(components)[1:])


def _crop(ink: Ink, levels: Levels) -> Component:
    """All ink of a picture, uneven light included."""
    mask = ink > levels.threshold
    mask |= dilate(mask) & (ink > levels.edge)
    paper = np.uint8(levels.paper)
    return trim(masked(np.maximum(ink, paper) - paper, mask))


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
        self._shape, self._bare_pixels = ink.shape, ink.size - self.ink.size
        self.components = _inked_components(self.mask, self.ink, self.levels)
        self._total = max(int(self.components.mass.sum()), 1)

    def propose(self, kind: str, components: Components, indices: list[int]) -> Iterator[Proposal]:
        """Propose the components with these indices, if there are any."""
        if indices:
            ink, box = components.crop(indices, self.ink, self.levels.edge)
            share = min(int(components.mass[indices].sum()) / self._total, 1.0)
            yield kind, Component(ink, box.shift(*self._corner)), share, components.size == 1

    def propose_without(self, kind: str, removed: Mask) -> Iterator[Proposal]:
        """Propose the main component away from the border, after some of the ink is removed.

        The levels are found anew: pencil is faint beside the edge of a table or a printed box.
        """
        if not removed.any():
            return
        levels = otsu_levels(masked(self.ink, ~dilate(removed)), self._bare_pixels)
        if levels:
            remaining = _inked_components((self.ink > levels.low) & ~removed, self.ink, levels)
            inner = self.inside(remaining)
            yield from self.propose(kind, inner, self.main(inner))

    def ranked(self, components: Components) -> list[int]:
        """The indices of the two components with the most ink near the middle, heavier first."""
        middles = components.boxes[:, :2] + components.boxes[:, 2:] + 2 * np.array(self._corner)
        x, y = (middles / self._shape[::-1] - 1).T
        weights = components.mass * np.exp(-_CENTRAL * (x * x + y * y))
        ranked: list[int] = np.argsort(-weights)[:2].tolist()
        return ranked

    def main(self, components: Components) -> list[int]:
        """The indices of the heaviest component near the middle, and of lighter ones near it."""
        if components.size < 2:
            return [*range(components.size)]
        main = self.ranked(components)[0]
        boxes, mass = components.boxes, components.mass
        pieces = (mass > _MIN_MASS * mass[main]) & (mass < mass[main])
        gaps = np.maximum(boxes[:, :2] - boxes[main, 2:], boxes[main, :2] - boxes[:, 2:]).max(1)
        pieces &= gaps <= _MAX_GAP * (boxes[main, 2:] - boxes[main, :2]).max()  # or they overlap
        return [main, *np.flatnonzero(pieces).tolist()]

    def inside(self, components: Components) -> Components:
        """The components that don't touch the picture's border."""
        return components.select(~components.touching(self.ink.shape))

    def border(self) -> Mask:
        """The ink that comes in from the border, with its soft edges: bool [height, width]."""
        outer = np.flatnonzero(self.components.touching(self.ink.shape)).tolist()
        window = Box(0, 0, *self.ink.shape[::-1])
        return dilate(self.components.mask(outer, window)) if outer else np.zeros_like(self.mask)

    def lines(self, components: Components, main: list[int]) -> Mask:
        """The printed lines in the main component: bool [height, width]."""
        lines = np.zeros_like(self.mask)
        if main:
            box = components.box(main)
            if max_width := int(MAX_LINE_WIDTH * box.longer):
                mask = components.mask(main, box)
                lines[box.pixels] = mask & ~remove_lines(mask, max_width)
        return lines


def _inked_components(mask: Mask, ink: Ink, levels: Levels) -> Components:
    """The components that reach full ink somewhere; others are noise or stains."""
    components = label_components(mask, ink)
    return components.select(components.peak > levels.threshold)
