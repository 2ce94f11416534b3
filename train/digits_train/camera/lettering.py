"""Words, letters and signs: what stands beside numbers, and is none."""

import string
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from digits_train.camera import fonts
from digits_train.camera.distributions import Range
from digits_train.camera.ink import EM, Glyph
from digits_train.camera.strokes import bend
from digits_train.pixels import Random, ink_box

# Words of several languages, and syllables to invent others from.
_PARAGRAPHS = Path(__file__).with_name("words.txt").read_text("utf-8").split("\n\n")
_WORDS, _SYLLABLES = (paragraph.split() for paragraph in _PARAGRAPHS)
_SIGNS = "$€£%&#@/()=+:;?*~<>[]{}!'\"°|_"
_AMBIGUOUS = "OoQDlIi|!/()°"  # a 0 or a 1 to anyone who doesn't see the word
_ALMOST = "bGgqyzZsSB0123456789"  # in many hands a 6, 9, 4, 2, 5 or 8
# Of other scripts, without those like Θ, β, З and б.
OTHERS = "ΓΔΛΞΠΣΨΩαγηκλμνξπυχψωДЖИЙЛПЦШЩЫЮЯджийлмнптцшщыюя"


def library(files: Sequence[Path], count: int, random: Random, wobble: Range) -> list[list[Glyph]]:
    """Write about `count` words, letters and signs: a list of them for each font.

    There are no numbers among them, not even in print: where print was no number, neat hands, which
    look like it, weren't read either.
    """
    texts: list[list[Glyph]] = [[] for _ in files]
    for file, written in zip(files, texts, strict=True):
        while len(written) < max(1, count // len(files)):
            if fonts.has(file, text := _text(random)):
                written.append(write(text, file, random, wobble))
    return texts


def write(text: str, file: Path, random: Random, wobble: Range, measured: str = "H") -> Glyph:
    """Write text in a font.

    wobble: displacement of the strokes, as a share of the capitals' height, 0 to 0.1. measured:
    characters whose median height becomes EM pixels.
    """
    face = fonts.load_font(str(file), 2 * _size(file, measured))
    distance = 0.55 * random.uniform(*wobble) * EM
    left, top, right, bottom = (int(side) for side in face.getbbox(text))
    margin = 4 + round(6 * distance)
    origin = margin - left, margin - top
    image = Image.new("L", (right - left + 2 * margin, bottom - top + 2 * margin))
    ImageDraw.Draw(image).text(origin, text, fill=255, font=face)
    coverage = bend(np.asarray(image.reduce(2)), distance, random, 0.6 * EM)
    rows, columns = ink_box(coverage)
    corners = [
        np.add(face.getbbox(text[index]), (face.getlength(text[:index]), 0) * 2)
        for index in doubtful_letters(text)
    ]
    boxes = np.array(corners, np.float32).reshape(-1, 2, 2)
    size = columns.stop - columns.start, rows.stop - rows.start
    moved = ((boxes + origin) / 2 - (columns.start, rows.start)).clip(0, size)
    below = rows.stop - (origin[1] + face.getmetrics()[0]) / 2
    return Glyph(coverage[rows, columns], below, moved.reshape(-1, 4).astype(np.float32))


def doubtful_letters(text: str) -> list[int]:
    """The positions of letters that may be meant as digits.

    In a word, the letters around tell a 0 from an O, and a 1 from an l. A letter alone, or among
    others of its kind, could be either; a full stop is a point.
    """
    plain = sum(letter.isalpha() and letter not in _AMBIGUOUS for letter in text)
    alike = _AMBIGUOUS + (_ALMOST if len(text) == 1 else "")
    doubtful = ".,-" + (alike if len(text) < 3 or plain < 2 else "")
    return [position for position, letter in enumerate(text) if letter in doubtful]


@cache
def _size(file: Path, characters: str) -> int:
    """The size at which a font's characters are EM pixels high: their median."""
    face = fonts.load_font(str(file), 100)
    boxes = [face.getbbox(character) for character in characters]
    height = float(np.median([bottom - top for _, top, _, bottom in boxes]))
    return max(8, round(100 * EM / max(height, 1)))


def _text(random: Random) -> str:
    chance = random.random()
    if chance < 0.5:
        return _word(random)
    if chance < 0.65:  # letters at random, or whatever isn't English would be a number
        made = "".join(random.choice(list(string.ascii_lowercase), random.integers(2, 11)))
        return made.upper() if random.random() < 0.5 else made.capitalize()
    if chance < 0.72:
        return words(random, int(random.integers(2, 4)))
    letters = string.ascii_letters + "SGTABSGTA" + OTHERS
    return str(random.choice(list(letters if chance < 0.87 else _SIGNS)))


def words(random: Random, count: int) -> str:
    """Real and invented words of letters and full stops."""
    return " ".join(_word(random) for _ in range(count))


def _word(random: Random) -> str:
    if random.random() < 0.6:
        word = str(random.choice(_WORDS))
    else:
        word = "".join(random.choice(_SYLLABLES, random.integers(2, 5)))
    style = random.random()
    return word.upper() if style < 0.1 else word.capitalize() if style < 0.35 else word
