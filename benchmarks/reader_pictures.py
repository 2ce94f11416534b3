"""What `benchmarks.reader` reads: pages, numbers, photos, and pictures without a digit."""

import csv
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from benchmarks import handwritten, held_back, nondigits
from benchmarks.pictures import a4, crop
from digits.data import mnist
from digits.data.mnist import Split
from digits_train.camera import FITTED, fonts
from digits_train.camera.page import page, text_page
from digits_train.raster import Random

PHOTOS = Path(__file__).parents[2] / "shared" / "photos"
TRAINED, SIGNED, HANDWRITING, REAL = "kinds as in training", "signs", "handwriting", "photos"
TOUCHING, JOINED, STROKES = "touching pairs", "joined pairs", "11, 111, 101, 10 to 19"
EMPTY = ("print", "shapes", "textures", "sheets in shadow", "empty sheets")
FILES = {"A4 of 12 megapixels, from the file on": a4, "300x150 pixels, from the file on": crop}
_EACH = 12  # drawings of each number
_WITHOUT = 100  # pictures of each kind without a digit, but fewer of pages
_PAGES_WITHOUT = 60
_EACH_HAND = 5  # pages of words
_TIMES = 9  # that each file is read


class Picture(NamedTuple):
    """kind: one of those above. image: pixels, or a file's bytes. letters: of the words on it."""

    kind: str
    image: NDArray[np.uint8]
    text: str = ""
    letters: int = 0


def _seed(kind: str, number: int) -> Random:
    return np.random.default_rng([20, zlib.crc32(kind.encode()), number])


def pictures(pages: int) -> Iterator[Picture]:
    """All pictures. pages: as in training, and a tenth as many of each other kind."""
    validation = mnist.load("validation")
    half = Split(validation.images[FITTED:], validation.labels[FITTED:])
    hands = fonts.hands("held back")
    by = handwritten.writers(half, hands, [*fonts.printed("held back"), *hands])
    words = [str(file) for file in fonts.printed() + fonts.hands()]
    for number in range(pages):
        shown = page(half, _seed(TRAINED, number), words)
        yield Picture(TRAINED, shown.image, shown.text)
    for kind in held_back.KINDS + held_back.ONCE_HELD_BACK:
        for number in range(-(-pages // 10)):
            yield Picture(kind, *held_back.page(kind, by, _seed(kind, number)))
    for number in range(-(-pages // 2)):
        yield Picture(SIGNED, *handwritten.signed_page(by, _seed(SIGNED, number)))
    for kind in (TOUCHING, JOINED):
        for number in range(100):
            shown_pair = handwritten.pair(f"{number:02}", kind == JOINED, by, _seed(kind, number))
            yield Picture(kind, *shown_pair)
    for text in nondigits.DRAWN:
        for number in range(_EACH):
            drawn = handwritten.drawn(text, half, _seed(f"{STROKES} {text}", number))
            yield Picture(STROKES, drawn, text)
    yield from without_digits(hands)
    yield from photos()
    yield from files()


def without_digits(hands: Sequence[Path]) -> Iterator[Picture]:
    """Pictures on which nothing is to be read."""
    print_fonts = [str(file) for file in fonts.printed("held back")]
    kinds: dict[str, tuple[int, Callable[[Random], object]]] = {
        "print": (_PAGES_WITHOUT, lambda random: text_page(random, print_fonts)),
        "shapes": (_WITHOUT, nondigits.drawing),
        "textures": (_WITHOUT, nondigits.texture),
        "sheets in shadow": (_WITHOUT, nondigits.blank),
        "empty sheets": (_WITHOUT, handwritten.empty_sheet),
    }
    for kind, (count, draw) in kinds.items():
        for number in range(count):
            yield Picture(kind, np.asarray(draw(_seed(kind, number))))
    for hand in hands:
        kind = f"{HANDWRITING}, {hand.name.removesuffix('-latin-400-normal.woff')}"
        for number in range(_EACH_HAND):
            image, letters = handwritten.handwriting(hand, _seed(kind, number))
            yield Picture(kind, image, letters=letters)


def photos() -> Iterator[Picture]:
    """Other people's photographed pages: nothing is trained on them."""
    if not (PHOTOS / "lines.csv").exists():
        return
    with (PHOTOS / "lines.csv").open() as file:
        for row in csv.DictReader(file):
            image = ImageOps.exif_transpose(Image.open(PHOTOS / row["file"])).convert("RGB")
            yield Picture(REAL, np.asarray(image), row["digits"].replace("/", "\n"))


def files() -> Iterator[Picture]:
    """Pictures whose reading is timed."""
    with TemporaryDirectory() as folder:
        for kind, make in FILES.items():
            content = np.frombuffer(make(Path(folder)).read_bytes(), np.uint8)
            yield from [Picture(kind, content)] * _TIMES
