"""Plots of a run: curves.png, confusion.png, mistakes.png."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter, MaxNLocator, StrMethodFormatter

from digits.evaluation import MAX_MISTAKES, Evaluation
from digits.files import atomic_write
from digits.text import escape_control

if TYPE_CHECKING:
    from digits_train.metrics import EpochMetrics  # needs torch; `digits eval --plot` has none

# Distinguishable in print and for colour-blind readers (Okabe and Ito, 2008).
_TRAIN, _VALIDATION = "#E69F00", "#0072B2"


class _PlainMinor(LogFormatter):
    """Minor tick labels as 0.04 instead of 4x10^-2; an axis of over a decade has none."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        return f"{x:g}" if super().__call__(x, pos) else ""


def curves(path: Path, epochs: "Sequence[EpochMetrics]") -> None:
    """Plot loss and errors per epoch, for training and validation, side by side.

    Scales are logarithmic: on a linear one the last nine tenths of a training are flat.
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
        axes.yaxis.set_minor_formatter(_PlainMinor())
        axes.grid(alpha=0.3, which="both")
        axes.legend()
    _save(figure, path)


def confusion(path: Path, title: str, result: Evaluation) -> None:
    """Plot how often each digit (row) was read as each digit (column)."""
    counts = result.confusion
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
    axes.set_title(_plain(f"{title}: {result.wrong:,} of {result.total:,} wrong"), parse_math=False)
    axes.set(xlabel="read as", ylabel="digit", xticks=range(10), yticks=range(10))
    _save(figure, path)


def mistakes(path: Path, title: str, result: Evaluation) -> None:
    """Plot the worst mistakes, each with its label, the prediction and the confidence in it."""
    columns = 8
    rows = MAX_MISTAKES // columns
    worst = result.mistakes
    figure = Figure(figsize=(1.1 * columns, 1.35 * rows), layout="constrained")
    for axes in figure.subplots(rows, columns).flat:
        axes.axis("off")
    for axes, mistake in zip(figure.axes, worst, strict=False):
        axes.imshow(mistake.image, cmap="gray_r", vmin=0, vmax=255)
        axes.set_title(
            f"{mistake.label}, read {mistake.predicted}\n{100 * mistake.confidence:.0f} %",
            fontsize=8,
        )
    title = _plain(f"{title}: the {len(worst)} worst of {result.wrong:,} mistakes")
    figure.suptitle(title, fontsize=10, parse_math=False)
    _save(figure, path)


def _plain(title: str) -> str:
    """Escape what fonts lack: the title may hold a file's name."""
    return escape_control(title.encode(errors="backslashreplace").decode())


def _save(figure: Figure, path: Path) -> None:
    with atomic_write(path) as temporary:
        figure.savefig(temporary, dpi=120)
