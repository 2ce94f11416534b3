"""The time to read a picture file, beside only decoding it in Pillow."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from benchmarks.timing import Row, seconds
from digits import Classifier
from digits.data import mnist
from tests.synthetic import Sheet, chosen

SIZES = ((28, 28), (256, 256))


def three(width: int, height: int) -> Sheet:
    """A 3 in the middle of a sheet."""
    sheet, size = Sheet(height, width), round(0.7 * height)
    sheet.write(chosen(mnist.load("validation"), "3"), (width - size) // 2, height // 7, size=size)
    return sheet


def photo(folder: Path) -> Path:
    """A 3 on paper as a JPEG of 12 megapixels, as noisy as a phone's."""
    large = Image.fromarray(three(1000, 750).photograph()).resize((4000, 3000))
    pixels = np.asarray(large.convert("RGB"), np.float32)
    pixels += np.random.default_rng(0).normal(0, 4, pixels.shape)
    return saved(Image.fromarray(pixels.clip(0, 255).astype(np.uint8)), folder / "photo.jpg")


def a4(folder: Path) -> Path:
    """84 digits, 7 mm high, on ruled paper as a JPEG of A4, 12 megapixels."""
    sheet = Sheet(1240, 877)
    sheet.rule(50, grey=170)
    for row in range(12):
        digits = chosen(mnist.load("validation"), f"{(row + 1) * 7919173 % 10**7:07}", start=row)
        sheet.write(digits, 60 + 20 * row, 80 + 90 * row, size=40)
    return saved(Image.fromarray(sheet.photograph()).resize((2912, 4118)), folder / "a4.jpg")


def crop(folder: Path) -> Path:
    """A number of four digits as a JPEG of 300x150 pixels."""
    sheet = Sheet(150, 300)
    sheet.write(chosen(mnist.load("validation"), "2718"), 30, 40)
    return saved(Image.fromarray(sheet.photograph()), folder / "crop.jpg")


def saved(image: Image.Image, path: Path) -> Path:
    image.save(path, quality=90, compress_level=6)
    return path


def timed(title: str, path: Path, ours: Mapping[str, Callable[[Path], object]]) -> Row:
    """The times of ours, and of what Pillow alone does, at full size."""
    calls = {name: partial(call, path) for name, call in ours.items()}
    return Row(title, "s", seconds({**calls, "Pillow": lambda: Image.open(path).load()}))


def rows() -> Iterator[Row]:
    classifier = Classifier()
    predict = {"digits": classifier.predict}
    read = {"digits": classifier.read, "digits, two threads": Classifier(threads=2).read}
    with TemporaryDirectory() as name:
        folder = Path(name)
        for width, height in SIZES:
            image = Image.fromarray(three(width, height).photograph())
            path = saved(image, folder / f"{width}.png")
            yield timed(f"PNG, {width}x{height}", path, predict)
        yield timed("JPEG, 12 megapixels", photo(folder), predict)
        yield timed("`read`: A4, 12 megapixels", a4(folder), read)
        yield timed("`read`: 300x150", crop(folder), read)
