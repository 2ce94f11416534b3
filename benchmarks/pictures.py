"""Pictures whose reading is timed."""

from pathlib import Path

from PIL import Image

from digits_train.data import mnist
from tests.synthetic import Sheet, chosen


def three(width: int, height: int) -> Sheet:
    """A 3 in the middle of a sheet."""
    sheet, size = Sheet(height, width), round(0.7 * height)
    sheet.write(chosen(mnist.load("validation"), "3"), (width - size) // 2, height // 7, size=size)
    return sheet


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
