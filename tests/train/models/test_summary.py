import copy
from collections import OrderedDict

import pytest
import torch
from torch import nn

from digits_train.models import Network, Normalize, build, summary


def test_table_of_lenet5() -> None:
    assert list(summary.table(build("lenet5"))) == [
        "layer      type                  output   parameters",
        "normalize  Normalize             1x28x28           0",
        "conv1      Conv2d 6@5x5 + ReLU   6x24x24         156",
        "pool1      MaxPool2d 2x2         6x12x12           0",
        "conv2      Conv2d 16@5x5 + ReLU  16x8x8        2,416",
        "pool2      MaxPool2d 2x2         16x4x4            0",
        "flatten    Flatten               256               0",
        "fc1        Linear 120 + ReLU     120          30,840",
        "fc2        Linear 84 + ReLU      84           10,164",
        "fc3        Linear 10             10              850",
        "total                                         44,426",
    ]


def test_table_of_vgg16_fits_on_screen() -> None:
    lines = list(summary.table(build("vgg16")))
    assert len(lines) == 25
    assert max(map(len, lines)) <= 80
    rows = [" ".join(line.split()) for line in lines]
    assert rows[4] == "conv1_2 Conv2d 64@3x3 padding 1 + BatchNorm2d + ReLU 64x32x32 36,992"
    assert rows[-3] == "fc1 Linear 512 + ReLU + Dropout 0.5 512 262,656"
    assert rows[-1] == "total 14,985,546"


def test_table_of_reader() -> None:
    """The layers of its branches too, in the order in which they compute."""
    rows = [line.split() for line in summary.table(build("reader"))]
    assert [row[0] for row in rows[1:3] + rows[-4:]] == [
        *("contrast", "stem.0", "centres", "symbols", "boxes", "total")
    ]
    assert ["stem.0", "ConvBlock", "16@5x5", "stride", "2", "16x96x96", "432"] in rows
    assert ["body.4", "ConvBlock", "64@3x3", "dilation", "4", "64x24x24", "36,992"] in rows
    assert ["symbols", "Conv2d", "12@1x1", "12x48x48", "396"] in rows  # a fourth of 192
    assert max(map(len, summary.table(build("reader")))) <= 80


@pytest.mark.parametrize("architecture", ["lenet5", "vgg16", "reader"])
def test_table_counts_all_and_changes_nothing(architecture: str) -> None:
    """Neither batch norm's statistics nor the random generator's state."""
    network = build(architecture).train()
    before = copy.deepcopy(network.state_dict())
    generator = torch.get_rng_state()
    total = list(summary.table(network))[-1].split()[-1]
    assert total == f"{sum(parameter.numel() for parameter in network.parameters()):,}"
    assert network.training
    assert torch.equal(torch.get_rng_state(), generator)
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_table_of_other_settings() -> None:
    network = Network(
        OrderedDict(
            normalize=Normalize(),
            wide=nn.Conv2d(1, 3, (3, 5)),
            padded=nn.Conv2d(3, 4, 3, padding=(0, 1)),
            flatten=nn.Flatten(),
            dense=nn.Linear(4 * 24 * 24, 10),
        )
    )
    assert [" ".join(line.split()) for line in summary.table(network)][1:-1] == [
        "normalize Normalize 1x28x28 0",
        "wide Conv2d 3@3x5 3x26x24 48",
        "padded Conv2d 4@3x3 padding 0x1 4x24x24 112",
        "flatten Flatten 2304 0",
        "dense Linear 10 10 23,050",
    ]
