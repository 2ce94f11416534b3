"""LeNet-5."""

from collections import OrderedDict
from dataclasses import replace

from torch import nn

from digits_train.config import AUGMENTATION, CLASSIC, WRITING, Recipe
from digits_train.models.network import Network, Normalize

# What else was tried: docs/results.md, and `python -m benchmarks.ablation`.
_QUICK = Recipe(
    "quick",
    epochs=30,
    optimizer="sgd",
    learning_rate=0.05,
    warmup_fraction=0.15,
    schedule="cosine",
    weight_decay=1e-4,
    ema_decay=0.999,
    augmentation=WRITING,
    no_aug_fraction=0.125,
)
_DEFAULT = replace(
    _QUICK,
    name="default",
    epochs=80,
    augmentation=AUGMENTATION,
    drawn=0.25,
    fonts=0.1,
    photographed=0.1,
    outlier_weight=0.3,
)


_FINETUNE = replace(
    _DEFAULT,
    name="finetune",
    epochs=3,
    learning_rate=0.01,
    no_aug_fraction=0.0,
    fonts=0.0,  # which would have to be downloaded
    photographed=0.5,  # of which the network forgets most
    outlier_weight=0.1,
    own=0.25,
)


class LeNet5(Network):
    """LeNet-5 with ReLU and max pooling: 44,426 parameters.

    Input: [batch, 1, 28, 28], 0 to 255. Output: logits, float32 [batch, 10].
    Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document
    recognition", Proceedings of the IEEE 86(11), 1998. Theirs had tanh, trained subsampling and
    RBF outputs; this is the form that today's textbooks teach.
    """

    # With so few channels the integer convolution takes a generic path (`make bench`, one digit:
    # 34 against 17 microseconds).
    kernels = "float"
    # The layers are too small to split: two threads train 1.4 times as fast on two idle cores, but
    # 13 times as slow when something else uses one of them.
    threads = 1
    mixed_precision = False
    recipes = {"classic": CLASSIC, "quick": _QUICK, "default": _DEFAULT, "finetune": _FINETUNE}

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
