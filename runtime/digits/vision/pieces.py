"""The components of a page, and the network's answer to each."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits.vision.background import MAX_LINE_WIDTH, remove_lines
from digits.vision.components import (
    Box,
    Component,
    Mask,
    inked_components,
    inside,
    label_components,
)
from digits.vision.frame import DIGIT_SIDE, stroke_width
from digits.vision.ink import Floats, Ink
from digits.vision.judge import log_odds
from digits.vision.page import MAX_HEIGHT, MIN_HEIGHT, MIN_PIXELS, Page, affordable, weighted_median

# n pieces of ink to frames, uint8 [n, 28, 28], and probabilities, float32 [n, 10].
Classify = Callable[[Sequence[Ink]], tuple[NDArray[np.uint8], NDArray[np.float32]]]

_MAX_UNSURE = 200  # components that are classified again; only text has more
CONFIDENT = 0.9  # the confidence from which a digit counts for the page's style


class Style(NamedTuple):
    """What the digits of a page have in common.

    height: pixels. pen: the width of the strokes, in pixels. contrast: mean ink, 0 to 1.
    """

    height: float
    pen: float
    contrast: float


class Pieces(NamedTuple):
    """n pieces of ink, and the network's answer to each.

    frames: uint8 [n, 28, 28]; answers: float32 [n, 10]; pens: float32 [n], the width of the
    strokes in pixels; contrasts: float32 [n], the mean ink, 0 to 1.
    """

    components: list[Component]
    frames: NDArray[np.uint8]
    answers: NDArray[np.float32]
    pens: Floats
    contrasts: Floats


def classify_components(page: Page, classify: Classify) -> Pieces:
    """Classify each component of a page."""
    components = page.components
    whole = [components.crop([k], page.ink, page.levels.edge) for k in range(components.size)]
    return classify_pieces(whole, classify)


def classify_pieces(components: list[Component], classify: Classify) -> Pieces:
    """Classify some pieces of ink."""
    inks = [component.ink for component in components]
    frames, answers = classify(inks)
    longer = np.array([max(ink.shape) for ink in inks], np.float32)
    pens: Floats = stroke_width(frames.astype(np.float32) / np.float32(255)) * longer
    pens /= DIGIT_SIDE
    contrasts = np.array([component.contrast for component in components], np.float32)
    return Pieces(components, frames, answers, pens, contrasts)


def restore_erased(page: Page, pieces: Pieces, classify: Classify) -> Pieces:
    """Restore strokes that were erased as lines of the paper, and drop the remains of boxes.

    A component is restored if the network is surer of it whole than of any part, unless it touches
    the picture's border: a table may be connected to the lines of the paper. What was nothing but
    lines, such as the box of a form, is dropped.
    """
    if not page.lines.any():
        return pieces
    mask = page.lines | (page.components.label_map(page.lines.shape) >= 0)
    before = label_components(mask, page.ink)
    labels = before.label_map(mask.shape)
    whole = labels[page.components.rows, page.components.starts][page.components.first[:-1]]
    sides = (before.boxes[:, 2:] - before.boxes[:, :2]).max(1)
    touched = np.unique(labels[page.lines])
    touched = touched[sides[touched] >= MIN_PIXELS]
    touched = touched[np.argsort(sides[touched])[:_MAX_UNSURE]]  # the smallest are no lines
    areas = (before.boxes[touched, 2:] - before.boxes[touched, :2]).prod(1)
    touched = touched[affordable(areas, page.ink.size)]
    if not len(touched):
        return pieces
    edge = page.levels.edge
    restored = classify_pieces([before.crop([k], page.ink, edge) for k in touched], classify)
    surest = np.zeros(before.size, np.float32)
    np.maximum.at(surest, whole, pieces.answers.max(1))
    better = inside(before.boxes[touched], page.ink.shape)
    better &= restored.answers.max(1, initial=0) > np.maximum(surest[touched], CONFIDENT)
    gone = [_without_lines(page, component) == [] for component in restored.components]
    kept = ~np.isin(whole, touched[better | np.array(gone)])
    return _concatenate(_select(pieces, kept), _select(restored, better))


def remove_boxes(page: Page, pieces: Pieces, classify: Classify) -> Pieces:
    """Separate digits from a connected box of a form, or from a line.

    What the network is unsure of is split where it is sure of a part without the lines.
    """
    longer = np.array([max(component.ink.shape) for component in pieces.components])
    unsure = np.flatnonzero((pieces.answers.max(1) < CONFIDENT) & (longer * MAX_LINE_WIDTH >= 1))
    unsure = unsure[np.argsort(-longer[unsure])[:_MAX_UNSURE]]
    parts = {int(k): _without_lines(page, pieces.components[k]) for k in unsure}
    apart = [(k, some) for k, some in parts.items() if some is not None]
    if not apart:
        return pieces
    seen = classify_pieces([part for _, some in apart for part in some], classify)
    kept, chosen = np.ones(len(longer), np.bool_), np.zeros(len(seen.components), np.bool_)
    start = 0
    for k, some in apart:
        own = slice(start, start + len(some))
        start = own.stop
        if not some or seen.answers[own].max() >= CONFIDENT:
            kept[k] = False
            chosen[own] = True
    return _concatenate(_select(pieces, kept), _select(seen, chosen))


def _without_lines(page: Page, whole: Component) -> list[Component] | None:
    """The parts of a component without its lines; None if it has no lines."""
    mask = whole.ink > page.levels.low
    cleaned = remove_lines(mask, int(MAX_LINE_WIDTH * max(mask.shape)))
    if np.array_equal(cleaned, mask):
        return None
    rest = inked_components(cleaned, whole.ink, page.levels)
    parts = [
        rest.crop([k], whole.ink * ~(mask & ~cleaned), page.levels.edge) for k in range(rest.size)
    ]
    left, top = whole.box[:2]
    return [
        Component(ink, Box(box.left + left, box.top + top, box.right + left, box.bottom + top))
        for ink, box in parts
    ]


def _select(pieces: Pieces, kept: Mask) -> Pieces:
    components, frames, answers, pens, contrasts = pieces
    chosen = [component for component, keep in zip(components, kept, strict=True) if keep]
    return Pieces(chosen, frames[kept], answers[kept], pens[kept], contrasts[kept])


def _concatenate(one: Pieces, other: Pieces) -> Pieces:
    return Pieces(
        one.components + other.components,
        np.concatenate([one.frames, other.frames]),
        np.concatenate([one.answers, other.answers]),
        np.concatenate([one.pens, other.pens]),
        np.concatenate([one.contrasts, other.contrasts]),
    )


def page_style(page: Page, pieces: Pieces) -> Style:
    """The style of the digits that the network is sure of.

    Medians weighted by the length of strokes: unweighted, specks would outweigh digits; weighted by
    mass, the edge of a table would. If there are others, 1s don't count, since every bare stroke is
    read as one, nor does what the picture's border cuts off.
    """
    boxes = np.array([component.box for component in pieces.components])
    mass = np.array([component.ink.sum() for component in pieces.components], np.float64)
    heights, length = boxes[:, 3] - boxes[:, 1], mass / pieces.pens
    sure = (pieces.answers.max(1) >= CONFIDENT) & (heights >= MIN_PIXELS)
    reliable = sure & inside(boxes, page.ink.shape) & (pieces.answers.argmax(1) != 1)
    chosen = next(some for some in (reliable, sure, np.ones_like(sure)) if some.any())
    height = weighted_median(heights[chosen], length[chosen]) if sure.any() else page.height
    return Style(
        height,
        weighted_median(pieces.pens[chosen], length[chosen]),
        weighted_median(pieces.contrasts[chosen], length[chosen]),
    )


def mean_confidence(pieces: Pieces, chosen: Iterable[int], height: float) -> float:
    """The network's mean confidence in those of the chosen that are about as large as a digit.

    The sum of their log odds divided by their number plus one, which shrinks the mean of a few
    towards 0. 1s don't count, since every bare stroke is read as one, nor does what is wider than
    high and may be several digits. height: of digits, in pixels.
    """
    confidence = [
        pieces.answers[k].max()
        for k in chosen
        if MIN_HEIGHT * height <= pieces.components[k].box.height <= MAX_HEIGHT * height
        and pieces.components[k].box.width <= height
        and pieces.answers[k].argmax() != 1
    ]
    return float(log_odds(np.array(confidence)).sum()) / (len(confidence) + 1)
