"""Connected components of ink, and the digit among them."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits.vision.ink import Ink, Levels

Mask = NDArray[np.bool_]
Integers = NDArray[np.int64]

_MIN_SIDE = 3  # pixels; nothing smaller is a digit
_MIN_MASS = 0.1  # of the main component's mass; less is a speck
_CENTRAL = 5.0  # weight of the squared distance; with 3 to 6, 500 mixed pictures lose 3.0 %
_MAX_GAP = 0.5  # of the main component's longer side; pieces of one digit are not further apart


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
    def longer(self) -> int:
        return max(self.width, self.height)

    @property
    def pixels(self) -> tuple[slice, slice]:
        """What to index a picture with."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def shift(self, right: int, down: int) -> "Box":
        return Box(self.left + right, self.top + down, self.right + right, self.bottom + down)


class Component(NamedTuple):
    """The ink of one or several components, cropped to its edges.

    ink: uint8 [height, width], 0 for other ink and for paper.
    box: where it is in the picture.
    """

    ink: Ink
    box: Box


class Components(NamedTuple):
    """The connected components of a mask, counted from 0, as runs of pixels along its rows."""

    rows: Integers  # [runs]
    starts: Integers  # [runs]: the first column
    ends: Integers  # [runs]: the column after the last
    labels: Integers  # [runs]: the component that the run belongs to
    boxes: Integers  # [components, 4]: left, top, right, bottom
    mass: Integers  # [components]: the sum of its ink, 0 to 255 a pixel
    peak: Ink  # [components]: its darkest pixel
    only_mask: Mask | None = None  # [height, width]: the mask, if there is only one component

    @property
    def size(self) -> int:
        return len(self.boxes)

    def select(self, keep: Mask) -> "Components":
        """Select components. keep: bool [components]."""
        if keep.all():
            return self
        runs = keep[self.labels]
        rows, starts, ends, labels = (column[runs] for column in self[:4])
        boxes, mass, peak = self.boxes[keep], self.mass[keep], self.peak[keep]
        return Components(rows, starts, ends, (np.cumsum(keep) - 1)[labels], boxes, mass, peak)

    def box(self, indices: list[int]) -> Box:
        """The bounding box of the components with these indices, at least one."""
        boxes = self.boxes[indices]
        return Box(*boxes[:, :2].min(0).tolist(), *boxes[:, 2:].max(0).tolist())

    def mask(self, indices: list[int], window: Box) -> Mask:
        """Draw components in a window that holds them: bool [height, width]."""
        if self.only_mask is not None:
            return self.only_mask[window.pixels]
        is_drawn = np.zeros(self.size, np.bool_)
        is_drawn[indices] = True
        runs = is_drawn[self.labels]
        rows, starts, ends = self.rows[runs], self.starts[runs], self.ends[runs]
        first = (rows - window.top) * window.width + (starts - window.left)
        mask = np.zeros((window.height, window.width), np.bool_)
        mask.reshape(-1)[spans(first, ends - starts)] = True
        return mask

    def crop(self, indices: list[int], ink: Ink, edge: int) -> Component:
        """Crop components with their soft edges: adjacent pixels above `edge`."""
        left, top, right, bottom = self.box(indices)
        height, width = ink.shape
        window = Box(
            max(left - 1, 0), max(top - 1, 0), min(right + 1, width), min(bottom + 1, height)
        )
        cropped, mask = ink[window.pixels], self.mask(indices, window)
        is_kept = mask | (dilate(mask) & (cropped > edge))
        return trim(cropped * is_kept, window.left, window.top)  # 40 times as fast as np.where


class Segment(NamedTuple):
    """What may be the digit of a picture.

    component: its ink and where it is. is_whole: whether this is all the picture's ink, in one
    piece, and not cut by the border.
    """

    component: Component
    is_whole: bool


def find_digit(ink: Ink, levels: Levels | None) -> Segment | None:
    """The heaviest component near the middle, with the pieces near it; None on bare paper.

    ink: uint8 [height, width], 255 = full ink. levels: see `ink.otsu_levels`.
    """
    if levels is None:
        return None
    mask = ink > levels.floor
    # Bare paper around the ink only costs time; boxes are shifted back at the end.
    left, top, right, bottom = ink_box(mask) if mask.any() else (0, 0, 1, 1)
    left, top = max(left - 1, 0), max(top - 1, 0)
    window = ink[top : bottom + 1, left : right + 1]
    components = label_components(mask[top : bottom + 1, left : right + 1], window)
    # The others never reach full ink: they are noise or stains.
    components = components.select(components.peak > levels.threshold)
    if not components.size:
        return None
    indices = _main(components, (left, top), ink.shape)
    component = components.crop(indices, window, levels.soft_edge)
    box = component.box.shift(left, top)
    if box.longer < _MIN_SIDE:
        return None
    height, width = ink.shape
    is_inside = box.left > 0 and box.top > 0 and box.right < width and box.bottom < height
    return Segment(Component(component.ink, box), components.size == 1 and is_inside)


