"""What the one digit of a picture may be. Rules propose; none takes away what another proposes."""

from typing import NamedTuple

import numpy as np

from digits.vision.background import THICKEST_LINE, remove_lines
from digits.vision.components import (
    Box,
    Component,
    Components,
    Integers,
    Mask,
    dilate,
    label_components,
    trim,
)
from digits.vision.ink import Grey, Ink, Levels, extract, otsu_levels

MAX_HYPOTHESES = 8  # a picture

_MIN_SIDE = 3  # pixels; nothing smaller is a digit
_MIN_PIECE = 0.1  # of the main component's mass; less is a speck
_NEAR = 0.5  # of the main component's longer side; pieces of one digit are not further apart

# The likelier first. main: the heaviest component near the middle, with the pieces near it. crop:
# all ink, light and all, as in a picture that is cropped to its digit. inner: main, without what
# comes in from the border. unruled: the same without the lines of the paper or the box of a form.
# dark: main, of the darker ink. alone: the main component alone. all: all ink. second: the second
# heaviest component.
KINDS = ("main", "crop", "inner", "unruled", "dark", "alone", "all", "second")


class Hypothesis(NamedTuple):
    """One view of where the digit is.

    kind: one of KINDS. component: its ink and where it is. share: how much of all ink it explains,
    0 to 1. other_side: whether the ink is on the side that is less likely ink: light on dark where
    the picture looks dark on light, or the reverse.
    """

    kind: str
    component: Component
    share: float
    other_side: bool


