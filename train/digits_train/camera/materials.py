"""The materials of all that the camera draws: hands, words and marks, drawn once and reused."""

import string
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from digits_train.camera import fonts
from digits_train.camera.hands import Hand, draw_hands, draw_texts
from digits_train.camera.ink import EM, Glyph
from digits_train.camera.lettering import OTHERS, doubtful_letters, library, write
from digits_train.camera.marks import draw_mark
from digits_train.camera.ranges import Ranges
from digits_train.pixels import Random, pick
from digits_train.writings import Writing, held_out_donors

_LETTERS = [letter for letter in string.ascii_letters + OTHERS if not doubtful_letters(letter)]


class Materials(NamedTuple):
    """What windows are made of.

    hands: who writes. texts: for each person and each font, what they write without digits.
    ranges: how composing and photographing varies. letters: more of them than among the texts are
    wanted.
    """

    hands: Sequence[Hand]
    texts: Sequence[Sequence[Glyph]]
    marks: Sequence[Glyph]
    ranges: Ranges
    letters: Sequence[Glyph] = ()

    def hand(self, random: Random) -> Hand:
        return pick(random, self.hands)


def make_materials(
    writings: Sequence[Writing],
    seed: int,
    ranges: Ranges,
    hands: int,
    texts: int,
    letters: int = 0,
    use: str = "training",
) -> Materials:
    """Draw hands and words to compose windows of. The same seed and ranges give the same ones.

    writings: of all people, see `digits_train.data.unipen`. hands: how many are drawn. texts: how
    many words, letters and signs, half of them by people and half in print. letters: how many
    letters that nobody takes for a digit are printed beside these, each equally often. use: of the
    people and the fonts, "training" or "held back". Raises DataError if a font can't be had.
    """
    random = np.random.default_rng([seed, 1])
    held_out = held_out_donors(writings)
    people = [item for item in writings if (item.donor in held_out) == (use != "training")]
    files, written = fonts.printed(use), []
    for letter in random.choice(_LETTERS, letters).tolist():
        file = pick(random, [file for file in files if fonts.has(file, letter)])
        written.append(write(letter, file, random, ranges.text.wobble))
    return Materials(
        draw_hands(people, hands, random, ranges.hand),
        [
            *draw_texts(people, texts // 2, random, ranges.hand),
            *library(files, texts // 2, random, ranges.text.wobble),
        ],
        [draw_mark(EM, random, ranges.text.mark_pen) for _ in range(max(4, texts // 4))],
        ranges,
        written,
    )