def _main(components: Components, corner: tuple[int, int], shape: tuple[int, ...]) -> list[int]:
    """The indices of the heaviest component near the middle, and of lighter ones near it.

    corner: where the components' window begins in the picture, whose shape this is.
    """
    if components.size < 2:
        return [*range(components.size)]
    boxes, mass = components.boxes, components.mass
    middles = boxes[:, :2] + boxes[:, 2:] + 2 * np.array(corner)
    x, y = (middles / shape[::-1] - 1).T
    main = int((mass * np.exp(-_CENTRAL * (x * x + y * y))).argmax())
    pieces = (mass > _MIN_MASS * mass[main]) & (mass < mass[main])
    gaps = np.maximum(boxes[:, :2] - boxes[main, 2:], boxes[main, :2] - boxes[:, 2:]).max(1)
    pieces &= gaps <= _MAX_GAP * (boxes[main, 2:] - boxes[main, :2]).max()  # or they overlap
    return [main, *np.flatnonzero(pieces).tolist()]


def trim(ink: Ink, left: int = 0, top: int = 0) -> Component:
    """Crop a picture to its ink, of which there must be some. left, top: of the picture itself."""
    box = ink_box(ink)
    return Component(ink[box.pixels], box.shift(left, top))


def ink_box(ink: NDArray[Any]) -> Box:
    """The box around all ink, of which there must be some."""
    [rows], [columns] = ink.max(1).nonzero(), ink.max(0).nonzero()
    return Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def dilate(mask: Mask) -> Mask:
    """Dilate a mask by one pixel, diagonals included."""
    # With a border, neighbours are at a fixed distance in memory: each takes one long operation.
    wide = _framed(mask)
    pixels, neighbours = wide.reshape(-1).copy(), wide.reshape(-1)
    neighbours[1:] |= pixels[:-1]
    neighbours[:-1] |= pixels[1:]
    square = wide[1:-1] | wide[:-2]
    square |= wide[2:]
    return square[:, 1:-1]


def label_components(mask: Mask, ink: Ink) -> Components:
    """Label the connected components of a mask of ink, diagonals included."""
    rows, starts, ends = run_lengths(mask)
    labels, pixels = _label_runs(rows, starts, ends, mask.shape[1]), ink[mask]
    if len(labels) and not labels.any():  # a single component, as of most digits
        box = np.array([[starts.min(), rows[0], ends.max(), rows[-1] + 1]])
        mass, peak = pixels.sum(keepdims=True, dtype=np.int64), pixels.max(keepdims=True)
        return Components(rows, starts, ends, labels, box, mass, peak, mask)
    lengths = ends - starts
    first_pixels = lengths.cumsum() - lengths  # of each run
    mass = np.add.reduceat(pixels, first_pixels, dtype=np.int64)
    peak = np.maximum.reduceat(pixels, first_pixels)
    order = labels.argsort(kind="stable")
    rows, starts, ends, labels = rows[order], starts[order], ends[order], labels[order]
    first_runs = labels.searchsorted(np.arange(labels.max(initial=-1) + 1))  # of each component
    lefts, tops = (np.minimum.reduceat(values, first_runs) for values in (starts, rows))
    rights, bottoms = (np.maximum.reduceat(values, first_runs) for values in (ends, rows + 1))
    mass = np.add.reduceat(mass[order], first_runs)
    peak = np.maximum.reduceat(peak[order], first_runs)
    boxes = np.array([lefts, tops, rights, bottoms]).T
    return Components(rows, starts, ends, labels, boxes, mass, peak)


def run_lengths(mask: Mask) -> tuple[Integers, Integers, Integers]:
    """Row, first column and column after the last of each run of True along a row."""
    width = mask.shape[1] + 2
    pixels = _framed(mask).reshape(-1)  # a run ends at the border
    [changes] = (pixels[1:] != pixels[:-1]).nonzero()
    rows = changes[::2] // width  # np.divmod takes longer
    return rows - 1, changes[::2] - rows * width, changes[1::2] - rows * width


def _framed(mask: Mask) -> Mask:
    """The mask with a pixel of paper on each side; np.pad takes longer."""
    framed = np.zeros((mask.shape[0] + 2, mask.shape[1] + 2), np.bool_)
    framed[1:-1, 1:-1] = mask
    return framed


def spans(first: Integers, lengths: Integers) -> Integers:
    """The integers from `first[0]` on, `lengths[0]` of them, then those from `first[1]` on, etc."""
    before = lengths.cumsum() - lengths
    return np.asarray(np.arange(lengths.sum()) + np.repeat(first - before, lengths))


def _label_runs(rows: Integers, starts: Integers, ends: Integers, width: int) -> Integers:
    """Number the groups of runs that touch, diagonally too, in the order of their first run.

    Attach the larger root of each pair to the smaller, all pairs at once, until roots agree
    (Y. Shiloach, U. Vishkin, "An O(log n) parallel connectivity algorithm", 1982).
    """
    stride = width + 2
    # In reading order, the runs of the next row that touch a run are contiguous.
    first = np.searchsorted(rows * stride + ends, (rows + 1) * stride + starts)
    last = np.searchsorted(rows * stride + starts, (rows + 1) * stride + ends, side="right")
    counts = np.maximum(last - first, 0)
    runs = np.arange(len(rows))
    upper, lower = np.repeat(runs, counts), spans(first, counts)
    root = runs.copy()
    root[lower[::-1]] = upper[::-1]  # the first that each touches
    if np.count_nonzero(root == runs) == 1:
        return np.zeros_like(root)
    while len(upper):
        while ((shorter := root[root]) != root).any():
            root = shorter
        differ = root[upper] != root[lower]
        upper, lower = upper[differ], lower[differ]
        pairs = root[upper], root[lower]
        np.minimum.at(root, np.maximum(*pairs), np.minimum(*pairs))
    return np.asarray(((root == runs).cumsum() - 1)[root])
