"""What detectors share: what they output, what they should, and the loss between the two."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from msgspec.structs import replace
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy, smooth_l1_loss

from digits.inference.interface import DETECTOR, STRIDE
from digits.reader.pyramid import BOX_UNIT
from digits_train.distributed import trainer_threads
from digits_train.models.network import BaseNetwork
from digits_train.recipes import DetectorRecipe
from digits_train.symbols import LabelledPage, cells

_SPREAD = 0.14  # standard deviation of a peak, as a share of the symbol's width or height
_MIN_SPREAD = 2.2  # pixels: a cell is 4
_NEIGHBOUR_SPREAD = 0.22  # of the distance to the next symbol: their peaks stay apart
_MIN_NEIGHBOUR_SPREAD = 1.4  # pixels
_NEAR = 0.35  # of a peak's height: there symbol and box are learnt
PEAK = 0.999  # of the heat: only a centre's own cell has so much
_PEAKS_DECAY = 0.99  # of the running mean of the peaks in a batch


_DEFAULT = DetectorRecipe(
    name="default",
    steps=48_000,  # of 16 windows; from 28,000 on errors stay, until the learning rate falls
    interval=400,
    batch_size=16,
    learning_rate=3e-3,
    beta2=0.99,
    max_gradient_norm=5.0,
    warmup_fraction=150 / 48_000,
    schedule="wsd",  # the last fifth brings the errors from 33.9 to 30.4 %
    weight_decay=0.02,
    ema_decay=0.999,  # 0.9 points fewer errors
    hands=1_500,
    texts=16_000,
    window=192,  # of 320 pixels, with as many in a batch: 8 points more errors
    validation=360,  # windows, with some 4,000 symbols; at the end, with 40,000
)


class Maps(NamedTuple):
    """What the network says of n pages, as `digits.inference.detector_model.Maps` does of one.

    centres: [n, 1, h, w]. symbols: [n, 12, h, w]. boxes: [n, 4, h, w].
    """

    centres: Tensor
    symbols: Tensor
    boxes: Tensor


class Targets(NamedTuple):
    """What the maps of n pages should be; h and w as in Maps.

    heat: float32 [n, h, w], 1 at the centre of a symbol, falling to 0. weight: float32 [n, h, w],
    of an empty cell: 0 where it is doubtful whether there is a symbol. symbols: int64 [n, h, w],
    places in SYMBOLS, or -1. boxes: float32 [n, 4, h, w], as in Maps.
    """

    heat: Tensor
    weight: Tensor
    symbols: Tensor
    boxes: Tensor

    def to(self, device: torch.device) -> "Targets":
        return Targets(*(tensor.to(device) for tensor in self))


class DetectorNetwork(BaseNetwork):
    """Any network from pages, uint8 [n, 1, height, width], 0 = black, to Maps at a stride of 4.

    Heights and widths are multiples of 16. A class of its own `targets` and `loss` may have
    targets of another kind, with a method `to`.
    """

    task = "detector"
    interface = DETECTOR
    recipe_type = DetectorRecipe
    undrawn = ("crop",)
    recipes: Mapping[str, DetectorRecipe] = {
        "default": _DEFAULT,
        "quick": replace(_DEFAULT, name="quick", steps=8_000, warmup_fraction=150 / 8_000),
    }
    threads = trainer_threads()  # the others compose what it is trained on
    mixed_precision = True
    mean_peaks: Tensor  # float32 []: how many symbols a batch has, on average; 0 before the first

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean_peaks", torch.zeros(()))

    @staticmethod
    def targets(pages: Sequence[LabelledPage]) -> Targets:
        """What the maps of pages of the same size should be, on the CPU."""
        maps = zip(*map(make_targets, pages), strict=True)
        return Targets(*(torch.from_numpy(np.stack(arrays)) for arrays in maps))

    def loss(self, maps: Maps, targets: Targets) -> Tensor:
        """The focal loss of the centres, and where symbols are, cross-entropy and smooth L1.

        X. Zhou et al., "Objects as points", 2019. There the centres' loss is divided by their
        number in the batch; here by a running mean, so that a batch with few isn't all about what
        is empty.
        """
        maps = Maps(*maps)  # own networks may return a plain tuple
        logits = maps.centres[:, 0].float()
        probability = logits.sigmoid().clamp(1e-4, 1 - 1e-4)
        peak = targets.heat >= PEAK
        full = (1 - probability) ** 2 * probability.log()
        empty = probability**2 * (1 - probability).log() * (1 - targets.heat) ** 4 * targets.weight
        centres = -torch.where(peak, full, empty).sum() / self._count_peaks(peak.sum())
        near = targets.symbols >= 0
        # The sum over no cells is 0, where the mean would be NaN.
        count = near.sum().clamp(min=1)
        scores = maps.symbols.float().movedim(1, -1)[near]
        symbols = cross_entropy(
            scores, targets.symbols[near], label_smoothing=0.03, reduction="sum"
        )
        predicted, boxes = (
            part.float().movedim(1, -1)[near] for part in (maps.boxes, targets.boxes)
        )
        sizes = smooth_l1_loss(predicted, boxes, beta=0.1, reduction="sum")
        return centres + symbols / count + sizes / (4 * count)

    def _count_peaks(self, peaks: Tensor) -> Tensor:
        """The mean number of a batch's peaks, at least 1; in training, this batch counts, too."""
        if self.training:
            is_first = self.mean_peaks == 0
            mean = self.mean_peaks.lerp(peaks.to(self.mean_peaks), 1 - _PEAKS_DECAY)
            self.mean_peaks.copy_(torch.where(is_first, peaks, mean))
        return self.mean_peaks.clamp(min=1)

    @torch.inference_mode()
    def predict(self, pages: Tensor) -> Maps:
        """The maps in full precision, on the CPU: rounded ones have equal neighbours, not peaks.

        pages: uint8 [n, 1, h, w], anywhere.
        """
        device, training = next(self.parameters()).device, self.training
        self.eval()
        with torch.autocast(device.type, enabled=False):
            maps = Maps(*(part.cpu() for part in self(pages.to(device))))
        self.train(training)
        return maps


