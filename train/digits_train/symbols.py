"""The symbols of a picture, and how those that a network finds compare with them.

Networks are judged so, in a single look at a page; `digits read` combines several.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits.alignment import Score
from digits.inference.interface import MAX_DIGIT_HEIGHT, MIN_DIGIT_HEIGHT, STRIDE, SYMBOLS

Box = tuple[float, float, float, float]  # left, top, right, bottom
Boxes = NDArray[np.float32]  # [n, 4]

NOTHING = len(SYMBOLS)  # the last row and column of a confusion matrix
INVENTED, DOUBTFUL = -1, -2  # instead of a partner

_VAGUE = 95.0  # pixels: of still larger digits even the middle is no digit


class Symbol(NamedTuple):
    """label: 0 to 9, 10 for a minus, 11 for a point. height: of its hand's digits, in pixels."""

    box: Box
    label: int
    height: float


def moved(box: Box, left: float, top: float, across: float = 1, down: float = 1) -> Box:
    """A box in a picture that begins at (left, top), and is enlarged."""
    near, high, far, low = box
    return across * (near - left), down * (high - top), across * (far - left), down * (low - top)


def columns(
    symbols: Sequence[Symbol],
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]:
    """The boxes [n, 4], labels [n] and heights [n] of symbols."""
    boxes, labels, heights = zip(*symbols, strict=True) if symbols else ((), (), ())
    return (
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(labels, np.int64),
        np.array(heights, np.float32),
    )


def cells(box: Sequence[float]) -> tuple[slice, slice]:
    """The rows and columns of the detector's cells that a box touches; none if it has no extent."""
    left, top, right, bottom = (max(0, int(side // STRIDE)) for side in box)
    if box[2] <= max(box[0], 0) or box[3] <= max(box[1], 0):
        return slice(0), slice(0)
    return slice(top, bottom + 1), slice(left, right + 1)


class Truth(NamedTuple):
    """The symbols of a page that should be found.

    boxes: float32 [n, 4], in pixels. symbols: int64 [n], places in SYMBOLS.
    """

    boxes: Boxes
    symbols: NDArray[np.int64]


class LabelledPage(NamedTuple):
    """A page and its symbols.

    pixels: uint8 [height, width], grey. doubtful: boxes in which finding something is neither right
    nor wrong. text: where a page has a number a line, and nothing else, its lines.
    """

    pixels: NDArray[np.uint8]
    truth: Truth
    doubtful: Sequence[Box] = ()
    text: str = ""

    def match(self, boxes: NDArray[Any], symbols: NDArray[np.int64]) -> "Match":
        """Pair what was found, the surest first, with the nearest symbol that is there.

        A pair's centre is within the true box, or within a cell of the middle of a smaller one.
        boxes, symbols: as in Truth.
        """
        partners, free = np.full(len(boxes), INVENTED), np.ones(len(self.truth.boxes), bool)
        centres, true_centres = (
            (each[:, :2] + each[:, 2:]) / 2 for each in (boxes, self.truth.boxes)
        )
        reach = np.maximum((self.truth.boxes[:, 2:] - self.truth.boxes[:, :2]) / 2, STRIDE)
        for left, top, right, bottom in self.doubtful:
            low, high = (left // STRIDE, top // STRIDE), (right // STRIDE, bottom // STRIDE)
            places = centres // STRIDE
            partners[((low <= places) & (places <= high)).all(1)] = DOUBTFUL
        for index, centre in enumerate(centres):
            away = np.abs(true_centres - centre)
            near = np.flatnonzero((away <= reach).all(1) & free)
            if len(near):
                partners[index] = near[np.hypot(*away[near].T).argmin()]
                free[partners[index]] = False
        return Match(self, boxes, symbols, partners)


def label_window(
    pixels: NDArray[np.uint8], symbols: Sequence[Symbol], doubtful: Sequence[Box] = ()
) -> LabelledPage:
    """A page with those symbols that a detector should find in a single look.

    They have a size that it knows, and their centre is on the page. Others may be found, too.
    """
    boxes, labels, heights = columns(symbols)
    fit = (heights >= MIN_DIGIT_HEIGHT) & (heights <= MAX_DIGIT_HEIGHT)
    places = (boxes[:, :2] + boxes[:, 2:]) // (2 * STRIDE)
    last = pixels.shape[1] // STRIDE, pixels.shape[0] // STRIDE
    wanted = fit & ((places >= 0) & (places < last)).all(1)
    cut_off = [symbols[index].box for index in np.flatnonzero(fit & ~wanted).tolist()]
    unfit = [symbols[index] for index in np.flatnonzero(~fit).tolist()]
    parts = [_doubtful_part(symbol) for symbol in unfit if symbol.height <= _VAGUE]
    truth = Truth(boxes[wanted], labels[wanted])
    return LabelledPage(pixels, truth, [*doubtful, *cut_off, *parts])


def _doubtful_part(symbol: Symbol) -> Box:
    """Where a symbol that is too small or too large may be found all the same.

    The outer parts of a large one are no digits.
    """
    left, top, right, bottom = symbol.box
    share = 1.0 if symbol.height < MIN_DIGIT_HEIGHT else 0.4
    x, y = (left + right) / 2, (top + bottom) / 2
    across, down = share * (right - left) / 2, share * (bottom - top) / 2
    return x - across, y - down, x + across, y + down


class Match(NamedTuple):
    """What was found on a page, paired with what is there.

    boxes, symbols: of what was found, as in Truth. partners: int64, for each of them the index of
    the true symbol, or INVENTED or DOUBTFUL.
    """

    page: LabelledPage
    boxes: NDArray[Any]
    symbols: NDArray[np.int64]
    partners: NDArray[np.int64]

    @property
    def missed(self) -> NDArray[np.int64]:
        """The indices of the true symbols without a partner."""
        return np.setdiff1d(np.arange(len(self.page.truth.symbols)), self.partners)

    @property
    def score(self) -> Score:
        return score(confusion_matrix([self]))


def confusion_matrix(matches: Iterable[Match]) -> NDArray[np.int64]:
    """How many symbols of pages are there (row) and were read as each (column): int64 [13, 13].

    A missed symbol was read as NOTHING, an invented one is NOTHING.
    """
    counts = np.zeros((NOTHING + 1, NOTHING + 1), np.int64)
    for match in matches:
        truth, counted = match.page.truth.symbols, match.partners != DOUBTFUL
        paired = np.append(truth, NOTHING)[match.partners[counted]]  # INVENTED is the last
        np.add.at(counts, (paired, match.symbols[counted]), 1)
        np.add.at(counts[:, NOTHING], truth[match.missed], 1)
    return counts


def score(counts: NDArray[np.int64]) -> Score:
    """The errors in a confusion matrix."""
    total, missed = counts[:NOTHING].sum(), counts[:, NOTHING].sum()
    wrong = total - missed - counts.trace()
    return Score(*map(int, (total, missed, wrong, counts[NOTHING].sum())))
