import copy

import pytest
import torch
from torch import Tensor, nn

from digits_train.models import Network, build, summary


def test_table_of_vgg16_fits_on_screen() -> None:
    lines = list(summary.table(build("vgg16")))
    assert len(lines) == 25
    assert max(map(len, lines)) <= 80
    rows = [" ".join(line.split()) for line in lines]
    assert rows[4] == "conv1_2 Conv2d 3x3 + BatchNorm2d + ReLU 64x32x32 36,992"
    assert rows[-3] == "fc1 Linear + ReLU + Dropout 512 262,656"
    assert rows[-1] == "total 14,985,546"


def test_table_of_reader() -> None:
    """The layers of its branches too, in the order in which they compute."""
    rows = [" ".join(line.split()) for line in summary.table(build("reader"))]
    assert rows[1] == "contrast LocalContrast 1x192x192 0"
    assert rows[2] == "stem.0.conv Conv2d 5x5 + BatchNorm2d 16x96x96 432"
    assert [row.split()[0] for row in rows[-4:]] == ["centres", "symbols", "boxes", "total"]


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


class Odd(Network):
    """A layer used twice, one that returns a tuple, and a parameter that is in no layer."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(10))
        self.same = nn.Linear(28, 28)
        self.pool = nn.MaxPool2d((1, 2))
        self.rnn = nn.GRU(14, 10, batch_first=True)

    def forward(self, images: Tensor) -> Tensor:
        x = self.pool(self.same(self.same(images / 255)))
        logits: Tensor = self.rnn(x[:, 0])[0][:, -1] + self.bias
        return logits


def test_table_of_any_module() -> None:
    assert [" ".join(line.split()) for line in summary.table(Odd())][1:] == [
        "same Linear 1x28x28 812",
        "same Linear 1x28x28 0",
        "pool MaxPool2d 1x2 1x28x14 0",
        "rnn GRU 28x10 780",
        "total 1,602",
    ]