Arrays = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]


def make_targets(page: LabelledPage) -> Arrays:
    """The arrays of Targets, without the n, for one page."""
    boxes, labels = page.truth
    down, across = (side // STRIDE for side in page.pixels.shape)
    places = (np.arange(max(down, across), dtype=np.float32) + 0.5) * STRIDE  # across and down
    heat, weight = np.zeros((down, across), np.float32), _weights(page, (down, across))
    owner, maps = np.full(heat.shape, -1, np.int64), np.zeros((4, *heat.shape), np.float32)
    centres = (boxes[:, :2] + boxes[:, 2:]) / np.float32(2)
    spreads = _spreads(boxes, centres)
    curves = np.exp(-(((places - centres[..., None]) / spreads[..., None]) ** 2) / 2)
    for index, (column, row) in enumerate((centres // STRIDE).astype(int)):
        peak = curves[index, 0, :across] * curves[index, 1, :down, None]
        peak[row, column] = weight[row, column] = 1
        owner[(peak > heat) & (peak > _NEAR)] = index
        np.maximum(heat, peak, out=heat)
    row, column = near = (owner >= 0).nonzero()
    nearest = owner[near]
    maps[:2, row, column] = (centres[nearest].T - (places[column], places[row])) / BOX_UNIT
    maps[2:, row, column] = np.log((boxes[:, 2:] - boxes[:, :2]).clip(1)[nearest].T / BOX_UNIT)
    owner[near] = labels[nearest]
    return heat, weight, owner, maps


def _weights(page: LabelledPage, shape: tuple[int, int]) -> NDArray[np.float32]:
    """0 in the cells where finding something is neither right nor wrong, else 1."""
    weight = np.ones(shape, np.float32)
    for box in page.doubtful:
        weight[cells(box)] = 0
    return weight


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
