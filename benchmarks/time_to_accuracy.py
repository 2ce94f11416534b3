"""The time that a newcomer waits for 99.0, 99.3 and 99.5 % of MNIST, on this machine's CPU.

    python -m benchmarks.time_to_accuracy

Each contestant is a new process, whose time counts from its start, imports included, until an epoch
ends with that share of the validation digits read right. All learn from the same 50,000 digits:

digits: the command `digits train --recipe quick`, with fewer epochs and with its own.
PyTorch: its example (https://github.com/pytorch/examples/tree/main/mnist): two convolutions of 32
    and 64 filters, two dense layers, dropout, Adadelta, 14 epochs, DataLoader and transforms.
"""

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms
from torchvision.transforms.functional import to_pil_image

from benchmarks.timing import print_row
from digits.data import mnist
from digits.data.mnist import Split

TARGETS = (0.99, 0.993, 0.995)
EPOCHS = (3, 10, 30)  # of ours

# An epoch's line, ours or one of this file's.
ACCURACY = re.compile(r"accuracy ([\d.]+)%(?!.*accuracy)")


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


def pytorch() -> Iterator[float]:
    """The same of PyTorch's example."""
    torch.manual_seed(1)
    network = nn.Sequential(
        *(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Dropout(0.25), nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(0.5)),
        nn.Linear(128, 10),
    )
    optimizer = torch.optim.Adadelta(network.parameters(), 1.0)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.7)
    train = DataLoader(Example(mnist.load("train")), 64, shuffle=True)
    validation = DataLoader(Example(mnist.load("validation")), 1000)
    for _ in range(14):
        network.train()
        for x, y in train:
            optimizer.zero_grad()
            cross_entropy(network(x), y).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        schedule.step()
        network.eval()
        with torch.no_grad():
            right = sum(int((network(x).argmax(1) == y).sum()) for x, y in validation)
        yield right / len(validation.dataset)  # type: ignore[arg-type]


def measure(command: Sequence[str]) -> list[tuple[float, float]]:
    """The seconds and the validation accuracy after each epoch of a process.

    Raises CalledProcessError if it fails.
    """
    started, epochs = time.perf_counter(), []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if match := ACCURACY.search(line):
                epochs.append((time.perf_counter() - started, float(match[1]) / 100))
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return epochs


def show(name: str, command: Sequence[str]) -> None:
    epochs = measure(command)
    cells = []
    for target in TARGETS:
        reached = (f"{seconds:.0f} s" for seconds, accuracy in epochs if accuracy >= target)
        cells.append(next(reached, "-"))
    seconds, accuracy = epochs[-1]
    print_row(name, *cells, f"{accuracy:.2%}", f"{seconds:.0f} s")


def main() -> None:
    if len(sys.argv) > 1:
        for accuracy in pytorch():
            print(f"accuracy {accuracy:.2%}", flush=True)
        return
    mnist.load("train")  # downloaded once, for all
    print_row("", *(f"{target:.1%}" for target in TARGETS), "at the end", "after")
    for number in EPOCHS:
        with tempfile.TemporaryDirectory() as folder:
            options = ["--recipe", "quick", "--epochs", f"{number}", "--out", f"{folder}/run"]
            command = [sys.executable, "-m", "digits", "train", "--device", "cpu", *options]
            show(f"digits, {number} epochs", command)
    show("PyTorch's example", [sys.executable, "-m", "benchmarks.time_to_accuracy", "PyTorch"])


if __name__ == "__main__":
    main()
