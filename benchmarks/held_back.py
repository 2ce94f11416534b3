"""What training never shows, all of it in one place, and pages of it.

Digits: half of MNIST's validation set, with which nothing is fitted. Fonts: 20 of handwriting and
16 of print, for numbers and for words (`held back` in digits_train/camera/fonts.py). Paper: music
staves, newsprint with the other side's print, a whiteboard that glares and wasn't wiped well.
Layout: numbers that go round a corner, a calendar, sums in columns. Pen: a ballpoint that skips,
one that goes over each digit twice, chalk on a board, a trembling hand. Noise: a screen's pixels,
photographed. Marks: a house, a face, a heart and others (benchmarks/nondigits.py). Each page has
one of these axes held back, beside its digits and the fonts of its words.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter
from scipy import ndimage

from digits.data.split import Split
from digits_train.camera import FITTED, fonts, scene
from digits_train.camera.exposure import photograph
from digits_train.camera.glyphs import Hand, font_hands
from digits_train.camera.ink import Glyph
from digits_train.camera.lettering import library, words, write
from digits_train.camera.materials import Materials, make_materials
from digits_train.camera.numbers import random_digits
from digits_train.camera.page import labelled, trimmed, unhidden
from digits_train.camera.presets import legible
from digits_train.camera.ranges import RANGES
from digits_train.camera.rows import RowWriter
from digits_train.camera.strokes import bend, grain
from digits_train.camera.style import random_style
from digits_train.camera.window import Window
from digits_train.data import mnist
from digits_train.matplotlib_data import load_font
from digits_train.pixels import Bytes, Random, cropped, log_uniform, pick
from digits_train.symbols import LabelledPage

_SEED, _BANK, _TEXTS = 9_000_000, 3_000, 1_500
_HEIGHTS = 18, 80  # pixels of the digits
_CALENDAR = 34  # pixels at most, of which there is a whole month on a page
_CANVAS = 26  # heights, on which a page is written before its edges are cut off
_STEEPEST = 0.1  # slope of lines


@cache
def half() -> Split:
    """The validation digits to which nothing is fitted."""
    return mnist.load("validation")[FITTED:]


@cache
def as_in_training() -> Materials:
    """Training's fonts, but other digits."""
    return make_materials(half(), _SEED, RANGES, _BANK, _TEXTS)


@cache
def unseen() -> Materials:
    """Digits, fonts and words that training never shows."""
    random, handwriting = np.random.default_rng(_SEED), fonts.handwriting("held back")
    files = [*handwriting, *fonts.printed("held back")]
    texts = library(files, _TEXTS, random, RANGES.text.wobble)
    hands = font_hands(handwriting, random, RANGES.hand)
    return as_in_training()._replace(font_hands=hands, texts=texts)


def legible_numbers() -> Materials:
    """The same, for pages of numbers of which each character can be told apart."""
    return unseen()._replace(ranges=legible(unseen().ranges))


@dataclass
class _Changed(Hand):
    """Writes as someone else does, but with another pen."""

    change: Callable[[Glyph, Random], Glyph]

    def glyph(self, character: str, random: Random) -> Glyph | None:
        glyph = super().glyph(character, random)
        return self.change(glyph, random) if glyph is not None else None


def _twice(glyph: Glyph, random: Random) -> Glyph:
    """Go over the same strokes again, a little beside them."""
    padded = np.pad(glyph.coverage, 4)
    moved = np.roll(padded, random.integers(-4, 5, 2), (0, 1))
    again = Image.fromarray(moved).rotate(random.normal(0, 3), Image.Resampling.BICUBIC)
    return Glyph(cropped(np.maximum(padded, np.asarray(again))), glyph.below + 2)


def _skipping(glyph: Glyph, random: Random) -> Glyph:
    """Leave some twentieth of the strokes, in short pieces, with hardly any ink."""
    bumps = scene.clouds(glyph.coverage.shape, random, random.uniform(2.8, 5.6))
    inked = np.clip(4 * (random.uniform(1.3, 1.9) - bumps) + 0.5, 0.05, 1)
    return glyph._replace(coverage=(glyph.coverage * inked).astype(np.uint8))


def _trembling(glyph: Glyph, random: Random) -> Glyph:
    """Shake sideways and up and down by a hundredth or two of the height, many times a digit."""
    distance, cell = random.uniform(0.5, 1.2), random.uniform(5, 11)
    shaken = bend(np.pad(glyph.coverage, 6), distance, random, cell)
    return Glyph(cropped(shaken), glyph.below)


def _chalk(glyph: Glyph, random: Random) -> Glyph:
    """Skip the hollows of a board."""
    ink = (glyph.coverage / 255).astype(np.float32)
    grainy = grain(ink, random, random.uniform(0.5, 0.75))
    return glyph._replace(coverage=(grainy * 255).astype(np.uint8))


def _lines(rows: RowWriter) -> None:
    """One to five numbers below each other; half of the pages have words above them."""
    random, height = rows.random, rows.style.height
    x, y = 4 * height, 5 * height
    if random.random() < 0.5:
        rows.word(x, y)
    for _ in range(int(random.integers(1, 6))):
        y += random.uniform(1.5, 2.3) * height
        rows.write(random_digits(random, 1, 7), x + random.uniform(0, 2) * height, y, "plain")


