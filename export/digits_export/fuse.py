"""A trained network in fewer and faster layers: what can be computed ahead of time is.

The first convolution and its 2x2 max pool are computed in phases: a kernel shifted down or right by
one gives the result of the next row or column, so that four of them with a stride of 2 give what
the pool takes the maximum of, as adjacent channels. For LeNet-5 in int8 (onnxruntime 1.32, AVX-512)
that saves, with float kernels, 7 % of the time of one digit and 8 to 17 % of that of three to five,
with integer kernels 25 to 34 %: six channels fill less than half of the lanes.
"""

import copy
from collections import OrderedDict
from collections.abc import Sequence
from typing import cast

import torch
from torch import nn
from torch.nn.functional import pad
from torch.nn.utils.fusion import fuse_conv_bn_eval

from digits.inference.interface import INPUT
from digits_export.temperature import UNSCALED, TemperatureScaling
from digits_train.models import Network, Normalize
from digits_train.models.network import with_none

POOL_POSITIONS = 4  # in a 2x2 pool


def fuse(model: Network, scaling: TemperatureScaling = UNSCALED) -> nn.Sequential:
    """Return layers from pixels to scaled logits of the ten digits and of no digit.

    Folds batch norm into the convolution before it, normalization and padding into the first layer,
    and temperature scaling into the last; drops dropout. Only convolutions, dense layers and layers
    without weights remain. Computes in float64 and returns float32. model: one that
    `digits_train.models.chain` accepts.
    """
    fused: OrderedDict[str, nn.Module] = OrderedDict()
    padding, normalized = 0, False  # for the first layer with weights
    for name, layer in copy.deepcopy(model).eval().double().named_children():
        if isinstance(layer, nn.ZeroPad2d):
            padding = int(layer.padding[0])
        elif isinstance(layer, Normalize):
            normalized = True
        elif isinstance(layer, nn.BatchNorm2d):
            previous = next(reversed(fused))
            fused[previous] = fuse_conv_bn_eval(cast(nn.Conv2d, fused[previous]), layer)
        elif not isinstance(layer, nn.Dropout):
            if isinstance(layer, nn.Conv2d | nn.Linear) and normalized:
                _fold_normalization(layer)
                if isinstance(layer, nn.Conv2d):
                    # It now pads the raw pixels, where 0 is paper.
                    layer.padding = (padding, padding)
                normalized = False
            fused[name] = layer
    name = next(reversed(fused))
    fused[name] = _fold_temperature(cast(nn.Linear, fused[name]), scaling)
    return nn.Sequential(fused).float()


def _fold_normalization(layer: nn.Conv2d | nn.Linear) -> None:
    """Make layer(x) what layer(Normalize()(x)) was.

    w·((x / 255 - mean) / std) + b  =  (w / (255·std))·x + (b - mean / std·Σw)
    """
    weight = layer.weight.detach()
    bias = torch.zeros(len(weight)) if layer.bias is None else layer.bias.detach()
    shift = Normalize.mean / Normalize.std * weight.flatten(1).sum(1)
    layer.weight = nn.Parameter(weight / (255 * Normalize.std))
    layer.bias = nn.Parameter(bias - shift)


def _fold_temperature(last: nn.Linear, scaling: TemperatureScaling) -> nn.Linear:
    """Scale the last layer, and add the constant logit of no digit as an eleventh output."""
    scaled = nn.Linear(last.in_features, last.out_features + 1).double()
    bias = torch.zeros(last.out_features) if last.bias is None else last.bias.detach()
    weight = last.weight.detach() / scaling.temperature
    scaled.weight = nn.Parameter(pad(weight, (0, 0, 0, 1)))
    scaled.bias = nn.Parameter(with_none(bias / scaling.temperature, scaling.none_logit))
    return scaled


def matches_phases(layers: Sequence[nn.Module]) -> bool:
    """Whether the first convolution has one channel, no padding and a 2x2 pool of even size.

    Stride and dilation need no check: `digits_train.models.chain` allows no others than 1.
    """
    match list(layers[:3]):
        case [nn.Conv2d() as convolution, nn.ReLU(), nn.MaxPool2d() as pool]:
            (height, width), (rows, columns) = INPUT[2][1:], convolution.kernel_size
            even = (height - rows + 1) % 2 == (width - columns + 1) % 2 == 0
            plain = convolution.in_channels == 1 and convolution.padding == (0, 0)
            return even and plain and pool.kernel_size == 2
    return False


def to_phases(convolution: nn.Conv2d) -> nn.Conv2d:
    """Return the convolution for the four positions of the pool, which are adjacent channels."""
    filters, (height, width) = convolution.out_channels, convolution.kernel_size
    phases = nn.Conv2d(1, POOL_POSITIONS * filters, (height + 1, width + 1), stride=2)
    shifted = [
        pad(convolution.weight.detach(), (right, 1 - right, down, 1 - down))
        for down in (0, 1)
        for right in (0, 1)
    ]
    bias = torch.zeros(filters) if convolution.bias is None else convolution.bias.detach()
    phases.weight = nn.Parameter(torch.stack(shifted, 1).flatten(0, 1))
    phases.bias = nn.Parameter(bias.repeat_interleave(POOL_POSITIONS))
    return phases
