"""The ink of single symbols, to write pages with: of MNIST's writers and of fonts.

All glyphs are of writing whose digits are EM pixels high. Composing a page from ready glyphs costs
a thousandth of drawing each stroke anew.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from digits.data.mnist import Split
from digits_train.camera import fonts, marks
from digits_train.camera.lettering import CAPITAL, EM, draw_text, size_of
from digits_train.camera.ranges import RANGES, Ranges
from digits_train.camera.strokes import bend, is_legible, strokes
from digits_train.raster import Random

_DIGITS = "0123456789"
_VARIANTS = 4  # of each symbol of a font
_TRIES = 20  # to draw a legible digit; someone's own may all be illegible
_NEIGHBOURS = 300  # of similar pens, which make one writer's digits


class Glyph(NamedTuple):
    """A symbol's ink.

    coverage: uint8 [height, width], 255 = ink, cropped to it. below: pixels from the baseline down
    to the lowest ink, negative for what floats above it.
    """

    coverage: NDArray[np.uint8]
    below: float = 0.0


class Writer(Protocol):
    """One hand: writes each character in a few variants. pen: its strokes' width, in pixels."""

    pen: float

    def glyph(self, character: str, random: Random) -> Glyph | None:
        """A digit, "-", "." or ","; another character, if the hand has it."""


class FontWriter:
    """Writes as a handwriting font does, but no symbol twice alike."""

    def __init__(self, file: Path, random: Random, ranges: Ranges = RANGES) -> None:
        self._glyphs: dict[str, list[Glyph]] = {}
        for character in _DIGITS + "-.,":
            if fonts.has(file, character):
                drawn = [draw_character(file, character, random, ranges) for _ in range(_VARIANTS)]
                self._glyphs[character] = [glyph for glyph in drawn if glyph is not None]
        digits = [glyph for digit in _DIGITS for glyph in self._glyphs[digit]]
        self.pen = float(np.median([stroke_width(glyph.coverage) for glyph in digits]))

    def glyph(self, character: str, random: Random) -> Glyph | None:
        variants = self._glyphs.get(character)
        return variants[int(random.integers(len(variants)))] if variants else None


class PenBank:
    """Digits of many writers, in order of their pens' width."""

    def __init__(self, digits: Split, count: int, random: Random, ranges: Ranges = RANGES) -> None:
        drawn = [_draw(digits, random, ranges) for _ in range(count)]
        widths = np.array([stroke_width(glyph) for _, glyph in drawn])
        order = np.argsort(widths)
        self.glyphs = [drawn[index][1] for index in order]
        self.labels = np.array([drawn[index][0] for index in order])
        self.widths = widths[order]

    def writer(self, random: Random) -> "PenWriter":
        """A random writer."""
        start = int(random.integers(max(1, len(self.glyphs) - _NEIGHBOURS)))
        return PenWriter(self, start)


class PenWriter:
    """Writes with one pen; the digits are by several people."""

    def __init__(self, bank: PenBank, start: int) -> None:
        self._bank = bank
        part = slice(start, start + _NEIGHBOURS)
        labels = bank.labels[part]
        self._by_digit = [start + np.flatnonzero(labels == digit) for digit in range(10)]
        self.pen = float(np.median(bank.widths[part]))

    def glyph(self, character: str, random: Random) -> Glyph | None:
        if character.isdecimal():
            indices = self._by_digit[int(character)]
            return Glyph(self._bank.glyphs[int(random.choice(indices))]) if len(indices) else None
        return _SIGNS[character](random, self.pen) if character in _SIGNS else None


def stroke_width(coverage: NDArray[np.uint8]) -> float:
    """The mean width of strokes, in pixels: twice their area by the length of their outline."""
    ink = np.pad(coverage, 1).astype(np.float32) / 255
    outline = float(np.hypot(np.diff(ink, axis=0)[:, 1:], np.diff(ink, axis=1)[1:]).sum())
    return 2 * float(ink.sum()) / max(outline, 1.0)


def bare_one(random: Random, pen: float) -> Glyph:
    """A 1 that is a single stroke."""
    lean, bow = random.normal(0, 0.08), random.normal(0, 0.03)
    along = np.linspace(0, 1, 9)
    x = lean * (0.5 - along) + bow * np.sin(np.pi * along)
    return _stroked(np.stack([x, along], 1) * (EM - pen), pen * random.uniform(0.85, 1.1))