def _round_a_corner(rows: RowWriter) -> None:
    """One long number on a bend, as at the edge of a sheet; the digits turn with it."""
    random, style = rows.random, rows.style
    text = random_digits(random, 6, 12)
    gap = random.uniform(0.65, 0.9) * style.height
    radius, side = len(text) * gap * random.uniform(0.6, 1.5), random.choice([-1, 1])
    middle = _CANVAS / 2 * style.height
    for index, digit in enumerate(text):
        angle = (index - (len(text) - 1) / 2) * gap / radius
        turn, narrower = side * np.tan(angle), float(np.cos(angle))
        slant, height = style.slant + turn, style.height * narrower
        rows.style = style._replace(slope=turn, slant=slant, height=height)
        x, down = middle + radius * np.sin(angle), side * radius * (1 - narrower)
        rows.write(digit, x, middle + down - turn * x, "plain")


def _calendar(rows: RowWriter) -> None:
    """A month: the days from 1 on in a printed grid of seven columns."""
    random, height = rows.random, rows.style.height
    rows.style = rows.style._replace(slope=0.0, gap=random.uniform(0.05, 0.2))
    wide, tall = random.uniform(2.6, 3.2) * height, random.uniform(1.8, 2.8) * height
    weeks, first = int(random.integers(2, 6)), int(random.integers(0, 7))
    for day in range(1, min(31, 7 * weeks - first) + 1):
        week, column = divmod(day + first - 1, 7)
        rows.write(str(day), (column + 1.15) * wide, (week + 1) * tall + 1.3 * height, "plain")
    down = [((line, 1), (line, weeks + 1)) for line in range(1, 9)]
    across = [((1, line), (8, line)) for line in range(1, weeks + 2)]
    for ends in (*down, *across):
        rows.window.draw(np.array(ends) * (wide, tall), max(1.0, 0.03 * height), printed=True)


def _sums(rows: RowWriter) -> None:
    """Numbers below each other by their places, a plus, a line, and their sum."""
    random, height = rows.random, rows.style.height
    rows.style = rows.style._replace(slope=0.0)
    terms = [int(random_digits(random, 1, 5)) for _ in range(int(random.integers(2, 5)))]
    wide, pitch = random.uniform(1.0, 1.4) * height, random.uniform(1.6, 2.2) * height
    right, y = 10 * height, 3 * height
    for line, number in enumerate((*terms, sum(terms))):
        for position, digit in enumerate(reversed(str(number))):
            rows.write(digit, right - (position + 1) * wide, y + line * pitch, "plain")
    left, low = right - 7 * wide, y + (len(terms) - 1) * pitch
    half, slope = random.uniform(0.2, 0.35) * height, random.normal(0, 0.1) * height
    middle = np.array([left, low - height / 2])
    for across in ((half, 0), (0, half)):
        rows.window.draw(np.array([middle - across, middle + across]), rows.pen)
    below = low + 0.35 * height
    rows.window.draw(np.array([(left, below), (right, below + slope)]), rows.pen)


# Paper: printed on the whole sheet


def _staves(window: Window, height: float, random: Random) -> None:
    """Music paper: groups of five lines."""
    gap, thick = max(4.0, random.uniform(0.2, 0.4) * height), max(0.8, 0.03 * height)
    y = np.arange(len(window.ink), dtype=np.float32) % (gap * random.uniform(8, 11))
    distance = np.where(y < 4.5 * gap, np.abs((y + gap / 2) % gap - gap / 2), thick + 1)
    _print(window, np.clip(thick / 2 + 0.5 - distance, 0, 1)[:, None] * random.uniform(0.5, 1))


