"""Pictures of one digit, of several, or of none: what people send to be read as one digit."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits_train.camera.distributions import LogRange
from digits_train.camera.exposure import photograph, texture
from digits_train.camera.ink import EM
from digits_train.camera.marks import draw_mark
from digits_train.camera.materials import Materials
from digits_train.camera.ranges import Single
from digits_train.camera.rows import RowWriter
from digits_train.camera.style import random_style
from digits_train.camera.window import Window, cut_out
from digits_train.pixels import (
    OUTWARDS,
    Bytes,
    Coverage,
    Mask,
    Random,
    ink_bounds,
    log_uniform,
    pick,
)

SEVERAL, NONE = 10, 11  # labels beside the ten digits

_CANVAS_SIDE = 1100  # pixels at most, to write on
_INKED = 0.3  # of the most coverage: a pixel that is stroke
_VISIBLE = 0.85  # of the ink, at least, that isn't beyond the sheet's end

Sides = NDArray[np.float64]  # pixels on the left, above, on the right and below


class LabelledPicture(NamedTuple):
    """A picture and what is on it.

    pixels: uint8 [height, width], grey. label: 0 to 9, SEVERAL or NONE. ink: bool [height, width],
    where what is labelled is; a neighbour of a digit isn't.
    """

    pixels: Bytes
    label: int
    ink: Mask


def draw(shares: Mapping[str, float], random: Random, materials: Materials) -> LabelledPicture:
    """A picture of one of KINDS, each with its share of the chance."""
    kind = str(random.choice(list(shares), p=list(shares.values())))
    return KINDS[kind](random, materials)


def digit(random: Random, materials: Materials) -> LabelledPicture:
    """One digit, perhaps framed, cut by the picture's edge or with the end of a neighbour."""
    ranges = materials.ranges
    rows, start, baseline = _sheet(random, materials, ranges.single.height, 6, 2)
    window, height, text = rows.window, rows.style.height, pick(random, rows.hand.digits())
    has_neighbour = random.random() < ranges.single.neighbour
    gap = random.uniform(*ranges.single.neighbour_gap) * height
    neighbour, on_left = str(random.integers(10)), random.random() < 0.5
    if has_neighbour and on_left:
        start = rows.write(neighbour, start, baseline) + gap
    before, first = window.ink.copy(), len(window.symbols)
    end = rows.write(text, start, baseline)
    ink = _inked(window.ink - before)
    room = _room(ink, height, random, ranges.single)
    if random.random() < ranges.single.boxed:
        rows.frame(first)
        if random.random() < ranges.single.cut_out:
            room = OUTWARDS * (ink_bounds(_inked(window.printed)) - ink_bounds(ink))
            room = room + random.uniform(*ranges.single.cell_edge, 4) * height
    if has_neighbour:
        if not on_left:
            rows.write(neighbour, end + gap, baseline)
        side = 0 if on_left else 2
        room[side] = min(room[side], gap + random.uniform(*ranges.single.neighbour_end) * height)
    return _photograph(rows, ink, int(text), room)


def several(random: Random, materials: Materials) -> LabelledPicture:
    """Two to four digits in a row, or in two."""
    rows, start, baseline = _sheet(random, materials, materials.ranges.single.several_height)
    height = rows.style.height
    digits = rows.hand.digits()
    for line in range(2 if random.random() < 0.2 else 1):
        text = "".join(digits[n] for n in random.integers(0, len(digits), random.integers(2, 5)))
        rows.write(text, start, baseline + 1.3 * line * height)
    return _photograph(rows, _inked(rows.window.ink), SEVERAL)


def other(random: Random, materials: Materials) -> LabelledPicture:
    """A word, a letter, a sign or a mark: nothing that may be a digit."""
    ranges = materials.ranges
    while True:
        rows, start, baseline = _sheet(random, materials, ranges.single.several_height)
        window = rows.window
        if random.random() < ranges.single.mark:
            mark = draw_mark(rows.style.height, random, ranges.text.mark_pen, alone=True).coverage
            window.put(mark, round(start), round(start), 1.0, 1.0)
        else:
            letters = [text for text in rows.texts if text.coverage.shape[1] < EM]
            if letters and random.random() < ranges.single.letter:
                rows.texts = letters
            rows.word(start, baseline)
        ink = _inked(window.ink)
        if ink.any() and not window.doubtful:
            return _photograph(rows, ink, NONE)


