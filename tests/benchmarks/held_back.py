"""Pages of kinds that training never shows.

Paper: a dot grid, music staves, newsprint with the other side's print. Layout: numbers that climb,
that go round a corner, a calendar, numbers underlined and encircled. Pen: a broad felt tip, a
ballpoint that goes over each digit twice, chalk on a board. Hand: ten fonts (digits_train/camera/
fonts.py). Each page is held back in one of these respects, and as in training in the others.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter
from tests.benchmarks.handwritten import Writer, Writers, Written, row, some_height, some_number

from digits_train.camera import marks, scene
from digits_train.camera.hand import OTHER, PRINT, Glyph, Hand, some_hand
from digits_train.camera.layout import Sheet
from digits_train.camera.marks import Coverage, Random
from digits_train.camera.photograph import Look, photographed, some_look

_BOARDS = ((42, 68, 54), (35, 38, 40), (52, 58, 62), (28, 36, 60))  # RGB


def lines(writer: Writer, hand: Hand, random: Random, climb: float = 0.0) -> Sheet:
    """Numbers below each other. climb: heights by which a line rises on each height."""
    sheet, y = Sheet(hand.height), 0.0
    for _ in range(int(random.integers(1, 6))):
        number = row(some_number(random), writer, hand, random)
        left = random.uniform(0, 2) * hand.height
        y += random.uniform(1.5, 2.3) * hand.height
        sheet.glyphs += [g.moved(left, y - climb * (left + g.left)) for g in number]
        sheet.text.append("".join(str(g.digit) for g in number))
    return sheet


def _words_above(sheet: Sheet, files: Sequence[Path], random: Random) -> None:
    """Half of the pages have a line of words."""
    if random.random() < 0.5:
        return
    file = str(files[int(random.integers(len(files)))])
    text = marks.words(random, int(random.integers(1, 4)))
    size = random.uniform(0.6, 1.1) * sheet.height
    coverage, _ = marks.lettering(text, file, max(8.0, size), random, random.uniform(0.01, 0.03))
    top = min(glyph.top for glyph in sheet.glyphs) - coverage.shape[0] - 0.5 * sheet.height
    sheet.glyphs.append(Glyph(coverage, 0, round(top), layer=OTHER))


# Layout


def climbing(writer: Writer, hand: Hand, random: Random) -> Sheet:
    """Numbers that rise or fall by 10 to 25 degrees, of upright digits."""
    return lines(writer, hand, random, random.choice([-1, 1]) * random.uniform(0.18, 0.45))


def round_a_corner(writer: Writer, hand: Hand, random: Random) -> Sheet:
    """One long number on a bend, as at the edge of a sheet; the digits turn with it."""
    sheet = Sheet(hand.height)
    number = row(some_number(random, 6) + some_number(random, 6), writer, hand, random)
    radius = random.uniform(0.6, 1.5) * max(number[-1].right, 4 * hand.height)
    side, middle = random.choice([-1, 1]), number[-1].right / 2
    for glyph in number:
        x = (glyph.left + glyph.right) / 2 - middle
        angle = side * x / radius
        raised = (glyph.top + glyph.bottom) / 2
        turned = _rotated(glyph.coverage, -angle)
        centre_x = radius * np.sin(abs(angle)) * np.sign(x) - raised * np.sin(angle)
        centre_y = side * radius * (1 - np.cos(angle)) + raised * np.cos(angle)
        place = round(centre_x - turned.shape[1] / 2), round(centre_y - turned.shape[0] / 2)
        sheet.glyphs.append(Glyph(turned, *place, digit=glyph.digit))
    sheet.text.append("".join(str(g.digit) for g in number))
    return sheet


def _rotated(coverage: Coverage, angle: float) -> Coverage:
    """Rotate ink anticlockwise. angle: in radians."""
    image = Image.fromarray(coverage)
    turned = image.rotate(float(np.degrees(angle)), Image.Resampling.BICUBIC, expand=True)
    return marks.cropped(np.asarray(turned, np.float32).clip(0, 1))


def calendar(writer: Writer, hand: Hand, random: Random) -> Sheet:
    """A month: the days from 1 on in a printed grid of seven columns."""
    hand = hand._replace(height=min(hand.height, 34.0))
    height, sheet = hand.height, Sheet(min(hand.height, 34.0))
    wide, tall = random.uniform(2.4, 3.2) * height, random.uniform(1.6, 2.8) * height
    weeks, first = int(random.integers(2, 6)), int(random.integers(0, 7))
    thick, texts = max(1, round(0.03 * height)), [""] * weeks
    for day in range(1, 7 * weeks - first + 1):
        week, column = divmod(day + first - 1, 7)
        if day > 31:
            break
        number = row(str(day), writer, hand._replace(gaps=(0.05, 0.2)), random)
        left, y = column * wide + 0.3 * height, week * tall + 1.25 * height
        sheet.glyphs += [g.moved(left, y) for g in number]
        texts[week] += "".join(str(g.digit) for g in number) + "  "
    for week in range(weeks + 1):
        line = np.ones((thick, round(7 * wide)), np.float32)
        sheet.glyphs.append(Glyph(line, 0, round(week * tall), layer=PRINT))
    for column in range(8):
        line = np.ones((round(weeks * tall), thick), np.float32)
        sheet.glyphs.append(Glyph(line, round(column * wide), 0, layer=PRINT))
    sheet.text += [text for text in texts if text]
    return sheet


def encircled(writer: Writer, hand: Hand, random: Random) -> Sheet:
    """Numbers with a ring around them, or with one or two lines below."""
    sheet, y = Sheet(hand.height), 0.0
    pen = max(1.3, (hand.pen or 0.1) * hand.height)
    for _ in range(int(random.integers(1, 5))):
        number = row(some_number(random, 4), writer, hand, random)
        left, width = random.uniform(0, 3) * hand.height, number[-1].right
        y += random.uniform(2.4, 3) * hand.height
        sheet.glyphs += [g.moved(left, y) for g in number]
        sheet.text.append("".join(str(g.digit) for g in number))
        if random.random() < 0.3:
            below = marks.underline(random, width, hand.height, pen)
            top = round(y + random.uniform(0.15, 0.3) * hand.height)
            sheet.glyphs.append(Glyph(below, round(left), top, layer=OTHER))
            continue
        turn = np.linspace(0, 2 * np.pi + random.uniform(-0.3, 0.6), 40) + random.uniform(0, 6)
        size = np.array([width / 2 + 0.6 * hand.height, random.uniform(0.85, 1.05) * hand.height])
        ring = np.stack([np.cos(turn), np.sin(turn)], 1) * size
        drawn = marks.stroke([ring * (1 + 0.03 * np.sin(turn * 1.5))[:, None]], pen)
        middle = left + width / 2, y - hand.height / 2
        place = (round(middle[0] - drawn.shape[1] / 2), round(middle[1] - drawn.shape[0] / 2))
        sheet.glyphs.append(Glyph(drawn, *place, layer=OTHER))
    return sheet


# Paper: printed over all that the camera may see


def _ground(sheet: Sheet) -> tuple[tuple[int, int], tuple[int, int]]:
    """The shape, and the left and top, of what surrounds the writing."""
    around = round(max(800, 10 * sheet.height))
    left = min(g.left for g in sheet.glyphs) - around
    top = min(g.top for g in sheet.glyphs) - around
    right, bottom = max(g.right for g in sheet.glyphs), max(g.bottom for g in sheet.glyphs)
    return (bottom + around - top, right + around - left), (left, top)


def dot_grid(sheet: Sheet, random: Random) -> None:
    shape, place = _ground(sheet)
    spacing = max(6.0, random.uniform(0.4, 1.0) * sheet.height)
    radius = max(0.8, random.uniform(0.02, 0.05) * sheet.height)
    y, x = np.ogrid[: shape[0], : shape[1]]
    down, across = (np.mod(axis / spacing, 1) * spacing - spacing / 2 for axis in (y, x))
    dots = np.clip(radius + 0.5 - np.hypot(down, across), 0, 1).astype(np.float32)
    sheet.glyphs.append(Glyph(dots * np.float32(random.uniform(0.4, 1)), *place, layer=PRINT))


def staves(sheet: Sheet, random: Random) -> None:
    """Music paper: groups of five lines."""
    shape, place = _ground(sheet)
    gap = max(4.0, random.uniform(0.2, 0.4) * sheet.height)
    thick = max(0.8, 0.03 * sheet.height)
    y = np.arange(shape[0], dtype=np.float32) % (gap * random.uniform(8, 11))
    away = np.where(y < 4.5 * gap, np.abs((y + gap / 2) % gap - gap / 2), thick + 1)
    lines_at = np.clip(thick / 2 + 0.5 - away, 0, 1) * random.uniform(0.5, 1)
    coverage = np.repeat(lines_at[:, None], shape[1], 1).astype(np.float32)
    sheet.glyphs.append(Glyph(coverage, *place, layer=PRINT))


def newsprint(file: Path, sheet: Sheet, random: Random) -> None:
    """The print of the other side shines through, mirrored and blurred."""
    shape, place = _ground(sheet)
    image = Image.new("L", (shape[1], shape[0]))
    size = max(12, round(random.uniform(0.35, 0.7) * sheet.height))
    face = marks.font(str(file), size)
    for y in range(0, shape[0], round(1.4 * size)):
        text = marks.words(random, 1 + shape[1] // (3 * size))
        ImageDraw.Draw(image).text((random.uniform(-3, 0) * size, y), text, 255, face)
    mirrored = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    soft = np.asarray(mirrored.filter(ImageFilter.GaussianBlur(0.06 * size)), np.float32) / 255
    grain = np.clip(scene.clouds(shape, random, 1.5), 0, 2)
    coverage = random.uniform(0.12, 0.3) * soft + 0.04 * grain
    sheet.glyphs.append(Glyph(coverage.astype(np.float32), *place, layer=PRINT))


# Pen


def felt_tip(hand: Hand, random: Random) -> Hand:
    """A pen of 0.17 to 0.24 of the digits' height; training's are at most 0.16."""
    return hand._replace(pen=random.uniform(0.17, 0.24), keep=1.0, broken=0.0)


def twice(writer: Writer, character: str, hand: Hand, random: Random) -> tuple[Coverage, float]:
    """Go over the same strokes again, a little beside them."""
    coverage, below = writer(character, hand, random)
    reach = max(1, round(0.06 * hand.height))
    right, down = random.integers(-reach, reach + 1, 2)
    padded = np.pad(coverage, reach)
    shifted = np.roll(padded, (down, right), (0, 1))
    turned = _rotated_in_place(shifted, random.normal(0, 0.05))
    return marks.cropped(np.maximum(padded, turned)), below + reach / 2


def _rotated_in_place(coverage: Coverage, angle: float) -> Coverage:
    image = Image.fromarray(coverage).rotate(float(np.degrees(angle)), Image.Resampling.BICUBIC)
    return np.asarray(image, np.float32).clip(0, 1)


def chalk(hand: Hand, look: Look, random: Random) -> tuple[Hand, Look]:
    """Light, grainy strokes on a board."""
    board = np.array(_BOARDS[int(random.integers(len(_BOARDS)))], np.float32)
    ink = np.full(3, random.uniform(190, 245), np.float32)
    lighter = board + np.float32(25)
    look = look._replace(paper=board, inks=(ink, ink, lighter), clean=False)
    return hand._replace(pen=random.uniform(0.09, 0.15), keep=random.uniform(0.65, 0.9)), look


# Pages

LAYOUTS: dict[str, Callable[[Writer, Hand, Random], Sheet]] = {
    "climbing": climbing,
    "round a corner": round_a_corner,
    "calendar": calendar,
    "encircled": encircled,
}
KINDS = (
    *("dot grid", "staves", "newsprint", *LAYOUTS),
    *("felt tip", "written twice", "chalk", "font's hand"),
)


def page(kind: str, by: Writers, random: Random) -> Written:
    """A page of one of KINDS."""
    while True:
        hand = some_hand(random, some_height(random))
        look = some_look(random, hand, kind in ("dot grid", "staves", "calendar"))
        writer = by.mnist
        if kind == "font's hand":
            writer = by.fonts[int(random.integers(len(by.fonts)))]
        elif kind == "felt tip":
            hand = felt_tip(hand, random)
        elif kind == "written twice":
            writer = partial(twice, by.mnist)
        elif kind == "chalk":
            hand, look = chalk(hand, look, random)
        sheet = LAYOUTS.get(kind, lines)(writer, hand, random)
        if kind != "calendar":
            _words_above(sheet, by.words, random)
        if kind == "dot grid":
            dot_grid(sheet, random)
        elif kind == "staves":
            staves(sheet, random)
        elif kind == "newsprint":
            newsprint(by.words[0], sheet, random)
        shown = photographed(sheet, look, random)
        if shown is not None:
            return Written(shown[0], "\n".join(sheet.text))
