"""The time to read a picture file, compared with only decoding it in Pillow, on one core.

make bench
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from benchmarks.timing import microseconds, pin, show
from digits import Classifier
from digits.data import mnist
from digits.inference.model_file import BUNDLED
from tests.synthetic import Sheet, chosen


def photo(folder: Path) -> Path:
    """A 3 on paper as a JPEG of 12 megapixels, as noisy as a phone's."""
    sheet = Sheet(750, 1000)
    sheet.write(chosen(mnist.load("validation"), "3"), 400, 200, size=350)
    large = Image.fromarray(sheet.photograph()).resize((4000, 3000), Image.Resampling.BICUBIC)
    pixels = np.asarray(large.convert("RGB"), np.float32)
    pixels += np.random.default_rng(0).normal(0, 4, pixels.shape)
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / "photo.jpg", quality=90)
    return folder / "photo.jpg"


def small(folder: Path) -> Path:
    """One of MNIST's digits as a PNG."""
    Image.fromarray(mnist.load("validation").images[0]).save(folder / "digit.png")
    return folder / "digit.png"


def a4(folder: Path) -> Path:
    """84 digits, 7 mm high, on ruled paper as a JPEG of A4, 12 megapixels."""
    sheet = Sheet(1240, 877)
    sheet.rule(50, grey=170)
    for row in range(12):
        digits = chosen(mnist.load("validation"), f"{(row + 1) * 7919173 % 10**7:07}", start=row)
        sheet.write(digits, 60 + 20 * row, 80 + 90 * row, size=40)
    Image.fromarray(sheet.photograph()).resize((2912, 4118)).save(folder / "a4.jpg", quality=90)
    return folder / "a4.jpg"


def crop(folder: Path) -> Path:
    """A number of four digits as a JPEG of 300x150 pixels."""
    sheet = Sheet(150, 300)
    sheet.write(chosen(mnist.load("validation"), "2718"), 30, 40)
    Image.fromarray(sheet.photograph()).save(folder / "crop.jpg", quality=90)
    return folder / "crop.jpg"


def milliseconds(path: Path, calls: int, whole: bool = False) -> dict[str, float]:
    """The times to read the picture and to decode it. whole: read all digits."""
    classifier = Classifier(BUNDLED)
    ours = classifier.read if whole else classifier.predict

    def decode() -> None:
        with Image.open(path) as image:
            image.load()

    times = microseconds(
        {f"digits, `{ours.__name__}`": lambda: ours(path), "Pillow": decode}, calls
    )
    return {name: time / 1000 for name, time in times.items()}


def main() -> None:
    print(pin())
    with TemporaryDirectory() as folder:
        show("One picture, JPEG of 12 megapixels", "ms", milliseconds(photo(Path(folder)), 3))
        show("One picture, PNG of 28x28", "ms", milliseconds(small(Path(folder)), 200))
        show("A4, JPEG of 12 megapixels", "ms", milliseconds(a4(Path(folder)), 1, whole=True))
        show("JPEG of 300x150", "ms", milliseconds(crop(Path(folder)), 5, whole=True))


if __name__ == "__main__":
    main()
