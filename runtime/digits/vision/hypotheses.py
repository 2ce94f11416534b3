"""What the one digit of a picture may be. Rules propose; none takes away what another proposes."""

from typing import NamedTuple

import numpy as np

from digits.vision.background import MAX_LINE_WIDTH, remove_lines
from digits.vision.components import (
    Box,
    Component,
    Components,
    Integers,
    Mask,
    dilate,
    inside,
    label_components,
    trim,
)
from digits.vision.ink import Grey, Ink, Levels, Polarity, extract, otsu_levels

MAX_HYPOTHESES = 8  # a picture

_MIN_SIDE = 3  # pixels; nothing smaller is a digit
_MIN_MASS = 0.1  # of the main component's mass; less is a speck
_BLANK = Levels(0, 63, 255, 255, 255)  # of a picture without ink
_CENTRE_WEIGHT = (
    5.0  # weight of the squared distance; of 500 mixed pictures 3 to 6 lose 3.0 %, 1 3.4
)
_MAX_GAP = 0.5  # of the main component's longer side; pieces of one digit are not further apart

# Of more than eight the last ones go. main: the heaviest component near the middle, with the pieces
# near it. narrow: the same of narrow strokes, without what comes in from the border. crop: all ink,
# light and all, as in a picture that is cropped to its digit. inner: main, without what comes in
# from the border. unruled, narrow unruled: without the lines of the paper or the box of a form.
# dark: main, of the darker ink. alone: the main component alone. all: all ink. second: the second
# heaviest component.
KINDS = (
    *("main", "narrow", "narrow unruled", "crop", "inner", "unruled"),
    *("dark", "alone", "all", "second"),
)


class Hypothesis(NamedTuple):
    """One view of where the digit is.

    kind: one of KINDS. component: its ink and where it is. share: how much it explains of all ink
    (of the narrow strokes, where it is of these), 0 to 1. inverted: whether the ink is on the
    side that is less likely ink: light on dark where the picture looks dark on light, or the
    reverse.
    """

    kind: str
    component: Component
    share: float
    inverted: bool


