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

from digits_train.detection import Targets
from digits_train.models.network import BaseNetwork
from digits_train.models.reader import BOX_UNIT, STRIDE, SYMBOLS, Maps

NOTHING = len(SYMBOLS)  # the last row and column of a confusion matrix
INVENTED, DOUBTFUL = -1, -2  # instead of a partner
_PROBABLE = 0.5  # a peak counts if it is a symbol's centre more likely than not
_PEAK = 0.999  # of a target's heat: only a centre's own cell has so much


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

    partners: int64, for each found symbol the place of the true one, or INVENTED or DOUBTFUL.
    """

    found: Found
    truth: Found
    partners: NDArray[np.int64]

    @property
    def missed(self) -> NDArray[np.int64]:
        """The places of the true symbols without a partner."""
        return np.setdiff1d(np.arange(len(self.truth.symbols)), self.partners)


class LabelledPage(NamedTuple):
    """A page of numbers.

    pixels: uint8 [height, width], grey. text: its lines of digits. boxes: float32 [n, 4], left,
    top, right, bottom of the digits. digits: int64 [n], 0 to 9. Signs between them are not
    labelled.
    """

    pixels: NDArray[np.uint8]
    text: str
    boxes: NDArray[np.float32]
    digits: NDArray[np.int64]

    def match(self, found: Found) -> Match:
        """Pair what was found with the digits: none of it is doubtful."""
        return match(found, Found(self.boxes, self.digits), np.ones((1, 1), np.float32))


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
        found, truth, partners = match
        paired, invented = partners >= 0, partners == INVENTED
        pairs = truth.symbols[partners[paired]], found.symbols[paired]
        np.add.at(self.confusion, pairs, 1)
        np.add.at(self.confusion[NOTHING], found.symbols[invented], 1)
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
        """All errors: this over `total` is the error rate."""
        return self.missed + self.invented + self.wrong


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
    cells = targets.heat >= _PEAK
    return [
        _gather(*page)
        for page in zip(cells, targets.symbols, targets.boxes, targets.heat, strict=True)
    ]


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


def match(found: Found, truth: Found, weight: NDArray[np.float32]) -> Match:
    """Pair what was found on a page, the surest first, with the nearest symbol that is there.

    A pair's centre is within the true box, or within a cell of the middle of a smaller one. weight:
    float32 [h, w], 0 in cells where finding something is neither right nor wrong.
    """
    partners = np.full(len(found.symbols), INVENTED)
    free = np.ones(len(truth.symbols), bool)
    true_centres, reach = truth.centres, np.maximum(truth.sides / 2, STRIDE)
    for index, centre in enumerate(found.centres):
        away = np.abs(true_centres - centre)
        near = np.flatnonzero((away <= reach).all(1) & free)
        if len(near):
            partners[index] = near[np.hypot(*away[near].T).argmin()]
            free[partners[index]] = False
        elif _weight_at(weight, centre) == 0:
            partners[index] = DOUBTFUL
    return Match(found, truth, partners)


def _weight_at(weight: NDArray[np.float32], centre: NDArray[np.float32]) -> float:
    """The weight of the cell nearest to a point."""
    column, row = (centre / STRIDE).astype(int)
    height, width = weight.shape
    return float(weight[min(max(row, 0), height - 1), min(max(column, 0), width - 1)])
