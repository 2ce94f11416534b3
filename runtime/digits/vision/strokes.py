"""Ink to strokes: the connected parts of what a pen drew."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits.vision.ink import Ink

Mask = NDArray[np.bool_]
Integers = NDArray[np.int64]


class Box(NamedTuple):
    """Where something is in a picture, in pixels; right and bottom are exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top


@dataclass(frozen=True)
class Strokes:
    """The connected strokes of a picture, numbered from 0, as runs of pixels along its rows."""

    rows: Integers  # [runs]
    starts: Integers  # [runs]: the first column
    ends: Integers  # [runs]: the column after the last
    owner: Integers  # [runs]: the stroke that the run belongs to
    boxes: Integers  # [strokes, 4]: left, top, right, bottom
    mass: Integers  # [strokes]: the sum of its ink, 0 to 255 a pixel
    peak: Ink  # [strokes]: its darkest pixel

    def __len__(self) -> int:
        return len(self.boxes)

    def only(self, kept: Mask) -> "Strokes":
        """Those of the strokes that are kept: bool [strokes]."""
        runs = kept[self.owner]
        number = np.cumsum(kept) - 1
        return Strokes(
            self.rows[runs],
            self.starts[runs],
            self.ends[runs],
            number[self.owner[runs]],
            self.boxes[kept],
            self.mass[kept],
            self.peak[kept],
        )

    def box(self, chosen: Iterable[int]) -> Box:
        """The smallest box around the chosen strokes, of which there must be one."""
        boxes = self.boxes[list(chosen)]
        left, top = boxes[:, :2].min(0).tolist()
        right, bottom = boxes[:, 2:].max(0).tolist()
        return Box(left, top, right, bottom)

    def mask(self, chosen: Iterable[int], window: Box) -> Mask:
        """Which pixels of a window belong to the chosen strokes: bool [height, width]."""
        edges = np.zeros((window.height, window.width + 1), np.int8)
        belongs = np.zeros(len(self), np.bool_)
        belongs[list(chosen)] = True
        drawn = np.flatnonzero(
            belongs[self.owner] & (self.rows >= window.top) & (self.rows < window.bottom)
        )
        rows = self.rows[drawn] - window.top
        # Outside of the window start and end fall on one place, and cancel each other.
        for columns, step in ((self.starts, 1), (self.ends, -1)):
            places = np.clip(columns[drawn] - window.left, 0, window.width)
            np.add.at(edges, (rows, places), step)
        return edges[:, :-1].cumsum(1, dtype=np.int8).astype(np.bool_)

    def cut(self, chosen: Iterable[int], ink: Ink, faintest: float) -> "Shape":
        """The chosen strokes alone, with their soft edges: pixels next to them above `faintest`."""
        height, width = ink.shape
        box = self.box(chosen)
        window = Box(
            max(box.left - 1, 0),
            max(box.top - 1, 0),
            min(box.right + 1, width),
            min(box.bottom + 1, height),
        )
        part = ink[window.top : window.bottom, window.left : window.right]
        strokes = self.mask(chosen, window)
        return shape(np.where(strokes | (dilated(strokes) & (part > faintest)), part, 0), window)


class Shape(NamedTuple):
    """Some ink alone, up to its edges.

    ink: uint8 [height, width], 0 where there is other ink or none. box: where it is.
    """

    ink: Ink
    box: Box


def shape(ink: Ink, window: Box) -> Shape:
    """What is inked in a window of a picture, of which there must be something."""
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    left, right = int(columns[0]), int(columns[-1]) + 1
    box = Box(window.left + left, window.top + top, window.left + right, window.top + bottom)
    return Shape(ink[top:bottom, left:right], box)


def dilated(mask: Mask) -> Mask:
    """The mask and every pixel next to it, diagonals included."""
    padded = np.pad(mask, 1)
    wide = padded[:, :-2] | padded[:, 1:-1] | padded[:, 2:]
    square: Mask = wide[:-2] | wide[1:-1] | wide[2:]
    return square


def connected(mask: Mask, ink: Ink) -> Strokes:
    """The connected parts of a mask, diagonals included.

    mask: bool [height, width]; ink: uint8 of the same shape.
    """
    rows, starts, ends = runs(mask)
    owner = _merged(len(rows), *_touching(rows, starts, ends, mask.shape[1]))
    count = int(owner.max(initial=-1)) + 1
    boxes = np.zeros((count, 4), np.int64)
    boxes[:, :2] = max(mask.shape)
    for column, values, extreme in (
        (0, starts, np.minimum),
        (1, rows, np.minimum),
        (2, ends, np.maximum),
        (3, rows + 1, np.maximum),
    ):
        extreme.at(boxes[:, column], owner, values)
    mass, peak = np.zeros(count, np.int64), np.zeros(count, np.uint8)
    if count:
        first = np.cumsum(ends - starts) - (ends - starts)  # of each run among the pixels
        inked = ink[mask]
        np.add.at(mass, owner, np.add.reduceat(inked, first, dtype=np.int64))
        np.maximum.at(peak, owner, np.maximum.reduceat(inked, first))
    return Strokes(rows, starts, ends, owner, boxes, mass, peak)


def runs(mask: Mask) -> tuple[Integers, Integers, Integers]:
    """Row, first column and column after the last of each run of True along the rows."""
    height, width = mask.shape
    flat = np.zeros((height, width + 2), np.int8)  # a run ends at the border
    flat[:, 1:-1] = mask
    changes = np.flatnonzero(np.diff(flat.ravel()))
    rows, starts = np.divmod(changes[::2], width + 2)
    return rows, starts, changes[1::2] % (width + 2)


def _touching(
    rows: Integers, starts: Integers, ends: Integers, width: int
) -> tuple[Integers, Integers]:
    """Pairs of runs in neighbouring rows that share a column, or whose ends touch diagonally."""
    stride = width + 2
    # Runs are in reading order, so those of the next row that touch one follow each other.
    first = np.searchsorted(rows * stride + ends, (rows + 1) * stride + starts)
    last = np.searchsorted(rows * stride + starts, (rows + 1) * stride + ends, side="right")
    counts = np.maximum(last - first, 0)
    upper = np.repeat(np.arange(len(rows)), counts)
    lower = np.arange(len(upper)) + np.repeat(first - np.cumsum(counts) + counts, counts)
    return upper, lower


def _merged(runs: int, upper: Integers, lower: Integers) -> Integers:
    """Number the groups of runs that pairs connect, in the order of their first run.

    The larger of two roots is hung below the smaller, all pairs at a time, until no pair has two
    (Y. Shiloach, U. Vishkin, "An O(log n) parallel connectivity algorithm", 1982).
    """
    root = np.arange(runs)
    while True:
        one, other = root[upper], root[lower]
        differ = one != other
        if not differ.any():
            return np.unique(root, return_inverse=True)[1]
        one, other = one[differ], other[differ]
        np.minimum.at(root, np.maximum(one, other), np.minimum(one, other))
        while True:
            shorter = root[root]
            if (shorter == root).all():
                break
            root = shorter
