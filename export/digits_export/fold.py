"""A trained network without the layers that other layers can do the work of."""

import copy
from collections import OrderedDict

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from digits.errors import ModelError
from digits_train.models import Network, Normalize


def fold(model: Network, temperature: float = 1.0) -> nn.Sequential:
    """The same function from pixels to logits, divided by `temperature`, in fewer layers.

    Batch norm goes into the convolution before it, the normalisation and the paper around the
    digit into the first layer, the temperature into the last; dropout goes. What is left are
    convolutions, dense layers and layers without weights, in double precision until they are
    folded and then in float32. Raises ModelError where that can't be done exactly.
    """
    folded: OrderedDict[str, nn.Module] = OrderedDict()
    paper, normalized = 0, False  # what waits for the first layer with weights
    for name, layer in copy.deepcopy(model).eval().double().named_children():
        previous, last = next(reversed(folded.items()), ("", nn.Identity()))
        if isinstance(layer, nn.ZeroPad2d):
            paper = _paper(name, layer, first=not folded and not normalized and not paper)
        elif isinstance(layer, Normalize):
            if folded or normalized:
                raise ModelError(f"{name} can only be folded as the first layer")
            normalized = True
        elif isinstance(layer, nn.BatchNorm2d):
            if not isinstance(last, nn.Conv2d):
                raise ModelError(f"{name} follows no convolution, so it can't be folded into one")
            folded[previous] = fuse_conv_bn_eval(last, layer)
        elif not isinstance(layer, nn.Dropout):
            if isinstance(layer, nn.Conv2d | nn.Linear):
                if normalized:
                    _fold_normalization(name, layer)
                if paper:
                    _fold_paper(name, layer, paper)
                paper, normalized = 0, False
            elif paper or normalized and not isinstance(layer, nn.Flatten):
                raise ModelError(f"{name} stands between what is folded and the first weights")
            folded[name] = layer
    _divide(folded, temperature)
    return nn.Sequential(folded).float()


def _paper(name: str, layer: nn.ZeroPad2d, first: bool) -> int:
    """How many rings of pixels the layer adds."""
    rings = set(layer.padding)
    if not first or len(rings) != 1:
        raise ModelError(f"{name} can only be folded as the first layer, the same on all sides")
    return int(rings.pop())


def _fold_paper(name: str, layer: nn.Conv2d | nn.Linear, rings: int) -> None:
    """Let the layer pad the pixels itself: what it adds is 0, and so is paper."""
    if not isinstance(layer, nn.Conv2d) or layer.padding != (0, 0):
        raise ModelError(f"{name} can't pad the digit: it is no convolution, or pads already")
    layer.padding = (rings, rings)


def _fold_normalization(name: str, layer: nn.Conv2d | nn.Linear) -> None:
    """Let the layer do to pixels x what it does to Normalize()(x).

    w·((x / 255 - mean) / deviation) + b  =  (w / (255·deviation))·x + (b - mean / deviation·Σw)
    """
    if isinstance(layer, nn.Conv2d) and layer.padding != (0, 0):
        raise ModelError(f"{name} pads, so the normalisation can't be folded into it")
    weight = layer.weight.detach()
    bias = torch.zeros(len(weight)) if layer.bias is None else layer.bias.detach()
    shift = Normalize.mean / Normalize.deviation * weight.flatten(1).sum(1)
    layer.weight = nn.Parameter(weight / (255 * Normalize.deviation))
    layer.bias = nn.Parameter(bias - shift)


def _divide(layers: OrderedDict[str, nn.Module], by: float) -> None:
    last = next(reversed(layers.values()))
    if not isinstance(last, nn.Linear):
        raise ModelError("the last layer is not dense, so the temperature can't be folded into it")
    last.weight = nn.Parameter(last.weight.detach() / by)
    if last.bias is not None:
        last.bias = nn.Parameter(last.bias.detach() / by)
