"""The materials of all that the camera draws: glyphs, words and marks, drawn once and reused."""

import string
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from digits.data.split import Split
from digits_train.camera import fonts
from digits_train.camera.glyphs import Hand, font_hands, mnist_hands
from digits_train.camera.ink import EM, Glyph
from digits_train.camera.lettering import OTHERS, doubtful_letters, library, write
from digits_train.camera.marks import draw_mark
from digits_train.camera.ranges import Ranges
from digits_train.pixels import Random, pick

_LETTERS = [letter for letter in string.ascii_letters + OTHERS if not doubtful_letters(letter)]


class Materials(NamedTuple):
    """What windows are made of.

    mnist_hands, font_hands: who writes. texts: for each font, what it writes without digits.
    ranges: how composing and photographing varies. letters: more of them than among the texts are
    wanted.
    """

    mnist_hands: Sequence[Hand]
    font_hands: Sequence[Hand]
    texts: Sequence[Sequence[Glyph]]
    marks: Sequence[Glyph]
    ranges: Ranges
    letters: Sequence[Glyph] = ()

    def hand(self, random: Random) -> Hand:
        """A random hand: one of MNIST's writers, or a font."""
        in_font = random.random() < self.ranges.hand.in_font and self.font_hands
        return pick(random, self.font_hands if in_font else self.mnist_hands)


def make_materials(
    digits: Split,
    seed: int,
    ranges: Ranges,
    glyphs: int,
    texts: int,
    letters: int = 0,
    use: str = "training",
) -> Materials:
    """Draw glyphs and words to compose windows of. The same seed and ranges give the same ones.

    glyphs: how many of the digits are drawn anew. texts: how many words, letters and signs.
    letters: how many letters that nobody takes for a digit are written beside these, each equally
    often. use: of the fonts, "training" or "held back". Raises DataError if a font can't be had.
    """
    random = np.random.default_rng([seed, 1])
    handwriting = fonts.handwriting(use)
    files = [*handwriting, *fonts.printed(use)]
    written = []
    for letter in random.choice(_LETTERS, letters).tolist():
        file = pick(random, [file for file in files if fonts.has(file, letter)])
        written.append(write(letter, file, random, ranges.text.wobble))
    return Materials(
        mnist_hands(digits, glyphs, random, ranges.hand),
        font_hands(handwriting, random, ranges.hand),
        library(files, texts, random, ranges.text.wobble),
        [draw_mark(EM, random, ranges.text.mark_pen) for _ in range(texts // 4)],
        ranges,
        written,
    )