def blank(random: Random, materials: Materials) -> LabelledPicture:
    """Paper with or without rules, or a texture."""
    ranges, height = materials.ranges, log_uniform(random, *materials.ranges.single.several_height)
    down, across = np.ceil(random.uniform(1, 4, 2) * height).astype(int).tolist()
    if random.random() < 0.5:
        sheet = texture((down, across), random, ranges)
    else:
        sheet = photograph(Window.empty((down, across)), height, random, ranges)
    return LabelledPicture(sheet.pixels, NONE, np.zeros((down, across), bool))


def _sheet(
    random: Random, materials: Materials, heights: LogRange, side: float = 11, along: float = 1.65
) -> tuple[RowWriter, float, float]:
    """An empty sheet, with someone to write on it, and the x and the baseline to begin at.

    heights: of the digits, in pixels. side, along: of the sheet and of that x, in heights.
    """
    height = min(log_uniform(random, *heights), materials.ranges.single.largest)
    style = random_style(random, materials.ranges, height)._replace(cell=0)
    pixels = round(min(side * height, _CANVAS_SIDE))
    rows = RowWriter(Window.empty((pixels, pixels)), style, materials, random)
    start = along / side * pixels
    return rows, start, (pixels + height) / 2 - style.slope * start


def _inked(coverage: Coverage) -> Mask:
    """Where strokes are, however faint."""
    return np.asarray(coverage > _INKED * coverage.max())


def _room(ink: Mask, height: float, random: Random, ranges: Single) -> Sides:
    """Random room around the writing."""
    bounds = ink_bounds(ink)
    size = bounds[2:] - bounds[:2]
    spread = np.exp(random.normal(0, ranges.lopsided, 4))
    room = spread * log_uniform(random, *ranges.around) * height
    if random.random() < ranges.square:
        room += np.tile(size.max() - size, 2) / 2
    room = np.minimum(room, np.tile(ranges.max_side - size, 2).clip(0) / 2)
    if random.random() < ranges.cut:
        side = int(random.integers(4))
        room[side] = -random.uniform(*ranges.missing) * size[side % 2]
    return room


def _photograph(
    rows: RowWriter, ink: Mask, label: int, room: Sides | None = None
) -> LabelledPicture:
    """Photograph or draw the writing and the paper around it, by default as `_room` says."""
    random, ranges, height = rows.random, rows.ranges, rows.style.height
    room = _room(ink, height, random, ranges.single) if room is None else room
    box = ink_bounds(ink) + OUTWARDS * room
    window, ink = rows.window.crop(box), cut_out(ink, box)
    while True:
        if random.random() < ranges.single.drawn:
            return LabelledPicture(_draw(window, random), label, ink)
        is_on_table = random.random() < ranges.single.on_table
        ends = _table(ink, random, ranges.single) if is_on_table else None
        picture = photograph(window, height, random, ranges, ends=ends)
        visible = ink & (picture.hidden < 0.5)
        if visible.sum() >= _VISIBLE * ink.sum():
            return LabelledPicture(picture.pixels, label, visible)


def _draw(window: Window, random: Random) -> Bytes:
    """Draw as on a screen, or as a program cuts out: on an even ground, with hard or soft edges."""
    ink = np.maximum(window.ink, window.printed)
    if random.random() < 0.5:
        ink = _inked(ink).astype(np.float32)
    ground = np.clip(random.uniform(-130, 385), 0, 255)  # half of them black or white
    contrast = (255 if ground < 128 else 0) - ground
    return np.asarray(ground + ink * contrast * min(1, random.uniform(0.25, 1.5)), np.uint8)


def _table(ink: Mask, random: Random, ranges: Single) -> dict[int, float]:
    """Where the sheet ends, see `scene.edges`: on some sides, around the ink."""
    middle = np.tile(ink.shape[::-1], 2) / 2
    left, top, right, bottom = OUTWARDS * (ink_bounds(ink) - middle)
    ends = random.uniform((right, bottom, left, top), middle).tolist()
    return {side: end for side, end in enumerate(ends) if random.random() < ranges.table_side}


KINDS: dict[str, Callable[[Random, Materials], LabelledPicture]] = {
    kind.__name__: kind for kind in (digit, several, other, blank)
}
