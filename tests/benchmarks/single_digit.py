"""One digit as people write and photograph it, with single factors or a mix of them.

    picture = take(digit, random, ("pencil", "shadow"))

Each factor has an ordinary range, in which people read every picture at a glance, and an extreme
one, which also occurs in practice. The ranges follow from what people do, never from what the
program can read. Millimetres below are for a digit 7 mm high, as is common on lined paper.
"""

import colorsys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from digits_train.camera import scene
from digits_train.camera.scene import SIDES, Array, Bytes, Colour, Random

WHITE = 235.0  # white paper photographed in good light
SMALLEST = 14  # pixels, the height of the smallest digits that people send

_Box = tuple[float, float, float, float]  # left, top, right, bottom


@dataclass(frozen=True)
class Shot:
    """All parameters of a picture of one digit; by default dark ink on a clean white sheet.

    Colours are RGB from 0 to 255. "Of the digit" means as a share of the height of its ink.
    """

    # The picture
    scene: Literal["paper", "screen", "crop"] = "paper"
    height: int = 200
    width: int = 200
    digit: float = 0.55  # the ink's longer side, as a share of the picture's shorter one
    offset: float = 0.1  # the greatest distance from the centre, as a share of the picture's sides
    # The ink
    pen: float | None = None  # the strokes' width, of the digit; None: MNIST's own
    ink: Colour = (40, 40, 44)  # as seen on white paper, or the colour itself if opaque
    opaque: bool = False  # chalk covers the ground, ink is transparent
    opacity: float = 1.0
    pressure: float = 0.0  # how much fainter the ink is where the pressure is least
    keep: float = 1.0  # the share of the strokes that the grain leaves
    # The ground
    paper: Colour = (237, 235, 231)
    fibres: float = 0.0  # contrast
    dust: float = 0.0  # of wiped-off chalk, in grey values
    # What is printed on it
    rule_spacing: float = 0.0  # of the digit; 0: no lines
    rule_width: float = 0.02  # of the digit
    rule_contrast: float = 0.3  # the share of the light that the lines absorb
    squared: bool = False
    box: _Box | None = None  # margins around the digit, of the digit; negative: crossed
    box_width: float = 0.02  # of the digit
    box_contrast: float = 0.6
    neighbours: int = 0  # empty boxes on each side of the digit's
    # Dirt
    specks: int = 0
    speck: float = 0.0  # the largest one's width, of the digit
    marks: tuple[str, ...] = ()  # some of MARKS
    # The surroundings and the light
    table: float = 0.0  # its width, as a share of the picture's sides
    table_sides: tuple[str, ...] = ()
    border: tuple[str, ...] = ()  # the sides of the picture that the digit touches
    cut: float = 0.0  # how much of the digit is cut off there, of the digit
    light: float = 0.0  # by how much the darkest place is darker
    shadows: int = 0
    shadow: float = 0.0  # by how much a shadow is darker
    softness: float = 0.05  # the width of a shadow's edge, as a share of the longer side
    # The camera
    rotation: float = 0.0  # degrees, anticlockwise
    perspective: float = 0.0  # by how much the far side is smaller
    blur: float = 0.0  # standard deviation, of the digit
    motion: float = 0.0  # of the digit
    noise: float = 1.5  # standard deviation at mid grey, in grey values
    quality: int | None = None  # of the JPEG; None: no JPEG
    # A crop
    margin: int = 0  # pixels around the digit
    inverted: bool = False  # light ink on a dark ground


Factor = Callable[[Shot, Random, bool], Shot]

# Factors: each samples its own fields of a shot from the ordinary or the extreme range.


def size(shot: Shot, random: Random, extreme: bool) -> Shot:
    """From a thumbnail to a full-size photo, from a digit on a large sheet to a close-up.

    Phones take photos of 4:3 or 16:9; messengers and web forms reduce them to 100 to 1,600 pixels.
    The extreme range is from MNIST's own 28 pixels to the short side of a 12-megapixel photo.
    """
    lowest, highest = (28, 3000) if extreme else (100, 1600)
    longer = round(float(np.exp(random.uniform(np.log(lowest), np.log(highest)))))
    aspect = float(random.choice([1, 1, 3 / 4, 2 / 3, 9 / 16]))
    shorter = max(round(longer * aspect), min(longer, 28))
    share = random.uniform(0.08, 1.0) if extreme else random.uniform(0.25, 0.9)
    share = float(np.clip(share, min(1.0, (SMALLEST + 4) / shorter), 1.0))
    height, width = (shorter, longer) if random.random() < 0.5 else (longer, shorter)
    return replace(shot, height=height, width=width, digit=share)


def pen(shot: Shot, random: Random, extreme: bool) -> Shot:
    """A 0.3 mm fineliner (4 %) to a 1.1 mm felt pen (16 %).

    Extreme: from a 0.5 mm pen on digits of 40 mm (1.2 %) to a 2 mm marker (28 %).
    """
    if not extreme:
        return replace(shot, pen=_log_uniform(random, 0.04, 0.16))
    thin = random.random() < 0.5
    return replace(shot, pen=_log_uniform(random, *((0.012, 0.04) if thin else (0.16, 0.28))))


