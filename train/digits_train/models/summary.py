"""A network as a table of its layers: type, output shape and parameters."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from digits_train.models.network import BaseNetwork
from digits_train.models.reader import ConvBlock

# The table appends these to the layer before: VGG-16 has 51 layers, and its table 23 rows.
_ELEMENTWISE = (nn.BatchNorm2d, nn.ReLU, nn.Dropout)


class Layer(NamedTuple):
    """One layer of a network, or a row of its table.

    type: the layer's, with its settings: `Conv2d 6@5x5` has six kernels of 5x5. output: the shape
    for one digit, or one crop of a page: [channels, height, width] or [values]. parameters: their
    number.
    """

    name: str
    type: str
    output: list[int]
    parameters: int


def layers(model: BaseNetwork) -> list[Layer]:
    """Each layer of a network, in order."""
    return [layer for _, layer in _trace(model)]


def table(model: BaseNetwork) -> Iterator[str]:
    """The lines of the table: a header, a row per layer, the total."""
    rows: list[Layer] = []
    for module, layer in _trace(model):
        if rows and isinstance(module, _ELEMENTWISE):
            last = rows[-1]
            rows[-1] = last._replace(
                type=f"{last.type} + {layer.type}", parameters=last.parameters + layer.parameters
            )
        else:
            rows.append(layer)
    cells = [
        ("layer", "type", "output", "parameters"),
        *(
            (row.name, row.type, "x".join(map(str, row.output)), f"{row.parameters:,}")
            for row in rows
        ),
        ("total", "", "", f"{sum(row.parameters for row in rows):,}"),
    ]
    name, kind, output, count = (max(map(len, column)) for column in zip(*cells, strict=True))
    for row in cells:
        yield f"{row[0]:{name}}  {row[1]:{kind}}  {row[2]:{output}}  {row[3]:>{count}}"


@torch.inference_mode()
def _trace(model: BaseNetwork) -> list[tuple[nn.Module, Layer]]:
    """Run a blank picture through the network, and describe each layer."""
    training = model.training
    device = next(model.parameters()).device
    traced: list[tuple[nn.Module, Layer]] = []

    def describe(name: str, module: nn.Module, output: Tensor) -> None:
        parameters = sum(parameter.numel() for parameter in module.parameters())
        traced.append((module, Layer(name, _type(module), list(output.shape[1:]), parameters)))

    hooks = [
        module.register_forward_hook(lambda it, _, output, name=name: describe(name, it, output))
        for name, module in _named_layers(model)
    ]
    model.eval()  # keeps the blank picture out of batch norm's statistics
    model(torch.zeros(1, 1, model.side, model.side, dtype=torch.uint8, device=device))
    model.train(training)
    for hook in hooks:
        hook.remove()
    return traced


def _named_layers(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """The layers of a network, and those of the chains in it."""
    for name, module in model.named_children():
        if isinstance(module, nn.Sequential):
            yield from ((f"{name}.{inner}", layer) for inner, layer in _named_layers(module))
        else:
            yield name, module


def _type(layer: nn.Module) -> str:
    kind = type(layer).__name__
    match layer:
        case ConvBlock() | nn.Conv2d():
            return _convolution(layer)
        case nn.MaxPool2d():
            return f"{kind} {layer.kernel_size}x{layer.kernel_size}"
        case nn.ZeroPad2d():
            return f"{kind} {layer.padding[0]}"
        case nn.Linear():
            return f"{kind} {layer.out_features}"
        case nn.Dropout():
            return f"{kind} {layer.p:g}"
    return kind


def _convolution(layer: ConvBlock | nn.Conv2d) -> str:
    kind, conv = ("ConvBlock", layer.conv) if isinstance(layer, ConvBlock) else ("Conv2d", layer)
    height, width = conv.kernel_size
    settings = [kind, f"{conv.out_channels}@{height}x{width}"]
    for name, value in (("stride", conv.stride[0]), ("dilation", conv.dilation[0])):
        if value > 1:
            settings.append(f"{name} {value}")
    if kind == "Conv2d" and any(conv.padding):  # that of a ConvBlock keeps the size
        settings.append("padding " + "x".join(map(str, dict.fromkeys(conv.padding))))  # 1, or 1x2
    return " ".join(settings)
