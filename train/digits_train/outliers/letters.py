"""Letters, words and lines of text, by hand and in fonts, in pixels: 0 = paper and 255 = ink."""

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw

from digits.data.mnist import Split
from digits_train.handwriting.glyphs import LATIN
from digits_train.handwriting.letters import draw_glyph, draw_letter, write_letter
from digits_train.handwriting.pen import Picture, draw, random_pen
from digits_train.handwriting.strokes import Glyph, bounds
from digits_train.matplotlib_data import FONTS, load_font

_SIDE = 84  # pixels, three times that of a frame
_CELLS = 3  # of the warp's grid, along each side

# Letters and signs without those that resemble handwritten digits: B D G I J L O Q S Z b g i j l o
# q s y z ? > { }; of the Greek and Cyrillic ones, without those like Θ, β, З and б.
LATIN_LETTERS = "ACEFHKMNPRTUVWXYacdefhkmnprtuvwx&%@#+*=<"
_OTHERS = "ΓΔΛΞΠΣΨΩαηκλμνξπχψωДЖИЙЛПЦШЩЫЮЯджийлмнптцшщыюя"  # Greek and Cyrillic

# DejaVu, which matplotlib brings, has enough faces; tests read letters in others.
_FACES = ("Sans", "SansMono", "Serif")
_BOLD_FACES = ("Sans-Bold", "Serif-Bold")


def handwritten(rng: Generator, digits: Split) -> Picture:
    """A letter, a sign or a small drawing by hand."""
    return draw_letter(rng)


def printed(rng: Generator, digits: Split) -> Picture:
    """A letter or a sign in a font, narrow or wide, upright or slanted."""
    return np.asarray(_slant(_typeset(rng, _FACES + _BOLD_FACES), rng))


def distorted(rng: Generator, digits: Split) -> Picture:
    """A printed letter or sign of another weight and out of shape, as if by hand.

    Not in bold, whose e would close to a 0.
    """
    image = _typeset(rng, _FACES, bolder=int(rng.integers(0, 3)))
    return np.asarray(_slant(_warp(image, rng), rng))


def _typeset(rng: Generator, faces: tuple[str, ...], bolder: int = 0) -> Image.Image:
    """A random letter. bolder: pixels to widen its strokes by, on both sides."""
    image = Image.new("L", (_SIDE, _SIDE))
    ImageDraw.Draw(image).text(
        (_SIDE / 2, _SIDE / 2),
        rng.choice(list(LATIN_LETTERS + _OTHERS)),
        fill=255,
        font=load_font(str(FONTS / f"DejaVu{rng.choice(faces)}.ttf"), 56),
        anchor="mm",
        stroke_width=bolder,
    )
    return image


def _slant(image: Image.Image, rng: Generator) -> Image.Image:
    width, slant, middle = rng.uniform(0.6, 1.2), rng.uniform(-0.2, 0.5), image.height / 2
    # Maps output to input pixels: the higher a row, the farther it moves right.
    places = (1 / width, slant / width, middle - (1 + slant) * middle / width, 0, 1, 0)
    return image.transform(image.size, Image.Transform.AFFINE, places, Image.Resampling.BICUBIC)


def _warp(image: Image.Image, rng: Generator) -> Image.Image:
    """Move each corner of a coarse grid by a few pixels."""
    edges = np.linspace(0, _SIDE, _CELLS + 1).round()
    corners = np.stack(np.meshgrid(edges, edges), -1)
    corners = corners + rng.normal(0, rng.uniform(0, 4), corners.shape)
    cells = []
    for row, column in np.ndindex(_CELLS, _CELLS):
        box = tuple(int(edges[at]) for at in (column, row, column + 1, row + 1))
        quad = corners[[row, row + 1, row + 1, row], [column, column, column + 1, column + 1]]
        cells.append((box, tuple(quad.ravel().tolist())))
    return image.transform(image.size, Image.Transform.MESH, cells, Image.Resampling.BILINEAR)


def word(rng: Generator, digits: Split) -> Picture:
    """Two or three letters that touch or nearly do."""
    return draw_glyph(_line(rng, int(rng.integers(2, 4)), rng.uniform(-0.12, 0.1)), rng)


def text(rng: Generator, digits: Split) -> Picture:
    """One or two lines of handwriting, which get small in the frame."""
    glyph: Glyph = []
    for row in range(int(rng.integers(1, 3))):
        letters = int(rng.integers(4, 8))
        glyph += [stroke + (0, row * 1.6) for stroke in _line(rng, letters, gap=0.2)]
    pen = random_pen(rng)
    return draw(glyph, pen._replace(width=pen.width / 6), rng)


def _line(rng: Generator, letters: int, gap: float) -> Glyph:
    """Latin letters side by side. gap: in letter heights; if negative, they overlap."""
    row: Glyph = []
    right = 0.0
    for _ in range(letters):
        glyph = write_letter(str(rng.choice(list(LATIN))), rng)
        left, _top, end, _bottom = bounds(glyph)
        row += [stroke + (right - left, 0) for stroke in glyph]
        right += end - left + gap
    return row
