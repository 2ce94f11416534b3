"""The detector: a fully convolutional network that finds the symbols of a page."""

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, pixel_shuffle, relu

from digits.inference.interface import SYMBOLS
from digits_train.models.detection import DetectorNetwork, Maps
from digits_train.models.network import ConvBlock

_CELL = 8  # pixels


class LocalContrast(nn.Module):
    """Make ink of any colour on any paper dark ink on even paper.

    uint8 [n, 1, h, w], a grey page, to float32, -5 to 5: the difference from the paper's
    brightness nearby, divided by the contrast nearby, and turned around where most of what differs
    is lighter. All three are means over squares of about 40 and 100 pixels: of cells of 8x8 pixels,
    because those are cheap, and interpolated.
    """

    floor = 6.0  # grey values: the least contrast, so that blank paper's grain stays small
    steepness = 4.0  # with which the skewness of the grey values decides what is ink

    def forward(self, pages: Tensor) -> Tensor:
        pixels = pages.float()
        difference = pixels - _enlarge(_mean(_cells(pixels), 5))
        square = difference * difference
        contrast = _mean(_cells(square), 13).sqrt() + self.floor
        skewness = _mean(_cells(square * difference), 13) / contrast**3
        factor = (-self.steepness * skewness).tanh() / contrast
        return (difference * _enlarge(factor)).clamp(-5, 5)


def _cells(pixels: Tensor) -> Tensor:
    return avg_pool2d(pixels, _CELL)


def _mean(cells: Tensor, side: int) -> Tensor:
    return avg_pool2d(cells, side, 1, side // 2, count_include_pad=False)


def _enlarge(cells: Tensor) -> Tensor:
    return interpolate(cells, scale_factor=float(_CELL), mode="bilinear", align_corners=False)


class Detector(DetectorNetwork):
    """Finds digits, minus signs and decimal points of about 10 to 60 pixels on a grey page.

    Input: uint8 [n, 1, height, width], 0 = black, 255 = white, multiples of 16. Output: Maps, at a
    stride of 4. 340,000 parameters.

    Most of the work is done at strides of 8 and 16, where a convolution costs a quarter and a
    sixteenth and sees far enough to tell a number from a word. The results return to the finer
    strides by sub-pixel convolution (W. Shi et al., "Real-time single image and video
    super-resolution", CVPR 2016), at last to that of 4, where neighbours a few pixels apart keep
    cells of their own. A symbol is the peak of a heatmap (X. Zhou et al., "Objects as points",
    2019).
    """

    float_layers = ("stem.0.conv",)  # of one channel: integer kernels would take ten times as long

    def __init__(self) -> None:
        super().__init__()
        self.contrast = LocalContrast()
        self.stem = nn.Sequential(
            ConvBlock(1, 16, (5, 5), (2, 2)), ConvBlock(16, 32, stride=(2, 2)), ConvBlock(32, 32)
        )
        self.body = nn.Sequential(
            ConvBlock(32, 64, stride=(2, 2)), ConvBlock(64, 64), ConvBlock(64, 64)
        )
        self.deep = nn.Sequential(
            ConvBlock(64, 56, stride=(2, 2)), *(ConvBlock(56, 56) for _ in range(4))
        )
        self.deep_up = nn.Conv2d(56, 4 * 64, 1)
        self.merge = ConvBlock(64, 64)
        self.up = nn.Conv2d(64, 4 * 32, 1)
        self.neck = nn.Sequential(ConvBlock(32, 40), ConvBlock(40, 40))
        self.channels = 1, len(SYMBOLS), 4  # of Maps
        self.heads = nn.Conv2d(40, sum(self.channels), 1)
        # At first a cell in thirty holds a centre: otherwise the empty ones swamp the gradient.
        nn.init.constant_(self.heads.bias[:1], -3.5)  # type: ignore[index]

    def forward(self, pages: Tensor) -> Maps:
        with torch.autocast(pages.device.type, enabled=False):  # bfloat16 can't hold a variance
            contrast = self.contrast(pages)
        fine = self.stem(contrast)
        body = self.body(fine)
        body = self.merge(relu(body + pixel_shuffle(self.deep_up(self.deep(body)), 2)))
        fine = relu(fine + pixel_shuffle(self.up(body), 2))
        return Maps(*self.heads(self.neck(fine)).split(self.channels, 1))
