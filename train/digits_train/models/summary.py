"""A network as a table of its layers: type, output shape and parameters."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from digits_train.models.network import BaseNetwork

# They share the row of the layer before: VGG-16 has 51 layers, and its table 23 rows.
_ELEMENTWISE = (nn.BatchNorm2d, nn.ReLU, nn.Dropout)


def table(model: BaseNetwork) -> Iterator[str]:
    """The lines of the table: a header, a row per layer in the order they compute, the total.

    A layer's output is that for one digit, or one crop of a page: channels, height and width, or a
    number of values. What is computed without a layer has no row.
    """
    total = sum(parameter.numel() for parameter in model.parameters())
    rows = [(*row, f"{count:,}") for *row, count in _trace(model)]
    cells = [("layer", "type", "output", "parameters"), *rows, ("total", "", "", f"{total:,}")]
    name, kind, output, count = (max(map(len, column)) for column in zip(*cells, strict=True))
    for row in cells:
        yield f"{row[0]:{name}}  {row[1]:{kind}}  {row[2]:{output}}  {row[3]:>{count}}"


@torch.inference_mode()
def _trace(model: BaseNetwork) -> list[tuple[str, str, str, int]]:
    """Run a blank picture through the network, and describe the layers in order."""
    training, counted = model.training, set[nn.Parameter]()
    rows: list[tuple[str, str, str, int]] = []

    def describe(name: str, layer: nn.Module, output: Tensor | tuple[Tensor, ...]) -> None:
        new = set(layer.parameters()) - counted  # a layer may be used twice
        counted.update(new)
        parameters, kind = sum(parameter.numel() for parameter in new), _type(layer)
        if rows and isinstance(layer, _ELEMENTWISE):
            name, before, shape, count = rows.pop()
            rows.append((name, f"{before} + {kind}", shape, count + parameters))
        else:
            first = output if isinstance(output, Tensor) else output[0]
            rows.append((name, kind, "x".join(map(str, first.shape[1:])), parameters))

    hooks = [
        layer.register_forward_hook(lambda it, _, output, name=name: describe(name, it, output))
        for name, layer in model.named_modules()
        if not list(layer.children())
    ]
    model.eval()  # keeps the blank picture out of batch norm's statistics
    device = next(model.parameters()).device
    model(torch.zeros(1, 1, model.side, model.side, dtype=torch.uint8, device=device))
    model.train(training)
    for hook in hooks:
        hook.remove()
    return rows


def _type(layer: nn.Module) -> str:
    kernel = getattr(layer, "kernel_size", ())
    sides = (kernel, kernel) if isinstance(kernel, int) else kernel
    return f"{type(layer).__name__} {'x'.join(map(str, sides))}".rstrip()
