"""Which modules can be trained, because a file answers as they do."""

import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, gelu

from digits.errors import DigitsError, ModelError
from digits_train import models
from digits_train.models import Network, Normalize
from digits_train.models.exportable import check

Forward = Callable[[Any, Tensor], Any]


class Small(Network):
    """One dense layer, or other layers, and any way through them."""

    def __init__(self, forward: Forward, **layers: nn.Module) -> None:
        super().__init__()
        self.compute = forward
        for name, layer in ({"fc": nn.Linear(784, 10)} | layers).items():
            self.add_module(name, layer)

    def forward(self, images: Tensor) -> Any:
        return self.compute(self, images)


class Convolutions(Network):
    """A stride, groups, one kernel for each channel, a residual connection."""

    def __init__(self) -> None:
        super().__init__()
        self.normalize = Normalize()
        self.conv = nn.Conv2d(1, 8, 5, stride=2)
        self.depthwise = nn.Conv2d(8, 8, 3, padding="same", groups=8, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.grouped = nn.Conv2d(8, 8, 1, groups=2)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(0.5)
        self.fc = nn.Linear(8, 10)

    def forward(self, images: Tensor) -> Tensor:
        x = gelu(self.conv(self.normalize(images)))
        x = x + self.grouped(self.norm(self.depthwise(x)).relu())
        logits: Tensor = self.fc(self.dropout(self.pool(x).flatten(1)))
        return logits


def perceptron() -> Network:
    layers = nn.Sequential(nn.LayerNorm(784), nn.Linear(784, 20), nn.GELU(), nn.Linear(20, 10))
    return Small(lambda self, x: self.fc((x / 255).flatten(1)), fc=layers)


def branching(self: Any, x: Tensor) -> Any:
    pixels = x.flatten(1) / 255
    if pixels.mean() > 0.1:
        return self.fc(pixels)
    return self.fc(pixels.sqrt())


@pytest.mark.slow
@pytest.mark.parametrize(
    "build",
    [models.LeNet5, models.VGG16, Convolutions, perceptron],
    ids=lambda build: build.__name__,
)
def test_exportable_and_unchanged(build: Callable[[], Network]) -> None:
    network = build().train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    generator = torch.get_rng_state()
    check(network)
    assert network.training
    assert torch.equal(torch.get_rng_state(), generator)
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


PIXELS: Forward = lambda self, x: self.fc((x / 255).flatten(1))  # noqa: E731


@pytest.mark.parametrize(
    ("forward", "layers", "complaint"),
    [
        (PIXELS, {"fc": nn.Linear(784, 11)}, r"for 2 pictures it returns float32 \[2, 11\], not "),
        (
            lambda self, x: PIXELS(self, x).double(),
            {},
            r"it returns float64 \[2, 10\], not float32",
        ),
        (lambda self, x: (PIXELS(self, x), x), {}, r"it returns tuple, not float32 \[2, 10\]"),
        (lambda self, x: PIXELS(self, x).log(), {}, "it returns NaN or infinite logits"),
        (PIXELS, {"spare": nn.Linear(2, 2)}, "spare.weight has no part in its logits"),
        (PIXELS, {"fc": nn.LazyLinear(10)}, "its lazy layers need their numbers of inputs"),
        (lambda self, x: self.fc(dropout(x.flatten(1) / 255)), {}, "differently .*: a dropout"),
    ],
)
def test_refused_without_export(
    forward: Forward, layers: dict[str, nn.Module], complaint: str
) -> None:
    with pytest.raises(ModelError, match=complaint):
        check(Small(forward, **layers))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("forward", "complaint"),
    [
        (branching, "PyTorch can't export it: line .*, `if pixels.mean.. > 0.1:`, depends on what"),
        (lambda self, x: self.fc(torch.linalg.pinv(x[:, 0] / 255).flatten(1)), "linalg_pinv"),
        (lambda self, x: self.fc((x / 255).flatten(1).cumsum(1)), "has the operator 'CumSum'"),
        (lambda self, x: self.fc((x / 255).view(len(x), 784)), "answers only 2 pictures at a time"),
        (
            lambda self, x: self.fc(torch.tensor(x.numpy() / 255.0).float().flatten(1)),
            "has the type 11",
        ),
    ],
)
def test_refused_by_export(forward: Forward, complaint: str) -> None:
    with pytest.raises(ModelError, match=complaint):
        check(Small(forward))


def test_without_onnx(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "digits_train.onnx_graph", None)
    with pytest.raises(DigitsError, match=r'pip install "digits\[train,export\]"$'):
        check(models.LeNet5())
