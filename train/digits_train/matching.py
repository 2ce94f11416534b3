"""Compare the symbols that a reader finds on pages with those that are there.

This judges a network while it is trained, map by map. How `digits read` goes from maps to lines is
the runtime's business.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import max_pool2d

from digits_train.detection import PEAK, Targets
from digits_train.models.network import BaseNetwork
from digits_train.models.reader import BOX_UNIT, STRIDE, SYMBOLS, Maps

NOTHING = len(SYMBOLS)  # the last row and column of a confusion matrix
INVENTED, DOUBTFUL = -1, -2  # instead of a partner
_PROBABLE = 0.5  # a peak counts if it is a symbol's centre more likely than not


class Found(NamedTuple):
    """The symbols of a page.

    boxes: float32 [n, 4], left, top, right, bottom in pixels. symbols: int64 [n], places in
    SYMBOLS.
    """

    boxes: NDArray[np.float32]
    symbols: NDArray[np.int64]

    @property
    def centres(self) -> NDArray[np.float32]:
        """x and y: float32 [n, 2]."""
        return self.boxes[:, :2] + self.sides * np.float32(0.5)

    @property
    def sides(self) -> NDArray[np.float32]:
        """Width and height: float32 [n, 2]."""
        return self.boxes[:, 2:] - self.boxes[:, :2]


class Match(NamedTuple):
    """What was found on a page, paired with what is there.

    partners: int64, for each found symbol the index of the true one, or INVENTED or DOUBTFUL.
    """

    detections: Found
    truth: Found
    partners: NDArray[np.int64]

    @property
    def missed(self) -> NDArray[np.int64]:
        """The indices of the true symbols without a partner."""
        return np.setdiff1d(np.arange(len(self.truth.symbols)), self.partners)


class LabelledPage(NamedTuple):
    """A page of numbers.

    pixels: uint8 [height, width], grey. text: where a page has a number a line, and nothing else,
    its lines. truth: its digits. weight: float32 [h, w], as in `match`.
    """

    pixels: NDArray[np.uint8]
    text: str
    truth: Found
    weight: NDArray[np.float32]

    def match(self, detections: Found) -> Match:
        """Pair digits that were found with the true ones."""
        return match(detections, self.truth, self.weight)


@dataclass
class DetectionErrors:
    """How many symbols were found, by what they are and what they were read as.

    confusion: int64 [13, 13]. A missed symbol was read as NOTHING, an invented one is NOTHING.
    """

    confusion: NDArray[np.int64] = field(
        default_factory=lambda: np.zeros((NOTHING + 1, NOTHING + 1), np.int64)
    )

    def add(self, match: Match) -> None:
        """Count the symbols of a page."""
        detections, truth, partners = match
        paired, invented = partners >= 0, partners == INVENTED
        pairs = truth.symbols[partners[paired]], detections.symbols[paired]
        np.add.at(self.confusion, pairs, 1)
        np.add.at(self.confusion[NOTHING], detections.symbols[invented], 1)
        np.add.at(self.confusion[:, NOTHING], truth.symbols[match.missed], 1)

    @property
    def total(self) -> int:
        """The number of symbols that are there."""
        return int(self.confusion[:NOTHING].sum())

    @property
    def right(self) -> int:
        return int(self.confusion.diagonal().sum())

    @property
    def missed(self) -> int:
        return int(self.confusion[:, NOTHING].sum())

    @property
    def invented(self) -> int:
        return int(self.confusion[NOTHING].sum())

    @property
    def wrong(self) -> int:
        """Found, but read as another symbol."""
        return self.total - self.right - self.missed

    @property
    def count(self) -> int:
        return self.missed + self.invented + self.wrong

    @property
    def error(self) -> float:
        """The error rate: of a bad reader above 1."""
        return self.count / max(self.total, 1)


@torch.inference_mode()
def predict_maps(model: BaseNetwork, pages: Tensor) -> Maps:
    """The network's maps, in full precision: rounded ones have equal neighbours instead of peaks.

    pages: uint8 [n, 1, h, w], anywhere. Returns them on the CPU.
    """
    device = next(model.parameters()).device
    training = model.training
    model.eval()
    with torch.autocast(device.type, enabled=False):
        maps = Maps(*(part.cpu() for part in model(pages.to(device))))
    model.train(training)
    return maps


def find_symbols(maps: Maps) -> list[Found]:
    """The symbols at the peaks of each page's heatmap, surest first."""
    scores = maps.centres[:, 0].float().sigmoid()
    peaks = (scores == max_pool2d(scores[:, None], 3, 1, 1)[:, 0]) & (scores > _PROBABLE)
    symbols = maps.symbols.float().argmax(1)
    return [_gather(*page) for page in zip(peaks, symbols, maps.boxes.float(), scores, strict=True)]


def true_symbols(targets: Targets) -> list[Found]:
    """The symbols of each page that should be found."""
    heat, _, symbols, boxes = targets
    return [_gather(*page) for page in zip(heat >= PEAK, symbols, boxes, heat, strict=True)]


def _gather(cells: Tensor, symbols: Tensor, boxes: Tensor, scores: Tensor) -> Found:
    """The symbols in some cells of a page's maps, by falling score. cells: bool [h, w]."""
    rows, columns = cells.nonzero(as_tuple=True)
    order = scores[rows, columns].argsort(descending=True, stable=True)
    rows, columns = rows[order], columns[order]
    x, y, width, height = boxes[:, rows, columns]
    centre = (torch.stack([columns, rows]) + 0.5) * STRIDE + BOX_UNIT * torch.stack([x, y])
    # No symbol is wider than a page, but a network of random weights may say so.
    half = BOX_UNIT / 2 * torch.stack([width, height]).clamp(max=5).exp()
    corners = torch.cat([centre - half, centre + half]).T
    return Found(corners.numpy(), symbols[rows, columns].numpy())


def match(detections: Found, truth: Found, weight: NDArray[np.float32]) -> Match:
    """Pair what was found on a page, the surest first, with the nearest symbol that is there.

    A pair's centre is within the true box, or within a cell of the middle of a smaller one. weight:
    float32 [h, w], 0 in cells where finding something is neither right nor wrong.
    """
    partners = np.full(len(detections.symbols), INVENTED)
    free = np.ones(len(truth.symbols), bool)
    true_centres, reach = truth.centres, np.maximum(truth.sides / 2, STRIDE)
    # The weights of the cells nearest to what was found.
    cells = np.clip((detections.centres / STRIDE).astype(int), 0, np.array(weight.shape[::-1]) - 1)
    weights = weight[cells[:, 1], cells[:, 0]]
    for index, centre in enumerate(detections.centres):
        away = np.abs(true_centres - centre)
        near = np.flatnonzero((away <= reach).all(1) & free)
        if len(near):
            partners[index] = near[np.hypot(*away[near].T).argmin()]
            free[partners[index]] = False
        elif weights[index] == 0:
            partners[index] = DOUBTFUL
    return Match(detections, truth, partners)


class JudgedCrop(NamedTuple):
    """A validation crop, uint8 [side, side], and what was found on it."""

    page: NDArray[np.uint8]
    match: Match
    errors: DetectionErrors
