"""What training never shows, all of it in one place, and pictures of it.

Digits: half of MNIST's validation set, with which nothing is fitted. Fonts: 20 of handwriting and
16 of print, for numbers and for words (`held back` in digits_train/camera/fonts.py). What is no
digit: letters in every font of this machine and Matplotlib except DejaVu, a house, a face, a heart
and others, textures, noise and blank sheets.
"""

import string
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import cache, partial
from pathlib import Path

import numpy as np
from matplotlib import font_manager
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter
from scipy import ndimage

from digits.images.picture import Source
from digits_train.camera import fonts
from digits_train.camera.exposure import photograph
from digits_train.camera.ink import Points, around
from digits_train.camera.lettering import words, write
from digits_train.camera.materials import Materials, make_materials
from digits_train.camera.numbers import random_digits
from digits_train.camera.page import labelled, number_page, trimmed, unhidden
from digits_train.camera.presets import legible
from digits_train.camera.ranges import RANGES
from digits_train.camera.rows import RowWriter
from digits_train.camera.scene import along, clouds
from digits_train.camera.style import random_style
from digits_train.camera.window import Window
from digits_train.data import unipen
from digits_train.pixels import Random, log_uniform, pick
from digits_train.symbols import LabelledPage

_SEED, _HANDS, _TEXTS = 9_000_000, 300, 1_500
_HEIGHTS = 18, 80  # pixels of the digits
_SIDE = 160
_Y, _X = np.mgrid[-1 : 1 : _SIDE * 1j, -1 : 1 : _SIDE * 1j]
_EACH, _PAGES = 200, 60  # pictures of each kind but letters; pages of words
# Some people's digits look like these letters.
_LOOKALIKES = set("BDGIOQSZbgiloqsyzΘΟΡΦΖΒδβεζθορστφ")
_GREEK = "ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩαβγδεζηθικλμνξοπρστυφχψω"

Drawing = list[Points]  # its strokes, on a paper from (0, 0) to (1, 1)


def _parse_strokes(text: str) -> Drawing:
    """The strokes of a text such as "0,0 0,100 / 0,50 40,50", in hundredths."""
    lines = text.replace(",", " ").split("/")
    return [np.array(line.split(), np.float64).reshape(-1, 2) / 100 for line in lines]


@cache
def unseen() -> Materials:
    """Digits, fonts and words that training never shows."""
    return make_materials(unipen.load(), _SEED, RANGES, _HANDS, _TEXTS, use="held back")


def numbers_page(texts: Sequence[str], random: Random) -> LabelledPage:
    """A page of numbers, one a line, of which each character can be told apart."""
    materials = unseen()._replace(ranges=legible(unseen().ranges))
    return number_page(random, materials, texts)


def pair(text: str, spacing: str, random: Random) -> LabelledPage:
    """Two digits whose ink is one piece. spacing: "touching" or "joined"."""
    ranges = unseen().ranges
    while True:
        height = log_uniform(random, *_HEIGHTS)
        window = Window.empty((round(6 * height),) * 2, margin=0)
        style = random_style(random, ranges, height)._replace(cell=0, slope=0.0)
        rows = RowWriter(window, style, unseen(), random)
        rows.write(text, 2 * height, 3 * height, spacing)
        if len(window.symbols) == len(text) and ndimage.label(window.ink > 0.25)[1] == 1:
            window = trimmed(window, height, random)
            return labelled(unhidden(window, random, ranges), text)


def _words_page(file: Path, random: Random) -> NDArray[np.uint8]:
    """A page of words in a font, without a digit to be read."""
    ranges, height = unseen().ranges, log_uniform(random, *_HEIGHTS)
    shape = (round(random.uniform(6, 20) * height), round(random.uniform(16, 30) * height))
    window = Window.empty(shape, margin=round(random.uniform(0.2, 1.5) * height))
    phrases = [words(random, int(random.integers(1, 4))) for _ in range(12)]
    written = partial(write, file=file, random=random, wobble=ranges.text.wobble)
    texts = [[written(phrase) for phrase in phrases if fonts.has(file, phrase)]]
    materials = unseen()._replace(texts=texts)
    RowWriter(window, random_style(random, ranges, height), materials, random).write_all(False)
    return photograph(window, height, random, ranges=ranges).pixels


def _sheet(random: Random) -> Image.Image:
    """A sheet of paper in uneven light."""
    light = random.uniform(150, 240) + random.uniform(-30, 30) * _X + random.uniform(-30, 30) * _Y
    return Image.fromarray((light + random.normal(0, 2, light.shape)).clip(0, 255).astype(np.uint8))


def _photographed(drawing: Image.Image, random: Random) -> Image.Image:
    """Photograph the white drawing as dark ink on paper, slightly rotated."""
    mask = drawing.rotate(random.uniform(-10, 10), Image.Resampling.BICUBIC)
    mask = mask.filter(ImageFilter.GaussianBlur(random.uniform(0.5, 1.5)))
    page = _sheet(random)
    page.paste(int(random.integers(10, 80)), (0, 0), mask)
    return page


def _letters(
    random: Random, files: Sequence[str], characters: str
) -> Iterator[tuple[bool, Image.Image]]:
    """Photographs of letters, and whether some people's digits look like them."""
    for file in files:
        with suppress(OSError, ValueError):  # not every font of a machine can be drawn
            for letter in (letter for letter in characters if fonts.has(Path(file), letter)):
                image, middle = Image.new("L", (_SIDE, _SIDE)), (_SIDE / 2, _SIDE / 2)
                ImageDraw.Draw(image).text(middle, letter, 255, fonts.load_font(file, 90), "mm")
                yield letter in _LOOKALIKES, _photographed(image, random)


