"""Connected components of ink."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits.vision.ink import Ink, Levels

Mask = NDArray[np.bool_]
Integers = NDArray[np.int64]


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
    """The connected components of a mask, numbered from 0, as runs of pixels along its rows.

    The runs of a component are contiguous.
    """

    rows: Integers  # [runs]
    starts: Integers  # [runs]: the first column
    ends: Integers  # [runs]: the column after the last
    labels: Integers  # [runs]: the component that the run belongs to
    first: Integers  # [components + 1]: its first run; at the end, the number of runs
    boxes: Integers  # [components, 4]: left, top, right, bottom
    mass: Integers  # [components]: the sum of its ink, 0 to 255 a pixel
    peak: Ink  # [components]: its darkest pixel

    @property
    def size(self) -> int:
        return len(self.boxes)

    def select(self, kept: Mask) -> "Components":
        """Select the components to keep: bool [components]."""
        if kept.all():
            return self
        runs = kept[self.labels]
        number = np.cumsum(kept) - 1
        return Components(
            self.rows[runs],
            self.starts[runs],
            self.ends[runs],
            number[self.labels[runs]],
            np.append(0, np.cumsum(np.diff(self.first)[kept])),
            self.boxes[kept],
            self.mass[kept],
            self.peak[kept],
        )

    def box(self, chosen: Sequence[int] | Integers) -> Box:
        """The bounding box of the chosen components, at least one."""
        boxes = self.boxes[chosen]
        left, top = boxes[:, :2].min(0).tolist()
        right, bottom = boxes[:, 2:].max(0).tolist()
        return Box(left, top, right, bottom)

    def mask(self, chosen: Iterable[int], window: Box) -> Mask:
        """Draw the chosen components in a window that holds them: bool [height, width]."""
        parts = [slice(self.first[i], self.first[i + 1]) for i in chosen]
        rows, starts, ends = (
            values[parts[0]] if len(parts) == 1 else np.concatenate([values[p] for p in parts])
            for values in (self.rows, self.starts, self.ends)
        )
        first = (rows - window.top) * window.width + (starts - window.left)
        lengths = ends - starts
        if len(parts) > 1:
            order = np.argsort(first)
            first, lengths = first[order], lengths[order]
        # Alternate between the gaps from run to run and the runs.
        stretches = np.empty(2 * len(first) + 1, np.int64)
        stretches[1::2] = lengths
        stretches[0] = 0
        stretches[2::2] = -(first + lengths)
        stretches[0:-1:2] += first
        stretches[-1] += window.height * window.width
        inked = np.zeros(len(stretches), np.bool_)
        inked[1::2] = True
        return np.repeat(inked, stretches).reshape(window.height, window.width)

    def crop(self, chosen: Sequence[int] | Integers, ink: Ink, edge: int) -> Component:
        """Crop the chosen components with their soft edges: adjacent pixels above `edge`."""
        height, width = ink.shape
        box = self.box(chosen)
        window = Box(
            max(box.left - 1, 0),
            max(box.top - 1, 0),
            min(box.right + 1, width),
            min(box.bottom + 1, height),
        )
        part = ink[window.top : window.bottom, window.left : window.right]
        mask = self.mask(chosen, window)
        return trim(part * (mask | (dilate(mask) & (part > edge))), window)


def inside(boxes: Integers, shape: tuple[int, ...]) -> Mask:
    """Which boxes, int64 [n, 4], stay clear of the border of a picture of this shape: bool [n]."""
    left, top, right, bottom = boxes.T
    away: Mask = (left > 0) & (top > 0) & (right < shape[1]) & (bottom < shape[0])
    return away


def trim(ink: Ink, window: Box) -> Component:
    """Crop a window of a picture to its ink, of which there must be some."""
    rows, columns = np.flatnonzero(ink.max(1)), np.flatnonzero(ink.max(0))
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    left, right = int(columns[0]), int(columns[-1]) + 1
    box = Box(window.left + left, window.top + top, window.left + right, window.top + bottom)
    return Component(ink[top:bottom, left:right], box)


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
    count = int(labels.max(initial=-1)) + 1
    lengths = ends - starts
    if not count:
        empty, none = np.zeros(0, np.int64), np.zeros(0, np.uint8)
        boxes = np.zeros((0, 4), np.int64)
        return Components(rows, starts, ends, labels, np.zeros(1, np.int64), boxes, empty, none)
    inked = ink[mask]
    first = np.cumsum(lengths) - lengths  # of each run among the pixels
    masses = np.add.reduceat(inked, first, dtype=np.int64)
    peaks = np.maximum.reduceat(inked, first)
    if count > 1:
        order = np.argsort(labels, kind="stable")
        rows, starts, ends, labels, masses, peaks = (
            values[order] for values in (rows, starts, ends, labels, masses, peaks)
        )
    first_run = np.append(0, np.cumsum(np.bincount(labels, minlength=count)))
    run = first_run[:-1]
    boxes = np.stack(
        [
            np.minimum.reduceat(starts, run),
            np.minimum.reduceat(rows, run),
            np.maximum.reduceat(ends, run),
            np.maximum.reduceat(rows, run) + 1,
        ],
        1,
    )
    mass, peak = np.add.reduceat(masses, run), np.maximum.reduceat(peaks, run)
    return Components(rows, starts, ends, labels, first_run, boxes, mass, peak)


def inked_components(mask: Mask, ink: Ink, levels: Levels) -> Components:
    """The components that reach full ink somewhere; others are noise or stains."""
    components = label_components(mask, ink)
    return components.select(components.peak > levels.threshold)


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


def _touching(
    rows: Integers, starts: Integers, ends: Integers, width: int
) -> tuple[Integers, Integers]:
    """Pairs of runs in adjacent rows that share a column or touch diagonally."""
    stride = width + 2
    # In reading order, the runs of the next row that touch a run are contiguous.
    first = np.searchsorted(rows * stride + ends, (rows + 1) * stride + starts)
    last = np.searchsorted(rows * stride + starts, (rows + 1) * stride + ends, side="right")
    counts = np.maximum(last - first, 0)
    upper = np.repeat(np.arange(len(rows)), counts)
    lower = np.arange(len(upper)) + np.repeat(first - np.cumsum(counts) + counts, counts)
    return upper, lower


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
        one, other = root[upper], root[lower]
        differ = one != other
        if not differ.any():
            break
        one, other = one[differ], other[differ]
        np.minimum.at(root, np.maximum(one, other), np.minimum(one, other))
    first = root == np.arange(runs)
    numbers: Integers = (np.cumsum(first) - 1)[root]
    return numbers
