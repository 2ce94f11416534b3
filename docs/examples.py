"""Draw the example pictures of the page of `digits serve`: python -m docs.examples

The digits are MNIST's test digits in their order.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from digits.data.split import Split
from digits_train.data import mnist
from tests.synthetic import Sheet, chosen, lamp, page

FOLDER = Path(__file__).parent.parent / "runtime" / "digits" / "serve" / "page"
QUALITY = 20  # of 100; enough for small pictures


def shadow(height: int, width: int) -> np.ndarray:
    """A shadow over the lower left half, with a blurred edge: float32 [height, width]."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    light: np.ndarray = (1 - 0.45 / (1 + np.exp(-(y - x) * 40))).astype(np.float32)
    return light


def pencil(digits: Split) -> NDArray[np.uint8]:
    """A digit in pencil on squared paper."""
    sheet = Sheet(180, 180)
    sheet.rule(24, grey=190)
    sheet.ground[:, 24::24] = 190
    sheet.write(chosen(digits, "5", start=7), 55, 40, size=100)
    return sheet.photograph(tilt=3, ink=110, noise=1)


def chalk(digits: Split) -> NDArray[np.uint8]:
    """A number in chalk on a blackboard."""
    sheet = Sheet(180, 320)
    sheet.write(chosen(digits, "2718", start=3), 40, 50, size=80, gap=10)
    return 255 - sheet.photograph(tilt=-2, noise=1)


def shaded(digits: Split) -> NDArray[np.uint8]:
    """Numbers in two lines, half in the shadow of a hand."""
    sheet = Sheet(180, 320)
    sheet.write(chosen(digits, "40361", start=11), 40, 24, size=60)
    sheet.write(chosen(digits, "957", start=17), 110, 98, size=60)
    return sheet.photograph(light=shadow(180, 320), noise=1)


def numbers(digits: Split) -> NDArray[np.uint8]:
    """Numbers on ruled paper, tilted, in lamplight."""
    photo = Image.fromarray(page(digits))
    return np.asarray(photo.resize((480, 252), Image.Resampling.LANCZOS))


def face(_: Split) -> NDArray[np.uint8]:
    """A smiley, which is no digit."""
    sheet = Sheet(180, 180)
    pen = ImageDraw.Draw(sheet.ink)
    pen.ellipse((40, 40, 140, 140), outline=255, width=6)
    pen.arc((62, 62, 118, 118), 20, 160, fill=255, width=6)
    for x in (72, 108):
        pen.ellipse((x - 5, 70, x + 5, 80), fill=255)
    return sheet.photograph(light=lamp(180, 180), noise=1)


def main() -> None:
    digits = mnist.load("test")
    for name, draw in {
        "pencil": pencil,
        "chalk": chalk,
        "shadow": shaded,
        "page": numbers,
        "face": face,
    }.items():
        image = Image.fromarray(draw(digits))
        image.save(FOLDER / f"{name}.webp", quality=QUALITY, method=6)


if __name__ == "__main__":
    main()
