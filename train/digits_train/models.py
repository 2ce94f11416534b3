"""The networks: uint8 pixels in, logits out.

Each is a plain chain of named layers, so that the exporter can walk it and a student can read it.
"""

from collections import OrderedDict

from torch import Tensor, nn

from digits.errors import DigitsError
from digits.metadata import Kernels


class Normalize(nn.Module):
    """Pixels (0 to 255) to zero mean and unit variance over MNIST's training digits.

    The first convolution has no padding, so that this folds exactly into its weights. Dividing by
    255 alone was tried: `classic` lost 0.2 points on the validation digits.
    """

    mean = 0.1307  # of the training pixels, where 1 = full ink
    deviation = 0.3081

    def forward(self, images: Tensor) -> Tensor:
        return (images / 255 - self.mean) / self.deviation


class Network(nn.Sequential):
    """A chain of named layers from pixels to logits."""

    kernels: Kernels  # which of onnxruntime's kernels run the quantized file fastest
    threads: int  # for training on a CPU


class LeNet5(Network):
    """LeNet-5 with ReLU and max pooling: 44,426 parameters.

    Input: [batch, 1, 28, 28], 0 to 255. Output: logits, float32 [batch, 10].
    Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document
    recognition", Proceedings of the IEEE 86(11), 1998. Theirs had tanh, trained subsampling and
    RBF outputs; this is the form that today's textbooks teach.
    """

    # With 1, 6 and 16 channels the integer convolution falls to a generic path (`make bench`, one
    # digit: 66 against 37 microseconds).
    kernels = "float"
    # The layers are too small to share: two threads train 1.4 times as fast on two idle cores, but
    # 13 times as slow when something else wants one of them (measured: 8,500 images/s with one
    # thread, 11,700 with two, 500 with two beside another training).
    threads = 1

    def __init__(self) -> None:
        super().__init__(
            OrderedDict(
                normalize=Normalize(),
                conv1=nn.Conv2d(1, 6, 5),
                relu1=nn.ReLU(),
                pool1=nn.MaxPool2d(2),
                conv2=nn.Conv2d(6, 16, 5),
                relu2=nn.ReLU(),
                pool2=nn.MaxPool2d(2),
                flatten=nn.Flatten(),
                fc1=nn.Linear(256, 120),
                relu3=nn.ReLU(),
                fc2=nn.Linear(120, 84),
                relu4=nn.ReLU(),
                fc3=nn.Linear(84, 10),
            )
        )


ARCHITECTURES: dict[str, type[Network]] = {"lenet5": LeNet5}


def build(architecture: str) -> Network:
    """A new network with random weights. Raises DigitsError for a name that isn't known."""
    if architecture not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise DigitsError(f"there is no network called {architecture!r}; there is: {known}")
    return ARCHITECTURES[architecture]()