def pencil(shot: Shot, random: Random, extreme: bool) -> Shot:
    """HB lead of 0.5 to 0.9 mm, which leaves hollows white; extreme: a hard, blunt one."""
    grey = random.uniform(105, 145) if extreme else random.uniform(70, 120)
    keep = random.uniform(0.45, 0.7) if extreme else random.uniform(0.7, 0.95)
    width = shot.pen or random.uniform(0.06, 0.13)
    return replace(shot, ink=(grey, grey, grey + 3), keep=float(keep), pen=float(width))


def faint(shot: Shot, random: Random, extreme: bool) -> Shot:
    """From black ink to a hard pencil (30 %); extreme: an empty pen or a bad copy (8 %)."""
    contrast = random.uniform(0.08, 0.3) if extreme else random.uniform(0.3, 1.0)
    if not shot.opaque:  # the share of the paper's light that the ink absorbs
        own = 1 - _luminance(shot.ink) / WHITE
        if contrast > own:
            shot = replace(shot, ink=_colour(np.array(shot.ink) * (1 - contrast) / (1 - own)))
        contrast = min(1.0, contrast / own)
    return replace(shot, opacity=float(contrast))


def pressure(shot: Shot, random: Random, extreme: bool) -> Shot:
    """A pen with less pressure in places: upstrokes lack a third to half of the ink.

    Extreme: a failing ballpoint, which leaves a fifth to a third.
    """
    depth = random.uniform(0.6, 0.8) if extreme else random.uniform(0.15, 0.6)
    return replace(shot, pressure=float(depth))


def ink_colour(shot: Shot, random: Random, extreme: bool) -> Shot:
    """Ballpoint, fountain and felt pens; at least 30 % darker than white paper.

    Extreme: light felt pens and highlighters, orange, light green or pink, 15 to 30 % darker.
    """
    hues = [0.62, 0.62, 0.0, 0.36, 0.77, 0.07, 0.92, random.random()]  # blue ballpoint most of all
    lowest, highest = (0.15, 0.3) if extreme else (0.3, 1.0)
    while True:
        hue = float(random.choice(hues)) + random.normal(0, 0.02)
        saturation, value = random.uniform(0.45, 1), random.uniform(0.95 if extreme else 0.3, 1)
        ink = _colour(WHITE * np.array(colorsys.hsv_to_rgb(hue % 1, saturation, value)))
        if lowest <= 1 - _luminance(ink) / WHITE <= highest:
            return replace(shot, ink=ink)


def paper(shot: Shot, random: Random, extreme: bool) -> Shot:
    """White, yellow, pink, green, blue, kraft and recycled paper in bright or dim light.

    A camera that exposes for a window or a lamp shows white paper at 110; extreme: dark cardboard
    or a photo at dusk.
    """
    tints = [(1, 1, 1), (1, 0.99, 0.96), (1, 0.95, 0.68), (1, 0.84, 0.87), (0.84, 0.97, 0.84)]
    tints += [(0.84, 0.92, 1), (0.9, 0.74, 0.56), (0.95, 0.93, 0.88)]
    kind = int(random.integers(len(tints)))
    brightness = random.uniform(45, 110) if extreme else random.uniform(110, 255)
    recycled = kind >= 6
    fibres = random.uniform(0.05, 0.2) if recycled else 0.0
    colour = np.minimum(brightness * np.array(tints[kind]) / _luminance(tints[kind]), 255)
    return replace(shot, paper=_colour(colour), fibres=float(fibres))


def blackboard(shot: Shot, random: Random, extreme: bool) -> Shot:
    """Chalk on a board, a white marker or a light pencil on black paper.

    Chalk is 8 mm wide, on digits of 60 to 120 mm. Extreme: smeared, wiped and overwritten.
    """
    grounds = [(42, 68, 54), (35, 38, 40), (52, 58, 62), (28, 36, 60), (24, 24, 24), (60, 48, 42)]
    ground = np.array(grounds[int(random.integers(len(grounds)))]) * random.uniform(0.7, 1.2)
    marker = random.random() < 0.3 and not extreme
    ink = np.array([1, 1, 1]) - random.uniform(0, 0.3, 3) * (random.random() < 0.3)
    ink = ink * (random.uniform(120, 170) if extreme else random.uniform(185, 250))
    return replace(
        shot,
        paper=_colour(ground),
        ink=_colour(ink),
        opaque=True,
        pen=shot.pen or float(random.uniform(0.04, 0.09) if marker else random.uniform(0.07, 0.14)),
        keep=1.0 if marker else float(random.uniform(*((0.5, 0.7) if extreme else (0.72, 0.95)))),
        dust=float(random.uniform(10, 24) if extreme else random.uniform(0, 7)),
    )


def light(shot: Shot, random: Random, extreme: bool) -> Shot:
    """A window or a lamp on one side: one stop (50 %) across a sheet; extreme: up to 85 %."""
    depth = random.uniform(0.5, 0.85) if extreme else random.uniform(0.1, 0.5)
    return replace(shot, light=float(depth))


