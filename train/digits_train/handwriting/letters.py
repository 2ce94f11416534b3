"""Letters, signs and small drawings as anybody's hand and pen make them: none is a digit.

Which forms are left out because some hand's digit looks like them is told beside the models.
"""

import itertools

import numpy as np

from digits_train.handwriting.latin import LATIN
from digits_train.handwriting.pen import Picture, draw, some_pen
from digits_train.handwriting.scripts import SCRIPTS
from digits_train.handwriting.signs import SIGNS
from digits_train.handwriting.strokes import (
    Glyph,
    Random,
    Stroke,
    bounds,
    joined,
    transformed,
    varied,
)

LETTERS: dict[str, Glyph] = LATIN | SCRIPTS | SIGNS

# Of three letters two are Latin, which stand beside digits most often.
_SCRIPTS: tuple[tuple[float, dict[str, Glyph]], ...] = (
    (0.66, LATIN),
    (0.82, SCRIPTS),
    (1.0, SIGNS),
)

# More slanted, they would be a 4, a 7, a 1, a 2 or a 9.
_UPRIGHT = {"Y", "yen", "J", "T", "V", "greater", "a", "a of two storeys", "ä with strokes"}

# Heights of a pen that fills no letter: so much of the strokes' length in all.
_FILLS = 0.4
_WIDEST = 0.17

_APART = 0.06  # heights between strokes that don't touch
_JOINS = 0.7  # a pen that wide, of such a gap, might close it


def draw_letter(random: Random) -> Picture:
    """Any of them, 0 = paper and 255 = ink, as some hand writes it."""
    return draw_glyph(written(some_letter(random), random), random)


def some_letter(random: Random) -> str:
    """The name of any."""
    chance = random.random()
    letters = next(letters for limit, letters in _SCRIPTS if chance < limit)
    return list(letters)[int(random.integers(len(letters)))]


def written(name: str, random: Random) -> Glyph:
    """The letter, varied as hands vary it, yet never so much that it becomes a digit."""
    parts = [_loosened(stroke, random) for stroke in _without_lifting(LETTERS[name])]
    tremor = random.uniform(0, 0.012) if random.random() < 0.4 else 0.0
    glyph = varied(parts, random, warp=random.uniform(0, 0.045), tremor=tremor)
    slant = random.uniform(-0.1, 0.08 if name in _UPRIGHT else 0.32)
    width = float(np.exp(random.uniform(np.log(0.8), np.log(1.3))))
    return transformed(glyph, slant, width, turn=random.uniform(-7, 7))


def _without_lifting(glyph: Glyph) -> Glyph:
    """Strokes that begin where the one before ended are one."""
    strokes = glyph[:1]
    for stroke in glyph[1:]:
        if np.allclose(strokes[-1][-1], stroke[0]):
            strokes[-1] = joined(strokes[-1], stroke)
        else:
            strokes.append(stroke)
    return strokes


def _loosened(stroke: Stroke, random: Random) -> Stroke:
    """Turned, stretched and moved a little on its own, as hands place strokes to one another."""
    centre = stroke.mean(0)
    (turned,) = transformed([stroke - centre], turn=random.normal(0, 3))
    moved: Stroke = turned * random.normal(1, 0.06, 2) + centre + random.normal(0, 0.015, 2)
    return moved


def draw_glyph(glyph: Glyph, random: Random) -> Picture:
    """With anybody's pen, unless that would fill what lies between the strokes."""
    pen = some_pen(random)
    length = sum(float(np.hypot(*np.diff(stroke, axis=0).T).sum()) for stroke in glyph)
    width = min(pen.width, _WIDEST, _FILLS / length, _JOINS * _smallest_gap(glyph))
    return draw(glyph, pen._replace(width=width), random)


def _smallest_gap(glyph: Glyph) -> float:
    """Between two strokes that don't touch, in the glyph's longer sides."""
    left, top, right, bottom = bounds(glyph)
    gaps = [
        float(np.hypot(*(one[:, None] - other).T).min())
        for one, other in itertools.combinations(glyph, 2)
    ]
    return min((gap for gap in gaps if gap > _APART), default=1) / max(right - left, bottom - top)
