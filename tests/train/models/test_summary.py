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


@pytest.mark.parametrize("architecture", ["lenet5", "vgg16"])
def test_every_layer_is_listed(architecture: str) -> None:
    network = build(architecture)
    layers = summary.layers(network)
    assert [layer.name for layer in layers] == [name for name, _ in network.named_children()]
    assert layers[-1].output == [10]
    parameters = sum(parameter.numel() for parameter in network.parameters())
    assert sum(layer.parameters for layer in layers) == parameters


def test_layers_of_reader() -> None:
    """Those of its branches too, in the order in which they compute."""
    network = build("reader")
    layers = {layer.name: layer for layer in summary.layers(network)}
    names = list(layers)
    assert names[:2] == ["contrast", "stem.0"]
    assert names[-3:] == ["centres", "symbols", "boxes"]
    assert layers["stem.0"].type == "ConvBlock 16@5x5 stride 2"
    assert "dilation 4" in layers["body.4"].type
    assert layers["symbols"].output == [12, 48, 48]  # a fourth of 192
    parameters = sum(parameter.numel() for parameter in network.parameters())
    assert sum(layer.parameters for layer in layers.values()) == parameters
    assert max(map(len, summary.table(network))) <= 80


@pytest.mark.parametrize("architecture", ["vgg16", "reader"])
def test_summary_does_not_change_network(architecture: str) -> None:
    """Neither its batch norm statistics nor the random generator's state."""
    network = build(architecture).train()
    before = copy.deepcopy(network.state_dict())
    generator = torch.get_rng_state()
    summary.layers(network)
    assert network.training
    assert torch.equal(torch.get_rng_state(), generator)
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_summary_of_other_settings() -> None:
    network = Network(
        OrderedDict(
            normalize=Normalize(),
            wide=nn.Conv2d(1, 3, (3, 5)),
            padded=nn.Conv2d(3, 4, 3, padding=(0, 1)),
            flatten=nn.Flatten(),
            dense=nn.Linear(4 * 24 * 24, 10),
        )
    )
    assert [(layer.type, layer.output) for layer in summary.layers(network)] == [
        ("Normalize", [1, 28, 28]),
        ("Conv2d 3@3x5", [3, 26, 24]),
        ("Conv2d 4@3x3 padding 0x1", [4, 24, 24]),
        ("Flatten", [2304]),
        ("Linear 10", [10]),
    ]
