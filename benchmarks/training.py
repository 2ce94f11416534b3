"""Examples per second of training, with one thread, beside PyTorch's usual loop.

`digits` are the recipes' epochs without their validation. VGG-16 learns from training digits alone:
what its recipe adds to them is generated once, before the training.
"""

import time
from collections.abc import Iterable, Iterator
from itertools import islice

import torch
from msgspec.structs import replace
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset, TensorDataset
from torchvision.transforms import Compose, Normalize, ToTensor
from torchvision.transforms.functional import to_pil_image

from benchmarks.timing import Row
from digits.data.split import Split, Splits
from digits_train.data import mnist
from digits_train.data.datasets import Dataset as Data
from digits_train.distributed import CPU, has_bfloat16
from digits_train.experiment import Experiment, default_experiment
from digits_train.models import VGG16, LeNet5, get_network
from digits_train.state import init_state
from digits_train.tasks import Classification

LENET5, VGG = 25_600, 384  # training digits


class Example(Dataset[tuple[torch.Tensor, int]]):
    """Like torchvision.datasets.MNIST, with the transforms of PyTorch's MNIST example."""

    transform = Compose([ToTensor(), Normalize((0.1307,), (0.3081,))])

    def __init__(self, split: Split) -> None:
        self.split = split

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        picture = to_pil_image(self.split.images[index])
        return self.transform(picture), int(self.split.labels[index])


def ours(task: Classification, epochs: int) -> float:
    """The rate of the fastest of some epochs."""
    rows = islice(task.train(init_state(task.experiment, CPU.device)), epochs)
    return max(measured["images_per_second"] for measured in rows)


def experiment(network: str, recipe: str) -> Experiment:
    """A recipe in the precision that this machine trains it with."""
    gains = get_network(network).mixed_precision and has_bfloat16(CPU.device)
    precision = "bfloat16" if gains else "float32"
    return replace(default_experiment(network, recipe), precision=precision)


def plain(network: nn.Module, batches: Iterable[tuple[Tensor, Tensor]], count: int) -> float:
    """The rate of a loop in float32 over `count` examples."""
    optimizer, started = torch.optim.Adam(network.parameters()), time.perf_counter()
    for images, labels in batches:
        optimizer.zero_grad()
        cross_entropy(network(images), labels).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return count / (time.perf_counter() - started)


def classification(network: str, recipe: str, train: Split) -> Classification:
    splits: Splits = {"train": train, "validation": mnist.load("validation")[:100]}
    return Classification(experiment(network, recipe), Data(splits, {}))


def rows() -> Iterator[Row]:
    train = mnist.load("train")
    small = train[:LENET5]
    loader = DataLoader(Example(small), 128, shuffle=True)
    rates = {
        "digits": ours(classification("lenet5", "classic", small), 3),
        "PyTorch's DataLoader and transforms": plain(LeNet5(), loader, LENET5),
    }
    yield Row("training LeNet-5, `classic`", "images/s", rates)
    few = train[:VGG]
    tensors = torch.tensor(few.images[:, None]), torch.tensor(few.labels).long()
    batches = DataLoader(TensorDataset(*tensors), 128)
    rates = {
        "digits": ours(classification("vgg16", "default", few), 2),
        "PyTorch, float32": plain(VGG16(), batches, VGG),
    }
    yield Row("… VGG-16, `default`", "images/s", rates)
