"""What a digit is written with, and on what, one factor at a time.

Each factor samples its own fields of a shot from an ordinary range, in which people read every
picture at a glance, or (`extreme`) from an extreme one, which also occurs in practice. The ranges
follow from what people do, never from what the program can read. Millimetres are for a digit 7 mm
high, as is common on lined paper.
"""

import colorsys
from dataclasses import replace

import numpy as np

from digits_train.camera.shot import (
    WHITE,
    Range,
    Shot,
    as_colour,
    as_sides,
    luminance,
    within,
)
from digits_train.raster import Random, log_uniform


def pen(shot: Shot, random: Random, extreme: bool) -> Shot:
    """A 0.3 mm fineliner (4 %) to a 1.1 mm felt pen (16 %).

    Extreme: from a 0.5 mm pen on digits of 40 mm (1.2 %) to a 2 mm marker (28 %).
    """
    widths = (0.04, 0.16)
    if extreme:
        widths = (0.012, 0.04) if random.random() < 0.5 else (0.16, 0.28)
    return replace(shot, pen=log_uniform(random, *widths))


def pencil(shot: Shot, random: Random, extreme: bool) -> Shot:
    """HB lead of 0.5 to 0.9 mm, which leaves hollows white; extreme: a hard, blunt one."""
    grey = within(random, extreme, (70, 120), (105, 145))
    keep = within(random, extreme, (0.7, 0.95), (0.45, 0.7))
    width = shot.pen or float(random.uniform(0.06, 0.13))
    return replace(shot, ink=(grey, grey, grey + 3), keep=keep, pen=width)


def faint(shot: Shot, random: Random, extreme: bool) -> Shot:
    """From black ink to a hard pencil (30 %); extreme: an empty pen or a bad copy (8 %)."""
    contrast = within(random, extreme, (0.3, 1.0), (0.08, 0.3))
    if not shot.opaque:  # the share of the paper's light that the ink absorbs
        absorbed = 1 - luminance(shot.ink) / WHITE
        if contrast > absorbed:
            ink = np.array(shot.ink) * (1 - contrast) / (1 - absorbed)
            shot = replace(shot, ink=as_colour(ink))
        contrast = min(1.0, contrast / absorbed)
    return replace(shot, opacity=contrast)


def pressure(shot: Shot, random: Random, extreme: bool) -> Shot:
    """A pen with less pressure in places: upstrokes lack a third to half of the ink.

    Extreme: a failing ballpoint, which leaves a fifth to a third.
    """
    return replace(shot, pressure=within(random, extreme, (0.15, 0.6), (0.6, 0.8)))


def ink_colour(shot: Shot, random: Random, extreme: bool) -> Shot:
    """Ballpoint, fountain and felt pens; at least 30 % darker than white paper.

    Extreme: light felt pens and highlighters, orange, light green or pink, 15 to 30 % darker.
    """
    hues = [0.62, 0.62, 0.0, 0.36, 0.77, 0.07, 0.92, random.random()]  # blue ballpoint most of all
    lowest, highest = (0.15, 0.3) if extreme else (0.3, 1.0)
    while True:
        hue = float(random.choice(hues)) + random.normal(0, 0.02)
        saturation, value = random.uniform(0.45, 1), random.uniform(0.95 if extreme else 0.3, 1)
        ink = as_colour(WHITE * np.array(colorsys.hsv_to_rgb(hue % 1, saturation, value)))
        if lowest <= 1 - luminance(ink) / WHITE <= highest:
            return replace(shot, ink=ink)


def paper(shot: Shot, random: Random, extreme: bool) -> Shot:
    """White, yellow, pink, green, blue, kraft and recycled paper in bright or dim light.

    A camera that exposes for a window or a lamp shows white paper at 110; extreme: dark cardboard
    or a photo at dusk.
    """
    tints = [(1, 1, 1), (1, 0.99, 0.96), (1, 0.95, 0.68), (1, 0.84, 0.87), (0.84, 0.97, 0.84)]
    tints += [(0.84, 0.92, 1), (0.9, 0.74, 0.56), (0.95, 0.93, 0.88)]
    kind = int(random.integers(len(tints)))
    brightness = within(random, extreme, (110, 255), (45, 110))
    fibres = float(random.uniform(0.05, 0.2)) if kind >= 6 else 0.0
    colour = np.minimum(brightness * np.array(tints[kind]) / luminance(tints[kind]), 255)
    return replace(shot, paper=as_colour(colour), fibres=fibres)


