"""Pictures of one digit, of several, or of none: what people send to be read as one digit."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from digits_train.camera import forms
from digits_train.camera.compose import choose_writer
from digits_train.camera.exposure import Photograph, photograph, texture
from digits_train.camera.lettering import EM
from digits_train.camera.marks import draw_shape
from digits_train.camera.rows import Rows
from digits_train.camera.style import random_style
from digits_train.camera.window import Materials, Window
from digits_train.raster import Bytes, Random, ink_box, log_uniform

SEVERAL, NONE = 10, 11  # labels beside the ten digits

_HEIGHTS, _HIGHEST = (7, 160), 360  # pixels of the writing, and at most of a single digit
_CANVAS, _CANVAS_SIDE = 11.0, 1100  # heights of a digit, and pixels at most, to write on
_LARGEST = 640  # pixels of a picture's side; larger ones are reduced to that
_ROOM, _UNEVEN = (0.04, 3.0), 0.45  # heights around the writing; how much its sides differ
_SQUARE = 0.6  # share of the pictures that would be square if all sides had the same room
_CUT, _CUT_SHARE = 0.1, 0.1  # of the ink at most that is missing on a side, and how often
_CELL = -0.06, 0.1  # heights, from a frame to the picture's edge
_NEIGHBOURS, _FRAMES, _MARKS, _DRAWN, _TABLES = 0.2, 0.15, 0.3, 0.15, 0.1  # shares
_GAP, _END = (0.05, 0.4), (0.02, 0.2)  # heights, to a neighbour and of what is seen of it
_LETTERS = 0.7  # of what is written and no number: single ones, not words
_INKED = 0.3  # coverage of a pixel that is stroke
_SEEN = 0.85  # of the ink at least that lies on no table


class Single(NamedTuple):
    """A picture and what is on it.

    pixels: uint8 [height, width], grey. label: 0 to 9, SEVERAL or NONE. ink: bool [height, width],
    where what is labelled is; a neighbour of a digit isn't.
    """

    pixels: Bytes
    label: int
    ink: NDArray[np.bool_]


def digit(random: Random, materials: Materials) -> Single:
    """One digit, perhaps framed, cut by the picture's edge or with the end of a neighbour."""
    rows, start, baseline = _sheet(random, materials, _HIGHEST, 0.4)
    label, window, height = int(random.integers(10)), rows.window, rows.style.height
    side = str(random.choice(["left", "right", ""], p=[_NEIGHBOURS / 2] * 2 + [1 - _NEIGHBOURS]))
    gap, neighbour = random.uniform(*_GAP) * height, str(random.integers(10))
    if side == "left":
        start = rows.write(neighbour, start, baseline, "plain") + gap
    before, first = window.ink > _INKED, len(window.boxes)
    end = rows.write(str(label), start, baseline, "plain")
    ink = (window.ink > _INKED) & ~before
    room = _room(ink, height, random)
    if random.random() < _FRAMES:
        forms.draw_frames(window, first, height, random, rows.ranges)
        if random.random() < 0.5:
            frame = _sides(window.printed > _INKED) - _sides(ink)
            room = frame + random.uniform(*_CELL, 4) * height
    if side == "right":
        rows.write(neighbour, end + gap, baseline, "plain")
    if side:
        index = ("left", "right").index(side) * 2
        room[index] = min(room[index], gap + random.uniform(*_END) * height)
    return _photograph(rows, ink, label, room)


def several(random: Random, materials: Materials) -> Single:
    """Two to four digits in a row, or in two."""
    rows, start, baseline = _sheet(random, materials)
    spacing = str(random.choice(["plain", "tight", "touching", "joined"]))
    height = rows.style.height
    for line in range(2 if random.random() < 0.2 else 1):
        text = "".join(map(str, random.integers(0, 10, random.integers(2, 5))))
        rows.write(text, start, baseline + 1.3 * line * height, spacing)
    ink = rows.window.ink > _INKED
    return _photograph(rows, ink, SEVERAL, _room(ink, height, random))


def other(random: Random, materials: Materials) -> Single:
    """A word, a letter, a sign, a mark or a printed number: nothing that may be a digit."""
    while True:
        rows, start, baseline = _sheet(random, materials)
        window, height = rows.window, rows.style.height
        if random.random() < _MARKS:
            shape = draw_shape(height, random, rows.ranges)
            window.put(shape, round(start), round(start), 1.0, 1.0)
        else:
            letters = [text for text in rows.texts if text.coverage.shape[1] < EM]
            if letters and random.random() < _LETTERS:
                rows.texts = letters
            rows.word(start, baseline)
        ink = window.ink > _INKED
        if ink.any() and not window.doubtful:
            return _photograph(rows, ink, NONE, _room(ink, height, random))


