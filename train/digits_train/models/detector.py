"""The detector: a fully convolutional network that finds the symbols of a page."""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, pixel_shuffle, relu

from digits.inference.interface import PAGE_MULTIPLE, SYMBOLS
from digits_train.config import DetectorRecipe
from digits_train.distributed import learning_cores
from digits_train.models.network import BaseNetwork, ConvBlock


class Maps(NamedTuple):
    """What the network says of n pages, as `digits.inference.detector_model.Maps` does of one.

    centres: [n, 1, h, w]. symbols: [n, 12, h, w]. boxes: [n, 4, h, w].
    """

    centres: Tensor
    symbols: Tensor
    boxes: Tensor


class LocalContrast(nn.Module):
    """Subtract the paper's brightness and divide by the contrast nearby.

    uint8 [n, 1, h, w], a grey page, to float32, -5 to 5. Both are means over squares of about 40
    and 100 pixels: of cells of 8x8 pixels, because those are cheap, and interpolated.
    """

    floor = 6.0  # grey values: the least contrast, so that blank paper's grain stays small

    def forward(self, pages: Tensor) -> Tensor:
        pixels = pages.float()
        difference = pixels - _enlarge(_mean(avg_pool2d(pixels, PAGE_MULTIPLE), 5))
        variance = _mean(avg_pool2d(difference * difference, PAGE_MULTIPLE), 13)
        return (difference / _enlarge(variance.sqrt() + self.floor)).clamp(-5, 5)


def _mean(cells: Tensor, side: int) -> Tensor:
    return avg_pool2d(cells, side, 1, side // 2, count_include_pad=False)


def _enlarge(cells: Tensor) -> Tensor:
    scale = float(PAGE_MULTIPLE)
    return interpolate(cells, scale_factor=scale, mode="bilinear", align_corners=False)


_DEFAULT = DetectorRecipe(
    "default",
    epochs=60,
    batch_size=16,
    learning_rate=3e-3,
    warmup_fraction=150 / (60 * 400),  # 150 steps
    schedule="cosine",
    weight_decay=0.02,
    ema_decay=0.999,
)
_FINETUNE = replace(
    _DEFAULT,
    name="finetune",
    epochs=1,
    crops=4800,
    learning_rate=5e-4,
    warmup_fraction=0.05,
    own=0.25,
)


class Detector(BaseNetwork):
    """Finds digits, minus signs and decimal points of about 10 to 60 pixels on a grey page.

    Input: uint8 [n, 1, height, width], 0 = black, 255 = white, multiples of 8. Output: Maps, at a
    stride of 4. 280,000 parameters.

    Most of the work is done at a stride of 8, where a convolution costs a quarter; dilated ones see
    217 pixels across, enough to tell a number from a word. The result returns to the stride of
    4 by sub-pixel convolution (W. Shi et al., "Real-time single image and video super-resolution",
    CVPR 2016), where neighbours a few pixels apart keep cells of their own. A symbol is the peak of
    a heatmap (X. Zhou et al., "Objects as points", 2019).
    """

    threads = learning_cores()  # the others compose what it is trained on
    mixed_precision = True
    recipes: Mapping[str, DetectorRecipe] = {
        "default": _DEFAULT,
        "quick": replace(_DEFAULT, name="quick", epochs=20, warmup_fraction=150 / (20 * 400)),
        "finetune": _FINETUNE,
    }

    def __init__(self) -> None:
        super().__init__()
        self.contrast = LocalContrast()
        self.stem = nn.Sequential(
            ConvBlock(1, 16, (5, 5), (2, 2)), ConvBlock(16, 32, stride=(2, 2)), ConvBlock(32, 32)
        )
        self.body = nn.Sequential(
            ConvBlock(32, 64, stride=(2, 2)),
            *(ConvBlock(64, 64, dilation=(far, far)) for far in (1, 2, 1, 4, 1, 2)),
        )
        self.up = nn.Conv2d(64, 4 * 32, 1)
        self.neck = nn.Sequential(ConvBlock(32, 32), ConvBlock(32, 32))
        self.channels = 1, len(SYMBOLS), 4  # of Maps
        self.heads = nn.Conv2d(32, sum(self.channels), 1)
        # At first a cell in thirty holds a centre: otherwise the empty ones swamp the gradient.
        nn.init.constant_(self.heads.bias[:1], -3.5)  # type: ignore[index]

    def forward(self, pages: Tensor) -> Maps:
        with torch.autocast(pages.device.type, enabled=False):  # bfloat16 can't hold a variance
            contrast = self.contrast(pages)
        fine = self.stem(contrast)
        merged = relu(fine + pixel_shuffle(self.up(self.body(fine)), 2))
        return Maps(*self.heads(self.neck(merged)).split(self.channels, 1))
