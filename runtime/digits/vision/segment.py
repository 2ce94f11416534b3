"""The lines of a page as lattices: which pieces may be digits, joined or cut."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from digits.vision.components import Box, Component, Integers, Mask
from digits.vision.cuts import Piece, cut
from digits.vision.ink import Ink
from digits.vision.judge import log_odds
from digits.vision.lattice import ARC_FEATURES, DIGIT, LETTER, SPECK, Arc, Atom, Lattice
from digits.vision.page import (
    MAX_HEIGHT,
    MIN_HEIGHT,
    MIN_PIXELS,
    Page,
    affordable,
    deskew,
    find_pieces,
    text_lines,
)
from digits.vision.pieces import (
    CONFIDENT,
    Classify,
    Pieces,
    Style,
    classify_components,
    classify_pieces,
    mean_confidence,
    page_style,
    remove_boxes,
    restore_erased,
)

# In units of the digits' usual height.
_MAX_WIDTH = 1.6  # of a digit
_MIN_CUT_WIDTH = 1.0  # anything wider is cut, even where the network is sure of it
_MAX_GAP = 1.0  # in one lattice; the digits of a number are closer
_MAX_JOINED = 4  # components in one digit
_MAX_CUT = 200  # components of a page; of more unsure ones, few would be touching digits

Context = tuple[float, float]  # the network's mean confidence in a page and in a line


class Segmentation(NamedTuple):
    """A page, the usual height of its digits, in pixels, and its lines from top to bottom.

    lines: in each its lattices from left to right, one for what stands close together.
    """

    page: Page
    height: float
    lines: list[list[Lattice]]


def segment(ink: Ink, classify: Classify) -> Segmentation | None:
    """Find the lines of a page; None if it is blank. ink: uint8 [height, width]."""
    page = find_pieces(ink)
    if page is None:
        return None
    pieces = classify_components(page, classify)
    level = deskew(page, pieces.answers.max(1) >= CONFIDENT)
    if level is not page:
        if level is None:
            return None
        page, pieces = level, classify_components(level, classify)
    pieces = remove_boxes(page, restore_erased(page, pieces, classify), classify)
    if not pieces.components:
        return None
    style = page_style(page, pieces)
    boxes = np.array([component.box for component in pieces.components])
    atoms = _atoms(pieces, style)
    lines = [list(_clusters(line, boxes, style.height)) for line in text_lines(boxes, style.height)]
    everywhere = mean_confidence(pieces, range(len(boxes)), style.height)
    contexts = [
        (everywhere, mean_confidence(pieces, [k for some in line for k in some], style.height))
        for line in lines
        for _ in line
    ]
    clusters = [
        [atom for number in cluster for atom in atoms[number]] for line in lines for cluster in line
    ]
    found = _lattices(clusters, contexts, pieces, style, classify, page.lines)
    return Segmentation(page, style.height, [[next(found) for _ in line] for line in lines])


def _atoms(pieces: Pieces, style: Style) -> list[list[Atom]]:
    """The atoms of each component: itself, or the pieces between its seams.

    What is wider than a digit is cut, and what the network is unsure of as a whole.
    """
    height = style.height
    boxes = [component.box for component in pieces.components]
    unsure = pieces.answers.max(1) < CONFIDENT
    candidates = [
        k
        for k, box in enumerate(boxes)
        if (unsure[k] or box.width > _MIN_CUT_WIDTH * height)
        and box.width >= MIN_HEIGHT * height
        and max(MIN_HEIGHT * height, MIN_PIXELS) <= box.height <= MAX_HEIGHT * height
    ]
    candidates.sort(key=lambda k: abs(boxes[k].height - height))
    chosen = set(candidates[:_MAX_CUT])
    atoms = []
    for number, component in enumerate(pieces.components):
        whole = [Piece(component, (0.0, 0.0))]
        parts = cut(component, height, style.pen) if number in chosen else whole
        atoms.append([Atom(part, number, crossed) for part, crossed in parts])
    return atoms


def _clusters(line: Integers, boxes: Integers, height: float) -> Iterator[list[int]]:
    """Split a line into clusters of pieces at wide gaps."""
    cluster: list[int] = []
    reach = 0
    for number in line.tolist():
        if cluster and boxes[number, 0] - reach > _MAX_GAP * height:
            yield cluster
            cluster, reach = [], 0
        cluster.append(number)
        reach = max(reach, int(boxes[number, 2]))
    if cluster:
        yield cluster


def _lattices(
    clusters: list[list[Atom]],
    contexts: list[Context],
    pieces: Pieces,
    style: Style,
    classify: Classify,
    lines: Mask,
) -> Iterator[Lattice]:
    """The lattice of each cluster of atoms. All candidates are classified in one batch.

    lines: bool [height, width], of the page.
    """
    spans = [list(_spans(atoms, style.height)) for atoms in clusters]
    composed = _compose_spans(clusters, spans, lines.size)
    seen = classify_pieces(list(composed.values()), classify)
    place = {key: k for k, key in enumerate(composed)}
    for number, (atoms, some, context) in enumerate(zip(clusters, spans, contexts, strict=True)):
        arcs = [_junk_arc(atoms, start, end, style) for start, end in _junk_spans(atoms)]
        for start, end in some:
            if (number, start, end) in place:
                of, k = seen, place[number, start, end]
            elif _is_whole(atoms[start:end]):
                of, k = pieces, atoms[start].number
            else:
                continue
            arcs.append(_digit_arc(atoms, start, end, of, k, style, context, lines))
        yield Lattice(atoms, sorted(arcs, key=lambda arc: arc.end))


def _compose_spans(
    clusters: list[list[Atom]], spans: list[list[tuple[int, int]]], pixels: int
) -> dict[tuple[int, int, int], Component]:
    """The ink of each span that isn't a whole component, by cluster, start and end."""
    boxes = {
        (number, start, end): _union(atoms[start:end])
        for number, (atoms, some) in enumerate(zip(clusters, spans, strict=True))
        for start, end in some
        if not _is_whole(atoms[start:end])
    }
    areas = np.array([box.width * box.height for box in boxes.values()], np.int64)
    kept = affordable(areas, pixels)
    return {
        (number, start, end): _compose(clusters[number][start:end], box)
        for ((number, start, end), box), keep in zip(boxes.items(), kept, strict=True)
        if keep
    }