def shadow(shot: Shot, random: Random, extreme: bool) -> Shot:
    """The shadow of the photographer's hand or phone.

    In a room with several lamps at least half the light is left, with soft edges; extreme: sunlight
    or one lamp, with a fifth to a half left, and one or two shadows across the digit.
    """
    depth = random.uniform(0.5, 0.8) if extreme else random.uniform(0.15, 0.5)
    softness = _log_uniform(random, 0.01, 0.2)
    count = int(random.integers(1, 3)) if extreme else 1
    return replace(shot, shadow=float(depth), softness=softness, shadows=count)


def ruled(shot: Shot, random: Random, extreme: bool) -> Shot:
    """Lines 4 to 11 mm apart, 0.1 to 0.25 mm wide, light blue or grey.

    Extreme: as dark as ink and up to 0.6 mm wide, as a cheap copier prints them.
    """
    spacing = random.uniform(0.5, 1.6)
    return _lined(replace(shot, rule_spacing=float(spacing), squared=False), random, extreme)


def squared(shot: Shot, random: Random, extreme: bool) -> Shot:
    """Squares of 2 mm (millimetre paper's thick lines) to 7 mm, the digit 1 to 4 squares high."""
    spacing = random.uniform(0.25, 1.0)
    return _lined(replace(shot, rule_spacing=float(spacing), squared=True), random, extreme)


def _lined(shot: Shot, random: Random, extreme: bool) -> Shot:
    width = random.uniform(0.03, 0.08) if extreme else random.uniform(0.015, 0.035)
    contrast = random.uniform(0.5, 0.85) if extreme else random.uniform(0.15, 0.45)
    return replace(shot, rule_width=float(width), rule_contrast=float(contrast))


def box(shot: Shot, random: Random, extreme: bool) -> Shot:
    """A form's box, 0.1 to 0.25 mm thin, around the digit and 0.4 to 3 mm away from it.

    Extreme: 0.3 to 0.7 mm, nearly black, in a row whose other boxes are empty.
    """
    room = random.uniform(0.05, 0.4)
    sides = np.clip(room * random.uniform(0.6, 1.5, 4), 0.05, 0.4)
    if random.random() < 0.5:  # as high as it is wide, or rather narrow
        sides[[0, 2]] += random.uniform(0, 0.2)
    return _boxed(replace(shot, box=_sides(sides)), random, extreme)


def box_contact(shot: Shot, random: Random, extreme: bool) -> Shot:
    """A form's box too small for the handwriting: the digit crosses one to three of its sides.

    By up to a tenth of the digit's height (0.7 mm); extreme: by a quarter.
    """
    shot = box(shot, random, False)
    assert shot.box is not None
    sides = np.array(shot.box)
    crossed = random.choice(4, random.integers(1, 4), replace=False)
    depth = random.uniform(0.1, 0.25) if extreme else random.uniform(0, 0.1)
    sides[crossed] = -depth * random.uniform(0.3, 1, len(crossed))
    return replace(shot, box=_sides(sides))


def cell(shot: Shot, random: Random, extreme: bool) -> Shot:
    """One cell, cut out of a form or a table a little askew: its lines run along the borders.

    A cell is 1.2 to 2.2 digits wide and high. Extreme: it is cut out less well, by a tenth.
    """
    digit = random.uniform(0.45, 0.8)
    slack = 0.12 if extreme else 0.06
    rooms = (1 / digit - 1) / 2 + random.uniform(-slack, 2 * slack, 4)  # beyond it, no line
    shot = replace(shot, digit=digit, offset=0.05, rotation=float(random.uniform(-2, 2)))
    return _boxed(replace(shot, box=_sides(rooms.clip(0.02, None))), random, extreme)


def _boxed(shot: Shot, random: Random, extreme: bool) -> Shot:
    return replace(
        shot,
        box_width=float(random.uniform(0.04, 0.1) if extreme else random.uniform(0.015, 0.035)),
        box_contrast=float(random.uniform(0.7, 0.95) if extreme else random.uniform(0.25, 0.8)),
        neighbours=int(random.integers(1, 4)) if extreme else 0,
    )


def border(shot: Shot, random: Random, extreme: bool) -> Shot:
    """Cropped along the ink or badly aimed: the digit touches one to four borders.

    Up to 3 % of it is missing, less than a stroke's width; extreme: up to 12 %, a whole stroke.
    """
    sides = random.choice(SIDES, random.integers(1, 5), replace=False).tolist()
    cut = random.uniform(0.03, 0.12) if extreme else random.uniform(0, 0.03)
    return replace(shot, border=tuple(sides), cut=float(cut))


def table(shot: Shot, random: Random, extreme: bool) -> Shot:
    """A note 75 mm wide, with 5 to 40 mm of the table on one to four sides.

    Extreme: the table covers up to two fifths of the picture from each side.
    """
    share = random.uniform(0.25, 0.4) if extreme else random.uniform(0.05, 0.25)
    sides = random.choice(SIDES, random.integers(1, 5), replace=False).tolist()
    return replace(shot, table=float(share), table_sides=tuple(sides))


def blur(shot: Shot, random: Random, extreme: bool) -> Shot:
    """Out of focus or moved by up to a quarter of a stroke's width (3 %); extreme: more than half.

    A phone held too close, at 5 cm instead of 8, blurs by about 0.3 mm.
    """
    sigma = random.uniform(0.03, 0.07) if extreme else random.uniform(0.005, 0.03)
    if random.random() < 0.3:  # the same standard deviation in one direction
        return replace(shot, motion=float(sigma * np.sqrt(12)), blur=float(sigma / 3))
    return replace(shot, blur=float(sigma))


