"""Hypotheses of what the one digit of a picture is. Rules only add hypotheses; none removes one."""

from typing import NamedTuple

import numpy as np

from digits.images.grey import Grey
from digits.vision.background import MAX_LINE_WIDTH, remove_lines
from digits.vision.components import (
    Box,
    Component,
    Components,
    Integers,
    Mask,
    dilate,
    ink_box,
    label_components,
    trim,
)
from digits.vision.ink import Ink, Levels, Polarity, extract, otsu_levels

MAX_HYPOTHESES = 8  # a picture
MAX_OF_BOTH = 12  # a picture, if both polarities are asked for

_MIN_SIDE = 3  # pixels; nothing smaller is a digit
_MIN_MASS = 0.1  # of the main component's mass; less is a speck
_BLANK = Levels(0, 63, 255, 255, 255)  # of a picture without ink
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
    narrow strokes, for a hypothesis of these) it explains, 0 to 1. inverted: whether it has the
    less likely polarity: light on dark in a picture that looks dark on light, or vice versa.
    unevenness: how much the light changes within its box, as a share of the brightest, 0 to 1.
    """

    kind: str
    component: Component
    share: float
    inverted: bool
    unevenness: float


def propose(grey: Grey, both: bool = False) -> list[Hypothesis]:
    """Propose where the digit is: likelier hypotheses first; none if blank.

    grey: uint8 [height, width]. both: propose light ink, too, where the ink seems to be dark, and
    vice versa; that takes twice as long.
    """
    hypotheses: list[Hypothesis] = []
    most = MAX_OF_BOTH if both else MAX_HYPOTHESES
    for number, polarity in enumerate(extract(grey, both)):
        more = _propose_for(polarity, number > 0)
        # The likelier polarity keeps at least half of them.
        hypotheses = hypotheses[: max(most - len(more), most // 2)] + more
    return hypotheses[:most]


def _propose_for(polarity: Polarity, inverted: bool) -> list[Hypothesis]:
    """All distinct hypotheses of one polarity."""
    layer = _Layer(polarity, polarity.ink, inverted, [])
    components = layer.components
    if not components.size:
        return []
    main = layer.add_main("main", components)
    if not polarity.flat:
        narrow = _Layer(polarity, polarity.narrow, inverted, layer.hypotheses)
        inner = narrow.inside(narrow.components)
        narrow.add_unruled("narrow unruled", inner, narrow.add_main("narrow", inner))
        layer.add_crop(polarity.uncorrected)
    layer.add_inner()
    layer.add_unruled("unruled", components, main)
    layer.add_dark()
    if components.size > 1:
        layer.add("alone", components, main[:1])
        layer.add("all", components, np.arange(components.size))
        layer.add("second", components, layer.ranked(components)[1:2])
    return layer.hypotheses


class _Layer:
    """Adds hypotheses from one kind of ink to those found so far."""

    def __init__(
        self, polarity: Polarity, ink: Ink, inverted: bool, hypotheses: list[Hypothesis]
    ) -> None:
        self.polarity, self.inverted, self.hypotheses = polarity, inverted, hypotheses
        # Bare paper around the ink only costs time; boxes are shifted back at the end.
        self._shape = ink.shape
        self._window = ink_box(ink).pad(ink.shape) if ink.any() else Box(0, 0, 1, 1)
        self.ink = ink[self._window.pixels]
        self._around = ink.size - self.ink.size
        self.levels = otsu_levels(self.ink, self._around) or _BLANK
        self.mask = self.ink > self.levels.low
        self.components = _inked_components(self.mask, self.ink, self.levels)
        self._total = max(int(self.components.mass.sum()), 1)
        self._seen: set[tuple[int, ...]] = set()

    def inside(self, components: Components) -> Components:
        """Those that don't touch the picture's border."""
        return components.select(~components.touching(self.ink.shape))

    def ranked(self, components: Components) -> Integers:
        """The two components with the most ink near the middle, the heavier first."""
        height, width = self._shape
        left, top = 2 * self._window.left, 2 * self._window.top
        x = (components.boxes[:, 0] + components.boxes[:, 2] + left) / width - 1
        y = (components.boxes[:, 1] + components.boxes[:, 3] + top) / height - 1
        rank = components.mass * np.exp(-_CENTRAL * (x * x + y * y))
        return np.argsort(-rank)[:2]

    def add_main(self, kind: str, components: Components) -> Integers:
        """Add the heaviest component near the middle with lighter ones near it; return these."""
        if components.size < 2:
            chosen = np.arange(components.size)
            self.add(kind, components, chosen)
            return chosen
        main = int(self.ranked(components)[0])
        boxes, mass = components.boxes, components.mass
        pieces = (mass > _MIN_MASS * mass[main]) & (mass < mass[main])
        gaps = np.maximum(boxes[:, :2] - boxes[main, 2:], boxes[main, :2] - boxes[:, 2:]).max(1)
        pieces &= gaps <= _MAX_GAP * (boxes[main, 2:] - boxes[main, :2]).max()  # or they overlap
        chosen = np.append(main, np.flatnonzero(pieces))
        self.add(kind, components, chosen)
        return chosen

    def add_inner(self) -> None:
        """Add the main component without what comes in from the border, if anything does."""
        outer = np.flatnonzero(self.components.touching(self.ink.shape))
        if len(outer):
            height, width = self.ink.shape
            drawn = self.components.mask(outer, Box(0, 0, width, height))
            self._add_without("inner", dilate(drawn))

    def add_unruled(self, kind: str, components: Components, main: Integers) -> None:
        """Add what is left of the main component without its lines, if it has any."""
        if not len(main):
            return
        box = components.box(main)
        thickest = int(MAX_LINE_WIDTH * max(box.width, box.height))
        if thickest < 1:
            return
        drawn = components.mask(main, box)
        lines = drawn & ~remove_lines(drawn, thickest)
        if lines.any():
            gone = np.zeros(self.ink.shape, np.bool_)
            gone[box.pixels] = lines
            self._add_without(kind, gone)

    def _add_without(self, kind: str, gone: Mask) -> None:
        """Add the main component away from the border, without some of the ink.

        The levels are found anew: pencil is faint beside the edge of a table or a printed box.
        """
        levels = otsu_levels(self.ink * ~dilate(gone), self._around)
        if levels is not None:
            rest = _inked_components((self.ink > levels.low) & ~gone, self.ink, levels)
            self.add_main(kind, self.inside(rest))

    def add_dark(self) -> None:
        """Add the main component of the darker ink."""
        dark = self.ink > self.levels.dark
        if (self.mask & ~dilate(dark)).any():  # more than the soft edges of the same strokes
            self.add_main("dark", label_components(dark, self.ink))

    def add_crop(self, uncorrected: Ink) -> None:
        """Add all ink of a picture, uneven light included."""
        levels = otsu_levels(uncorrected)
        if levels is None:
            return
        mask = uncorrected > levels.threshold
        mask |= dilate(mask) & (uncorrected > levels.edge)
        paper = np.uint8(levels.paper)
        window = Box(0, 0, uncorrected.shape[1], uncorrected.shape[0])
        self._append("crop", trim((np.maximum(uncorrected, paper) - paper) * mask, window), 1.0)

    def add(self, kind: str, components: Components, chosen: Integers) -> None:
        """Add the chosen components, unless they have been added already."""
        mass = int(components.mass[chosen].sum())
        key = (mass, *components.boxes[chosen].sum(0).tolist())
        if not len(chosen) or key in self._seen:
            return
        self._seen.add(key)
        ink, box = components.crop(chosen, self.ink, self.levels.edge)
        box = box.shift(self._window.left, self._window.top)
        self._append(kind, Component(ink, box), min(mass / self._total, 1.0))

    def _append(self, kind: str, component: Component, share: float) -> None:
        if max(component.ink.shape) < _MIN_SIDE:
            return
        for hypothesis in self.hypotheses:
            same_box = hypothesis.component.box == component.box
            if same_box and np.array_equal(hypothesis.component.ink, component.ink):
                return
        uneven = self.polarity.unevenness(*component.box)
        self.hypotheses.append(Hypothesis(kind, component, share, self.inverted, uneven))


def _inked_components(mask: Mask, ink: Ink, levels: Levels) -> Components:
    """The components that reach full ink somewhere; others are noise or stains."""
    components = label_components(mask, ink)
    return components.select(components.peak > levels.threshold)