def with_tail(glyph: Glyph, digit: int, random: Random) -> Glyph:
    """Lengthen the stem of a 4, 7 or 9 below the line, or of a 6 above."""
    coverage = glyph.coverage
    share = random.uniform(0.3, 0.5) if digit == 6 else random.uniform(0.45, 0.65)
    upper, lower = np.split(coverage, [int(len(coverage) * share)])
    stem = upper if digit == 6 else lower
    extra = round(len(stem) * random.uniform(0.2, 1.6))
    size = (stem.shape[1], len(stem) + extra)
    long = np.asarray(Image.fromarray(stem).resize(size, Image.Resampling.BILINEAR))
    if digit == 6:
        return Glyph(np.concatenate([long, lower]), glyph.below)
    return Glyph(np.concatenate([upper, long]), glyph.below + extra * random.uniform(0.5, 1))


def _minus(random: Random, pen: float) -> Glyph:
    length = random.uniform(0.25, 0.8) * EM
    along = np.linspace(-0.5, 0.5, 7)
    y = random.normal(0, 0.06) * along + random.normal(0, 0.04) * np.cos(np.pi * along)
    line = _stroked(np.stack([along, y], 1) * length, pen * random.uniform(0.85, 1.15))
    return line._replace(below=-random.uniform(0.3, 0.55) * EM)


def _point(random: Random, pen: float) -> Glyph:
    if random.random() < 0.7:  # pressed, or moved a little
        far = random.uniform(0, 0.7) * pen * random.normal(0, 1, 2)
        dot = _stroked(np.array([(0, 0), far]), max(2.5, pen * random.uniform(0.95, 1.7)))
    else:
        around = np.linspace(0, 2 * np.pi, 9)
        ring = np.stack([np.cos(around), np.sin(around)], 1) * random.uniform(0.3, 0.8) * pen
        dot = _stroked(ring, max(2.5, pen))
    return dot._replace(below=random.normal(0, 0.05) * EM)


def _comma(random: Random, pen: float) -> Glyph:
    length = random.uniform(0.14, 0.4) * EM
    along = np.linspace(0, 1, 6)
    x = -random.uniform(0, 0.8) * along + random.normal(0, 0.15) * np.sin(np.pi * along)
    tick = _stroked(np.stack([x, along], 1) * length, max(2.0, pen * random.uniform(0.8, 1.2)))
    return tick._replace(below=random.uniform(0.3, 1) * length)


_SIGNS = {"-": _minus, ".": _point, ",": _comma}


def _stroked(points: NDArray[np.float64], pen: float) -> Glyph:
    coverage = marks.stroke([points], pen)
    return Glyph((coverage * 255).astype(np.uint8))


def _draw(digits: Split, random: Random, ranges: Ranges) -> tuple[int, NDArray[np.uint8]]:
    """A digit with crisp strokes, and its label."""
    thin, thick = ranges.pen
    for _ in range(_TRIES):
        index, far = int(random.integers(len(digits))), random.uniform(*ranges.bent)
        label, image = int(digits.labels[index]), bend(digits.images[index], far, random)
        pen = thin + (thick - thin) * random.beta(*ranges.pen_shape)
        coverage = strokes(image, EM, pen, random)
        if is_legible(image, label, coverage, pen):
            break
    return label, (coverage * 255).clip(0, 255).astype(np.uint8)


def draw_character(
    file: Path, character: str, random: Random, ranges: Ranges = RANGES
) -> Glyph | None:
    """Draw a font's character, bent, and with a thicker or thinner pen; None if it is too small."""
    height, wobble = size_of(file, _DIGITS) * CAPITAL, random.uniform(*ranges.wobble)
    coverage, above = draw_text(character, str(file), height, random, wobble)
    if coverage.sum() < 1:
        return None
    image = Image.fromarray((coverage * 255).astype(np.uint8))
    if min(image.size) > 12 and random.random() < ranges.other_pen:
        thicker = random.random() < ranges.thickened
        filtered = image.filter(ImageFilter.MaxFilter(3) if thicker else ImageFilter.MinFilter(3))
        share = random.uniform(*(ranges.thicker if thicker else ranges.thinner))
        image = Image.blend(image, filtered, share)
    return Glyph(np.asarray(image), float(coverage.shape[0] - above))


def font_writers(
    files: Sequence[Path], random: Random, ranges: Ranges = RANGES
) -> list[FontWriter]:
    """The hands of all fonts that have the ten digits."""
    return [FontWriter(file, random, ranges) for file in files if fonts.has(file, _DIGITS)]
