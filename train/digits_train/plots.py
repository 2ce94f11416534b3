"""Plots of a run and of `digits eval`: curves, confusion, mistakes, crops."""

import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter
from numpy.typing import NDArray

from digits.alignment import Score
from digits.evaluation.digits import MAX_MISTAKES, Evaluation
from digits.files import write_drawing
from digits.inference.interface import SYMBOLS
from digits.text import escape_control
from digits_train.symbols import Match

# Importing it has read the current folder's `matplotlibrc`, which may be anyone's and run LaTeX.
matplotlib.rcdefaults()
matplotlib.rcParams["text.parse_math"] = False  # titles may hold a file's name

# Distinguishable in print and for colour-blind readers (Okabe and Ito, 2008).
_ORANGE, _BLUE = "#E69F00", "#0072B2"
_CROP_ROWS = 5
RIGHT, MISSED, FALSE = "#009E73", _BLUE, "#D55E00"  # symbols on crops


def curves(path: Path, history: Sequence[dict[str, float]], unit: str) -> None:
    """Plot loss and errors, for training and validation, side by side. unit: epoch or step.

    Scales are logarithmic: on a linear one the last nine tenths of a training are flat.
    """
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    losses, shares = figure.subplots(1, 2)
    table = {name: np.array([row[name] for row in history]) for name in history[0]}
    for split, color in (("train", _ORANGE), ("validation", _BLUE)):
        style: dict[str, Any] = {"marker": ".", "color": color, "label": split}
        losses.plot(table["number"], table[f"{split}_loss"], **style)
        # A detector's errors in training are not measured: no crop is seen twice.
        if f"{split}_accuracy" in table:
            errors = table.get(f"{split}_errors", 1 - table[f"{split}_accuracy"])
            shares.plot(table["number"], 100 * errors, **style)
    for axes, title in ((losses, "Loss"), (shares, "Errors (%)")):
        axes.set(title=title, xlabel=unit, yscale="log")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.grid(alpha=0.3, which="both")
        axes.legend()
    _save(figure, path)


def confusion(path: Path, title: str, counts: NDArray[np.int64]) -> None:
    """Plot how often each digit, or each symbol or nothing, (row) was read as each (column)."""
    labels = [*SYMBOLS, "none"][: len(counts)]
    mistakes = counts - np.diag(counts.diagonal())
    side = 0.6 * len(labels)
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.subplots()
    # Twice the largest count keeps every cell light enough for its number.
    axes.imshow(mistakes, cmap="Oranges", vmin=0, vmax=2 * max(int(mistakes.max()), 1))
    for row, column in np.argwhere(counts).tolist():
        weight = "bold" if row == column else "normal"
        axes.text(column, row, f"{counts[row, column]}", ha="center", va="center", weight=weight)
    title = f"{title}: {mistakes.sum():,} of {counts[: len(SYMBOLS)].sum():,} wrong"
    axes.set_title(_plain(title))
    axes.set_xticks(range(len(labels)), labels)
    axes.set_yticks(range(len(labels)), labels)
    axes.set(xlabel="read as", ylabel="written")
    _save(figure, path)


def mistakes(path: Path, title: str, result: Evaluation) -> None:
    """Plot the worst mistakes, each with its label, the prediction and the confidence in it."""
    worst, columns = result.mistakes, 8
    title = f"{title}: the {len(worst)} worst of {result.wrong:,} mistakes"
    figure, cells = _grid(title, MAX_MISTAKES // columns, columns, 1.1, 1.35)
    for axes, mistake in zip(cells, worst, strict=False):
        axes.imshow(mistake.image, cmap="gray_r", vmin=0, vmax=255)
        read = f"{mistake.label}, read {mistake.predicted}\n{100 * mistake.confidence:.0f} %"
        axes.set_title(read, fontsize=8)
    _save(figure, path)


def texts(path: Path, title: str, crops: Sequence[tuple[NDArray[np.uint8], str, str]]) -> None:
    """Plot some misread crops, uint8 [h, w], with what is written and what was read."""
    columns = 4
    worst = crops[:: max(1, len(crops) // (2 * columns * _CROP_ROWS))]
    title = f"{title}: some of {len(crops):,} that were misread"
    figure, cells = _grid(title, 2 * _CROP_ROWS, columns, 2.4, 1)
    for axes, (pixels, written, read) in zip(cells, worst, strict=False):
        axes.imshow(pixels, cmap="gray_r", vmin=0, vmax=255)
        axes.set_title(f"{written or 'nothing'}, read {read or 'nothing'}", fontsize=7)
    _save(figure, path)


def crops(path: Path, title: str, crops: Sequence[Match]) -> None:
    """Plot crops of pages, the worst first, with what was found on them, and what was missed."""
    columns = 6
    worst = [crop for crop in crops[: columns * _CROP_ROWS] if crop.score.errors]
    title = f"{title}: the {len(worst)} worst (green: right, blue: missed, red: others)"
    figure, cells = _grid(title, _CROP_ROWS, columns, 2, 2.2)
    for axes, crop in zip(cells, worst, strict=False):
        axes.imshow(crop.page.pixels, cmap="gray", vmin=0, vmax=255)
        truth = crop.page.truth
        for index in crop.missed:
            _draw_box(axes, truth.boxes[index], SYMBOLS[truth.symbols[index]], MISSED)
        for box, symbol, partner in zip(crop.boxes, crop.symbols, crop.partners, strict=True):
            if partner >= -1:  # what is doubtful is no error
                right = partner >= 0 and truth.symbols[partner] == symbol
                _draw_box(axes, box, SYMBOLS[symbol], RIGHT if right else FALSE)
        axes.set_title(_counts(crop.score), fontsize=7)
    _save(figure, path)


def _grid(
    title: str, rows: int, columns: int, width: float, height: float
) -> tuple[Figure, Sequence[Axes]]:
    """A figure with a title and empty cells for pictures. width, height: of a cell, in inches."""
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    figure.suptitle(_plain(title), fontsize=10)
    cells: list[Axes] = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in cells:
        axes.axis("off")
    return figure, cells


def _counts(score: Score) -> str:
    return (
        f"{score.deletions:,} missed, {score.insertions:,} invented, {score.substitutions:,} wrong"
    )


def _draw_box(axes: Axes, box: Iterable[float], text: str, color: str) -> None:
    """Draw a box (left, top, right, bottom), and a text above it."""
    left, top, right, bottom = map(float, box)
    sides = right - left, bottom - top
    axes.add_patch(Rectangle((left, top), *sides, fill=False, color=color, linewidth=0.8))
    axes.text(left, top, text, color=color, fontsize=8, clip_on=True)


def _plain(title: str) -> str:
    """Escape what fonts lack."""
    return escape_control(title.encode(errors="backslashreplace").decode())


def _save(figure: Figure, path: Path) -> None:
    content = io.BytesIO()
    figure.savefig(content, dpi=120)
    write_drawing(path, content.getvalue())