def noise(shot: Shot, random: Random, extreme: bool) -> Shot:
    """From a phone in a lit room (2) to one in the evening (10); extreme: nearly in the dark."""
    sigma = _log_uniform(random, 10, 35) if extreme else _log_uniform(random, 2, 10)
    return replace(shot, noise=sigma)


def jpeg(shot: Shot, random: Random, extreme: bool) -> Shot:
    """Cameras save at 85 to 95, messengers send at 60 to 80, thumbnails have 30.

    Extreme: down to 5, as after forwarding several times.
    """
    quality = random.integers(5, 30) if extreme else random.integers(30, 96)
    return replace(shot, quality=int(quality))


def rotation(shot: Shot, random: Random, extreme: bool) -> Shot:
    """The sheet is rotated or the handwriting slopes; extreme: as far as a 6 stays a 6 and a 7 a 7.

    A phone held 10 to 20 degrees off the vertical shows the far side 4 to 10 % smaller.
    """
    angle = random.uniform(12, 30) * random.choice([-1, 1]) if extreme else random.uniform(-12, 12)
    slant = random.uniform(0, 0.2) if extreme else random.uniform(0, 0.08)
    return replace(shot, rotation=float(angle), perspective=float(slant))


def dirt(shot: Shot, random: Random, extreme: bool) -> Shot:
    """Crumbs and dots up to 0.4 mm wide (6 %), a crease, smeared graphite.

    Extreme: up to 1 mm (15 %), the ring of a cup, or a short pen stroke near the digit.
    """
    largest = random.uniform(0.06, 0.15) if extreme else random.uniform(0.02, 0.06)
    likely = {"crease": 0.35, "smear": 0.35} | ({"ring": 0.4, "stroke": 0.5} if extreme else {})
    marks = tuple(name for name, chance in likely.items() if random.random() < chance)
    specks = int(random.integers(4, 20)) if extreme else int(random.integers(1, 13))
    return replace(shot, specks=specks, speck=float(largest), marks=marks)


def screen(shot: Shot, random: Random, extreme: bool) -> Shot:
    """Drawn with a mouse or a finger in two colours, without antialiasing.

    Canvases of 60 to 500 pixels, brushes of 3 to 14 % of the digit; extreme: a pen of 1 pixel, or
    an icon's canvas of 28 to 60 pixels.
    """
    hairline = extreme and random.random() < 0.5
    side = round(_log_uniform(random, *((28, 60) if extreme and not hairline else (60, 500))))
    share = random.uniform(0.4, 0.9)
    first, second = _two_colours(random)
    return replace(
        shot,
        scene="screen",
        height=side,
        width=round(side * float(random.choice([1, 1, 1, 1.33]))),
        digit=float(max(share, min(0.9, SMALLEST / side))),
        pen=0.0 if hairline else _log_uniform(random, 0.03, 0.14),
        paper=first,
        ink=second,
    )


