"""Words, letters and signs: what stands beside numbers, and is none."""

import string
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from digits_train.camera import fonts, marks
from digits_train.camera.glyphs import EM
from digits_train.camera.numbers import KINDS, random_number
from digits_train.handwriting.letters import draw_letter
from digits_train.matplotlib_data import load_font
from digits_train.raster import Random

SIGNS = "$€£%&#@/()=+:;?*~<>[]{}!'\"°|_"
_AMBIGUOUS = "OoQDlIi|!"  # a 0 or a 1 to anyone who doesn't see the word
_ALMOST = "bgqzZsSB"  # in many hands a 6, 9, 2, 5 or 8
_PRINTED_NUMBERS = 0.25  # share of a printed font's texts: no handwriting, so nothing to read
_HALF_HEIGHT = 0.72  # of a capital, by a font's size


class Lettering(NamedTuple):
    """Text in which there is nothing to read, as ink.

    coverage: uint8 [height, width]; capitals are about EM pixels high. below: pixels from the
    baseline down to the lowest ink. doubtful: float32 [n, 4], left, top, right and bottom of what
    may be taken for a digit with good reason, neither wanted nor wrong.
    """

    coverage: NDArray[np.uint8]
    below: float
    doubtful: NDArray[np.float32]


def library(
    hands: Sequence[Path], printed: Sequence[Path], count: int, random: Random
) -> list[list[Lettering]]:
    """Some `count` words, letters and signs: those of each font, and letters of drawn hands.

    hands, printed: files of fonts. Printed ones write numbers, too.
    """
    each = max(1, count // (len(hands) + len(printed) + 1))
    texts = [_of_font(file, each, 0.0, random) for file in hands]
    texts += [_of_font(file, each, _PRINTED_NUMBERS, random) for file in printed]
    return [*texts, [_drawn_letter(random) for _ in range(each)]]


def _of_font(file: Path, count: int, numbers: float, random: Random) -> list[Lettering]:
    """numbers: the share of them among the texts."""
    made: list[Lettering] = []
    while len(made) < count:
        text = _text(random)
        if random.random() < numbers:
            text = random_number(random, str(random.choice(KINDS)))
        if fonts.has(file, text.replace(" ", "")):
            made.append(write(text, file, random))
    return made


def write(text: str, file: Path, random: Random) -> Lettering:
    """Write text in a font."""
    size = _capital_size(file)
    coverage, above = marks.lettering(
        text, str(file), size * _HALF_HEIGHT, random, random.uniform(0, 0.03)
    )
    boxes = [
        _place(text, position, file, size, coverage.shape, above)
        for position in doubtful_letters(text)
    ]
    return Lettering(
        (coverage * 255).astype(np.uint8),
        float(coverage.shape[0] - above),
        np.array(boxes, np.float32).reshape(-1, 4),
    )


def doubtful_letters(text: str) -> list[int]:
    """The positions of letters that may be meant as digits.

    In a word, the letters around tell a 0 from an O, and a 1 from an l. A letter alone, or among
    others of its kind, could be either; a full stop is a point.
    """
    plain = sum(letter.isalpha() and letter not in _AMBIGUOUS for letter in text)
    alone = len(text) < 3 or plain < 2
    return [
        position
        for position, letter in enumerate(text)
        if letter in ".,-" or (alone and letter in _AMBIGUOUS + (_ALMOST if len(text) == 1 else ""))
    ]


def _place(
    text: str, position: int, file: Path, size: int, shape: tuple[int, ...], above: int
) -> tuple[float, float, float, float]:
    """The box of one of the text's letters, roughly, in the coverage."""
    face = load_font(str(file), size)
    first = face.getbbox(text)[0]
    left, top, right, bottom = face.getbbox(text[position])
    across = face.getlength(text[:position]) - first
    down = above - face.getmetrics()[0]
    return across + left, down + top, min(across + right, shape[1]), min(down + bottom, shape[0])


@cache
def _capital_size(file: Path) -> int:
    """The size at which the font's capitals are EM pixels high."""
    left, top, right, bottom = load_font(str(file), 100).getbbox("H")
    return max(8, round(100 * EM / max(bottom - top, 1)))


def _text(random: Random) -> str:
    chance = random.random()
    letters = string.ascii_lowercase
    if chance < 0.5:
        return marks.word(random)
    if chance < 0.65:  # no language's words, or a number would be what isn't English
        made = "".join(random.choice(list(letters), random.integers(2, 11)))
        return made.upper() if random.random() < 0.5 else made.capitalize()
    if chance < 0.72:
        return marks.words(random, int(random.integers(2, 4)))
    if chance < 0.87:
        return str(random.choice(list(string.ascii_letters + "SGTABSGTA")))
    return str(random.choice(list(SIGNS)))


def _drawn_letter(random: Random) -> Lettering:
    picture = draw_letter(random)
    scale = EM / max(picture.shape) * random.uniform(0.6, 1)
    size = max(3, round(picture.shape[1] * scale)), max(3, round(picture.shape[0] * scale))
    coverage = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BOX))
    return Lettering(coverage, 0.0, np.zeros((0, 4), np.float32))
