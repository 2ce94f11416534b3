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
    threads: int | None  # for training on a CPU; None: one for each core
    mixed_precision: bool  # whether training gains from bfloat16 where the device has it


class LeNet5(Network):
    """LeNet-5 with ReLU and max pooling: 44,426 parameters.

    Input: [batch, 1, 28, 28], 0 to 255. Output: logits, float32 [batch, 10].
    Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document
    recognition", Proceedings of the IEEE 86(11), 1998. Theirs had tanh, trained subsampling and
    RBF outputs; this is the form that today's textbooks teach.
    """

    # With 1, 6 and 16 channels the integer convolution falls to a generic path (`make bench`, one
    # digit: 41 against 19 microseconds).
    kernels = "float"
    # The layers are too small to share: two threads train 1.4 times as fast on two idle cores, but
    # 13 times as slow when something else wants one of them (measured: 8,500 images/s with one
    # thread, 11,700 with two, 500 with two beside another training).
    threads = 1
    mixed_precision = False

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


class VGG16(Network):
    """VGG-16 with batch norm and one dense layer of 512: 14,985,546 parameters.

    Input: [batch, 1, 28, 28], 0 to 255. Output: logits, float32 [batch, 10].
    K. Simonyan, A. Zisserman, "Very deep convolutional networks for large-scale image recognition",
    ICLR 2015 (configuration D); S. Ioffe, C. Szegedy, "Batch normalization", ICML 2015.
    """

    kernels = "integer"  # 1.5 against 4.8 milliseconds a digit (`make bench`)
    threads = None
    mixed_precision = True

    _GROUPS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))

    def __init__(self) -> None:
        # Two rings of paper make 28 into the 32 that five poolings need; the third is the first
        # convolution's own padding, which has to be paper too for Normalize to fold into it.
        layers: OrderedDict[str, nn.Module] = OrderedDict(
            pad=nn.ZeroPad2d(3), normalize=Normalize()
        )
        inputs = 1
        for number, group in enumerate(self._GROUPS, start=1):
            for place, outputs in enumerate(group, start=1):
                padding = 0 if inputs == 1 else 1
                # Batch norm has a bias of its own.
                layers[f"conv{number}_{place}"] = nn.Conv2d(
                    inputs, outputs, 3, padding=padding, bias=False
                )
                layers[f"norm{number}_{place}"] = nn.BatchNorm2d(outputs)
                layers[f"relu{number}_{place}"] = nn.ReLU()
                inputs = outputs
            layers[f"pool{number}"] = nn.MaxPool2d(2)
        layers |= OrderedDict(
            flatten=nn.Flatten(),
            fc1=nn.Linear(512, 512),
            relu6=nn.ReLU(),
            dropout=nn.Dropout(0.5),
            fc2=nn.Linear(512, 10),
        )
        super().__init__(layers)


ARCHITECTURES: dict[str, type[Network]] = {"lenet5": LeNet5, "vgg16": VGG16}


def build(architecture: str) -> Network:
    """A new network with random weights. Raises DigitsError for a name that isn't known."""
    if architecture not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise DigitsError(f"there is no network called {architecture!r}; there are: {known}")
    return ARCHITECTURES[architecture]()
