"""The hands that write numbers: MNIST's writers, and fonts."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from digits.data.split import Split
from digits.vision.frame import stroke_width
from digits_train.camera import fonts
from digits_train.camera.ink import EM, NO_BOXES, Glyph, Points, around, stroke
from digits_train.camera.lettering import write
from digits_train.camera.ranges import Hand as HandRanges
from digits_train.camera.strokes import bend, is_legible, strokes
from digits_train.pixels import Random, pick, scaled

DIGITS = "0123456789"
_VARIANTS = 4  # of each symbol of a font
_TRIES = 20  # to draw a legible digit; someone's own may all be illegible
_NEIGHBOURS = 300  # of similar pens, which make one writer's digits
_STEP = 50  # to the next writer's


@dataclass
class Hand:
    """One hand. pen: its strokes' width, in pixels. variants: of each character that it has."""

    pen: float
    variants: Mapping[str, Sequence[Glyph]]

    def glyph(self, character: str, random: Random) -> Glyph | None:
        """A digit, "-", "." or ","; another character, if the hand has it."""
        if variants := self.variants.get(character):
            return pick(random, variants)
        return _SIGNS[character](random, self.pen) if character in _SIGNS else None

    def digits(self) -> list[str]:
        """The digits that the hand has: in a small data set, someone may have written few."""
        return [digit for digit in DIGITS if self.variants.get(digit)]


def mnist_hands(digits: Split, count: int, random: Random, ranges: HandRanges) -> list[Hand]:
    """Hands from `count` digits of MNIST, each with those of several people with similar pens."""
    labelled = [_draw(digits, random, ranges) for _ in range(count)]
    widths = np.array([_pen(glyph) for _, glyph in labelled])
    order, hands = np.argsort(widths), []
    for start in range(0, max(1, count - _NEIGHBOURS + 1), _STEP):
        similar = order[start : start + _NEIGHBOURS]
        variants = defaultdict[str, list[Glyph]](list)
        for digit, glyph in (labelled[index] for index in similar):
            variants[digit].append(glyph)
        hands.append(Hand(float(np.median(widths[similar])), dict(variants)))
    return hands


def font_hands(files: Sequence[Path], random: Random, ranges: HandRanges) -> list[Hand]:
    """The hands of all fonts that have the ten digits, each symbol in several variants."""
    hands = []
    for file in (file for file in files if fonts.has(file, DIGITS)):
        variants: dict[str, list[Glyph]] = {}
        for character in (symbol for symbol in DIGITS + "-.," if fonts.has(file, symbol)):
            glyphs = [draw_character(file, character, random, ranges) for _ in range(_VARIANTS)]
            variants[character] = [glyph for glyph in glyphs if glyph.coverage.sum() > 255]
        widths = [_pen(glyph) for digit in DIGITS for glyph in variants[digit]]
        hands.append(Hand(float(np.median(widths)), variants))
    return hands


def _pen(glyph: Glyph) -> float:
    return float(stroke_width(np.pad(glyph.coverage, 1)[None].astype(np.float32))[0])


def _draw(digits: Split, random: Random, ranges: HandRanges) -> tuple[str, Glyph]:
    """Draw a digit of MNIST with crisp strokes."""
    thin, thick = ranges.pen
    for _ in range(_TRIES):
        index, distance = int(random.integers(len(digits))), random.uniform(*ranges.bent)
        label, image = int(digits.labels[index]), bend(digits.images[index], distance, random)
        pen = thin + (thick - thin) * random.beta(*ranges.pen_shape)
        coverage = strokes(image, EM, pen, random)
        if is_legible(image, label, coverage, pen):
            break
    return str(label), Glyph(coverage)


def draw_character(file: Path, character: str, random: Random, ranges: HandRanges) -> Glyph:
    """Draw a font's character, bent, and some with a thicker or thinner pen."""
    glyph = write(character, file, random, ranges.wobble, DIGITS)._replace(doubtful=NO_BOXES)
    if min(glyph.coverage.shape) <= 12 or random.random() >= ranges.other_pen:
        return glyph
    thicker, image = random.random() < ranges.thickened, Image.fromarray(glyph.coverage)
    filtered = image.filter(ImageFilter.MaxFilter(3) if thicker else ImageFilter.MinFilter(3))
    share = random.uniform(*(ranges.thicker if thicker else ranges.thinner))
    return glyph._replace(coverage=np.asarray(Image.blend(image, filtered, share)))


