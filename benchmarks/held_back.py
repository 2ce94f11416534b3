"""Pages of kinds that training never shows.

Paper: music staves, newsprint with the other side's print, a whiteboard that glares and wasn't
wiped well. Layout: numbers that go round a corner, a calendar, sums in columns. Pen: a ballpoint
that skips, one that goes over each digit twice, chalk on a board. Hand: a trembling one, twenty
fonts (digits_train/camera/fonts.py). Each page is held back in one of these respects, and as in
training in the others.

Four kinds were held back until training came to show them: a dot grid, numbers that climb, numbers
encircled, a broad felt tip.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter
from scipy import ndimage

from benchmarks.handwritten import Writer, Writers, Written, some_height
from benchmarks.layouts import LAYOUTS, lines, rotated
from digits_train.camera import fonts, marks, scene
from digits_train.camera.hand import OTHER, PRINT, Glyph, Hand, some_hand
from digits_train.camera.layout import Sheet
from digits_train.camera.photograph import Look, photographed, some_look
from digits_train.matplotlib_data import load_font
from digits_train.raster import Coverage, Random, cropped

Ink = tuple[Coverage, float]  # as a Writer draws it

_BOARDS = ((42, 68, 54), (35, 38, 40), (52, 58, 62), (28, 36, 60))  # RGB
_MARKERS = ((30, 30, 34), (24, 60, 160), (180, 30, 40), (10, 110, 70))


def _words_above(sheet: Sheet, files: Sequence[Path], random: Random) -> None:
    """Half of the pages have a line of words."""
    if random.random() < 0.5:
        return
    file, size = random.choice(list(map(str, files))), random.uniform(0.6, 1.1) * sheet.height
    text = marks.words(random, int(random.integers(1, 4)))
    coverage, _ = marks.lettering(text, file, max(8.0, size), random, random.uniform(0.01, 0.03))
    top = min(glyph.top for glyph in sheet.glyphs) - coverage.shape[0] - 0.5 * sheet.height
    sheet.glyphs.append(Glyph(coverage, 0, round(top), layer=OTHER))


# Paper: printed over all that the camera may see


def _ground(sheet: Sheet) -> tuple[tuple[int, int], tuple[int, int]]:
    """The shape, and the left and top, of what surrounds the writing."""
    around = round(max(800, 10 * sheet.height))
    left = min(g.left for g in sheet.glyphs) - around
    top = min(g.top for g in sheet.glyphs) - around
    right, bottom = max(g.right for g in sheet.glyphs), max(g.bottom for g in sheet.glyphs)
    return (bottom + around - top, right + around - left), (left, top)


def dot_grid(sheet: Sheet, _: Writers, random: Random) -> None:
    shape, corner = _ground(sheet)
    spacing = max(6.0, random.uniform(0.4, 1.0) * sheet.height)
    radius = max(0.8, random.uniform(0.02, 0.05) * sheet.height)
    y, x = np.ogrid[: shape[0], : shape[1]]
    down, across = (np.mod(axis / spacing, 1) * spacing - spacing / 2 for axis in (y, x))
    dots = np.clip(radius + 0.5 - np.hypot(down, across), 0, 1).astype(np.float32)
    sheet.glyphs.append(Glyph(dots * np.float32(random.uniform(0.4, 1)), *corner, layer=PRINT))


def staves(sheet: Sheet, _: Writers, random: Random) -> None:
    """Music paper: groups of five lines."""
    shape, corner = _ground(sheet)
    gap = max(4.0, random.uniform(0.2, 0.4) * sheet.height)
    thick = max(0.8, 0.03 * sheet.height)
    y = np.arange(shape[0], dtype=np.float32) % (gap * random.uniform(8, 11))
    away = np.where(y < 4.5 * gap, np.abs((y + gap / 2) % gap - gap / 2), thick + 1)
    lines_at = np.clip(thick / 2 + 0.5 - away, 0, 1) * random.uniform(0.5, 1)
    coverage = np.repeat(lines_at[:, None], shape[1], 1).astype(np.float32)
    sheet.glyphs.append(Glyph(coverage, *corner, layer=PRINT))


def newsprint(sheet: Sheet, _: Writers, random: Random) -> None:
    """The print of the other side shines through, mirrored and blurred."""
    shape, corner = _ground(sheet)
    image = Image.new("L", (shape[1], shape[0]))
    size = max(12, round(random.uniform(0.35, 0.7) * sheet.height))
    face = load_font(str(fonts.bundled("held back")[0]), size)
    for y in range(0, shape[0], round(1.4 * size)):
        text = marks.words(random, 1 + shape[1] // (3 * size))
        ImageDraw.Draw(image).text((random.uniform(-3, 0) * size, y), text, 255, face)
    mirrored = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    soft = np.asarray(mirrored.filter(ImageFilter.GaussianBlur(0.06 * size)), np.float32) / 255
    grain = np.clip(scene.clouds(shape, random, 1.5), 0, 2)
    coverage = random.uniform(0.12, 0.3) * soft + 0.04 * grain
    sheet.glyphs.append(Glyph(coverage.astype(np.float32), *corner, layer=PRINT))


def wiped(sheet: Sheet, by: Writers, random: Random) -> None:
    """What somebody else wrote there before is smeared, but hasn't gone."""
    hand = some_hand(random, random.uniform(0.8, 1.6) * sheet.height)
    smear, left = max(2, round(random.uniform(0.1, 0.4) * hand.height)), random.uniform(-1, 3)
    for glyph in lines(by.mnist, hand, random).glyphs:
        soft = np.pad(glyph.coverage, ((2, 2), (smear, smear)))
        soft = ndimage.gaussian_filter(ndimage.uniform_filter1d(soft, smear, axis=1), 1)
        faint = Glyph(soft * np.float32(random.uniform(0.05, 0.15)), glyph.left, glyph.top)
        sheet.glyphs.append(faint.moved(left * hand.height, 0)._replace(layer=PRINT))


