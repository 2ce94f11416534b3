"""What a network may consist of: what `digits export` can write, said before it is trained."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from digits.errors import ModelError
from digits_train.models.conv import SmallMapConv2d
from digits_train.models.network import Network, Normalize

_ALWAYS: tuple[Callable[[Any], bool], str] = (lambda layer: True, "")

# Each layer that a chain may have, and what the exporter needs of it.
LAYERS: dict[type[nn.Module], tuple[Callable[[Any], bool], str]] = {
    Normalize: _ALWAYS,
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
        "a stride, a dilation and groups of 1, and zeros in a given number, no more than the kernel"
        " is long, as padding",
    ),
    nn.BatchNorm2d: (lambda layer: layer.track_running_stats, "running statistics"),
    nn.ReLU: _ALWAYS,
    nn.MaxPool2d: (
        lambda layer: (
            isinstance(layer.kernel_size, int)
            and (layer.stride, layer.padding, layer.dilation) == (layer.kernel_size, 0, 1)
            and not (layer.ceil_mode or layer.return_indices)
        ),
        "one number for window and stride, and nothing else",
    ),
    nn.Dropout: _ALWAYS,
    nn.Flatten: (
        lambda layer: (layer.start_dim, layer.end_dim) == (1, -1),
        "all dimensions but the batch's",
    ),
    nn.Linear: _ALWAYS,
}

# Up to the first weights, into which the exporter folds what comes before them.
_HEADS = (
    [Normalize, nn.Conv2d],
    [nn.ZeroPad2d, Normalize, nn.Conv2d],
    [Normalize, nn.Flatten, nn.Linear],
)
_WEIGHTS = (nn.Conv2d, nn.Linear)
_TAKEN = ("images", "pixels", "softmax", "shares", "probabilities")  # names in the exported graph


def check(model: Network) -> None:
    """Raise ModelError, which names the layer, unless `digits export` can write the network.

    model: with any weights.
    """
    if type(model).forward is not nn.Sequential.forward:
        raise ModelError("it has a forward() of its own; a network is a chain of layers")
    layers = [(name, layer) for name, layer in model._modules.items() if layer is not None]
    for place, (name, layer) in enumerate(layers):
        if any(layer is other for _, other in layers[:place]):
            raise ModelError(f"{name} is a layer that is in the chain already; make a new one")
        _check_layer(name, layer)
    # In use, dropout does nothing.
    _check_order([(name, layer) for name, layer in layers if not isinstance(layer, nn.Dropout)])
    _check_logits(model)


def _check_layer(name: str, layer: nn.Module) -> None:
    if name in _TAKEN:
        raise ModelError(f"a layer can't be called {name}, as something in the exported file is")
    if _kind(layer) not in LAYERS:
        known = ", ".join(kind.__name__ for kind in LAYERS)
        raise ModelError(f"{name} is a {type(layer).__name__}; what can be exported are {known}")
    fits, needed = LAYERS[_kind(layer)]
    if not fits(layer):
        raise ModelError(f"{name} is {layer}; what can be exported has {needed}")


def _kind(layer: nn.Module) -> type[nn.Module]:
    return nn.Conv2d if type(layer) is SmallMapConv2d else type(layer)


def _check_order(layers: list[tuple[str, nn.Module]]) -> None:
    kinds = [_kind(layer) for _, layer in layers]
    first = next((place for place, kind in enumerate(kinds) if kind in _WEIGHTS), len(kinds))
    if kinds[: first + 1] not in _HEADS:
        raise ModelError(
            "it must begin with Normalize and Conv2d, with ZeroPad2d, Normalize and Conv2d, or with"
            " Normalize, Flatten and Linear"
        )
    name, layer = layers[first]
    if isinstance(layer, nn.Conv2d) and layer.padding != (0, 0):
        raise ModelError(
            f"{name} pads with 0, which after Normalize is no paper; pad by ZeroPad2d before it"
        )
    before, pad = layers[0]
    rings = pad.padding[0] if isinstance(pad, nn.ZeroPad2d) else 0
    if isinstance(layer, nn.Conv2d) and rings > max(layer.kernel_size):
        raise ModelError(f"{before} pads by more than the kernel of {name} is long")
    for place, (name, layer) in enumerate(layers[first + 1 :], first + 1):
        earlier = kinds[:place]
        if isinstance(layer, Normalize | nn.ZeroPad2d):
            raise ModelError(f"{name} can only be at the beginning")
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
        raise ModelError(f"it can't read pictures of 28x28 pixels ({cause})") from error
    finally:
        model.train(training)
    if logits.shape != (2, 10) or logits.dtype != torch.float32:
        found = f"{str(logits.dtype).removeprefix('torch.')} {list(logits.shape[1:])}"
        raise ModelError(f"it must give ten float32 logits for a picture, not {found}")
