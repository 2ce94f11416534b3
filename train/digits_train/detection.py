"""What the detector learns: where symbols are, which, and how large."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy, smooth_l1_loss

from digits.inference.interface import MAX_DIGIT_HEIGHT, MIN_DIGIT_HEIGHT, STRIDE
from digits.reader.pyramid import BOX_UNIT
from digits_train.models.detector import Maps
from digits_train.symbols import Box, Symbol, columns

_VAGUE = 95.0  # pixels: of still larger digits even the middle is no digit
_SPREAD = 0.14  # standard deviation of a peak, as a share of the symbol's width or height
_MIN_SPREAD = 2.2  # pixels: a cell is 4
_NEIGHBOUR_SPREAD = 0.22  # of the distance to the next symbol: their peaks stay apart
_MIN_NEIGHBOUR_SPREAD = 1.4  # pixels
_NEAR = 0.35  # of a peak's height: there symbol and box are learnt
PEAK = 0.999  # of the heat: only a centre's own cell has so much


class Targets(NamedTuple):
    """What the maps of n pages should be; h and w as in Maps. Those of one page lack the n.

    heat: float32 [n, h, w], 1 at the centre of a symbol, falling to 0. weight: float32 [n, h, w],
    of an empty cell: 0 where it is doubtful whether there is a symbol. symbols: int64 [n, h, w],
    places in SYMBOLS, or -1. boxes: float32 [n, 4, h, w], as in Maps.
    """

    heat: Tensor
    weight: Tensor
    symbols: Tensor
    boxes: Tensor


def detection_loss(maps: Maps, targets: Targets) -> Tensor:
    """The focal loss of the centres, and where symbols are, cross-entropy and smooth L1: a scalar.

    X. Zhou et al., "Objects as points", 2019. Centres are summed and divided by their number.
    """
    logits = maps.centres[:, 0].float()
    probability = logits.sigmoid().clamp(1e-4, 1 - 1e-4)
    peak = targets.heat >= PEAK
    full = (1 - probability) ** 2 * probability.log()
    empty = probability**2 * (1 - probability).log() * (1 - targets.heat) ** 4 * targets.weight
    centres = -torch.where(peak, full, empty).sum() / peak.sum().clamp(min=1)
    near = targets.symbols >= 0
    # The sum over no cells is 0, where the mean would be NaN.
    count = near.sum().clamp(min=1)
    scores = maps.symbols.float().movedim(1, -1)[near]
    symbols = cross_entropy(scores, targets.symbols[near], label_smoothing=0.03, reduction="sum")
    predicted, boxes = (part.float().movedim(1, -1)[near] for part in (maps.boxes, targets.boxes))
    sizes = smooth_l1_loss(predicted, boxes, beta=0.1, reduction="sum")
    return centres + symbols / count + sizes / (4 * count)


def make_targets(
    shape: tuple[int, int], symbols: Sequence[Symbol], doubtful: Sequence[Box] = ()
) -> Targets:
    """Targets of a page of a height and width in pixels.

    doubtful: boxes in which finding something is neither right nor wrong.
    """
    boxes, labels, heights = columns(symbols)
    down, across = shape[0] // STRIDE, shape[1] // STRIDE
    places = (np.arange(max(down, across), dtype=np.float32) + 0.5) * STRIDE  # across and down
    heat, weight = np.zeros((down, across), np.float32), np.ones((down, across), np.float32)
    owner, maps = np.full(heat.shape, -1, np.int64), np.zeros((4, *heat.shape), np.float32)
    centres = (boxes[:, :2] + boxes[:, 2:]) / np.float32(2)
    spreads = _spreads(boxes, centres)
    middles = (centres // STRIDE).astype(int)
    fits, learnt = _fits(heights), are_learnable(boxes, heights, shape)
    beyond = boxes[fits & ~learnt].tolist()
    unfit = map(_uncertain, boxes[~fits], heights[~fits].tolist())
    for box in (*doubtful, *beyond, *unfit):
        weight[cells(box)] = 0
    curves = np.exp(-(((places - centres[..., None]) / spreads[..., None]) ** 2) / 2)
    for index in np.flatnonzero(learnt):
        peak = curves[index, 0, :across] * curves[index, 1, :down, None]
        column, row = middles[index]
        peak[row, column] = weight[row, column] = 1
        owner[(peak > heat) & (peak > _NEAR)] = index
        np.maximum(heat, peak, out=heat)
    row, column = near = (owner >= 0).nonzero()
    nearest = owner[near]
    maps[:2, row, column] = (centres[nearest].T - (places[column], places[row])) / BOX_UNIT
    maps[2:, row, column] = np.log((boxes[:, 2:] - boxes[:, :2]).clip(1)[nearest].T / BOX_UNIT)
    owner[near] = labels[nearest]
    return Targets(*map(torch.from_numpy, (heat, weight, owner, maps)))


def are_learnable(
    boxes: NDArray[np.float32], heights: NDArray[np.float32], shape: tuple[int, int]
) -> NDArray[np.bool_]:
    """Which symbols should be found on a page of this height and width: bool [n].

    Those of a size that the detector knows, whose centre is on the page.
    """
    cells = (boxes[:, :2] + boxes[:, 2:]) // (2 * STRIDE)
    last = shape[1] // STRIDE, shape[0] // STRIDE
    return np.asarray(_fits(heights) & ((cells >= 0) & (cells < last)).all(1))


def _fits(heights: NDArray[np.float32]) -> NDArray[np.bool_]:
    return (heights >= MIN_DIGIT_HEIGHT) & (heights <= MAX_DIGIT_HEIGHT)


def _spreads(boxes: NDArray[np.float32], centres: NDArray[np.float32]) -> NDArray[np.float32]:
    """Standard deviations of the peaks across and down, in pixels: float32 [n, 2]."""
    sides = boxes[:, 2:] - boxes[:, :2]
    spreads = np.maximum(_SPREAD * sides, _MIN_SPREAD)
    away = np.abs(centres[:, None] - centres)
    far = np.hypot(away[..., 0], away[..., 1])
    far[away[..., 1] > 0.5 * np.maximum(sides[:, 1:], sides[:, 1])] = np.inf  # another line
    np.fill_diagonal(far, np.inf)
    nearest = np.maximum(_NEIGHBOUR_SPREAD * far.min(1, initial=np.inf), _MIN_NEIGHBOUR_SPREAD)
    spreads[:, 0] = np.minimum(spreads[:, 0], nearest)
    return np.asarray(spreads, np.float32)


def _uncertain(box: NDArray[np.float32], height: float) -> list[float]:
    """Where a symbol too small or too large to be found may be found all the same.

    The parts of a large one are no digits. Of a very large one nothing looks like a digit.
    """
    share = 1.0 if height < MIN_DIGIT_HEIGHT else 0.4 if height <= _VAGUE else 0.0
    middle, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2 * np.float32(share)
    return [*(middle - half).tolist(), *(middle + half).tolist()]


def cells(box: Sequence[float]) -> tuple[slice, slice]:
    """The cells that a box touches: rows and columns; empty if it has no extent."""
    left, top, right, bottom = (max(0, int(side // STRIDE)) for side in box)
    if box[2] <= max(box[0], 0) or box[3] <= max(box[1], 0):
        return slice(0), slice(0)
    return slice(top, bottom + 1), slice(left, right + 1)