def propose(grey: Grey) -> list[Hypothesis]:
    """All hypotheses of where the digit is, at most eight, likelier ones first; none if blank.

    grey: uint8 [height, width].
    """
    found: list[Hypothesis] = []
    for number, (ink, uncorrected) in enumerate(extract(grey)):
        levels = otsu_levels(ink)
        if levels is not None:
            side = _Side(ink, levels, number > 0)
            side.propose(uncorrected)
            # Half of them, at least, are left to the other side, where there is one.
            found = found[: max(MAX_HYPOTHESES - len(side.hypotheses), MAX_HYPOTHESES // 2)]
            found += side.hypotheses
    return found[:MAX_HYPOTHESES]


class _Side:
    """The hypotheses with the ink of one side, dark or light."""

    def __init__(self, ink: Ink, levels: Levels, other: bool) -> None:
        self._ink, self._levels, self._other = ink, levels, other
        self._total = 1
        self._seen: set[tuple[int, ...]] = set()
        self.hypotheses: list[Hypothesis] = []

    def propose(self, uncorrected: Ink) -> None:
        """Add all that differ from one another. uncorrected: the ink with its uneven light."""
        mask = self._ink > self._levels.low
        components = _label(mask, self._ink, self._levels)
        if not components.size:
            return
        self._total = max(int(components.mass.sum()), 1)
        edge = self._levels.edge
        main = self._add_main("main", components, edge)
        if uncorrected is not self._ink and (crop := _crop(uncorrected)):
            self._append("crop", crop, 1.0)
        if not (inside := self._inside(components)).all():
            outer = components.select(~inside).label_map(mask.shape) >= 0
            self._add_without("inner", dilate(outer))
        self._add_unruled(components, main)
        dark = self._ink > self._levels.dark
        if (mask & ~dilate(dark)).any():  # more than the soft edges of the same strokes
            self._add_main("dark", label_components(dark, self._ink), edge)
        if components.size > 1:
            self._add("alone", components, main[:1], edge)
            self._add("all", components, np.arange(components.size), edge)
            self._add("second", components, self._ranked(components)[1:2], edge)

    def _add_main(self, kind: str, components: Components, edge: float) -> Integers:
        """Add the heaviest near the middle and the pieces near it; returns these, it first."""
        if components.size < 2:
            chosen = np.arange(components.size)
            self._add(kind, components, chosen, edge)
            return chosen
        main = int(self._ranked(components)[0])
        boxes, mass = components.boxes, components.mass
        pieces = (mass > _MIN_PIECE * mass[main]) & (mass < mass[main])
        reach = _NEAR * (boxes[main, 2:] - boxes[main, :2]).max()
        pieces &= _gaps(boxes, main) <= reach
        chosen = np.append(main, np.flatnonzero(pieces))
        self._add(kind, components, chosen, edge)
        return chosen

    def _add_unruled(self, components: Components, main: Integers) -> None:
        """Add what is left of the main component without lines, if it has some."""
        box = components.box(main)
        thickest = int(THICKEST_LINE * max(box.width, box.height))
        if thickest < 1:
            return
        own = components.mask(main, box)
        lines = own & ~remove_lines(own, thickest)
        if lines.any():
            gone = np.zeros(self._ink.shape, np.bool_)
            gone[box.top : box.bottom, box.left : box.right] = lines
            self._add_without("unruled", gone)

    def _add_without(self, kind: str, gone: Mask) -> None:
        """Add the main component away from the border when some ink is gone.

        What is ink is decided anew: a pencil's is faint beside a table's edge or a printed box.
        """
        levels = otsu_levels(self._ink * ~dilate(gone))
        if levels is not None:
            rest = _label((self._ink > levels.low) & ~gone, self._ink, levels)
            self._add_main(kind, rest.select(self._inside(rest)), levels.edge)

    def _add(self, kind: str, components: Components, chosen: Integers, edge: float) -> None:
        mass = int(components.mass[chosen].sum())
        key = (mass, *components.boxes[chosen].sum(0).tolist())
        if not len(chosen) or key in self._seen:
            return
        self._seen.add(key)
        component = components.crop(chosen, self._ink, edge)
        self._append(kind, component, min(mass / self._total, 1.0))

    def _append(self, kind: str, component: Component, share: float) -> None:
        if max(component.ink.shape) < _MIN_SIDE:
            return
        for other in self.hypotheses:
            same_box = other.component.box == component.box
            if same_box and np.array_equal(other.component.ink, component.ink):
                return
        self.hypotheses.append(Hypothesis(kind, component, share, self._other))

    def _inside(self, components: Components) -> Mask:
        """Which components don't touch the picture's border."""
        height, width = self._ink.shape
        left, top, right, bottom = components.boxes.T
        inside: Mask = (left > 0) & (top > 0) & (right < width) & (bottom < height)
        return inside

    def _ranked(self, components: Components) -> Integers:
        """The two components with the most ink near the middle, the heavier first."""
        height, width = self._ink.shape
        x = (components.boxes[:, 0] + components.boxes[:, 2]) / width - 1
        y = (components.boxes[:, 1] + components.boxes[:, 3]) / height - 1
        rank = components.mass * np.exp(-(x * x + y * y))
        return np.argsort(-rank)[:2]


def _label(mask: Mask, ink: Ink, levels: Levels) -> Components:
    """The components that reach full ink somewhere: others are noise or stains."""
    components = label_components(mask, ink)
    return components.select(components.peak > levels.threshold)


def _crop(uncorrected: Ink) -> Component | None:
    """All ink of a picture, with its uneven light."""
    levels = otsu_levels(uncorrected)
    if levels is None:
        return None
    mask = uncorrected > levels.threshold
    mask |= dilate(mask) & (uncorrected > levels.edge)
    paper = np.uint8(levels.paper)
    window = Box(0, 0, uncorrected.shape[1], uncorrected.shape[0])
    return trim((np.maximum(uncorrected, paper) - paper) * mask, window)


def _gaps(boxes: Integers, main: int) -> Integers:
    """How far each box is from the main one, across or down: 0 where they overlap."""
    apart = np.maximum(boxes[:, :2] - boxes[main, 2:], boxes[main, :2] - boxes[:, 2:])
    gaps: Integers = np.maximum(apart, 0).max(1)
    return gaps
