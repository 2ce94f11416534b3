"""A network as a table of its layers: type, output shape and parameters."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from digits_train.models.network import BaseNetwork
from digits_train.models.reader import ConvBlock

# They share the row of the layer before: VGG-16 has 51 layers, and its table 23 rows.
_ELEMENTWISE = (nn.BatchNorm2d, nn.ReLU, nn.Dropout)


class _Row(NamedTuple):
    name: str
    type: str
    output: str
    parameters: int


def table(model: BaseNetwork) -> Iterator[str]:
    """The lines of the table: a header, a row per layer, the total.

    A layer's type has its settings: `Conv2d 6@5x5` has six kernels of 5x5. Its output is that for
    one digit, or one crop of a page: channels, height and width, or a number of values.
    """
    rows = _trace(model)
    total = sum(row.parameters for row in rows)
    cells = [
        ("layer", "type", "output", "parameters"),
        *((*row[:3], f"{row.parameters:,}") for row in rows),
        ("total", "", "", f"{total:,}"),
    ]
    name, kind, output, count = (max(map(len, column)) for column in zip(*cells, strict=True))
    for row in cells:
        yield f"{row[0]:{name}}  {row[1]:{kind}}  {row[2]:{output}}  {row[3]:>{count}}"


@torch.inference_mode()
def _trace(model: BaseNetwork) -> list[_Row]:
    """Run a blank picture through the network, and describe the layers in order."""
    training = model.training
    device = next(model.parameters()).device
    rows: list[_Row] = []

    def describe(name: str, layer: nn.Module, output: Tensor) -> None:
        parameters = sum(parameter.numel() for parameter in layer.parameters())
        if rows and isinstance(layer, _ELEMENTWISE):
            name, kind, shape, before = rows.pop()
            rows.append(_Row(name, f"{kind} + {_type(layer)}", shape, before + parameters))
        else:
            shape = "x".join(map(str, output.shape[1:]))
            rows.append(_Row(name, _type(layer), shape, parameters))

    hooks = [
        layer.register_forward_hook(lambda it, _, output, name=name: describe(name, it, output))
        for name, layer in _named_layers(model)
    ]
    model.eval()  # keeps the blank picture out of batch norm's statistics
    model(torch.zeros(1, 1, model.side, model.side, dtype=torch.uint8, device=device))
    model.train(training)
    for hook in hooks:
        hook.remove()
    return rows


def _named_layers(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """The layers of a network, and those of the chains in it."""
    for name, module in model.named_children():
        if isinstance(module, nn.Sequential):
            yield from ((f"{name}.{inner}", layer) for inner, layer in _named_layers(module))
        else:
            yield name, module


def _type(layer: nn.Module) -> str:
    match layer:
        case ConvBlock():
            settings = _convolution(layer.conv)
        case nn.Conv2d():
            settings = _convolution(layer)
            if any(layer.padding):
                settings += " padding " + "x".join(map(str, dict.fromkeys(layer.padding)))
        case nn.MaxPool2d():
            settings = f"{layer.kernel_size}x{layer.kernel_size}"
        case nn.ZeroPad2d():
            settings = str(layer.padding[0])
        case nn.Linear():
            settings = str(layer.out_features)
        case nn.Dropout():
            settings = f"{layer.p:g}"
        case _:
            settings = ""
    kind = "Conv2d" if isinstance(layer, nn.Conv2d) else type(layer).__name__
    return f"{kind} {settings}".rstrip()


def _convolution(layer: nn.Conv2d) -> str:
    height, width = layer.kernel_size
    settings = f"{layer.out_channels}@{height}x{width}"
    for name, value in (("stride", layer.stride[0]), ("dilation", layer.dilation[0])):
        settings += f" {name} {value}" * (value > 1)
    return settings