def bare_one(random: Random, pen: float) -> Glyph:
    """A 1 that is a single stroke."""
    along = np.linspace(0, 1, 9)
    x = random.normal(0, 0.08) * (0.5 - along) + random.normal(0, 0.03) * np.sin(np.pi * along)
    return _line(x, along, EM - pen, pen * random.uniform(0.85, 1.1))


def with_tail(glyph: Glyph, digit: str, random: Random) -> Glyph:
    """Lengthen the stem of a 4, 7 or 9 below the line, or of a 6 above."""
    rises = digit == "6"
    share = random.uniform(0.3, 0.5) if rises else random.uniform(0.45, 0.65)
    halves = np.split(glyph.coverage, [int(len(glyph.coverage) * share)])
    stem = halves[0 if rises else 1]
    extra = round(len(stem) * random.uniform(0.2, 1.6))
    halves[0 if rises else 1] = scaled(stem, stem.shape[1], len(stem) + extra)
    below = 0.0 if rises else extra * random.uniform(0.5, 1)
    return Glyph(np.concatenate(halves), glyph.below + below)


def _minus(random: Random, pen: float) -> Glyph:
    along = np.linspace(-0.5, 0.5, 7)
    y = random.normal(0, 0.06) * along + random.normal(0, 0.04) * np.cos(np.pi * along)
    length, below = random.uniform(0.25, 0.8) * EM, -random.uniform(0.3, 0.55) * EM
    return _line(along, y, length, pen * random.uniform(0.85, 1.15), below)


def _point(random: Random, pen: float) -> Glyph:
    if random.random() < 0.7:  # pressed, or moved a little
        points = np.array([np.zeros(2), random.uniform(0, 0.7) * random.normal(0, 1, 2)])
        width = pen * random.uniform(0.95, 1.7)
    else:
        points, width = around(np.linspace(0, 2 * np.pi, 9), random.uniform(0.3, 0.8)), pen
    return _line(points[:, 0], points[:, 1], pen, max(2.5, width), random.normal(0, 0.05) * EM)


def _comma(random: Random, pen: float) -> Glyph:
    length, along = random.uniform(0.14, 0.4) * EM, np.linspace(0, 1, 6)
    x = -random.uniform(0, 0.8) * along + random.normal(0, 0.15) * np.sin(np.pi * along)
    width, below = max(2.0, pen * random.uniform(0.8, 1.2)), random.uniform(0.3, 1) * length
    return _line(x, along, length, width, below)


def _equals(random: Random, pen: float) -> Glyph:
    length, space, tilt = random.uniform((0.25, 0.1, -0.05), (0.7, 0.35, 0.05)) * EM
    lines = [np.array([(0, y), (length, y + tilt)]) for y in (0.0, space)]
    return Glyph(stroke(lines, pen), -random.uniform(0.2, 0.4) * EM)


def _slash(random: Random, pen: float) -> Glyph:
    along, size = np.linspace(0, 1, 6), random.uniform(1.0, 1.6) * EM
    x = -random.uniform(0.3, 0.8) * along + random.normal(0, 0.04) * np.sin(np.pi * along)
    return _line(x, along, size, pen * random.uniform(0.85, 1.1), random.uniform(0, 0.3) * EM)


def _apostrophe(random: Random, pen: float) -> Glyph:
    return _comma(random, pen)._replace(below=-random.uniform(0.7, 0.9) * EM)


def _colon(random: Random, pen: float) -> Glyph:
    dots = [np.full((2, 2), (0, y)) for y in (0.0, random.uniform(0.3, 0.6) * EM)]
    return Glyph(stroke(dots, max(2.5, pen * random.uniform(0.95, 1.5))), -0.1 * EM)


def _line(x: Points, y: Points, size: float, pen: float, below: float = 0.0) -> Glyph:
    return Glyph(stroke([np.stack([x, y], 1) * size], pen), below)


_SIGNS = {
    **{"-": _minus, ".": _point, ",": _comma},
    **{"=": _equals, "/": _slash, "'": _apostrophe, ":": _colon},
}