def _newsprint(window: Window, height: float, random: Random) -> None:
    """The print of the other side shines through, mirrored and blurred."""
    shape = window.ink.shape
    image = Image.new("L", shape[::-1])
    size = max(12, round(random.uniform(0.35, 0.7) * height))
    face = load_font(str(fonts.bundled("held back")[0]), size)
    for y in range(0, shape[0], round(1.4 * size)):
        text = words(random, 1 + shape[1] // (3 * size))
        ImageDraw.Draw(image).text((random.uniform(-3, 0) * size, y), text, 255, face)
    mirrored = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    soft = np.asarray(mirrored.filter(ImageFilter.GaussianBlur(0.06 * size)), np.float32) / 255
    rough = np.clip(scene.clouds((shape[0], shape[1]), random, 1.5), 0, 2)
    _print(window, random.uniform(0.25, 0.5) * soft + 0.06 * rough)


def _wiped(window: Window, height: float, random: Random) -> None:
    """What somebody else wrote there before is smeared, but hasn't gone."""
    before = Window.empty((window.ink.shape[0], window.ink.shape[1]))
    size = random.uniform(0.8, 1.6) * height
    style = random_style(random, RANGES, size)._replace(cell=0)
    RowWriter(before, style, unseen()._replace(font_hands=()), random).write_all(True)
    smear = max(2, round(random.uniform(0.1, 0.4) * height))
    soft = ndimage.gaussian_filter(ndimage.uniform_filter1d(before.ink, smear, axis=1), 1)
    _print(window, soft * random.uniform(0.1, 0.3))


def _print(window: Window, coverage: NDArray[np.floating]) -> None:
    np.maximum(window.printed, coverage, out=window.printed, casting="same_kind")


# Look: changes of the photograph


def _glare(pixels: Bytes, _: Window, random: Random) -> Bytes:
    """Mirror a lamp; the ink there stays visible."""
    y, x = np.indices(pixels.shape)
    down, across = random.uniform(0.05, 0.95, 2) * pixels.shape
    radius = random.uniform(0.06, 0.2) * max(pixels.shape)
    distance = np.hypot((x - across) / random.uniform(1, 2.5), y - down) / radius
    return np.asarray(pixels + (255.0 - pixels) * 0.5 * np.exp(-(distance**3)), np.uint8)


def _board(pixels: Bytes, window: Window, _: Random) -> Bytes:
    """Light strokes on a dark board."""
    is_dark = pixels[window.ink > 0.5].mean() < pixels[window.ink < 0.1].mean()
    return np.asarray(255 - pixels) if is_dark else pixels


def _screen(pixels: Bytes, _: Window, random: Random) -> Bytes:
    """The grid of a screen's pixels, and the waves that it makes with those of the camera."""
    y, x = np.indices(pixels.shape)
    waves = np.zeros(pixels.shape)
    for period in (random.uniform(2.2, 4), random.uniform(8, 40)):
        angle, bend = random.uniform(0, np.pi), random.uniform(0, 2e-4)
        along = x * np.cos(angle) + y * np.sin(angle) + bend * (x - y) ** 2
        waves += np.sin(2 * np.pi / period * along)
    spread = min(12.0, 0.15 * float(np.ptp(np.quantile(pixels, (0.01, 0.99)))))
    return np.clip(pixels + spread * waves, 0, 255).astype(np.uint8)


PENS = {"written twice": _twice, "skipping pen": _skipping, "trembling": _trembling}
PENS["chalk"] = _chalk
LAYOUTS = {"round a corner": _round_a_corner, "calendar": _calendar, "sums": _sums}
PAPERS = {"staves": _staves, "newsprint": _newsprint, "whiteboard": _wiped}
LOOKS = {"whiteboard": _glare, "chalk": _board, "screen": _screen}
FONTS = "font's hand"
KINDS = (*PAPERS, *LAYOUTS, *PENS, "screen", FONTS)


def page(kind: str, random: Random) -> LabelledPage:
    """A page of one of KINDS."""
    materials = unseen()
    height = log_uniform(random, _HEIGHTS[0], _CALENDAR if kind == "calendar" else _HEIGHTS[1])
    window = Window.empty((round(_CANVAS * height),) * 2, margin=0)
    style = random_style(random, RANGES, height)._replace(cell=0)
    style = style._replace(slope=float(np.clip(style.slope, -_STEEPEST, _STEEPEST)))
    hand = pick(random, materials.font_hands if kind == FONTS else materials.mnist_hands)
    if kind in PENS:
        hand = _Changed(hand.pen, hand.variants, PENS[kind])
        style = style._replace(bare=0)
    LAYOUTS.get(kind, _lines)(RowWriter(window, style, materials, random, hand))
    window = trimmed(window, height, random)
    if kind in PAPERS:
        PAPERS[kind](window, height, random)
    photo = photograph(window, height, random, RANGES)
    if kind in LOOKS:
        photo = photo._replace(pixels=LOOKS[kind](photo.pixels, window, random))
    return labelled(photo)


def pair(text: str, spacing: str, random: Random) -> LabelledPage:
    """Two digits whose ink is one piece. spacing: "touching" or "joined"."""
    while True:
        height = log_uniform(random, *_HEIGHTS)
        window = Window.empty((round(6 * height),) * 2, margin=0)
        style = random_style(random, RANGES, height)._replace(cell=0, slope=0.0)
        rows = RowWriter(window, style, unseen(), random)
        rows.write(text, 2 * height, 3 * height, spacing)
        if len(window.symbols) == len(text) and ndimage.label(window.ink > 0.25)[1] == 1:
            window = trimmed(window, height, random)
            return labelled(unhidden(window, random, RANGES))


def words_page(file: Path, random: Random) -> LabelledPage:
    """A page of words in a font, without a digit to be read."""
    height = log_uniform(random, *_HEIGHTS)
    shape = (round(random.uniform(6, 20) * height), round(random.uniform(16, 30) * height))
    window = Window.empty(shape, margin=round(random.uniform(0.2, 1.5) * height))
    phrases = [words(random, int(random.integers(1, 4))) for _ in range(12)]
    possible = [phrase for phrase in phrases if fonts.has(file, phrase)]
    texts = [write(phrase, file, random, RANGES.text.wobble) for phrase in possible]
    materials = unseen()._replace(texts=[texts])
    RowWriter(window, random_style(random, RANGES, height), materials, random).write_all(False)
    return labelled(photograph(window, height, random, RANGES))
