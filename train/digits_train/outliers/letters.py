"""Letters, words and lines of text, by hand and in fonts, in pixels: 0 = paper and 255 = ink."""

from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from digits.data.mnist import Split
from digits_train.handwriting.latin import LATIN
from digits_train.handwriting.letters import draw_glyph, draw_letter, written
from digits_train.handwriting.pen import Picture, draw, some_pen
from digits_train.handwriting.strokes import Glyph, Random, bounds

_SIDE = 84  # pixels, three times the frame's
_CELLS = 3  # along the picture, which is warped in each cell as a whole

_LATIN = list(LATIN)

# Without those that some hand writes like a digit: B D G I J L O Q S Z b g i j l o q s y z ? > { }.
_LETTERS = "ACEFHKMNPRTUVWXYacdefhkmnprtuvwx&%@#+*=<"

# DejaVu, which matplotlib brings, has faces enough; tests read letters in others.
_FACES = ("Sans", "SansMono", "Serif")
_BOLD_FACES = ("Sans-Bold", "Serif-Bold")


@cache
def _font(face: str) -> ImageFont.FreeTypeFont:
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return ImageFont.truetype(str(folder / f"DejaVu{face}.ttf"), 56)


def handwritten(random: Random, digits: Split) -> Picture:
    """A letter, a sign or a small drawing by hand."""
    return draw_letter(random)


def printed(random: Random, digits: Split) -> Picture:
    """A letter or a sign in a font, narrow or wide, upright or slanted."""
    return np.asarray(_slanted(_set(random, _FACES + _BOLD_FACES), random))


def bent(random: Random, digits: Split) -> Picture:
    """A letter or a sign of a font as if by hand: of another weight, and out of shape.

    Not of a bold face: its e would close to a 0.
    """
    image = _set(random, _FACES, bolder=int(random.integers(0, 3)))
    return np.asarray(_slanted(_warped(image, random), random))


def _set(random: Random, faces: tuple[str, ...], bolder: int = 0) -> Image.Image:
    """Any letter of one of the faces, its strokes wider by so many pixels on both sides."""
    image = Image.new("L", (_SIDE, _SIDE))
    ImageDraw.Draw(image).text(
        (_SIDE / 2, _SIDE / 2),
        random.choice(list(_LETTERS)),
        fill=255,
        font=_font(str(random.choice(faces))),
        anchor="mm",
        stroke_width=bolder,
    )
    return image


def _slanted(image: Image.Image, random: Random) -> Image.Image:
    width, slant, middle = random.uniform(0.6, 1.2), random.uniform(-0.2, 0.5), image.height / 2
    # What a pixel (x, y) shows: with its row, it moves to the right the higher it is.
    places = (1 / width, slant / width, middle - (1 + slant) * middle / width, 0, 1, 0)
    return image.transform(image.size, Image.Transform.AFFINE, places, Image.Resampling.BICUBIC)


def _warped(image: Image.Image, random: Random) -> Image.Image:
    """Each corner of a coarse grid shows what lies a few pixels beside it."""
    edges = np.linspace(0, _SIDE, _CELLS + 1).round()
    corners = np.stack(np.meshgrid(edges, edges), -1)
    corners = corners + random.normal(0, random.uniform(0, 4), corners.shape)
    cells = []
    for row in range(_CELLS):
        for column in range(_CELLS):
            box = tuple(int(edges[at]) for at in (column, row, column + 1, row + 1))
            places = ((row, column), (row + 1, column), (row + 1, column + 1), (row, column + 1))
            cells.append((box, tuple(float(v) for place in places for v in corners[place])))
    return image.transform(image.size, Image.Transform.MESH, cells, Image.Resampling.BILINEAR)


def word(random: Random, digits: Split) -> Picture:
    """Two or three letters that touch or nearly do."""
    return draw_glyph(_line(random, int(random.integers(2, 4)), random.uniform(-0.12, 0.1)), random)


def text(random: Random, digits: Split) -> Picture:
    """A line of text, or two, by hand, as small as it gets in the frame."""
    glyph: Glyph = []
    for row in range(int(random.integers(1, 3))):
        letters = int(random.integers(4, 8))
        glyph += [stroke + (0, row * 1.6) for stroke in _line(random, letters, gap=0.2)]
    pen = some_pen(random)
    return draw(glyph, pen._replace(width=pen.width / 6), random)


def _line(random: Random, letters: int, gap: float) -> Glyph:
    """Latin letters side by side. gap: between two, in their heights; negative: they overlap."""
    row: Glyph = []
    right = 0.0
    for _ in range(letters):
        glyph = written(str(random.choice(_LATIN)), random)
        left, _top, end, _bottom = bounds(glyph)
        row += [stroke + (right - left, 0) for stroke in glyph]
        right += end - left + gap
    return row