def _face(_: Random) -> Drawing:
    angle = np.linspace(0, 2 * np.pi, 60)
    eyes = [np.array([(x, 0.4), (x, 0.43)]) for x in (0.375, 0.625)]
    mouth = around(np.radians(np.linspace(20, 160, 20)), 0.16) + (0.5, 0.53)
    return [around(angle, 0.3) + 0.5, *eyes, mouth]


def _heart(_: Random) -> Drawing:
    t = np.linspace(0, 2 * np.pi, 60)
    y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return [np.stack([0.5 + 0.28 * np.sin(t) ** 3, 0.47 - 0.019 * y], 1)]


def _spiral(_: Random) -> Drawing:
    angle = np.linspace(0, 6 * np.pi, 200)
    return [around(angle, 0.017 * angle) + 0.5]


def _zigzag(random: Random) -> Drawing:
    x = np.linspace(0.16, 0.84, int(random.integers(6, 10)))
    return [np.stack([x, np.where(np.arange(len(x)) % 2, 0.31, 0.69)], 1)]


_SHAPES: tuple[str | Callable[[Random], Drawing], ...] = (
    *(_face, _heart, _spiral, _zigzag),
    "25,81 25,50 50,22 75,50 75,81 25,81 / 25,50 75,50",  # a house
    "19,50 81,50 / 59,28 81,50 59,72",  # an arrow
    "50,84 50,16 / 28,44 50,31 72,44 / 28,63 50,50 72,63 / 28,81 50,69 72,81",  # a tree
    "25,16 25,84 / 50,16 50,84 / 75,16 75,84 / 16,25 84,25 / 16,50 84,50 / 16,75 84,75",  # a grid
)


def _drawing(random: Random) -> Image.Image:
    """A photograph of one of _SHAPES, drawn with a round pen."""
    pen, shape = int(random.integers(4, 10)), pick(random, _SHAPES)
    image = Image.new("L", (_SIDE, _SIDE))
    brush = ImageDraw.Draw(image)
    for stroke in _parse_strokes(shape) if isinstance(shape, str) else shape(random):
        points = [(x, y) for x, y in (stroke * _SIDE).tolist()]
        brush.line(points, fill=255, width=pen)
        for point in points:
            brush.circle(point, pen / 2, fill=255)
    return _photographed(image, random)


def _texture(random: Random) -> Image.Image:
    """Stripes, a chequerboard, clouds or grain."""
    period, angle, shape = random.uniform(6, 60), random.uniform(0, np.pi), (_SIDE, _SIDE)

    def waves(angle: float) -> NDArray[np.float64]:
        return np.asarray(np.sin(2 * np.pi / period * along(shape, angle)), np.float64)

    values: NDArray[np.floating]
    match int(random.integers(0, 4)):
        case 0:
            values = waves(angle)
        case 1:
            values = np.sign(waves(0) * waves(np.pi / 2))
        case 2:
            values = clouds(shape, random, _SIDE / random.uniform(4, 12)) / 2
        case _:
            values = clouds(shape, random, _SIDE / random.uniform(20, 80)) / 2
    grey = 128 + random.uniform(30, 100) * values + random.normal(0, 4, values.shape)
    return Image.fromarray(grey.clip(0, 255).astype(np.uint8))


def _noise(random: Random) -> Image.Image:
    level, spread = random.uniform(80, 200), random.uniform(2, 60)
    grey = random.normal(level, spread, (_SIDE, _SIDE))
    return Image.fromarray(grey.clip(0, 255).astype(np.uint8))


def _blank(random: Random) -> Image.Image:
    """A sheet half in a shadow with a soft edge."""
    page = np.asarray(_sheet(random), np.float32)
    angle = random.uniform(0, 2 * np.pi)
    distance = _X * np.cos(angle) + _Y * np.sin(angle) - random.uniform(-0.5, 0.5)
    shadow = 1 - random.uniform(0.1, 0.6) / (1 + np.exp(-distance * random.uniform(3, 40)))
    return Image.fromarray((page * shadow).clip(0, 255).astype(np.uint8))


def without_one_digit() -> Iterator[tuple[str, Source]]:
    """Pictures to which `predict` shouldn't answer with a digit, and of what kind each is."""
    random = np.random.default_rng(0)
    hands, prints = fonts.handwriting("held back"), fonts.printed("held back")
    found = sorted(
        font_manager.findSystemFonts() + font_manager.findSystemFonts([str(fonts.MATPLOTLIB_FONTS)])
    )
    every = [name for name in found if name.endswith(("ttf", "otf")) and "DejaVu" not in name]
    for kind, files, characters in (
        ("letters", every, string.ascii_letters),
        ("Greek letters", every, _GREEK),
        ("letters in handwriting fonts", [*map(str, hands)], string.ascii_letters),
    ):
        for lookalike, image in _letters(random, files, characters):
            yield "letters that some write like a digit" if lookalike else kind, image
    drawn = {"drawings": _drawing, "textures": _texture, "noise": _noise, "blank sheets": _blank}
    for kind, draw in drawn.items():
        for _ in range(_EACH):
            yield kind, draw(random)
    for kind, some in (("pages of print", prints), ("pages of words by hand", hands)):
        for number in range(_PAGES):
            yield kind, _words_page(some[number % len(some)], random)
    for number in range(_EACH):
        text = random_digits(random, 2 + number % 2, 2 + number % 2)
        yield "numbers of two or three digits", numbers_page([text], random).pixels
