"""Handwritten letters, signs and small drawings: non-digits."""

import itertools

import numpy as np
from numpy.random import Generator

from digits_train.handwriting.glyphs import LATIN, SCRIPTS, SIGNS
from digits_train.handwriting.pen import Picture, draw, random_pen
from digits_train.handwriting.strokes import Glyph, Stroke, deform, size, transform

LETTERS: dict[str, Glyph] = LATIN | SCRIPTS | SIGNS

# Two of three letters are Latin, which occur beside digits most often.
_KINDS = ((0.66, LATIN), (0.82, SCRIPTS), (1.0, SIGNS))

# More slanted, they would be a 4, a 7, a 1, a 2 or a 9.
_UPRIGHT = {"Y", "yen", "J", "T", "V", "greater", "a", "a of two storeys", "ä with strokes"}

# The widest pen that fills no letter: by the total length of the strokes, and in heights.
_MAX_FILL = 0.4
_MAX_WIDTH = 0.17

_MIN_GAP = 0.06  # heights between strokes that don't touch
_MAX_GAP_SHARE = 0.7  # widest pen, as a share of a gap, that keeps it open


def draw_letter(rng: Generator) -> Picture:
    """Draw a random letter: 0 = paper and 255 = ink."""
    return draw_glyph(write_letter(random_letter(rng), rng), rng)


def random_letter(rng: Generator) -> str:
    """The name of a random letter."""
    chance = rng.random()
    letters = next(letters for limit, letters in _KINDS if chance < limit)
    return list(letters)[int(rng.integers(len(letters)))]


def write_letter(name: str, rng: Generator) -> Glyph:
    """Vary the letter as handwriting does, but not so much that it becomes a digit."""
    parts = [_perturb(stroke, rng) for stroke in LETTERS[name]]
    tremor = rng.uniform(0, 0.012) if rng.random() < 0.4 else 0.0
    glyph = deform(parts, rng, warp=rng.uniform(0, 0.045), tremor=tremor)
    slant = rng.uniform(-0.1, 0.08 if name in _UPRIGHT else 0.32)
    width = float(np.exp(rng.uniform(np.log(0.8), np.log(1.3))))
    return transform(glyph, slant, width, turn=rng.uniform(-7, 7))


def _perturb(stroke: Stroke, rng: Generator) -> Stroke:
    """Turn, stretch and move a stroke a little on its own."""
    centre = stroke.mean(0)
    (turned,) = transform([stroke - centre], turn=rng.normal(0, 3))
    moved: Stroke = turned * rng.normal(1, 0.06, 2) + centre + rng.normal(0, 0.015, 2)
    return moved


def draw_glyph(glyph: Glyph, rng: Generator) -> Picture:
    """Draw with a random pen, no wider than leaves the gaps between strokes open."""
    pen = random_pen(rng)
    length = sum(float(np.hypot(*np.diff(stroke, axis=0).T).sum()) for stroke in glyph)
    width = min(pen.width, _MAX_WIDTH, _MAX_FILL / length, _MAX_GAP_SHARE * _smallest_gap(glyph))
    return draw(glyph, pen._replace(width=width), rng)


def _smallest_gap(glyph: Glyph) -> float:
    """The smallest gap between strokes that don't touch, as a share of the longer side."""
    gaps = [
        float(np.hypot(*(first[:, None] - second).T).min())
        for first, second in itertools.combinations(glyph, 2)
    ]
    return min((gap for gap in gaps if gap > _MIN_GAP), default=1) / max(size(glyph))