def crop(shot: Shot, random: Random, extreme: bool) -> Shot:
    """A tight crop that another program cut out and reduced, as in data sets of digits.

    14 to 32 pixels, as in USPS (16), MNIST (28) and SVHN (32); extreme: 8, as in UCI's digits, to
    13. Either polarity.
    """
    longer = int(random.integers(8, 14)) if extreme else int(random.integers(14, 33))
    margin = int(random.integers(0, 1 + min(2, longer // 8)))
    inverted = bool(random.random() < 0.5)
    return replace(
        shot, scene="crop", height=longer, width=longer, margin=margin, inverted=inverted
    )


FACTORS: dict[str, Factor] = {
    factor.__name__: factor
    for factor in (
        *(size, pen, pencil, faint, pressure, ink_colour, paper, blackboard, light, shadow),
        *(
            ruled,
            squared,
            box,
            box_contact,
            cell,
            border,
            table,
            blur,
            noise,
            jpeg,
            rotation,
            dirt,
            screen,
            crop,
        ),
    )
}


# Pictures


def take(digit: Bytes, random: Random, factors: Sequence[str] = (), extreme: bool = False) -> Bytes:
    """A picture of the digit uint8 [28, 28] with these factors: uint8 [h, w] or [h, w, 3]."""
    shot = Shot()
    for name in factors:
        shot = FACTORS[name](shot, random, extreme)
    return photograph(digit, shot, random)


def mixed(digit: Bytes, random: Random) -> Bytes:
    """A picture of the digit uint8 [28, 28] with several factors in their ordinary ranges."""
    return take(digit, random, some_factors(random))


def some_factors(random: Random) -> list[str]:
    """Choose factors that can occur together, each in about a third of the pictures."""
    kind = random.choice(["paper", "blackboard", "screen", "crop"], p=[0.79, 0.07, 0.07, 0.07])
    if kind == "screen":
        return ["screen"]
    if kind == "crop":
        return [
            name
            for name in ("pen", "faint", "pressure", "crop", "noise")
            if name == "crop" or random.random() < 0.35
        ]
    names = [name for name in FACTORS if name not in ("blackboard", "screen", "crop")]
    names = [name for name in names if random.random() < 0.35]
    # At most one of each of these groups, and no ink or paper on a blackboard.
    alike = ("box", "box_contact", "cell", "border")
    for rivals in [alike, ("border", "table"), ("ruled", "squared")]:
        present = [name for name in rivals if name in names]
        random.shuffle(present)
        names = [name for name in names if name not in present[1:]]
    if kind == "blackboard":
        on_paper = ("pencil", "ink_colour", "paper", "ruled", "box", "box_contact", "dirt")
        return ["blackboard", *(name for name in names if name not in on_paper)]
    return names


def photograph(digit: Bytes, shot: Shot, random: Random) -> Bytes:
    """The picture that a shot describes of a digit uint8 [28, 28]: uint8 [h, w] or [h, w, 3]."""
    if shot.scene == "screen":
        return _on_screen(digit, shot, random)
    if shot.scene == "crop":
        return _cropped(digit, shot, random)
    coverage = scene.strokes(digit, _digit_height(digit, shot), shot.pen, random)
    high = len(coverage)
    pad = 0
    if shot.rotation or shot.perspective:  # the rotated camera sees more of the sheet
        reach = abs(np.sin(np.radians(shot.rotation))) / 2 + shot.perspective / 2 + 0.03
        pad = int(np.ceil(reach * max(shot.height, shot.width)))
    left, top = _place(coverage, shot, random)
    place = (left + pad, top + pad)
    shape = (shot.height + 2 * pad, shot.width + 2 * pad)
    sheet = _printed(_ground(shape, shot, random, high), shot, random, coverage, place)
    sheet, ink = _written(sheet, shot, random, coverage, place)
    sheet = _dirty(sheet, shot, random, ink, high)
    if pad:
        far = random.uniform(0, 2 * np.pi)
        sheet, ink = _turned(sheet, shot, far), _turned(ink[..., None], shot, far)[..., 0]
    return _exposed(_uncovered(sheet, ink, shot, high), shot, random, high)


def _digit_height(digit: Bytes, shot: Shot) -> int:
    """The height of the ink in pixels."""
    rows, columns = (np.flatnonzero((digit > 100).any(axis)) for axis in (1, 0))
    high, wide = np.ptp(rows) + 1, np.ptp(columns) + 1
    room_high, room_wide = _room(shot)
    angle = np.radians(abs(shot.rotation))
    turned_high = high * np.cos(angle) + wide * np.sin(angle)
    turned_wide = wide * np.cos(angle) + high * np.sin(angle)
    largest = min(room_high / turned_high, room_wide / turned_wide) * high
    if shot.box is not None:
        left, top, right, bottom = (max(0.0, side) for side in shot.box)
        sides = (1 + top + bottom, wide / high + left + right)
        largest = min(largest, 0.95 * room_high / sides[0], 0.95 * room_wide / sides[1])
    wanted = shot.digit * min(shot.height, shot.width) * high / max(high, wide)
    return max(2, int(min(max(wanted, SMALLEST), largest)))


def _room(shot: Shot) -> tuple[float, float]:
    """The height and width of the area available to the digit, in pixels."""
    covered = [shot.table * (side in shot.table_sides) for side in SIDES]
    spare = 0.85 if shot.table else 1.0
    return (
        spare * shot.height * (1 - covered[1] - covered[3]),
        spare * shot.width * (1 - covered[0] - covered[2]),
    )


def _place(coverage: Array, shot: Shot, random: Random) -> tuple[int, int]:
    """Left and top of the ink: near the picture's centre, and inside it if it fits."""
    around = [max(0.0, side) * len(coverage) for side in shot.box or (0, 0, 0, 0)]
    places = []
    for axis, length in ((1, shot.width), (0, shot.height)):
        ink = coverage.shape[axis]
        tabled = [length * shot.table * (side in shot.table_sides) for side in SIDES]
        near, far = (0, 2) if axis == 1 else (1, 3)
        lowest, highest = tabled[near] + around[near], length - tabled[far] - around[far] - ink
        middle = (tabled[near] + length - tabled[far] - ink) / 2
        spare = 0.1 * (highest - lowest)
        wanted = middle + random.uniform(-shot.offset, shot.offset) * length
        if lowest < highest:
            wanted = float(np.clip(wanted, lowest + spare, highest - spare))
        else:
            wanted = (lowest + highest) / 2
        places.append(round(wanted))
    return places[0], places[1]


def _ground(shape: tuple[int, int], shot: Shot, random: Random, high: int) -> Array:
    """The empty sheet or board."""
    texture = 1 + 0.006 * scene.clouds(shape, random, max(2.0, high / 25))
    sheet = texture[..., None] * np.array(shot.paper, np.float32)
    if shot.fibres:
        sheet *= 1 - shot.fibres * _fibres(shape, random, high)[..., None]
    if shot.dust:  # wide traces of the sponge and dust
        traces = scene.clouds((shape[0], max(2, shape[1] // 6)), random, max(2.0, high / 4))
        dust = scene.resized(traces, shape) + scene.clouds(shape, random, high * 0.8)
        sheet += np.float32(shot.dust) * np.clip(dust + 1, 0, 4)[..., None]
    return sheet


def _fibres(shape: tuple[int, int], random: Random, high: int) -> Array:
    """The fibres of recycled paper, 0.5 to 1.5 mm long."""
    image = Image.new("L", (shape[1], shape[0]))
    brush = ImageDraw.Draw(image)
    count = min(1500, int(14 * shape[0] * shape[1] / high**2))
    for _ in range(count):
        x, y, angle = random.uniform((0, 0, 0), (shape[1], shape[0], 2 * np.pi))
        length = random.uniform(0.07, 0.2) * high
        end = (x + length * np.cos(angle), y + length * np.sin(angle))
        brush.line((x, y, *end), fill=int(random.integers(60, 255)), width=max(1, high // 120))
    fibres: Array = ndimage.gaussian_filter(
        np.asarray(image, np.float32) / 255, max(0.6, high / 300)
    )
    return fibres


def _printed(
    sheet: Array, shot: Shot, random: Random, coverage: Array, place: tuple[int, int]
) -> Array:
    """The sheet with printed lines and boxes. place: left and top of the ink."""
    shape, (left, top), (high, wide) = sheet.shape[:2], place, coverage.shape
    if shot.rule_spacing:
        spacing = shot.rule_spacing * high
        # People write on the lines if these are far enough apart, but anywhere on squares.
        on_line = shot.rule_spacing > 0.8 and not shot.squared
        drop = random.normal(0, 0.06) if on_line else random.uniform(0, shot.rule_spacing)
        through = (left + float(random.uniform(0, spacing)), top + high * (1 + float(drop)))
        width, angle = max(0.7, shot.rule_width * high), float(random.normal(0, 1.5))
        lines = scene.rules(shape, random, spacing, width, shot.squared, angle, through)
        sheet = _absorbed(sheet, lines, _print_colour(random), shot.rule_contrast)
    if shot.box is not None:
        room = np.array(shot.box) * high
        frame = (left - room[0], top - room[1], left + wide + room[2], top + high + room[3])
        gap = (frame[2] - frame[0]) * (1 + float(random.choice([0, random.uniform(0.05, 0.3)])))
        lines = np.zeros(shape, np.float32)
        for step in range(-shot.neighbours, shot.neighbours + 1):
            moved = (frame[0] + step * gap, frame[1], frame[2] + step * gap, frame[3])
            lines = np.maximum(lines, _frame(shape, moved, max(0.7, shot.box_width * high)))
        sheet = _absorbed(sheet, lines, _print_colour(random), shot.box_contrast)
    return sheet


def _print_colour(random: Random) -> Array:
    """The shares of red, green and blue that a grey, blue, red or green line absorbs."""
    colours = [(1, 1, 1), (1, 1, 1), (1.3, 1.0, 0.5), (0.4, 1.2, 1.1), (1.2, 0.7, 1.2)]
    colour = np.array(colours[int(random.integers(len(colours)))], np.float32)
    return colour / (colour @ scene.LUMINANCE)


def _absorbed(sheet: Array, coverage: Array, colour: Array, contrast: float) -> Array:
    darkened: Array = sheet * (1 - coverage[..., None] * np.minimum(contrast * colour, 0.97))
    return darkened


def _frame(shape: tuple[int, int], around: _Box, width: float) -> Array:
    """The outline of a rectangle: coverage [h, w]."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    left, top, right, bottom = around
    across = np.abs(x - (left + right) / 2) - (right - left) / 2
    down = np.abs(y - (top + bottom) / 2) - (bottom - top) / 2
    distance = np.abs(np.maximum(across, down))
    return np.clip(width / 2 + 0.5 - distance, 0, min(1, width)).astype(np.float32)


def _written(
    sheet: Array, shot: Shot, random: Random, coverage: Array, place: tuple[int, int]
) -> tuple[Array, Array]:
    """The sheet with the digit, and the coverage [h, w] of its ink."""
    if shot.keep < 1:
        coverage = scene.grain(coverage, random, shot.keep)
    coverage = _pressed(coverage, shot, random)
    ink: Array = np.zeros(sheet.shape[:2], np.float32)
    left, top = max(0, place[0]), max(0, place[1])
    cut = coverage[top - place[1] :, left - place[0] :][: len(ink) - top, : ink.shape[1] - left]
    ink[top : top + cut.shape[0], left : left + cut.shape[1]] = cut
    return _inked(sheet, ink * np.float32(shot.opacity), shot), ink


def _pressed(coverage: Array, shot: Shot, random: Random) -> Array:
    """Make the strokes fainter in places."""
    if not shot.pressure:
        return coverage
    waves = scene.clouds(coverage.shape, random, len(coverage) * random.uniform(0.25, 0.8))
    pressed: Array = coverage * (1 - shot.pressure * np.clip(0.5 + 0.5 * waves, 0, 1))
    return pressed


def _inked(sheet: Array, coverage: Array, shot: Shot) -> Array:
    colour, coverage = np.array(shot.ink, np.float32), coverage[..., None]
    if shot.opaque:
        inked = sheet + (colour - sheet) * coverage
    else:
        inked = sheet * (1 - coverage * (1 - colour / np.float32(WHITE)))
    return inked


MARKS = ("crease", "smear", "ring", "stroke")


def _dirty(sheet: Array, shot: Shot, random: Random, ink: Array, high: int) -> Array:
    height, width = shape = sheet.shape[:2]
    y, x = np.ogrid[:height, :width]
    for _ in range(shot.specks):
        side = max(0.8, high * random.uniform(0.25, 1) * shot.speck / 2)
        sheet = _speck(sheet, random, side)
    angle = random.uniform(0, np.pi)
    along = (x - random.uniform(0.2, 0.8) * width) * np.cos(angle)
    along = along + (y - random.uniform(0.2, 0.8) * height) * np.sin(angle)
    if "crease" in shot.marks:  # one side faces the light, the other is in its shade
        near = along / max(1.0, high * random.uniform(0.01, 0.03))
        flanks = near * np.exp(-np.minimum(near**2, 80) / 2) * random.uniform(0.05, 0.18)
        sheet = sheet * (1 - flanks[..., None].astype(np.float32))
    if "smear" in shot.marks:
        cloud = scene.clouds(shape, random, high * 0.3) * 0.3 + 0.7
        band = np.exp(-((along / (high * random.uniform(0.1, 0.35))) ** 2)) * cloud
        sheet = sheet * (1 - random.uniform(0.05, 0.2) * band[..., None]).astype(np.float32)
    if "ring" in shot.marks:
        sheet = _ringed(sheet, random, high)
    if "stroke" in shot.marks:
        sheet = _stroked(sheet, shot, random, ink, high)
    return sheet.astype(np.float32)


def _speck(sheet: Array, random: Random, radius: float) -> Array:
    """Add a crumb or a dot of ink or toner, not quite round."""
    height, width = sheet.shape[:2]
    middle = random.uniform((0, 0), (height, width))
    low = np.maximum(0, middle - 2 * radius - 2).astype(int)
    high = (middle + 2 * radius + 3).astype(int)
    y, x = np.ogrid[low[0] : min(height, high[0]), low[1] : min(width, high[1])]
    y, x = y - middle[0], x - middle[1]
    bumps = 1 + 0.25 * np.cos(np.arctan2(y, x) * random.integers(1, 4) + random.uniform(0, 6))
    spot = np.clip(radius * bumps - np.hypot(y, x) + 0.5, 0, 1)
    colour = np.array([random.uniform(0.3, 0.9)] * 3) + random.uniform(-0.04, 0.04, 3)
    sheet[low[0] : high[0], low[1] : high[1]] *= (1 - spot[..., None] * colour).astype(np.float32)
    return sheet


def _ringed(sheet: Array, random: Random, high: int) -> Array:
    """Add part of a coffee ring 40 to 80 mm wide."""
    height, width = sheet.shape[:2]
    y, x = np.ogrid[:height, :width]
    middle = random.uniform((-0.2, -0.2), (1.2, 1.2)) * (height, width)
    radius = random.uniform(0.5, 0.9) * max(height, width)
    distance = np.hypot(y - middle[0], x - middle[1]) - radius
    rim = np.exp(-((distance / max(1.0, high * random.uniform(0.015, 0.05))) ** 2))
    inside = 0.15 * np.clip(0.5 - distance / high * 8, 0, 1)
    patchy = np.clip(0.7 + 0.4 * scene.clouds((height, width), random, high * 0.6), 0, 1)
    stain = (rim + inside) * patchy * random.uniform(0.25, 0.6)
    stained: Array = sheet * (1 - stain[..., None] * np.array([0.45, 0.75, 1.0])).astype(np.float32)
    return stained


def _stroked(sheet: Array, shot: Shot, random: Random, ink: Array, high: int) -> Array:
    """Add a stroke of the same pen, 0.2 to 0.4 of the digit long, that doesn't touch it."""
    height, width = ink.shape
    near = ndimage.maximum_filter(ink[::2, ::2], max(3, round(high * 0.08))) > 0.1
    thick = max(1.0, high * (shot.pen or 0.1))
    for _ in range(30):
        start = random.uniform((0.05, 0.05), (0.95, 0.95)) * (width, height)
        angle, length = random.uniform(0, 2 * np.pi), random.uniform(0.2, 0.4) * high
        end = start + length * np.array([np.cos(angle), np.sin(angle)])
        image = Image.new("L", (width, height))
        brush = ImageDraw.Draw(image)
        brush.line((*start.tolist(), *end.tolist()), fill=255, width=round(thick))
        for x, y in (start, end):
            reach = thick / 2
            brush.ellipse((x - reach, y - reach, x + reach, y + reach), fill=255)
        stroke = np.asarray(image, np.float32) / 255
        if not (near & (stroke[::2, ::2] > 0)).any():
            stroke = ndimage.gaussian_filter(stroke, 0.6)
            return _inked(sheet, stroke * np.float32(shot.opacity), shot)
    return sheet


def _turned(sheet: Array, shot: Shot, far: float) -> Array:
    """Rotate and project the padded sheet [.., .., n] to the shot's [height, width, n].

    far: the direction of the far side, in radians.
    """
    angle = np.radians(shot.rotation)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0]])
    slant = np.array([np.cos(far), np.sin(far)]) * shot.perspective / max(shot.height, shot.width)
    whole = np.vstack([turn, [*slant, 1]])
    into, back = np.eye(3), np.eye(3)
    into[:2, 2] = (sheet.shape[1] - 1) / 2, (sheet.shape[0] - 1) / 2
    back[:2, 2] = -(shot.width - 1) / 2, -(shot.height - 1) / 2
    matrix = into @ whole @ back
    values = (matrix / matrix[2, 2]).ravel()[:8].tolist()
    size, kind = (shot.width, shot.height), Image.Transform.PERSPECTIVE
    channels = [Image.fromarray(np.ascontiguousarray(plane)) for plane in np.moveaxis(sheet, -1, 0)]
    turned = [plane.transform(size, kind, values, Image.Resampling.BICUBIC) for plane in channels]
    return np.stack([np.asarray(plane) for plane in turned], -1)


def _uncovered(sheet: Array, ink: Array, shot: Shot, high: int) -> Array:
    """Crop the sheet where the digit touches the picture's borders."""
    if not shot.border:
        return sheet
    rows, columns = (np.flatnonzero((ink > 0.3).any(axis)) for axis in (1, 0))
    cut = round(shot.cut * high)
    height, width = ink.shape
    left = columns[0] + cut if "left" in shot.border else 0
    top = rows[0] + cut if "top" in shot.border else 0
    right = columns[-1] + 1 - cut if "right" in shot.border else width
    bottom = rows[-1] + 1 - cut if "bottom" in shot.border else height
    if right - left < 4 or bottom - top < 4:  # a thin 1 would disappear
        return sheet
    return np.ascontiguousarray(sheet[top:bottom, left:right])


def _exposed(sheet: Array, shot: Shot, random: Random, high: int) -> Bytes:
    shape = sheet.shape[:2]
    if shot.table:
        sheet = scene.table(sheet, random, shot.table, shot.table_sides)
    if shot.light:
        sheet = sheet * scene.light(shape, random, shot.light)[..., None]
    for _ in range(shot.shadows):
        sheet = sheet * scene.shadow(shape, random, shot.shadow, shot.softness)[..., None]
    blurred = float(np.hypot(0.5, shot.blur * high))  # lenses and sensors blur by half a pixel
    return scene.expose(sheet, random, blurred, shot.motion * high, shot.noise, shot.quality)


def _on_screen(digit: Bytes, shot: Shot, random: Random) -> Bytes:
    """Two colours with hard edges: uint8 [h, w, 3]."""
    high = _digit_height(digit, shot)
    pen = max(shot.pen or 0.0, 1.4 / high)
    coverage = scene.strokes(digit, high, pen)
    left, top = _place(coverage, shot, random)
    picture = np.full((shot.height, shot.width, 3), shot.paper, np.float32)
    hard = (coverage > (0.35 if pen * high < 2 else 0.5)).astype(np.float32)
    cut = hard[max(0, -top) :, max(0, -left) :]
    part = picture[max(0, top) :, max(0, left) :][: cut.shape[0], : cut.shape[1]]
    part[cut[: part.shape[0], : part.shape[1]] > 0] = shot.ink
    return picture.round().astype(np.uint8)


def _cropped(digit: Bytes, shot: Shot, random: Random) -> Bytes:
    """A small greyscale picture: uint8 [h, w]."""
    inner = shot.height - 2 * shot.margin
    large = max(4, round(inner * random.uniform(1.5, 6)))  # before it was reduced
    coverage = _pressed(scene.strokes(digit, large, shot.pen, random), shot, random)
    coverage = coverage * np.float32(shot.opacity)
    step = max(coverage.shape) / inner
    coverage = np.pad(coverage, round(shot.margin * step))
    shape = tuple(max(1, round(side / step)) for side in coverage.shape)
    filters = [Image.Resampling.BOX, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC]
    small = scene.resized(coverage, (shape[0], shape[1]), filters[int(random.integers(3))])
    dark, bright = random.uniform(0, 80), random.uniform(170, 255)
    grey = dark + (bright - dark) * (small if shot.inverted else 1 - small)
    grey = grey + random.normal(0, shot.noise, grey.shape)
    return np.clip(grey + 0.5, 0, 255).astype(np.uint8)


def _two_colours(random: Random) -> tuple[Colour, Colour]:
    """A background and an ink whose brightness differs by at least a third of the range."""
    black, white = (0.0, 0.0, 0.0), (255.0, 255.0, 255.0)
    if random.random() < 0.5:
        return (white, black) if random.random() < 0.6 else (black, white)
    while True:
        first, second = _colour(random.integers(0, 256, 3)), _colour(random.integers(0, 256, 3))
        if abs(_luminance(first) - _luminance(second)) > 85:
            return first, second


def _log_uniform(random: Random, lowest: float, highest: float) -> float:
    return float(np.exp(random.uniform(np.log(lowest), np.log(highest))))


def _luminance(colour: Sequence[float]) -> float:
    return float(np.dot(colour, scene.LUMINANCE))


def _colour(values: np.ndarray) -> Colour:
    red, green, blue = values.tolist()
    return (float(red), float(green), float(blue))


def _sides(values: np.ndarray) -> _Box:
    left, top, right, bottom = values.tolist()
    return (left, top, right, bottom)
