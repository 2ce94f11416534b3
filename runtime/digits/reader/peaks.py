"""Peaks of the network's heatmap: the places where a symbol may be."""

from collections.abc import Callable
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits.errors import ModelError
from digits.inference.interface import STRIDE
from digits.reader.detections import SAME, Detections, Floats, Integers, overlaps

Grey = NDArray[np.uint8]
Map = NDArray[np.float32]
# A grey page to its centres [h, w], symbols [12, h, w] and boxes [4, h, w]: ReaderModel.maps.
MapsFn = Callable[[Grey], tuple[Map, Map, Map]]

BOX_UNIT = 16.0  # pixels
LOWEST = -3.0  # log odds: a probability of 5 %; what is less likely is no alternative either
_NEIGHBOURS = np.array([(0, 0), *product((-1, 0, 1), repeat=2)])
_LARGEST = 3.0  # of a box's logarithms: 320 pixels, five times what the network is trained with


class Look(NamedTuple):
    """What the network says of the page at one scale.

    scale: float64 [2], of x and y: its pixels by the page's. margin: its pixels before the page
    begins, on the left and above. Maps as those of ReaderModel.
    """

    scale: Floats
    margin: int
    centres: Map
    symbols: Map
    boxes: Map

    def at(self, rows: Integers, columns: Integers) -> Detections:
        """What the network says in n cells."""
        symbols = log_softmax(self.symbols[:, rows, columns].T.astype(np.float64))
        scores = self.centres[rows, columns].astype(np.float64)
        return Detections(scores, symbols, self._boxes(rows, columns))

    def _boxes(self, rows: Integers, columns: Integers) -> Floats:
        """The boxes of cells: float64 [..., 4]."""
        offsets = np.moveaxis(self.boxes[:, rows, columns], 0, -1).astype(np.float64)
        cells = np.stack([columns, rows], -1) * STRIDE + STRIDE / 2
        middles = cells + BOX_UNIT * offsets[..., :2] - self.margin
        halves = BOX_UNIT / 2 * np.exp(offsets[..., 2:].clip(-_LARGEST, _LARGEST))
        return np.concatenate([middles - halves, middles + halves], -1) / np.tile(self.scale, 2)

    def same(self, detections: Detections) -> Detections:
        """What the network says at this scale of what was found at another, box by box.

        Its peak may be in the next cell; but there it may be of a neighbour, whose box is another.
        """
        nearest = ((detections.centres * self.scale + self.margin) / STRIDE).astype(np.int64)
        cells = nearest[:, None] + _NEIGHBOURS
        cells = cells.clip(0, np.array(self.centres.shape[::-1]) - 1)
        columns, rows = cells[..., 0], cells[..., 1]
        scores = self.centres[rows, columns]
        shared, _ = overlaps(detections.boxes[:, None], self._boxes(rows, columns))
        # The first is the nearest, which counts if none of them is the same symbol.
        best = np.where(shared > SAME, scores, -np.inf).argmax(1)
        chosen = np.arange(len(best)), best
        return self.at(rows[chosen], columns[chosen])


def find_peaks(look: Look) -> Detections:
    """The local maxima of the heatmap that aren't hopeless.

    Raises ModelError if they are more than there can be without ties, one in 2x2 cells: a network
    that finds symbols in everything.
    """
    centres = look.centres
    rows, columns = np.nonzero((centres > LOWEST) & (centres >= _neighbourhood(centres)))
    height, width = centres.shape
    if len(rows) > (possible := -(-height // 2) * -(-width // 2)):
        raise ModelError(f"the reader finds {len(rows):,} symbols where {possible:,} have room")
    return look.at(rows, columns)


def log_softmax(logits: Floats) -> Floats:
    """Logarithms of the softmax over the last axis."""
    relative = logits - logits.max(-1, keepdims=True)
    logarithms: Floats = relative - np.log(np.exp(relative).sum(-1, keepdims=True))
    return logarithms


def _neighbourhood(centres: Map) -> Map:
    """The largest value of the 3x3 cells around each."""
    for _ in range(2):  # along columns, then along rows
        padded = np.pad(centres, ((1, 1), (0, 0)), constant_values=-np.inf)
        centres = np.maximum(np.maximum(padded[:-2], padded[2:]), padded[1:-1]).T
    return centres