def blackboard(shot: Shot, random: Random, extreme: bool) -> Shot:
    """Chalk on a board, a white marker or a light pencil on black paper.

    Chalk is 8 mm wide, on digits of 60 to 120 mm. Extreme: smeared, wiped and overwritten.
    """
    grounds = [(42, 68, 54), (35, 38, 40), (52, 58, 62), (28, 36, 60), (24, 24, 24), (60, 48, 42)]
    ground = np.array(grounds[int(random.integers(len(grounds)))]) * random.uniform(0.7, 1.2)
    marker = random.random() < 0.3 and not extreme
    ink = np.array([1, 1, 1]) - random.uniform(0, 0.3, 3) * (random.random() < 0.3)
    ink = ink * within(random, extreme, (185, 250), (120, 170))
    width = shot.pen or within(random, marker, (0.07, 0.14), (0.04, 0.09))
    keep = 1.0 if marker else within(random, extreme, (0.72, 0.95), (0.5, 0.7))
    dust = within(random, extreme, (0, 7), (10, 24))
    shot = replace(shot, paper=as_colour(ground), ink=as_colour(ink), opaque=True)
    return replace(shot, pen=width, keep=keep, dust=dust)


def ruled(shot: Shot, random: Random, extreme: bool) -> Shot:
    """Lines 4 to 11 mm apart, 0.1 to 0.25 mm wide, light blue or grey.

    Extreme: as dark as ink and up to 0.6 mm wide, as a cheap copier prints them.
    """
    return _lined(replace(shot, squared=False), random, extreme, (0.5, 1.6))


def squared(shot: Shot, random: Random, extreme: bool) -> Shot:
    """Squares of 2 mm (millimetre paper's thick lines) to 7 mm, the digit 1 to 4 squares high."""
    return _lined(replace(shot, squared=True), random, extreme, (0.25, 1.0))


def _lined(shot: Shot, random: Random, extreme: bool, spacings: Range) -> Shot:
    return replace(
        shot,
        rule_spacing=float(random.uniform(*spacings)),
        rule_width=within(random, extreme, (0.015, 0.035), (0.03, 0.08)),
        rule_contrast=within(random, extreme, (0.15, 0.45), (0.5, 0.85)),
    )


def box(shot: Shot, random: Random, extreme: bool) -> Shot:
    """A form's box, 0.1 to 0.25 mm thin, around the digit and 0.4 to 3 mm away from it.

    Extreme: 0.3 to 0.7 mm, nearly black, in a row whose other boxes are empty.
    """
    room = random.uniform(0.05, 0.4)
    sides = np.clip(room * random.uniform(0.6, 1.5, 4), 0.05, 0.4)
    if random.random() < 0.5:  # as high as it is wide, or rather narrow
        sides[[0, 2]] += random.uniform(0, 0.2)
    return _boxed(replace(shot, box=as_sides(sides)), random, extreme)


def box_contact(shot: Shot, random: Random, extreme: bool) -> Shot:
    """A form's box too small for the handwriting: the digit crosses one to three of its sides.

    By up to a tenth of the digit's height (0.7 mm); extreme: by a quarter.
    """
    shot = box(shot, random, False)
    sides = np.array(shot.box)
    crossed = random.choice(4, random.integers(1, 4), replace=False)
    depth = within(random, extreme, (0, 0.1), (0.1, 0.25))
    sides[crossed] = -depth * random.uniform(0.3, 1, len(crossed))
    return replace(shot, box=as_sides(sides))


def cell(shot: Shot, random: Random, extreme: bool) -> Shot:
    """One cell, cut out of a form or a table a little askew: its lines run along the borders.

    A cell is 1.2 to 2.2 digits wide and high. Extreme: it is cut out less well, by a tenth.
    """
    digit = random.uniform(0.45, 0.8)
    slack = 0.12 if extreme else 0.06
    rooms = (1 / digit - 1) / 2 + random.uniform(-slack, 2 * slack, 4)  # beyond it, no line
    shot = replace(shot, digit=digit, offset=0.05, rotation=float(random.uniform(-2, 2)))
    return _boxed(replace(shot, box=as_sides(rooms.clip(0.02, None))), random, extreme)


def _boxed(shot: Shot, random: Random, extreme: bool) -> Shot:
    return replace(
        shot,
        box_width=within(random, extreme, (0.015, 0.035), (0.04, 0.1)),
        box_contrast=within(random, extreme, (0.25, 0.8), (0.7, 0.95)),
        neighbours=int(random.integers(1, 4)) if extreme else 0,
    )


def dirt(shot: Shot, random: Random, extreme: bool) -> Shot:
    """Crumbs and dots up to 0.4 mm wide (6 %), a crease, smeared graphite.

    Extreme: up to 1 mm (15 %), the ring of a cup, or a short pen stroke near the digit.
    """
    largest = within(random, extreme, (0.02, 0.06), (0.06, 0.15))
    likely = {"crease": 0.35, "smear": 0.35} | ({"ring": 0.4, "stroke": 0.5} if extreme else {})
    marks = tuple(name for name, chance in likely.items() if random.random() < chance)
    specks = int(random.integers(*((4, 20) if extreme else (1, 13))))
    return replace(shot, specks=specks, speck=largest, marks=marks)
