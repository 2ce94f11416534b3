"""Pictures of a run: curves.png, confusion.png, mistakes.png."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter
from numpy.typing import NDArray

from digits.files import replacing
from digits.mnist import Split
from digits_train.fit import Epoch

# Two colours that stay apart in print and for colour-blind readers (Okabe and Ito, 2008).
_TRAIN, _VALIDATION = "#E69F00", "#0072B2"


def curves(path: Path, epochs: Sequence[Epoch]) -> None:
    """Draw loss and errors per epoch, for training and validation, side by side.

    Both on logarithmic scales: on a linear one the last nine tenths of a training are flat.
    """
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    loss, errors = figure.subplots(1, 2)
    training = [(e.number, e.train_loss, 100 * (1 - e.train_accuracy)) for e in epochs]
    validation = [
        (e.number, e.validation_loss, 100 * (1 - e.validation_accuracy))
        for e in epochs
        if e.validation_loss is not None and e.validation_accuracy is not None
    ]
    for label, color, points in (
        ("training", _TRAIN, training),
        ("validation", _VALIDATION, validation),
    ):
        if points:
            numbers, losses, wrong = zip(*points, strict=True)
            loss.plot(numbers, losses, ".-", color=color, label=label)
            errors.plot(numbers, wrong, ".-", color=color, label=label)
    loss.set(title="Loss", ylabel="cross-entropy (nats)")
    errors.set(title="Errors", ylabel="100 % - accuracy (%)")
    for axes in (loss, errors):
        axes.set(xlabel="epoch", yscale="log")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.grid(alpha=0.3, which="both")
        axes.legend()
    _save(figure, path)


def confusion(path: Path, title: str, split: Split, predicted: NDArray[np.int64]) -> None:
    """Draw how often each digit (row) was read as each digit (column). predicted: [n]."""
    counts = np.zeros((10, 10), np.int64)
    np.add.at(counts, (split.labels, predicted), 1)
    mistakes = counts - np.diag(counts.diagonal())
    figure = Figure(figsize=(6, 6), layout="constrained")
    axes = figure.subplots()
    # Twice the largest count keeps every cell light enough for its number.
    axes.imshow(mistakes, cmap="Oranges", vmin=0, vmax=2 * max(mistakes.max(), 1))
    for row, column in np.ndindex(10, 10):
        if counts[row, column]:
            weight = "bold" if row == column else "normal"
            axes.text(
                column, row, f"{counts[row, column]}", ha="center", va="center", weight=weight
            )
    wrong = mistakes.sum()
    axes.set(
        title=f"{title}: {wrong} of {len(split):,} wrong",
        xlabel="read as",
        ylabel="digit",
        xticks=range(10),
        yticks=range(10),
    )
    _save(figure, path)


def mistakes(path: Path, title: str, split: Split, probabilities: NDArray[np.float32]) -> None:
    """Draw the wrong answers with the least probability for the true digit.

    probabilities: float32 [n, 10], one row for each digit of the split.
    """
    rows, columns = 4, 8
    predicted = probabilities.argmax(1)
    truth = probabilities[np.arange(len(split)), split.labels]
    wrong = np.flatnonzero(predicted != split.labels)
    worst = wrong[np.argsort(truth[wrong], kind="stable")][: rows * columns]
    figure = Figure(figsize=(1.1 * columns, 1.35 * rows), layout="constrained")
    for axes in figure.subplots(rows, columns).flat:
        axes.axis("off")
    for axes, index in zip(figure.axes, worst, strict=False):
        axes.imshow(split.images[index], cmap="gray_r", vmin=0, vmax=255)
        confidence = 100 * probabilities[index, predicted[index]]
        axes.set_title(
            f"{split.labels[index]}, read {predicted[index]}\n{confidence:.0f} %", fontsize=8
        )
    figure.suptitle(f"{title}: the {len(worst)} worst of {len(wrong)} mistakes", fontsize=10)
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=120)
