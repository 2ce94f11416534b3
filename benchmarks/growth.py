"""Time and peak memory against the size of the input: does anything grow faster than linearly?

A row is a curve: "PANEL: NAME" and its values by size. docs/growth.png has a panel for each kind of
input.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter
from PIL import Image

from benchmarks import processes
from benchmarks.pictures import saved, three
from benchmarks.tables import shown
from benchmarks.timing import Row, seconds
from digits import Classifier
from digits.data import mnist
from digits.inference.model import ClassifierModel
from tests.synthetic import Sheet, chosen

PIXELS = ((28, 28), (100, 75), (400, 300), (1000, 750), (2000, 1500), (4000, 3000), (8000, 6000))
FILES = (100, 300, 1000, 3000, 10_000)
LABELS = {  # of each panel and its abscissa
    "pixels": ("predict: one picture", "pixels"),
    "digits": ("read: A4, 12 megapixels", "digits on it"),
    "files": ("predict: a folder", "files in it"),
    "batch": ("ClassifierModel.probabilities", "digits in the batch"),
}
CLASSIFY = """
import sys
import numpy as np
from digits.inference.model import ClassifierModel
ClassifierModel().probabilities(np.zeros((int(sys.argv[1]), 28, 28), np.uint8))
"""
COLOURS = ("#0072b2", "#d55e00")

Points = Iterable[tuple[int, float, float]]  # size, seconds, megabytes


def curve(title: str, points: Points) -> Iterator[Row]:
    sizes, times, peaks = zip(*points, strict=True)
    for unit, figures in (("s", times), ("MB", peaks)):
        yield Row(title, unit, {str(size): each for size, each in zip(sizes, figures, strict=True)})


def measured(call: Callable[[], object], *words: str) -> tuple[float, float]:
    """Seconds of a call; and the peak of a process that does the same."""
    [took] = seconds({"": call}).values()
    return took, processes.measure(processes.command(*words))[1]


def pixels(folder: Path, kind: str) -> Points:
    classifier, photo = Classifier(), Image.fromarray(three(1000, 750).photograph())
    for width, height in PIXELS:
        path = folder / f"{width}.{kind}"
        photo.resize((width, height), Image.Resampling.BICUBIC).save(path, compress_level=1)
        yield width * height, *measured(partial(classifier.predict, path), "predict", str(path))


def page(folder: Path, count: int) -> Path:
    """A page with numbers of up to five digits, line by line."""
    sheet = Sheet(2480, 1754)
    images = chosen(mnist.load("validation"), "31415926535897932384" * 100)
    for first in range(0, count, 5):
        row, column = divmod(first // 5, 8)
        sheet.write(images[first : min(first + 5, count)], 60 + 208 * column, 50 + 48 * row, 32)
    large = Image.fromarray(sheet.photograph()).resize((2912, 4118))
    return saved(large, folder / f"{count}.jpg")


def digits(folder: Path) -> Points:
    classifier = Classifier()
    for count in (1, 4, 16, 64, 250, 1000, 2000):
        path = page(folder, count)
        yield count, *measured(partial(classifier.read, path), "read", str(path))


def files(folder: Path, jobs: int) -> Points:
    """Whole processes."""
    for count in FILES:
        words = "predict", "--jobs", f"{jobs}", str(folder / f"{count}")
        yield count, *processes.measure(processes.command(*words))


def batch() -> Points:
    model, images = ClassifierModel(), mnist.load("train").images
    for count in (1, 4, 16, 64, 256, 1024, 4096):
        call = partial(model.probabilities, images[:count])
        yield count, *measured(call, CLASSIFY, f"{count}")


def rows() -> Iterator[Row]:
    with TemporaryDirectory() as name:
        folder = Path(name)
        yield from curve("batch", batch())
        yield from curve("pixels: PNG", pixels(folder, "png"))
        yield from curve("pixels: JPEG", pixels(folder, "jpg"))
        yield from curve("digits", digits(folder))
        for count in FILES:
            processes.write(folder / f"{count}", 28, count)
        yield from curve("files: one job", files(folder, 1))
        yield from curve("files: two jobs", files(folder, 2))


@rc_context({"font.size": 12, "axes.spines.top": False, "axes.spines.right": False})
def draw(rows: list[list[Any]], path: Path) -> None:
    """Draw time and memory of each kind of input, and dashed how the time would grow linearly."""
    panels = {name: list(group) for name, group in groupby(rows, lambda row: row[0].split(":")[0])}
    figure = Figure(figsize=(8, 9.5), layout=ConstrainedLayoutEngine(h_pad=0.12))
    grid = figure.subplots(4, 2, height_ratios=(2.4, 1, 2.4, 1))
    cells = [*zip(grid[0], grid[1], strict=True), *zip(grid[2], grid[3], strict=True)]
    for (upper, lower), (name, (title, abscissa)) in zip(cells, LABELS.items(), strict=True):
        upper.set(xscale="log", yscale="log", ylabel="time", xticklabels=[])
        upper.set_title(title, loc="left", fontweight="bold")
        for axes, unit in ((upper, "s"), (lower, "MB")):
            curves = [row for row in panels.get(name, ()) if row[1] == unit]
            for index, curve in enumerate(curves):
                _plot(axes, index, *curve)
            figures = [each for _, _, values in curves for each in values.values()] or [1.0]
            low, high = min(figures), max(figures)
            limits = (min(low, high / 100) / 2, 2 * high) if unit == "s" else (0, 1.4 * high)
            axes.set_ylim(limits)
            axes.yaxis.set_major_formatter(FuncFormatter(partial(_tick, unit)))
            axes.grid(alpha=0.25)
        lower.set(xscale="log", xlabel=abscissa, ylabel="memory", xlim=upper.get_xlim())
    figure.savefig(path, dpi=90)
    Image.open(path).convert("RGB").quantize(64).save(path, optimize=True)


def _plot(axes: Axes, index: int, title: str, unit: str, values: dict[str, float]) -> None:
    sizes, figures, colour = [*map(int, values)], [*values.values()], COLOURS[index]
    axes.plot(sizes, figures, "o-", color=colour, markersize=4)
    if unit == "s":
        linear = [figures[-1] * size / sizes[-1] for size in sizes]
        axes.plot(sizes, linear, "--", color=colour, alpha=0.5)
        corner, name = (0.04, 0.95 - 0.12 * index), title.partition(": ")[2]
        axes.text(*corner, name, color=colour, va="top", transform=axes.transAxes)


def _tick(unit: str, value: float, _: object) -> str:
    """10 µs."""
    figure, scaled = shown(value, unit).split()
    return f"{float(figure.replace(',', '')):g} {scaled}"
