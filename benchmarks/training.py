"""Training speed compared with the usual ways, on this machine's CPU.

    make bench

LeNet-5, recipe classic: our loop and that of PyTorch's MNIST example
(https://github.com/pytorch/examples/tree/main/mnist), with DataLoader, torchvision's ToTensor and
Normalize, and the same network, optimizer and batch. VGG-16, recipe default: our loop and plain
float32. The median of a few rounds, in turn, each with its default number of threads.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms
from torchvision.transforms.functional import to_pil_image

from benchmarks.timing import show
from digits.data import mnist
from digits.data.mnist import Split
from digits_train import distributed
from digits_train.config import TrainConfig
from digits_train.distributed import DistributedContext
from digits_train.fit import fit
from digits_train.models import VGG16, LeNet5, Network
from digits_train.tasks.classification import Classification
from digits_train.training import begin

CPU = torch.device("cpu")
ROUNDS = 5


class Example(Dataset[tuple[torch.Tensor, int]]):
    """Like torchvision.datasets.MNIST: PIL images with the example's transforms."""

    def __init__(self, split: Split) -> None:
        self.split = split
        self.transform = transforms.Compose(
            [transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))]
        )

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        picture = to_pil_image(self.split.images[index])
        return self.transform(picture), int(self.split.labels[index])


def ours(network: type[Network], recipe: str, split: Split) -> float:
    """Images per second of our training loop."""
    once = replace(network.recipes[recipe], epochs=1)
    training = begin(TrainConfig(network.__name__.lower(), once), CPU)
    mixed = network.mixed_precision and distributed.has_bfloat16(CPU)
    [epoch] = fit(training, Classification(once, split, split), DistributedContext(CPU), mixed)
    return epoch.images_per_second


def example(split: Split) -> float:
    """Images per second of the example's loop with its defaults."""
    network = LeNet5()
    network.add_module("normalize", nn.Identity())  # the transforms normalize
    network.train()
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    started = time.perf_counter()
    for x, y in DataLoader(Example(split), batch_size=128, shuffle=True):
        optimizer.zero_grad()
        loss = cross_entropy(network(x), y)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return len(split) / (time.perf_counter() - started)


def plain(split: Split) -> float:
    """Images per second of VGG-16 in contiguous float32, without EMA or augmentation."""
    network = VGG16().train()
    optimizer = torch.optim.SGD(network.parameters(), 0.05, momentum=0.9, nesterov=True)
    images, labels = torch.tensor(split.images[:, None]), torch.tensor(split.labels).long()
    started = time.perf_counter()
    for x, y in zip(torch.split(images, 128), torch.split(labels, 128), strict=True):
        optimizer.zero_grad()
        loss = cross_entropy(network(x), y)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return len(split) / (time.perf_counter() - started)


def compare(title: str, contestants: dict[str, Callable[[], float]]) -> None:
    threads = torch.get_num_threads()
    rates: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(ROUNDS):
        for name, measure in contestants.items():
            rates[name].append(measure())
            torch.set_num_threads(threads)
    medians = {name: statistics.median(values) for name, values in rates.items()}
    show(title, "images/s", medians, rates=True)


def main() -> None:
    train = mnist.load("train")
    many = Split(train.images[:20_000], train.labels[:20_000])
    few = Split(train.images[:512], train.labels[:512])
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
    compare(
        "Training LeNet-5, recipe classic",
        {
            "digits": lambda: ours(LeNet5, "classic", many),
            "DataLoader and transforms": lambda: example(many),
        },
    )
    compare(
        "Training VGG-16 at full size, recipe default",
        {
            "digits, bfloat16 where the CPU has it": lambda: ours(VGG16, "default", few),
            "plain float32": lambda: plain(few),
        },
    )


if __name__ == "__main__":
    main()
