"""Compare the symbols that a detector finds on pages with those that are there.

Networks are judged so, in a single look; `digits read` combines several.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from digits.alignment import Score
from digits.inference.interface import STRIDE, SYMBOLS
from digits.reader.detections import Detections
from digits.reader.pyramid import Level, find_peaks
from digits_train.models.detector import Maps
from digits_train.models.network import BaseNetwork

NOTHING = len(SYMBOLS)  # the last row and column of a confusion matrix
INVENTED, DOUBTFUL = -1, -2  # instead of a partner


class Truth(NamedTuple):
    """The symbols of a page.

    boxes: [n, 4], left, top, right, bottom in pixels. symbols: int64 [n], places in SYMBOLS.
    """

    boxes: NDArray[Any]
    symbols: NDArray[np.int64]


class LabelledPage(NamedTuple):
    """A page and its symbols.

    pixels: uint8 [height, width], grey. text: where a page has a number a line, and nothing else,
    its lines. weight: float32 [h, w], 0 in cells where finding something is neither right nor
    wrong.
    """

    pixels: NDArray[np.uint8]
    text: str
    truth: Truth
    weight: NDArray[np.float32]

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
        # The weights of the cells nearest to what was found.
        last = np.array(self.weight.shape[::-1]) - 1
        columns, rows = np.clip((centres / STRIDE).astype(int), 0, last).T
        partners[self.weight[rows, columns] == 0] = DOUBTFUL
        for index, centre in enumerate(centres):
            away = np.abs(true_centres - centre)
            near = np.flatnonzero((away <= reach).all(1) & free)
            if len(near):
                partners[index] = near[np.hypot(*away[near].T).argmin()]
                free[partners[index]] = False
        return Match(self, boxes, symbols, partners)


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
        return score(confusion([self]))


def confusion(matches: Iterable[Match]) -> NDArray[np.int64]:
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


def find_symbols(maps: Maps) -> list[Detections]:
    """The symbols of each page that are there more likely than not, surest first."""
    centres, symbols, boxes = (part.float().numpy() for part in maps)
    high = np.where(centres[:, 0] > 0, centres[:, 0], -np.inf)
    scale, origin = np.ones(2), np.zeros(2)
    parts = zip(high, symbols, boxes, strict=True)
    pages = (find_peaks(Level(scale, origin, *part)) for part in parts)
    return [page.select(np.argsort(-page.scores, kind="stable")) for page in pages]
