"""Words, letters and signs: what stands beside numbers, and is none."""

import string
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from digits_train.camera import fonts
from digits_train.camera.ranges import RANGES, Ranges
from digits_train.matplotlib_data import load_font
from digits_train.raster import Bytes, Coverage, Random, cropped

EM = 56  # pixels: the height of digits and capitals, of which pages are composed

_WORDS = (
    "total sum name date rent milk bread eggs sugar room street phone tax paid due cash bank gas "
    "water light hotel taxi office page item price amount balance left right north June March "
    "Monday from until about open closed yes no Tel. Nr. Anna Peter Maria Kim list order box "
    "weight length width depth sample test group score points week hours the and of with for not "
    "Summe Miete Brot Datum Preis Betrag offen somme loyer pain casa conto acqua leche mesa"
)
_SYLLABLES = "ba ce di fo gu ha je ki lo mu na pe qui ra so tu va wen xa yo zi str ent ing"
_SIGNS = "$€£%&#@/()=+:;?*~<>[]{}!'\"°|_"
_AMBIGUOUS = "OoQDlIi|!/()°"  # a 0 or a 1 to anyone who doesn't see the word
_ALMOST = "bGgqyzZsSB0123456789"  # in many hands a 6, 9, 4, 2, 5 or 8
# Of other scripts, without those like Θ, β, З and б.
OTHERS = "ΓΔΛΞΠΣΨΩαηκλμνξπχψωДЖИЙЛПЦШЩЫЮЯджийлмнптцшщыюя"
CAPITAL = 0.72  # a capital's height by a font's size


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
    files: Sequence[Path], count: int, random: Random, ranges: Ranges = RANGES
) -> list[list[Lettering]]:
    """Some `count` words, letters and signs, by font.

    No numbers, not even in print: neat hands look like it, and were refused with it.
    """
    each = max(1, count // len(files))
    return [_of_font(file, each, random, ranges) for file in files]


def _of_font(file: Path, count: int, random: Random, ranges: Ranges) -> list[Lettering]:
    made: list[Lettering] = []
    while len(made) < count:
        text = _text(random)
        if fonts.has(file, text):
            made.append(write(text, file, random, ranges))
    return made


def write(text: str, file: Path, random: Random, ranges: Ranges = RANGES) -> Lettering:
    """Write text in a font."""
    size = size_of(file, "H")
    wobble = random.uniform(*ranges.text_wobble)
    coverage, above = draw_text(text, str(file), size * CAPITAL, random, wobble)
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
    left, top, right, bottom = face.getbbox(text[position])
    across = face.getlength(text[:position]) - face.getbbox(text)[0]
    down = above - face.getmetrics()[0]
    return across + left, down + top, min(across + right, shape[1]), min(down + bottom, shape[0])


@cache
def size_of(file: Path, characters: str) -> int:
    """The size at which a font's characters are EM pixels high: their median."""
    face = load_font(str(file), 100)
    boxes = [face.getbbox(character) for character in characters]
    height = float(np.median([bottom - top for _, top, _, bottom in boxes]))
    return max(8, round(100 * EM / max(height, 1)))


def _text(random: Random) -> str:
    chance = random.random()
    letters = string.ascii_lowercase
    if chance < 0.5:
        return word(random)
    if chance < 0.65:  # no language's words, or a number would be what isn't English
        made = "".join(random.choice(list(letters), random.integers(2, 11)))
        return made.upper() if random.random() < 0.5 else made.capitalize()
    if chance < 0.72:
        return words(random, int(random.integers(2, 4)))
    if chance < 0.87:
        return str(random.choice(list(string.ascii_letters + "SGTABSGTA" + OTHERS)))
    return str(random.choice(list(_SIGNS)))


def word(random: Random) -> str:
    """A real or invented word of letters and full stops."""
    if random.random() < 0.6:
        chosen = str(random.choice(_WORDS.split()))
    else:
        chosen = "".join(random.choice(_SYLLABLES.split(), random.integers(2, 5)))
    style = random.random()
    return chosen.upper() if style < 0.1 else chosen.capitalize() if style < 0.35 else chosen


def words(random: Random, count: int) -> str:
    return " ".join(word(random) for _ in range(count))


def draw_text(
    text: str, file: str, height: float, random: Random, wobble: float
) -> tuple[Coverage, int]:
    """Draw text, cropped to its ink; return it with the number of rows above the baseline.

    height: of the capitals, in pixels. wobble: displacement of the strokes, as a share of it, 0 to
    0.1.
    """
    # Twice the size, to be bent and reduced.
    face = load_font(file, max(8, round(2 * height / CAPITAL)))
    left, top, right, bottom = (int(side) for side in face.getbbox(text))
    margin = 4 + round(9 * wobble * height)
    wide, high = right - left + 2 * margin, bottom - top + 2 * margin
    image = Image.new("L", (wide, high))
    ImageDraw.Draw(image).text((margin - left, margin - top), text, fill=255, font=face)
    drawn = np.asarray(image)
    if wobble:
        drawn = _bent(drawn, random, 3 * wobble * height, 1.6 * height)
    half = Image.fromarray(drawn).resize((wide // 2, high // 2), Image.Resampling.BOX)
    coverage = np.asarray(half, np.float32) / np.float32(255)
    above = (margin - top + face.getmetrics()[0]) // 2 - int(coverage.any(1).argmax())
    return cropped(coverage), above


def _bent(drawn: Bytes, random: Random, far: float, period: float) -> Bytes:
    """Shift all rows and columns smoothly by up to about `far` pixels."""
    height, width = drawn.shape
    down = _wave(random, width, period) * far
    right = _wave(random, height, period / 2) * far
    rows = np.arange(height)[:, None] + np.rint(down).astype(int)
    columns = np.arange(width) + np.rint(right).astype(int)[:, None]
    return np.asarray(drawn[rows.clip(0, height - 1), columns.clip(0, width - 1)])


def _wave(random: Random, length: int, period: float) -> NDArray[np.float64]:
    """A smooth random curve, float64 [length], mostly within -1 to 1."""
    knots = max(2, round(length / period) + 2)
    heights = random.normal(0, 0.5, knots)
    return np.interp(np.linspace(0, knots - 1, length), np.arange(knots), heights)