def blank(random: Random) -> Single:
    """Paper with or without rules, or a texture."""
    height = log_uniform(random, *_HEIGHTS)
    down, across = np.ceil(random.uniform(1, 4, 2) * height).astype(int).tolist()
    nothing = np.zeros((down, across), bool)
    if random.random() < 0.5:
        return Single(texture(nothing.shape, random), NONE, nothing)
    return Single(photograph(Window.empty((down, across)), height, random).pixels, NONE, nothing)


def _sheet(
    random: Random, materials: Materials, highest: float = _HEIGHTS[1], along: float = 0.15
) -> tuple[Rows, float, float]:
    """Someone's empty sheet, and where to write on it: after a share of its width, `along`."""
    height = log_uniform(random, _HEIGHTS[0], highest)
    style = random_style(random, materials.ranges)._replace(height=height, cell=0)
    side = round(min(_CANVAS * height, _CANVAS_SIDE))
    writer = choose_writer(random, materials)
    rows = Rows(Window.empty((side, side)), style, writer, materials, random)
    start = along * side
    return rows, start, (side + height) / 2 - style.slope * start


def _sides(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How far what is marked reaches: to the left, up (both negative), to the right and down."""
    rows, columns = ink_box(mask)
    return np.array([-columns.start, -rows.start, columns.stop, rows.stop])


def _room(ink: NDArray[np.bool_], height: float, random: Random) -> NDArray[np.float64]:
    """Pixels around the writing, on the left, above, on the right and below."""
    sides = _sides(ink)
    size = sides[:2] + sides[2:]
    room = np.exp(random.normal(0, _UNEVEN, 4)) * log_uniform(random, *_ROOM) * height
    if random.random() < _SQUARE:
        room += np.tile(size.max() - size, 2) / 2
    room = np.minimum(room, np.tile(_LARGEST - size, 2).clip(0) / 2)
    if random.random() < _CUT_SHARE:
        side = int(random.integers(4))
        room[side] = -random.uniform(0, _CUT) * size[side % 2]
    return room


def _photograph(
    rows: Rows, ink: NDArray[np.bool_], label: int, room: NDArray[np.float64]
) -> Single:
    """Photograph or draw the writing and the paper around it."""
    window, random = rows.window, rows.random
    left, above, right, below = np.round(_sides(ink) + room).astype(int).tolist()
    down, across = slice(max(0, -above), below), slice(max(0, -left), right)
    part, ink = Window(window.ink[down, across], window.printed[down, across]), ink[down, across]
    while True:
        if random.random() < _DRAWN:
            return Single(_draw(part, random), label, ink)
        shown = photograph(part, rows.style.height, random, ranges=rows.ranges)
        if random.random() < _TABLES:
            shown = _lay(shown, ink, random)
        seen = ink & (shown.hidden < 0.5)
        if seen.sum() >= _SEEN * ink.sum():
            return Single(shown.pixels, label, seen)


def _draw(window: Window, random: Random) -> Bytes:
    """As on a screen, or cut out by another program: an even ground, with hard or soft edges."""
    ink = np.maximum(window.ink, window.printed)
    if random.random() < 0.5:
        ink = (ink > _INKED).astype(np.float32)
    ground = np.clip(random.uniform(-130, 385), 0, 255)  # half of them black or white
    contrast = (255 if ground < 128 else 0) - ground
    return np.asarray(ground + ink * contrast * min(1, random.uniform(0.25, 1.5)), np.uint8)


def _lay(shown: Photograph, ink: NDArray[np.bool_], random: Random) -> Photograph:
    """Lay the sheet on a table that is seen on some of its sides."""
    down, across = ink.shape
    free = _sides(np.ones_like(ink)) - _sides(ink)
    some = random.random(4) < 0.6
    left, above, right, below = np.where(some, random.uniform(0, 1, 4) * free, -max(ink.shape))
    right, below = across - right, down - below
    corners = np.array([(left, above), (right, above), (right, below), (left, below)])
    corners += random.normal(0, 0.01 * max(ink.shape), (4, 2))
    image = Image.new("L", (across, down), 255)
    ImageDraw.Draw(image).polygon([(x, y) for x, y in corners.tolist()], fill=0)
    soft = image.filter(ImageFilter.GaussianBlur(random.uniform(0.3, 1)))
    table = np.asarray(soft, np.float32) / np.float32(255)
    pixels = shown.pixels + table * (texture((down, across), random) - shown.pixels.astype(float))
    return Photograph(np.asarray(pixels, np.uint8), np.maximum(shown.hidden, table))


KINDS: dict[str, Callable[[Random, Materials], Single]] = {
    **{"digit": digit, "several": several, "other": other},
    "blank": lambda random, materials: blank(random),
}
