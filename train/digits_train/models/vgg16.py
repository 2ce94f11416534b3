"""VGG-16."""

from collections import OrderedDict

from msgspec.structs import replace
from torch import nn

from digits_train.models.network import Network, Normalize
from digits_train.recipes import AUGMENTATION, CLASSIC, QUICK

_DEFAULT = replace(
    QUICK,
    name="default",
    epochs=12,  # 99.68 %; six: 99.66 and 99.59
    weight_decay=5e-4,
    augmentation=AUGMENTATION,
    no_aug_fraction=1 / 6,  # sixteen epochs without this: 99.62 %
    frames=0.25,
    outlier_weight=0.3,
)
_FINETUNE = replace(
    _DEFAULT,
    name="finetune",
    epochs=1,
    learning_rate=0.01,
    no_aug_fraction=0.0,
    outlier_weight=0.1,
    own=0.25,
)


class VGG16(Network, nn.Sequential):
    """VGG-16 with batch norm and one dense layer of 512: 14,985,546 parameters.

    Input: [batch, 1, 28, 28], 0 to 255. Output: logits, float32 [batch, 10].
    K. Simonyan, A. Zisserman, "Very deep convolutional networks for large-scale image recognition",
    ICLR 2015 (configuration D); S. Ioffe, C. Szegedy, "Batch normalization", ICML 2015.
    """

    compute_type = "integer"  # a fifth of the time (docs/export.md)
    mixed_precision = True
    recipes = {"classic": CLASSIC, "default": _DEFAULT, "finetune": _FINETUNE}

    GROUPS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))

    def __init__(self) -> None:
        # Two rings of paper make 28 into the 32 that five poolings need; the third is the first
        # convolution's own padding, which has to be paper too for Normalize to fold into it.
        layers: OrderedDict[str, nn.Module] = OrderedDict(
            pad=nn.ZeroPad2d(3), normalize=Normalize()
        )
        inputs = 1
        for number, group in enumerate(self.GROUPS, start=1):
            for index, outputs in enumerate(group, start=1):
                name, padding = f"{number}_{index}", 0 if inputs == 1 else 1
                # Batch norm has a bias of its own.
                layers[f"conv{name}"] = nn.Conv2d(inputs, outputs, 3, 1, padding, bias=False)
                layers[f"norm{name}"] = nn.BatchNorm2d(outputs)
                layers[f"relu{name}"] = nn.ReLU()
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
