"""How a written digit is photographed, drawn on a screen or cropped, one factor at a time.

See writing_factors.py.
"""

from dataclasses import replace

import numpy as np

from digits_train.camera.scene import random_sides
from digits_train.camera.shot import SMALLEST, Shot, two_colours, within
from digits_train.raster import Random, log_uniform


def size(shot: Shot, random: Random, extreme: bool) -> Shot:
    """From a thumbnail to a full-size photo, from a digit on a large sheet to a close-up.

    Phones take photos of 4:3 or 16:9; messengers and web forms reduce them to 100 to 1,600 pixels.
    The extreme range is from MNIST's own 28 pixels to the short side of a 12-megapixel photo.
    """
    longer = round(log_uniform(random, *((28, 3000) if extreme else (100, 1600))))
    aspect = float(random.choice([1, 1, 3 / 4, 2 / 3, 9 / 16]))
    shorter = max(round(longer * aspect), min(longer, 28))
    share = within(random, extreme, (0.25, 0.9), (0.08, 1.0))
    share = float(np.clip(share, min(1.0, (SMALLEST + 4) / shorter), 1.0))
    height, width = (shorter, longer) if random.random() < 0.5 else (longer, shorter)
    return replace(shot, height=height, width=width, digit=share)


def light(shot: Shot, random: Random, extreme: bool) -> Shot:
    """A window or a lamp on one side: one stop (50 %) across a sheet; extreme: up to 85 %."""
    return replace(shot, light=within(random, extreme, (0.1, 0.5), (0.5, 0.85)))


def shadow(shot: Shot, random: Random, extreme: bool) -> Shot:
    """The shadow of the photographer's hand or phone.

    In a room with several lamps at least half the light is left, with soft edges; extreme: sunlight
    or one lamp, with a fifth to a half left, and one or two shadows across the digit.
    """
    depth = within(random, extreme, (0.15, 0.5), (0.5, 0.8))
    softness = log_uniform(random, 0.01, 0.2)
    count = int(random.integers(1, 3)) if extreme else 1
    return replace(shot, shadow=depth, softness=softness, shadows=count)


def border(shot: Shot, random: Random, extreme: bool) -> Shot:
    """Cropped along the ink or badly aimed: the digit touches one to four borders.

    Up to 3 % of it is missing, less than a stroke's width; extreme: up to 12 %, a whole stroke.
    """
    sides = tuple(random_sides(random))
    return replace(shot, border=sides, cut=within(random, extreme, (0, 0.03), (0.03, 0.12)))


def table(shot: Shot, random: Random, extreme: bool) -> Shot:
    """A note 75 mm wide, with 5 to 40 mm of the table on one to four sides.

    Extreme: the table covers up to two fifths of the picture from each side.
    """
    share = within(random, extreme, (0.05, 0.25), (0.25, 0.4))
    return replace(shot, table=share, table_sides=tuple(random_sides(random)))


def blur(shot: Shot, random: Random, extreme: bool) -> Shot:
    """Out of focus or moved by up to a quarter of a stroke's width (3 %); extreme: more than half.

    A phone held too close, at 5 cm instead of 8, blurs by about 0.3 mm.
    """
    sigma = within(random, extreme, (0.005, 0.03), (0.03, 0.07))
    if random.random() < 0.3:  # the same standard deviation in one direction
        return replace(shot, motion=float(sigma * np.sqrt(12)), blur=sigma / 3)
    return replace(shot, blur=sigma)


def noise(shot: Shot, random: Random, extreme: bool) -> Shot:
    """From a phone in a lit room (2) to one in the evening (10); extreme: nearly in the dark."""
    return replace(shot, noise=log_uniform(random, *((10, 35) if extreme else (2, 10))))


def jpeg(shot: Shot, random: Random, extreme: bool) -> Shot:
    """Cameras save at 85 to 95, messengers send at 60 to 80, thumbnails have 30.

    Extreme: down to 5, as after forwarding several times.
    """
    return replace(shot, quality=int(random.integers(*((5, 30) if extreme else (30, 96)))))


def rotation(shot: Shot, random: Random, extreme: bool) -> Shot:
    """The sheet is rotated or the handwriting slopes; extreme: as far as a 6 stays a 6 and a 7 a 7.

    A phone held 10 to 20 degrees off the vertical shows the far side 4 to 10 % smaller.
    """
    angle = within(random, extreme, (-12, 12), (12, 30))
    angle *= int(random.choice([-1, 1])) if extreme else 1
    return replace(shot, rotation=angle, perspective=within(random, extreme, (0, 0.08), (0, 0.2)))


def screen(shot: Shot, random: Random, extreme: bool) -> Shot:
    """Drawn with a mouse or a finger in two colours, without antialiasing.

    Canvases of 60 to 500 pixels, brushes of 3 to 14 % of the digit; extreme: a pen of 1 pixel, or
    an icon's canvas of 28 to 60 pixels.
    """
    hairline = extreme and random.random() < 0.5
    side = round(log_uniform(random, *((28, 60) if extreme and not hairline else (60, 500))))
    share = random.uniform(0.4, 0.9)
    ground, ink = two_colours(random)
    return replace(
        shot,
        scene="screen",
        height=side,
        width=round(side * float(random.choice([1, 1, 1, 1.33]))),
        digit=float(max(share, min(0.9, SMALLEST / side))),
        pen=0.0 if hairline else log_uniform(random, 0.03, 0.14),
        paper=ground,
        ink=ink,
    )


def crop(shot: Shot, random: Random, extreme: bool) -> Shot:
    """A tight crop that another program cut out and reduced, as in data sets of digits.

    14 to 32 pixels, as in USPS (16), MNIST (28) and SVHN (32); extreme: 8, as in UCI's digits, to
    13. Either polarity.
    """
    side = int(random.integers(*((8, 14) if extreme else (14, 33))))
    margin = int(random.integers(0, 1 + min(2, side // 8)))
    inverted = bool(random.random() < 0.5)
    return replace(shot, scene="crop", height=side, width=side, margin=margin, inverted=inverted)