def propose(grey: Grey) -> list[Hypothesis]:
    """All hypotheses of where the digit is, at most eight, likelier ones first; none if blank.

    grey: uint8 [height, width].
    """
    found: list[Hypothesis] = []
    for number, side in enumerate(extract(grey)):
        own = _propose_for(side, number > 0)
        # The likelier side keeps half of them at least.
        found = found[: max(MAX_HYPOTHESES - len(own), MAX_HYPOTHESES // 2)] + own
    return found[:MAX_HYPOTHESES]


def _propose_for(side: Polarity, other: bool) -> list[Hypothesis]:
    """All hypotheses with the ink of one side that differ from one another."""
    layer = _Layer(side.ink, side.levels, other, [])
    components = layer.components
    if not components.size:
        return []
    main = layer.add_main("main", components)
    if not side.flat:
        narrow = _Layer(side.narrow, otsu_levels(side.narrow), other, layer.found)
        inner = narrow.inside(narrow.components)
        narrow.add_unruled("narrow unruled", inner, narrow.add_main("narrow", inner))
        layer.add_crop(side.uncorrected)
    layer.add_inner()
    layer.add_unruled("unruled", components, main)
    layer.add_dark()
    if components.size > 1:
        layer.add("alone", components, main[:1])
        layer.add("all", components, np.arange(components.size))
        layer.add("second", components, layer.ranked(components)[1:2])
    return layer.found


class _Layer:
    """Adds hypotheses with one kind of ink to those that are found already."""

    def __init__(
        self, ink: Ink, levels: Levels | None, other: bool, found: list[Hypothesis]
    ) -> None:
        self.other, self.found = other, found
        # Bare paper around the ink takes time and changes nothing; boxes are moved at the end.
        self._window, self._shape = _ink_window(ink), ink.shape
        window = self._window
        self.ink = ink[window.top : window.bottom, window.left : window.right]
        self._around = ink.size - self.ink.size
        self.levels = levels or _BLANK
        self.mask = self.ink > self.levels.low
        self.components = _label(self.mask, self.ink, self.levels)
        self._total = max(int(self.components.mass.sum()), 1)
        self._seen: set[tuple[int, ...]] = set()

    def inside(self, components: Components) -> Components:
        """Those that don't touch the picture's border."""
        return components.select(inside(components.boxes, self.ink.shape))

    def ranked(self, components: Components) -> Integers:
        """The two components with the most ink near the middle, the heavier first."""
        height, width = self._shape
        left, top = 2 * self._window.left, 2 * self._window.top
        x = (components.boxes[:, 0] + components.boxes[:, 2] + left) / width - 1
        y = (components.boxes[:, 1] + components.boxes[:, 3] + top) / height - 1
        rank = components.mass * np.exp(-_CENTRE_WEIGHT * (x * x + y * y))
        return np.argsort(-rank)[:2]

    def add_main(self, kind: str, components: Components) -> Integers:
        """Add the heaviest near the middle and lighter pieces near it; returns these, it first."""
        if components.size < 2:
            chosen = np.arange(components.size)
            self.add(kind, components, chosen)
            return chosen
        main = int(self.ranked(components)[0])
        boxes, mass = components.boxes, components.mass
        pieces = (mass > _MIN_MASS * mass[main]) & (mass < mass[main])
        reach = _MAX_GAP * (boxes[main, 2:] - boxes[main, :2]).max()
        pieces &= _gaps(boxes, main) <= reach
        chosen = np.append(main, np.flatnonzero(pieces))
        self.add(kind, components, chosen)
        return chosen

    def add_inner(self) -> None:
        """Add the main one of what doesn't come in from the border, if something does."""
        outer = np.flatnonzero(~inside(self.components.boxes, self.ink.shape))
        if len(outer):
            height, width = self.ink.shape
            self._add_without(
                "inner", dilate(self.components.mask(outer, Box(0, 0, width, height)))
            )

    def add_unruled(self, kind: str, components: Components, main: Integers) -> None:
        """Add what is left of the main component without lines, if it has some."""
        if not len(main):
            return
        box = components.box(main)
        thickest = int(MAX_LINE_WIDTH * max(box.width, box.height))
        if thickest < 1:
            return
        own = components.mask(main, box)
        lines = own & ~remove_lines(own, thickest)
        if lines.any():
            gone = np.zeros(self.ink.shape, np.bool_)
            gone[box.top : box.bottom, box.left : box.right] = lines
            self._add_without(kind, gone)

    def _add_without(self, kind: str, gone: Mask) -> None:
        """Add the main component away from the border when some ink is gone.

        What is ink is decided anew: a pencil's is faint beside a table's edge or a printed box.
        """
        levels = otsu_levels(self.ink * ~dilate(gone), self._around)
        if levels is not None:
            rest = _label((self.ink > levels.low) & ~gone, self.ink, levels)
            self.add_main(kind, self.inside(rest))

    def add_dark(self) -> None:
        """Add the main component of the darker ink."""
        dark = self.ink > self.levels.dark
        if (self.mask & ~dilate(dark)).any():  # more than the soft edges of the same strokes
            self.add_main("dark", label_components(dark, self.ink))

    def add_crop(self, uncorrected: Ink) -> None:
        """Add all ink of a picture, with its uneven light."""
        levels = otsu_levels(uncorrected)
        if levels is None:
            return
        mask = uncorrected > levels.threshold
        mask |= dilate(mask) & (uncorrected > levels.edge)
        paper = np.uint8(levels.paper)
        window = Box(0, 0, uncorrected.shape[1], uncorrected.shape[0])
        self._append("crop", trim((np.maximum(uncorrected, paper) - paper) * mask, window), 1.0)

    def add(self, kind: str, components: Components, chosen: Integers) -> None:
        """Add the chosen components, unless they are there already."""
        mass = int(components.mass[chosen].sum())
        key = (mass, *components.boxes[chosen].sum(0).tolist())
        if not len(chosen) or key in self._seen:
            return
        self._seen.add(key)
        ink, box = components.crop(chosen, self.ink, self.levels.edge)
        left, top = self._window.left, self._window.top
        box = Box(box.left + left, box.top + top, box.right + left, box.bottom + top)
        self._append(kind, Component(ink, box), min(mass / self._total, 1.0))

    def _append(self, kind: str, component: Component, share: float) -> None:
        if max(component.ink.shape) < _MIN_SIDE:
            return
        for other in self.found:
            same_box = other.component.box == component.box
            if same_box and np.array_equal(other.component.ink, component.ink):
                return
        self.found.append(Hypothesis(kind, component, share, self.other))


def _ink_window(ink: Ink) -> Box:
    """The smallest window with all ink, and paper around it where the picture has some."""
    rows, columns = np.flatnonzero(ink.max(1)), np.flatnonzero(ink.max(0))
    height, width = ink.shape
    if not len(rows):
        return Box(0, 0, width, height)
    left, top = max(int(columns[0]) - 1, 0), max(int(rows[0]) - 1, 0)
    right, bottom = min(int(columns[-1]) + 2, width), min(int(rows[-1]) + 2, height)
    return Box(left, top, right, bottom)


def _label(mask: Mask, ink: Ink, levels: Levels) -> Components:
    """The components that reach full ink somewhere: others are noise or stains."""
    components = label_components(mask, ink)
    return components.select(components.peak > levels.threshold)


def _gaps(boxes: Integers, main: int) -> Integers:
    """How far each box is from the main one, across or down: 0 where they overlap."""
    apart = np.maximum(boxes[:, :2] - boxes[main, 2:], boxes[main, :2] - boxes[:, 2:])
    gaps: Integers = np.maximum(apart, 0).max(1)
    return gaps
