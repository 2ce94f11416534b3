"""What a network may consist of, so that `digits export` can write it; checked before training."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from digits.errors import ModelError
from digits_train.models.conv import SmallMapConv2d
from digits_train.models.network import Network, Normalize

_ANY: tuple[Callable[[Any], bool], str] = (lambda layer: True, "")

# The layers that a chain may have, and what the exporter requires of each.
LAYERS: dict[type[nn.Module], tuple[Callable[[Any], bool], str]] = {
    Normalize: _ANY,
    nn.ZeroPad2d: (
        lambda layer: len({*layer.padding}) == 1 and layer.padding[0] >= 0,
        "the same padding on all sides",
    ),
    nn.Conv2d: (
        lambda layer: (
            (layer.stride, layer.dilation, layer.groups) == ((1, 1), (1, 1), 1)
            and layer.padding_mode == "zeros"
            and not isinstance(layer.padding, str)
            and max(layer.padding) <= max(layer.kernel_size)
        ),
        "a stride, a dilation and groups of 1, and at most as many zeros of padding as the"
        " kernel is long",
    ),
    nn.BatchNorm2d: (lambda layer: layer.track_running_stats, "running statistics"),
    nn.ReLU: _ANY,
    nn.MaxPool2d: (
        lambda layer: (
            isinstance(layer.kernel_size, int)
            and (layer.stride, layer.padding, layer.dilation) == (layer.kernel_size, 0, 1)
            and not (layer.ceil_mode or layer.return_indices)
        ),
        "one number for window and stride, and nothing else",
    ),
    nn.Dropout: _ANY,
    nn.Flatten: (
        lambda layer: (layer.start_dim, layer.end_dim) == (1, -1),
        "all dimensions but the batch's",
    ),
    nn.Linear: _ANY,
}

# Up to the first weights, into which the exporter folds what precedes them.
_BEGINNINGS = (
    [Normalize, nn.Conv2d],
    [nn.ZeroPad2d, Normalize, nn.Conv2d],
    [Normalize, nn.Flatten, nn.Linear],
)
_WEIGHTS = (nn.Conv2d, nn.Linear)
# Names in the exported graph.
_RESERVED = ("images", "pixels", "softmax", "shares", "probabilities")


def check(model: Network) -> None:
    """Raise ModelError, naming the layer, if `digits export` can't write the network.

    model: with any weights.
    """
    if type(model).forward is not nn.Sequential.forward:
        raise ModelError("it overrides forward(); a network is a chain of layers")
    layers = [(name, layer) for name, layer in model._modules.items() if layer is not None]
    for index, (name, layer) in enumerate(layers):
        if any(layer is earlier for _, earlier in layers[:index]):
            raise ModelError(f"{name} is already in the chain; make a new layer")
        _check_layer(name, layer)
    # Dropout does nothing in inference.
    _check_order([(name, layer) for name, layer in layers if not isinstance(layer, nn.Dropout)])
    _check_logits(model)


def _check_layer(name: str, layer: nn.Module) -> None:
    if name in _RESERVED:
        raise ModelError(f"{name} is reserved in the exported file; rename the layer")
    if _kind(layer) not in LAYERS:
        known = ", ".join(kind.__name__ for kind in LAYERS)
        raise ModelError(f"{name} is a {type(layer).__name__}; only these can be exported: {known}")
    fits, needed = LAYERS[_kind(layer)]
    if not fits(layer):
        raise ModelError(f"{name} is {layer}; to be exported, it needs {needed}")


def _kind(layer: nn.Module) -> type[nn.Module]:
    return nn.Conv2d if type(layer) is SmallMapConv2d else type(layer)


def _check_order(layers: list[tuple[str, nn.Module]]) -> None:
    kinds = [_kind(layer) for _, layer in layers]
    first = next((index for index, kind in enumerate(kinds) if kind in _WEIGHTS), len(kinds))
    if kinds[: first + 1] not in _BEGINNINGS:
        raise ModelError(
            "it must begin with Normalize and Conv2d; ZeroPad2d, Normalize and Conv2d; or"
            " Normalize, Flatten and Linear"
        )
    name, layer = layers[first]
    if isinstance(layer, nn.Conv2d) and layer.padding != (0, 0):
        raise ModelError(
            f"{name} pads with 0, which after Normalize isn't paper; begin with a ZeroPad2d"
        )
    before, pad = layers[0]
    padding = pad.padding[0] if isinstance(pad, nn.ZeroPad2d) else 0
    if isinstance(layer, nn.Conv2d) and padding > max(layer.kernel_size):
        raise ModelError(f"{before} pads by more than the kernel of {name} is long")
    for index, (name, layer) in enumerate(layers[first + 1 :], first + 1):
        earlier = kinds[:index]
        if isinstance(layer, Normalize | nn.ZeroPad2d):
            raise ModelError(f"{name} is allowed only at the beginning")
        if isinstance(layer, nn.BatchNorm2d) and earlier[-1] is not nn.Conv2d:
            raise ModelError(f"{name} must follow a Conv2d")
        if isinstance(layer, nn.Linear) and nn.Flatten not in earlier:
            raise ModelError(f"{name} needs a Flatten before it")
    if kinds[-1] is not nn.Linear:
        raise ModelError(f"it must end with a Linear, not with {layers[-1][0]}")


@torch.inference_mode()
def _check_logits(model: Network) -> None:
    training = model.training
    try:
        logits = model.eval()(torch.zeros(2, 1, 28, 28, dtype=torch.uint8))
    except RuntimeError as error:
        cause = str(error).partition("\n")[0]
        raise ModelError(f"it can't process 28x28 pixels ({cause})") from error
    finally:
        model.train(training)
    if logits.shape != (2, 10) or logits.dtype != torch.float32:
        given = f"{str(logits.dtype).removeprefix('torch.')} {list(logits.shape[1:])}"
        raise ModelError(f"it must return float32 [10] logits per picture, not {given}")
