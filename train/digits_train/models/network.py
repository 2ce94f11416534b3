"""What all networks share."""

from collections.abc import Mapping
from textwrap import shorten
from typing import Any, ClassVar, Self

import torch
from msgspec.structs import replace
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad, relu

from digits.data.table import NO_DIGIT
from digits.inference.interface import CLASSIFIER, Interface
from digits.inference.interface import Tensor as TensorType
from digits.inference.metadata import Kernels, NetworkTask
from digits_train.camera.ranges import RANGES, Ranges
from digits_train.recipes import CLASSIC, FINETUNE, QUICK, AnyRecipe, BaseRecipe, ClassifierRecipe


class Normalize(nn.Module):
    """Scale pixels (0 to 255) to zero mean and unit variance over MNIST's training digits.

    `digits export` folds it into a convolution that has no padding of its own, or a dense layer,
    directly after it. Dividing by 255 alone costs `classic` 0.2 points of validation accuracy.
    """

    mean = 0.1307  # of the training pixels, where 1 = full ink
    std = 0.3081

    def forward(self, images: Tensor) -> Tensor:
        return (images / 255 - self.mean) / self.std


NONE = NO_DIGIT  # the class of non-digits


def with_none(logits: Tensor, none_logit: float = 0.0) -> Tensor:
    """Append the logit of the class NONE: [n, 10] -> [n, 11].

    It is the same for all pictures: a non-digit is what looks like none of the ten. So a network
    learns how much a picture looks like a digit at all (the sum of the exponentials of its logits,
    the "free energy" of W. Liu et al., "Energy-based out-of-distribution detection", NeurIPS 2020)
    without another weight.
    """
    return pad(logits, (0, 1), value=none_logit)


def probabilities(logits: Tensor, none_logit: float = 0.0) -> Tensor:
    """The ten digits' probabilities, float32 [n, 10], from logits [n, 10].

    A non-digit might be any digit: that class's probability is divided evenly.
    """
    eleven = with_none(logits, none_logit).softmax(1)
    return eleven[:, :NONE] + eleven[:, NONE:] / NONE


class ConvBlock(nn.Module):
    """Convolution, batch norm and ReLU; with a residual connection where the shape stays.

    kernel, stride, dilation: down and across.
    """

    def __init__(
        self,
        channels: int,
        filters: int,
        kernel: tuple[int, int] = (3, 3),
        stride: tuple[int, int] = (1, 1),
        dilation: tuple[int, int] = (1, 1),
    ) -> None:
        super().__init__()
        padding = dilation[0] * (kernel[0] // 2), dilation[1] * (kernel[1] // 2)
        self.conv = nn.Conv2d(channels, filters, kernel, stride, padding, dilation, bias=False)
        self.norm = nn.BatchNorm2d(filters)
        self.residual = channels == filters and stride == (1, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.conv(x))
        return relu(x + y if self.residual else y)


class BaseNetwork(nn.Module):
    """What training and export ask of any network.

    task: what it learns (`digits_train.tasks`). interface: of the network in PyTorch. recipes: how
    to train it, all of recipe_type; without --recipe, `default`. camera: how the pictures vary that
    it learns from. undrawn: sections of that, of which it sees nothing. threads: for training on a
    CPU; None: one per core. mixed_precision: whether training gains from bfloat16. float_layers:
    whose weights stay float when the others are quantized. kernels: onnxruntime's fastest for the
    quantized file.
    """

    task: ClassVar[NetworkTask]
    interface: ClassVar[Interface]
    recipe_type: ClassVar[type[BaseRecipe]]
    recipes: Mapping[str, AnyRecipe]
    camera: ClassVar[Ranges] = RANGES
    undrawn: ClassVar[tuple[str, ...]] = ()
    threads: int | None = None
    mixed_precision: bool = False
    # Convolutions are faster in this memory layout, in which `view` can't flatten their output.
    channels_last: bool = True
    float_layers: ClassVar[tuple[str, ...]] = ()
    kernels: Kernels = "integer"

    def to_device(self, device: torch.device) -> Self:
        """Move it to a device, in the memory layout whose convolutions are fastest there."""
        # MPS's convolutions got this layout's gradients wrong until 2025.
        if self.channels_last and device.type != "mps":
            self.to(memory_format=torch.channels_last)  # type: ignore[call-overload, unused-ignore]
        return self.to(device)

    def loss(self, outputs: Any, targets: Any) -> Tensor:
        """The loss of what it answers, or that of each example, as what inherits from it says."""
        raise NotImplementedError

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Load a state_dict.

        Raises ValueError, in one line, if a tensor is missing, unknown, or of another shape.
        """
        try:
            self.load_state_dict(weights)
        except RuntimeError as error:
            cause = " ".join(str(error).partition("\n")[2].split())
            raise ValueError(shorten(cause, 200, placeholder=" ...")) from error


class Network(BaseNetwork):
    """Any network from digits, uint8 [n, 1, 28, 28], 255 = ink, to logits, float32 [n, 10]."""

    task = "classifier"
    interface = CLASSIFIER._replace(outputs=(TensorType("logits", "tensor(float)", [10]),))
    recipe_type = ClassifierRecipe
    undrawn = "crop", "window"
    recipes: Mapping[str, ClassifierRecipe] = {
        "classic": CLASSIC,
        "default": replace(QUICK, name="default"),
        "finetune": FINETUNE,
    }
    kernels: Kernels = "float"

    @staticmethod
    def loss(logits: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy in nats, float32 [n], of logits [n, 10]; see `with_none`."""
        return cross_entropy(with_none(logits.float()), labels, reduction="none")
