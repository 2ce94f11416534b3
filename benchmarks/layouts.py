"""Where numbers stand on a page: one below the other, or as training never shows them."""

from collections.abc import Callable

import numpy as np
from PIL import Image

from benchmarks.handwritten import Writer, row, some_number
from digits_train.camera import marks
from digits_train.camera.hand import OTHER, PRINT, Glyph, Hand
from digits_train.camera.layout import Sheet
from digits_train.raster import Coverage, Random, cropped


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
        turned = cropped(rotated(glyph.coverage, -angle, expand=True))
        centre_x = radius * np.sin(abs(angle)) * np.sign(x) - raised * np.sin(angle)
        centre_y = side * radius * (1 - np.cos(angle)) + raised * np.cos(angle)
        corner = round(centre_x - turned.shape[1] / 2), round(centre_y - turned.shape[0] / 2)
        sheet.glyphs.append(Glyph(turned, *corner, digit=glyph.digit))
    sheet.text.append("".join(str(g.digit) for g in number))
    return sheet


def rotated(coverage: Coverage, angle: float, expand: bool = False) -> Coverage:
    """Rotate ink anticlockwise. angle: in radians. expand: the array, to hold all of it."""
    image = Image.fromarray(coverage)
    turned = image.rotate(float(np.degrees(angle)), Image.Resampling.BICUBIC, expand)
    return np.asarray(turned, np.float32).clip(0, 1)


def calendar(writer: Writer, hand: Hand, random: Random) -> Sheet:
    """A month: the days from 1 on in a printed grid of seven columns."""
    hand = hand._replace(height=min(hand.height, 34.0))
    height, sheet = hand.height, Sheet(min(hand.height, 34.0))
    wide, tall = random.uniform(2.4, 3.2) * height, random.uniform(1.6, 2.8) * height
    weeks, first = int(random.integers(2, 6)), int(random.integers(0, 7))
    thick, texts = max(1, round(0.03 * height)), [""] * weeks
    for day in range(1, min(31, 7 * weeks - first) + 1):
        week, column = divmod(day + first - 1, 7)
        number = row(str(day), writer, hand._replace(gaps=(0.05, 0.2)), random)
        left, y = column * wide + 0.3 * height, week * tall + 1.25 * height
        sheet.glyphs += [g.moved(left, y) for g in number]
        texts[week] += "".join(str(g.digit) for g in number) + "  "
    down, across = round(weeks * tall), round(7 * wide)
    ruled = [(0, round(week * tall), (thick, across)) for week in range(weeks + 1)]
    ruled += [(round(column * wide), 0, (down, thick)) for column in range(8)]
    for x, top, shape in ruled:
        sheet.glyphs.append(Glyph(np.ones(shape, np.float32), x, top, layer=PRINT))
    sheet.text += [text for text in texts if text]
    return sheet


def added_up(writer: Writer, hand: Hand, random: Random) -> Sheet:
    """Numbers below each other by their places, a plus, a line, and their sum."""
    sheet, pen = Sheet(hand.height), max(1.3, (hand.pen or 0.1) * hand.height)
    terms = [int(some_number(random, 5)) for _ in range(int(random.integers(2, 5)))]
    sheet.text = [str(number) for number in (*terms, sum(terms))]
    rows = [[row(digit, writer, hand, random)[0] for digit in text] for text in sheet.text]
    wide = max(glyph.right for line in rows for glyph in line) + hand.gaps[0] * hand.height
    pitch, half = random.uniform(1.6, 2.2) * hand.height, random.uniform(0.2, 0.35) * hand.height
    for number, line in enumerate(rows):
        right = -wide * len(line)
        for column, glyph in enumerate(line):
            middle = (wide - glyph.right) / 2
            sheet.glyphs.append(glyph.moved(right + column * wide + middle, number * pitch))
    left, above = -wide * (max(map(len, sheet.text)) + 1), (len(terms) - 1) * pitch
    low, slope = 0.75 * hand.height, random.normal(0, 0.1) * hand.height
    plus = [[(-half, 0), (half, 0)], [(0, -half), (0, half)]]
    drawn = [np.array(line) for line in (*plus, [(-half, low), (-left, low + slope)])]
    top = round(above - hand.height / 2 - half)
    sheet.glyphs.append(Glyph(marks.stroke(drawn, pen), round(left - half), top))
    return sheet


def encircled(writer: Writer, hand: Hand, random: Random) -> Sheet:
    """Numbers with a ring around them."""
    sheet, y = Sheet(hand.height), 0.0
    pen = max(1.3, (hand.pen or 0.1) * hand.height)
    for _ in range(int(random.integers(1, 5))):
        number = row(some_number(random, 4), writer, hand, random)
        left, width = random.uniform(0, 3) * hand.height, number[-1].right
        y += random.uniform(2.4, 3) * hand.height
        sheet.glyphs += [g.moved(left, y) for g in number]
        sheet.text.append("".join(str(g.digit) for g in number))
        turn = np.linspace(0, 2 * np.pi + random.uniform(-0.3, 0.6), 40) + random.uniform(0, 6)
        size = np.array([width / 2 + 0.6 * hand.height, random.uniform(0.85, 1.05) * hand.height])
        ring = np.stack([np.cos(turn), np.sin(turn)], 1) * size
        drawn = marks.stroke([ring * (1 + 0.03 * np.sin(turn * 1.5))[:, None]], pen)
        around, above = (width - drawn.shape[1]) / 2, (hand.height + drawn.shape[0]) / 2
        sheet.glyphs.append(Glyph(drawn, round(left + around), round(y - above), layer=OTHER))
    return sheet


LAYOUTS: dict[str, Callable[[Writer, Hand, Random], Sheet]] = {
    "climbing": climbing,
    "round a corner": round_a_corner,
    "calendar": calendar,
    "encircled": encircled,
    "added up": added_up,
}
