"""Connected components of ink."""

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from digits.vision.ink import Ink

Mask = NDArray[np.bool_]
Integers = NDArray[np.int64]
Number = TypeVar("Number", np.int64, np.uint8)


class Box(NamedTuple):
    """A box in a picture, in pixels; right and bottom are exclusive."""

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

    @property
    def pixels(self) -> tuple[slice, slice]:
        """What to index a picture with."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def shift(self, right: int, down: int) -> "Box":
        return Box(self.left + right, self.top + down, self.right + right, self.bottom + down)

    def pad(self, shape: tuple[int, ...]) -> "Box":
        """With a pixel more on each side, as far as a picture of this shape has it."""
        height, width = shape
        left, top = max(self.left - 1, 0), max(self.top - 1, 0)
        return Box(left, top, min(self.right + 1, width), min(self.bottom + 1, height))


class Component(NamedTuple):
    """The ink of one or several components, cropped to its edges.

    ink: uint8 [height, width], 0 for other ink and for paper. box: where it is.
    """

    ink: Ink
    box: Box

    @property
    def contrast(self) -> float:
        """The mean ink of its inked pixels, 0 to 1."""
        return float(self.ink.sum() / (255 * np.count_nonzero(self.ink)))


class Components(NamedTuple):
    """The connected components of a mask, numbered from 0, as runs of pixels along its rows."""

    rows: Integers  # [runs]
    starts: Integers  # [runs]: the first column
    ends: Integers  # [runs]: the column after the last
    labels: Integers  # [runs]: the component that the run belongs to
    boxes: Integers  # [components, 4]: left, top, right, bottom
    mass: Integers  # [components]: the sum of its ink, 0 to 255 a pixel
    peak: Ink  # [components]: its darkest pixel

    @property
    def size(self) -> int:
        return len(self.boxes)

    def select(self, keep: Mask) -> "Components":
        """Select the components to keep: bool [components]."""
        if keep.all():
            return self
        runs = keep[self.labels]
        number = np.cumsum(keep) - 1
        rows, starts, ends = (column[runs] for column in (self.rows, self.starts, self.ends))
        labels, boxes = number[self.labels[runs]], self.boxes[keep]
        return Components(rows, starts, ends, labels, boxes, self.mass[keep], self.peak[keep])

    def box(self, chosen: Sequence[int] | Integers) -> Box:
        """The bounding box of the chosen components, at least one."""
        boxes = self.boxes[chosen]
        left, top = boxes[:, :2].min(0).tolist()
        right, bottom = boxes[:, 2:].max(0).tolist()
        return Box(left, top, right, bottom)

    def touching(self, shape: tuple[int, ...]) -> Mask:
        """Which components touch the border of a picture of this shape: bool [components]."""
        left, top, right, bottom = self.boxes.T
        touching: Mask = (left == 0) | (top == 0) | (right == shape[1]) | (bottom == shape[0])
        return touching

    def mask(self, chosen: Sequence[int] | Integers, window: Box) -> Mask:
        """Draw the chosen components in a window that holds them: bool [height, width]."""
        drawn = np.zeros(self.size, np.bool_)
        drawn[chosen] = True
        runs = drawn[self.labels]
        starts, ends = self.starts[runs], self.ends[runs]
        first = (self.rows[runs] - window.top) * window.width + (starts - window.left)
        mask = np.zeros(window.height * window.width, np.bool_)
        mask[spans(first, ends - starts)] = True
        return mask.reshape(window.height, window.width)

    def crop(self, chosen: Sequence[int] | Integers, ink: Ink, edge: int) -> Component:
        """Crop the chosen components with their soft edges: adjacent pixels above `edge`."""
        window = self.box(chosen).pad(ink.shape)
        part = ink[window.pixels]
        mask = self.mask(chosen, window)
        return trim(part * (mask | (dilate(mask) & (part > edge))), window)


def ink_box(ink: NDArray[Any]) -> Box:
    """The box around all ink, of which there must be some."""
    rows, columns = np.flatnonzero(ink.max(1)), np.flatnonzero(ink.max(0))
    return Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def trim(ink: Ink, window: Box) -> Component:
    """Crop a window of a picture to its ink, of which there must be some."""
    box = ink_box(ink)
    return Component(ink[box.pixels], box.shift(window.left, window.top))


def dilate(mask: Mask) -> Mask:
    """Dilate a mask by one pixel, diagonals included."""
    # With a border, neighbours are at a fixed distance in memory: each takes one long operation.
    framed = np.zeros((mask.shape[0] + 2, mask.shape[1] + 2), np.bool_)
    framed[1:-1, 1:-1] = mask
    wide = framed.copy()
    pixels, neighbours = framed.reshape(-1), wide.reshape(-1)
    neighbours[1:] |= pixels[:-1]
    neighbours[:-1] |= pixels[1:]
    square = wide[1:-1] | wide[:-2]
    square |= wide[2:]
    return square[:, 1:-1]


def label_components(mask: Mask, ink: Ink) -> Components:
    """Label the connected components of a mask, diagonals included.

    mask: bool [height, width]; ink: uint8 of the same shape.
    """
    rows, starts, ends = run_lengths(mask)
    labels = _union_find(len(rows), *_touching(rows, starts, ends, mask.shape[1]))
    if not len(labels):
        empty, boxes = np.zeros(0, np.int64), np.zeros((0, 4), np.int64)
        return Components(rows, starts, ends, labels, boxes, empty, np.zeros(0, np.uint8))
    inked, lengths = ink[mask], ends - starts
    first = np.cumsum(lengths) - lengths  # of each run among the pixels
    order = np.argsort(labels, kind="stable")
    by_component = np.searchsorted(labels[order], np.arange(labels.max() + 1))

    def combine(ufunc: np.ufunc, values: NDArray[Number]) -> NDArray[Number]:
        """Reduce what each run has to what each component has."""
        return ufunc.reduceat(values[order], by_component)

    near = [combine(np.minimum, values) for values in (starts, rows)]
    far = [combine(np.maximum, values) for values in (ends, rows + 1)]
    mass = combine(np.add, np.add.reduceat(inked, first, dtype=np.int64))
    peak = combine(np.maximum, np.maximum.reduceat(inked, first))
    return Components(rows, starts, ends, labels, np.stack(near + far, 1), mass, peak)


def run_lengths(mask: Mask) -> tuple[Integers, Integers, Integers]:
    """Row, first column and column after the last of each run of True along a row."""
    height, width = mask.shape
    framed = np.zeros((height, width + 2), np.bool_)  # a run ends at the border
    framed[:, 1:-1] = mask
    pixels = framed.reshape(-1)
    changes = np.flatnonzero(pixels[1:] != pixels[:-1])
    rows = changes[::2] // (width + 2)  # np.divmod takes longer
    before = rows * (width + 2)
    return rows, changes[::2] - before, changes[1::2] - before


def spans(first: Integers, lengths: Integers) -> Integers:
    """The integers from each `first` on, so many, one span after the other."""
    before = np.cumsum(lengths) - lengths
    integers: Integers = np.arange(lengths.sum()) + np.repeat(first - before, lengths)
    return integers


def _touching(
    rows: Integers, starts: Integers, ends: Integers, width: int
) -> tuple[Integers, Integers]:
    """Pairs of runs in adjacent rows that share a column or touch diagonally."""
    stride = width + 2
    # In reading order, the runs of the next row that touch a run are contiguous.
    first = np.searchsorted(rows * stride + ends, (rows + 1) * stride + starts)
    last = np.searchsorted(rows * stride + starts, (rows + 1) * stride + ends, side="right")
    counts = np.maximum(last - first, 0)
    return np.repeat(np.arange(len(rows)), counts), spans(first, counts)


def _union_find(runs: int, upper: Integers, lower: Integers) -> Integers:
    """Number the groups of connected runs, in the order of their first run.

    Attach the larger root of each pair to the smaller, all pairs at once, until roots agree
    (Y. Shiloach, U. Vishkin, "An O(log n) parallel connectivity algorithm", 1982).
    """
    root = np.arange(runs)
    root[lower[::-1]] = upper[::-1]  # the first that each touches
    while True:
        while True:
            shorter = root[root]
            if (shorter == root).all():
                break
            root = shorter[shorter]
        differ = root[upper] != root[lower]
        if not differ.any():
            break
        pairs = root[upper[differ]], root[lower[differ]]
        np.minimum.at(root, np.maximum(*pairs), np.minimum(*pairs))
    first = root == np.arange(runs)
    numbers: Integers = (np.cumsum(first) - 1)[root]
    return numbers
