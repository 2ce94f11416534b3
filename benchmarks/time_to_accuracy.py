"""The time that a newcomer waits for 99.0, 99.3 and 99.5 % of MNIST, on this machine's CPU.

    python -m benchmarks.time_to_accuracy

Each contestant is a new process, whose time counts from its start, imports included, until an epoch
ends with that share of the validation digits read right. All learn from the same 50,000 digits:

digits: the command `digits train --recipe quick`, with fewer epochs and with its own.
PyTorch: its example (https://github.com/pytorch/examples/tree/main/mnist): two convolutions of 32
    and 64 filters, two dense layers, dropout, Adadelta, 14 epochs, DataLoader and transforms.
Keras: its example (https://keras.io/examples/vision/mnist_convnet): two convolutions of 32 and 64
    filters, a dense layer, dropout, Adam, 15 epochs, with TensorFlow.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence

from digits.data import mnist

TARGETS = (0.99, 0.993, 0.995)
EPOCHS = (3, 10, 30)  # of ours

# An epoch's line, ours or one of this file's.
ACCURACY = re.compile(r"accuracy ([\d.]+)%(?!.*accuracy)")


def pytorch() -> Iterator[float]:
    """The same of PyTorch's example."""
    import torch
    from torch import nn
    from torch.nn.functional import cross_entropy
    from torch.utils.data import DataLoader

    from benchmarks.training import Example

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


def keras() -> Iterator[float]:
    """The same of Keras' example."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    from keras import Sequential, layers, utils

    (x, y), (x_validation, y_validation) = (
        (split.images[..., None].astype("float32") / 255, utils.to_categorical(split.labels, 10))
        for split in (mnist.load("train"), mnist.load("validation"))
    )
    utils.set_random_seed(1)
    network = Sequential(
        [
            *(layers.Input((28, 28, 1)), layers.Conv2D(32, 3, activation="relu")),
            *(layers.MaxPooling2D(2), layers.Conv2D(64, 3, activation="relu")),
            *(layers.MaxPooling2D(2), layers.Flatten(), layers.Dropout(0.5)),
            layers.Dense(10, activation="softmax"),
        ]
    )
    network.compile("adam", "categorical_crossentropy", ["accuracy"])
    for _ in range(15):
        network.fit(x, y, 128, epochs=1, verbose=0)
        yield network.evaluate(x_validation, y_validation, verbose=0)[1]


OTHERS = {"PyTorch": pytorch, "Keras": keras}


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
    row = f"{name:20}"
    for target in TARGETS:
        reached = [f"{seconds:.0f} s" for seconds, accuracy in epochs if accuracy >= target]
        row += f"{reached[0] if reached else '-':>10}"
    seconds, accuracy = epochs[-1]
    print(f"{row}   {accuracy:.2%} after {seconds:.0f} s", flush=True)


def main() -> None:
    if len(sys.argv) > 1:
        for accuracy in OTHERS[sys.argv[1]]():
            print(f"accuracy {accuracy:.2%}", flush=True)
        return
    mnist.load("train")  # downloaded once, for all
    print(f"{'':20}" + "".join(f"{target:>10.1%}" for target in TARGETS) + "   at the end")
    for number in EPOCHS:
        with tempfile.TemporaryDirectory() as folder:
            options = ["--recipe", "quick", "--epochs", f"{number}", "--out", f"{folder}/run"]
            command = [sys.executable, "-m", "digits", "train", "--device", "cpu", *options]
            show(f"digits, {number} epochs", command)
    for name in OTHERS:
        show(f"{name}'s example", [sys.executable, "-m", "benchmarks.time_to_accuracy", name])


if __name__ == "__main__":
    main()