def glare(image: NDArray[np.uint8], random: Random) -> NDArray[np.uint8]:
    """Mirror a lamp in a picture, uint8 [height, width, 3]; the ink there stays visible."""
    y, x = np.mgrid[: image.shape[0], : image.shape[1]].astype(np.float32)
    down, across = random.uniform(0.05, 0.95, 2) * image.shape[:2]
    radius = random.uniform(0.06, 0.2) * max(image.shape)
    away = np.hypot((x - across) / random.uniform(1, 2.5), y - down) / radius
    light = random.uniform(0.3, 0.6) * np.exp(-(away**3))
    return np.asarray(image + (255 - image) * light[..., None], np.uint8)


# Pen and hand


def felt_tip(hand: Hand, look: Look, random: Random) -> tuple[Hand, Look]:
    """A pen of 0.17 to 0.24 of the digits' height."""
    return hand._replace(pen=random.uniform(0.17, 0.24), keep=1.0, broken=0.0), look


def twice(writer: Writer, character: str, hand: Hand, random: Random) -> Ink:
    """Go over the same strokes again, a little beside them."""
    coverage, below = writer(character, hand, random)
    reach = max(1, round(0.06 * hand.height))
    right, down = random.integers(-reach, reach + 1, 2)
    padded = np.pad(coverage, reach)
    again = rotated(np.roll(padded, (down, right), (0, 1)), random.normal(0, 0.05))
    return cropped(np.maximum(padded, again)), below + reach / 2


def skipping(writer: Writer, character: str, hand: Hand, random: Random) -> Ink:
    """Leave some twentieth of the strokes, in short pieces, with hardly any ink."""
    whole = hand._replace(keep=1.0, broken=0.0, pressure=0.0)
    coverage, below = writer(character, whole, random)
    bumps = scene.clouds(coverage.shape, random, max(2, random.uniform(0.05, 0.1) * hand.height))
    inked = np.clip(4 * (random.uniform(1.3, 1.9) - bumps) + 0.5, 0.05, 1)
    return np.asarray(coverage * inked, np.float32), below


def trembling(writer: Writer, character: str, hand: Hand, random: Random) -> Ink:
    """Shake sideways and up and down by a hundredth or two of the height, many times a digit."""
    coverage, below = writer(character, hand, random)
    padded = np.pad(coverage, 1 + round(0.1 * hand.height))
    far, cell = random.uniform(0.008, 0.02) * hand.height, random.uniform(0.1, 0.2) * hand.height
    shake = [scene.clouds(padded.shape, random, cell) * far for _ in range(2)]
    shaken = ndimage.map_coordinates(padded, np.indices(padded.shape) + shake, order=1)
    return cropped(shaken), below


def chalk(hand: Hand, look: Look, random: Random) -> tuple[Hand, Look]:
    """Light, grainy strokes on a board."""
    board = np.array(_BOARDS[int(random.integers(len(_BOARDS)))], np.float32)
    ink = np.full(3, random.uniform(190, 245), np.float32)
    look = look._replace(paper=board, inks=(ink, ink, board + np.float32(25)), clean=False)
    return hand._replace(pen=random.uniform(0.09, 0.15), keep=random.uniform(0.65, 0.9)), look


def whiteboard(hand: Hand, look: Look, random: Random) -> tuple[Hand, Look]:
    """Markers on a glossy white board."""
    board = np.array((228, 232, 235), np.float32) * np.float32(random.uniform(0.9, 1.05))
    pen, words, before = np.array(_MARKERS, np.float32)[random.integers(len(_MARKERS), size=3)]
    look = look._replace(paper=board, inks=(pen, words, before), clean=False)
    return hand._replace(pen=random.uniform(0.07, 0.13), keep=1.0, broken=0.0, pressure=0.0), look


# Pages

PAPERS = {"dot grid": dot_grid, "staves": staves, "newsprint": newsprint, "whiteboard": wiped}
PENS = {"felt tip": felt_tip, "chalk": chalk, "whiteboard": whiteboard}
STROKES = {"written twice": twice, "skipping pen": skipping, "trembling": trembling}
ONCE_HELD_BACK = ("dot grid", "climbing", "encircled", "felt tip")
KINDS = (
    *("staves", "newsprint", "whiteboard", "round a corner", "calendar", "added up"),
    *("chalk", *STROKES, "font's hand"),
)


def page(kind: str, by: Writers, random: Random) -> Written:
    """A page of one of KINDS or ONCE_HELD_BACK."""
    while True:
        hand = some_hand(random, some_height(random))
        look = some_look(random, hand, kind in ("dot grid", "staves", "calendar"))
        writer = partial(STROKES[kind], by.mnist) if kind in STROKES else by.mnist
        if kind == "font's hand":
            writer = by.fonts[int(random.integers(len(by.fonts)))]
        elif kind in PENS:
            hand, look = PENS[kind](hand, look, random)
        sheet = LAYOUTS.get(kind, lines)(writer, hand, random)
        if kind not in ("calendar", "added up"):
            _words_above(sheet, by.words, random)
        if kind in PAPERS:
            PAPERS[kind](sheet, by, random)
        shown = photographed(sheet, look, random)
        if shown is not None:
            image = glare(shown[0], random) if kind == "whiteboard" else shown[0]
            return Written(image, "\n".join(sheet.text))
