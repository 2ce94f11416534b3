"""Time and peak memory against the size of the input: does anything grow faster than linearly?

A row is a curve: its values by size.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from benchmarks import processes
from benchmarks.pictures import saved, three
from benchmarks.timing import Row, seconds
from digits import Classifier
from digits.inference.model import ClassifierModel
from digits_train.data import mnist
from tests.synthetic import Sheet, chosen

PIXELS = ((28, 28), (100, 75), (400, 300), (1000, 750), (2000, 1500), (4000, 3000), (8000, 6000))
FILES = (100, 300, 1000, 3000, 10_000)
CLASSIFY = """
import sys
import numpy as np
from digits.inference.model import ClassifierModel
ClassifierModel().probabilities(np.zeros((int(sys.argv[1]), 28, 28), np.uint8))
"""

Points = Iterable[tuple[int, float, float]]  # size, seconds, megabytes


def curve(title: str, points: Points) -> Iterator[Row]:
    sizes, times, peaks = zip(*points, strict=True)
    for unit, figures in (("s", times), ("MB", peaks)):
        yield Row(title, unit, dict(zip(map(str, sizes), figures, strict=True)))


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
    """Time and memory of whole processes, by the number of files in a folder."""
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
