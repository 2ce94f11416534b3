"""What `benchmarks.reader` reads: pages, numbers, photos, and pictures without a digit."""

import zlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from benchmarks import held_back, nondigits, strokes
from benchmarks.handwriting import PHOTOS, rows
from digits.images.picture import Source
from digits_train.camera import fonts
from digits_train.camera.exposure import photograph
from digits_train.camera.page import number_page, page
from digits_train.camera.window import Window
from digits_train.matching import LabelledPage
from digits_train.raster import Random

TRAINED, SIGNED, REAL = "axes as in training", "signs", "photos"
PAIRS, STROKES = {"touching pairs": "touching", "joined pairs": "joined"}, "11, 111, 101, 10 to 19"
PRINT, WORDS = "print", "words in hands held back"
SHAPES, EMPTY_SHEETS = "shapes", "empty sheets"
EMPTY = (PRINT, WORDS, SHAPES, EMPTY_SHEETS)
_PAIRS = 100  # from 00 to 99
_EACH = 12  # drawings of each number
_WITHOUT = 100  # pictures of each kind without a digit


class Picture(NamedTuple):
    """kind: one of those above. text: what is written on it.

    page: with the places of its digits, if they are known.
    """

    kind: str
    image: Source
    text: str = ""
    page: LabelledPage | None = None


def pictures(pages: int) -> Iterator[Picture]:
    """All pictures. pages: as in training, and a tenth as many of each other kind."""
    for number in range(pages):
        random = _seed(TRAINED, number)
        yield _of(TRAINED, page(random, held_back.as_in_training(), "numbers"))
    for kind in held_back.KINDS:
        for number in range(-(-pages // 10)):
            yield _of(kind, held_back.page(kind, _seed(kind, number)))
    for number in range(-(-pages // 2)):
        random = _seed(SIGNED, number)
        texts = [_signed(random) for _ in range(int(random.integers(2, 7)))]
        yield _of(SIGNED, number_page(random, held_back.unseen(), texts))
    for kind, spacing in PAIRS.items():
        for number in range(_PAIRS):
            yield _of(kind, held_back.pair(f"{number:02}", spacing, _seed(kind, number)))
    for text in nondigits.DRAWN:
        for number in range(_EACH):
            random = _seed(f"{STROKES} {text}", number)
            yield Picture(STROKES, strokes.drawn(text, held_back.half(), random), text)
    yield from without_digits()
    yield from photos()


def without_digits() -> Iterator[Picture]:
    """Pictures on which nothing is to be read."""
    hands, printed = fonts.hands("held back"), fonts.printed("held back")
    for number in range(_WITHOUT):
        for kind, files in ((PRINT, printed), (WORDS, hands)):
            yield _of(kind, held_back.words_page(files[number % len(files)], _seed(kind, number)))
        yield Picture(SHAPES, np.asarray(nondigits.drawing(_seed(SHAPES, number))))
        random = _seed(EMPTY_SHEETS, number)
        height, width = random.integers(150, 1100, 2).tolist()
        sheet = photograph(Window.empty((height, width)), random.uniform(16, 110), random)
        yield Picture(EMPTY_SHEETS, sheet.pixels)


def photos() -> Iterator[Picture]:
    """Other people's photographed pages: nothing is trained on them."""
    for photo in rows("lines.csv"):
        image = ImageOps.exif_transpose(Image.open(PHOTOS / photo["file"])).convert("RGB")
        yield Picture(REAL, np.asarray(image), photo["digits"].replace("/", "\n"))


def _seed(kind: str, number: int) -> Random:
    return np.random.default_rng([20, zlib.crc32(kind.encode()), number])


def _of(kind: str, shown: LabelledPage) -> Picture:
    return Picture(kind, shown.pixels, shown.text, shown)


def _signed(random: Random) -> str:
    """An amount or a difference, with a minus before it or a point in it."""
    whole = str(random.integers(10 ** int(random.integers(1, 5))))
    cents = f".{random.integers(100):02}" if random.random() < 0.6 else ""
    return "-" * int(random.random() < 0.4) + whole + cents
