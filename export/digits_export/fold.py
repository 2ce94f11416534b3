"""A trained network without the layers that other layers can do the work of."""

import copy
from collections import OrderedDict
from typing import cast

import torch
from torch import nn
from torch.nn.functional import pad
from torch.nn.utils.fusion import fuse_conv_bn_eval

from digits_export.calibration import UNCALIBRATED, Calibration
from digits_train.models import Network, Normalize
from digits_train.models.network import with_none


def fold(model: Network, calibration: Calibration = UNCALIBRATED) -> nn.Sequential:
    """From pixels to calibrated logits of the ten digits and of no digit, in fewer layers.

    Batch norm goes into the convolution before it, the normalisation and the paper around the
    digit into the first layer, the calibration into the last; dropout goes. What is left are
    convolutions, dense layers and layers without weights, in double precision until they are
    folded and then in float32. model: one that `digits_train.models.chain` takes.
    """
    folded: OrderedDict[str, nn.Module] = OrderedDict()
    paper, normalized = 0, False  # what waits for the first layer with weights
    for name, layer in copy.deepcopy(model).eval().double().named_children():
        if isinstance(layer, nn.ZeroPad2d):
            paper = int(layer.padding[0])
        elif isinstance(layer, Normalize):
            normalized = True
        elif isinstance(layer, nn.BatchNorm2d):
            previous = next(reversed(folded))
            folded[previous] = fuse_conv_bn_eval(cast(nn.Conv2d, folded[previous]), layer)
        elif not isinstance(layer, nn.Dropout):
            if isinstance(layer, nn.Conv2d | nn.Linear) and normalized:
                _fold_normalization(layer)
                if isinstance(layer, nn.Conv2d):
                    # It pads the pixels itself: what it adds is 0, and so is paper.
                    layer.padding = (paper, paper)
                normalized = False
            folded[name] = layer
    name = next(reversed(folded))
    folded[name] = _calibrated(cast(nn.Linear, folded[name]), calibration)
    return nn.Sequential(folded).float()


def _fold_normalization(layer: nn.Conv2d | nn.Linear) -> None:
    """Let the layer do to pixels x what it does to Normalize()(x).

    w·((x / 255 - mean) / deviation) + b  =  (w / (255·deviation))·x + (b - mean / deviation·Σw)
    """
    weight = layer.weight.detach()
    bias = torch.zeros(len(weight)) if layer.bias is None else layer.bias.detach()
    shift = Normalize.mean / Normalize.deviation * weight.flatten(1).sum(1)
    layer.weight = nn.Parameter(weight / (255 * Normalize.deviation))
    layer.bias = nn.Parameter(bias - shift)


def _calibrated(last: nn.Linear, calibration: Calibration) -> nn.Linear:
    """The last layer with an eleventh output, which is the same for all pictures."""
    found = nn.Linear(last.in_features, last.out_features + 1).double()
    bias = torch.zeros(last.out_features) if last.bias is None else last.bias.detach()
    weight = last.weight.detach() / calibration.temperature
    found.weight = nn.Parameter(pad(weight, (0, 0, 0, 1)))
    found.bias = nn.Parameter(with_none(bias / calibration.temperature, calibration.none_logit))
    return found
