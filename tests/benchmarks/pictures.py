"""The time to read a picture file, compared with only decoding it in Pillow, on one core.

make bench
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image
from tests.benchmarks.timing import microseconds, pin, show
from tests.synthetic import Sheet, chosen, page

from digits import Classifier
from digits.data import mnist
from digits.inference.model_file import BUNDLED


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
    """Numbers on ruled paper as a JPEG of A4 at 150 dpi."""
    large = Image.fromarray(page(mnist.load("validation"))).resize((1754, 1240))
    large.save(folder / "a4.jpg", quality=90)
    return folder / "a4.jpg"


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
        show("One page, JPEG of 1754x1240", "ms", milliseconds(a4(Path(folder)), 1, whole=True))


if __name__ == "__main__":
    main()