def _spans(atoms: list[Atom], height: float) -> Iterator[tuple[int, int]]:
    """The spans of atoms, from `start` up to `end`, that may be one digit."""
    for start, first in enumerate(atoms):
        left, top, right, bottom = first.component.box
        numbers = {first.number}
        for end in range(start + 1, len(atoms) + 1):
            if end > start + 1:
                atom = atoms[end - 1]
                box = atom.component.box
                left, top = min(left, box.left), min(top, box.top)
                right, bottom = max(right, box.right), max(bottom, box.bottom)
                numbers.add(atom.number)
                if len(numbers) > _MAX_JOINED:
                    break
            if right - left > _MAX_WIDTH * height and end > start + 1:
                break
            if max(MIN_HEIGHT * height, MIN_PIXELS) <= bottom - top <= MAX_HEIGHT * height:
                yield start, end


def _junk_spans(atoms: list[Atom]) -> list[tuple[int, int]]:
    """The span of each atom, and of each component that is cut."""
    spans = [(k, k + 1) for k in range(len(atoms))]
    start = 0
    for k, atom in enumerate(atoms):
        if not atom.seams[0]:
            start = k
        if not atom.seams[1] and k > start:
            spans.append((start, k + 1))
    return spans


def _is_whole(atoms: Sequence[Atom]) -> bool:
    """Whether they are one whole component, which has been classified already."""
    one = len({atom.number for atom in atoms}) == 1
    return one and not atoms[0].seams[0] and not atoms[-1].seams[1]


def _union(atoms: Sequence[Atom]) -> Box:
    """The bounding box of several atoms."""
    lefts, tops, rights, bottoms = zip(*(atom.component.box for atom in atoms), strict=True)
    return Box(min(lefts), min(tops), max(rights), max(bottoms))


def _compose(atoms: Sequence[Atom], around: Box) -> Component:
    """The combined ink of several atoms, in the box around them."""
    ink = np.zeros((around.height, around.width), np.uint8)
    for own, box in (atom.component for atom in atoms):
        left, top = box.left - around.left, box.top - around.top
        part = ink[top : top + box.height, left : left + box.width]
        np.maximum(part, own, out=part)
    return Component(ink, around)


def _digit_arc(
    atoms: list[Atom],
    start: int,
    end: int,
    pieces: Pieces,
    number: int,
    style: Style,
    context: Context,
    lines: Mask,
) -> Arc:
    component, answer = pieces.components[number], pieces.answers[number]
    height = math.log(component.box.height / style.height)
    crossed = atoms[start].seams[0], atoms[end - 1].seams[1]
    contrast = math.log(pieces.contrasts[number] / style.contrast)
    features = (
        1.0,
        float(log_odds(answer.max())),
        height,
        height * height,
        max(math.log(component.box.width / style.height), 0),
        (crossed[0] > 0) + (crossed[1] > 0),
        sum(crossed),
        len({atom.number for atom in atoms[start:end]}) - 1,
        contrast,
        contrast * contrast,
        math.log(255 * pieces.contrasts[number] / component.ink.max()),
        _between_lines(component.box, lines),
        answer.argmax() == 1,
        *context,
    )
    padded = np.array(features + (0.0,) * (len(ARC_FEATURES) - len(features)))
    return Arc(start, end, DIGIT, padded, component, pieces.frames[number], answer)


def _between_lines(box: Box, lines: Mask) -> bool:
    """Whether a piece ends on ruled lines above and below, as the side of a box does."""
    columns = slice(box.left, box.right)
    above, below = slice(max(box.top - 2, 0), box.top + 2), slice(box.bottom - 2, box.bottom + 2)
    return bool(lines[above, columns].any() and lines[below, columns].any())


def _junk_arc(atoms: list[Atom], start: int, end: int, style: Style) -> Arc:
    parts = [atom.component for atom in atoms[start:end]]
    mass = sum(int(part.ink.sum()) for part in parts) / 255
    usual = style.height * style.pen * style.contrast
    height = max(part.box.height for part in parts)
    features = (
        1.0,
        math.log(max(mass, 1) / usual),
        (atoms[start].seams[0] > 0) + (atoms[end - 1].seams[1] > 0),
    )
    padded = np.array((0.0,) * (len(ARC_FEATURES) - len(features)) + features)
    kind = LETTER if height >= MIN_HEIGHT * style.height else SPECK
    return Arc(start, end, kind, padded)
