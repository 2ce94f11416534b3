"""A network as a table of its layers: type, output shape and parameters."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import nn

from digits_train.models.network import Network

# The table appends these to the layer before: VGG-16 has 51 layers, and its table 23 rows.
_ELEMENTWISE = (nn.BatchNorm2d, nn.ReLU, nn.Dropout)


class Layer(NamedTuple):
    """One layer of a network, or a row of its table.

    type: the layer's, with its settings: `Conv2d 6@5x5` has six kernels of 5x5. output: the shape
    for one digit, [channels, height, width] or [values]. parameters: their number.
    """

    name: str
    type: str
    output: list[int]
    parameters: int


def layers(model: Network) -> list[Layer]:
    """Each layer of a network, in order."""
    return [layer for _, layer in _trace(model)]


def table(model: Network) -> Iterator[str]:
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
def _trace(model: Network) -> list[tuple[nn.Module, Layer]]:
    """Run a blank frame through the network, and describe each layer."""
    training = model.training
    device = next(model.parameters()).device
    values = torch.zeros(1, 1, 28, 28, dtype=torch.uint8, device=device)
    traced = []
    model.eval()  # keeps the blank frame out of batch norm's statistics
    for name, module in model.named_children():
        values = module(values)
        parameters = sum(parameter.numel() for parameter in module.parameters())
        traced.append((module, Layer(name, _type(module), list(values.shape[1:]), parameters)))
    model.train(training)
    return traced


def _type(layer: nn.Module) -> str:
    kind = "Conv2d" if isinstance(layer, nn.Conv2d) else type(layer).__name__
    match layer:
        case nn.Conv2d():
            height, width = layer.kernel_size
            padding = "x".join(map(str, dict.fromkeys(layer.padding)))  # 1, or 1x2
            padded = f" padding {padding}" if any(layer.padding) else ""
            return f"{kind} {layer.out_channels}@{height}x{width}{padded}"
        case nn.MaxPool2d():
            return f"{kind} {layer.kernel_size}x{layer.kernel_size}"
        case nn.ZeroPad2d():
            return f"{kind} {layer.padding[0]}"
        case nn.Linear():
            return f"{kind} {layer.out_features}"
        case nn.Dropout():
            return f"{kind} {layer.p:g}"
    return kind
