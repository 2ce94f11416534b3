"""What all that the camera draws is made of: glyphs and words, drawn once and used again."""

import string
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from digits.data.mnist import Split
from digits_train.camera import fonts
from digits_train.camera.glyphs import PenBank, font_writers
from digits_train.camera.ink import EM, Glyph
from digits_train.camera.lettering import OTHERS, doubtful_letters, library, write
from digits_train.camera.marks import draw_mark
from digits_train.camera.window import Materials
from digits_train.raster import Random

_BANK, _TEXTS = 50_000, 16_000  # glyphs and words; they take minutes to draw
_LETTERS = [each for each in string.ascii_letters + OTHERS if not doubtful_letters(each)]


def make_materials(
    digits: Split, seed: int, bank: int = _BANK, texts: int = _TEXTS, letters: int = 0
) -> Materials:
    """Draw glyphs and words to compose windows of. The same seed gives the same ones.

    bank: how many of the digits are drawn anew. texts: how many words, letters and signs. letters:
    how many more of these, to be written more often. Raises DataError if a font can't be had.
    """
    random = np.random.default_rng([seed, 1])
    hands = fonts.hands()
    files = [*hands, *fonts.printed()]
    return Materials(
        PenBank(digits, bank, random),
        font_writers(hands, random),
        library(files, texts, random),
        [draw_mark(EM, random) for _ in range(texts // 4)],
        [_letter(files, random) for _ in range(letters)],
    )


def _letter(files: Sequence[Path], random: Random) -> Glyph:
    """A letter that nobody takes for a digit, each equally often, in a font that has it."""
    letter = _LETTERS[int(random.integers(len(_LETTERS)))]
    able = [file for file in files if fonts.has(file, letter)]
    return write(letter, able[int(random.integers(len(able)))], random)
