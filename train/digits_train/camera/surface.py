"""What a digit is written on: the sheet or board, what is printed on it, the ink, and dirt.

Pictures and coverages are as in scene.py; `high` is the height of the digit's ink, in pixels.
"""

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from digits_train.camera import scene
from digits_train.camera.scene import Array
from digits_train.camera.shot import LUMINANCE, WHITE, Shot, Sides
from digits_train.camera.strokes import grain
from digits_train.raster import Coverage, Random, paste, resized


def empty_sheet(shape: tuple[int, int], shot: Shot, random: Random, high: int) -> Array:
    """The empty sheet or board."""
    texture = 1 + 0.006 * scene.clouds(shape, random, max(2.0, high / 25))
    sheet = texture[..., None] * np.array(shot.paper, np.float32)
    if shot.fibres:
        sheet *= 1 - shot.fibres * _fibres(shape, random, high)[..., None]
    if shot.dust:  # wide traces of the sponge and dust
        traces = scene.clouds((shape[0], max(2, shape[1] // 6)), random, max(2.0, high / 4))
        dust = resized(traces, shape) + scene.clouds(shape, random, high * 0.8)
        sheet += np.float32(shot.dust) * np.clip(dust + 1, 0, 4)[..., None]
    return sheet


def _fibres(shape: tuple[int, int], random: Random, high: int) -> Coverage:
    """The fibres of recycled paper, 0.5 to 1.5 mm long."""
    image = Image.new("L", (shape[1], shape[0]))
    brush = ImageDraw.Draw(image)
    for _ in range(min(1500, int(14 * shape[0] * shape[1] / high**2))):
        x, y, angle = random.uniform((0, 0, 0), (shape[1], shape[0], 2 * np.pi))
        length = random.uniform(0.07, 0.2) * high
        end = (x + length * np.cos(angle), y + length * np.sin(angle))
        brush.line((x, y, *end), fill=int(random.integers(60, 255)), width=max(1, high // 120))
    drawn = np.asarray(image, np.float32) / 255
    fibres: Coverage = ndimage.gaussian_filter(drawn, max(0.6, high / 300))
    return fibres


def print_form(
    sheet: Array, shot: Shot, random: Random, coverage: Coverage, left: int, top: int
) -> Array:
    """Print lines and boxes on the sheet. left, top: of the ink, whose coverage is given."""
    shape, (high, wide) = sheet.shape[:2], coverage.shape
    if shot.rule_spacing:
        spacing = shot.rule_spacing * high
        # People write on the lines if these are far enough apart, but anywhere on squares.
        on_line = shot.rule_spacing > 0.8 and not shot.squared
        drop = random.normal(0, 0.06) if on_line else random.uniform(0, shot.rule_spacing)
        through = (left + float(random.uniform(0, spacing)), top + high * (1 + float(drop)))
        width, angle = max(0.7, shot.rule_width * high), float(random.normal(0, 1.5))
        lines = scene.rules(shape, random, spacing, width, shot.squared, angle, through)
        sheet = _absorbed(sheet, lines, random, shot.rule_contrast)
    if shot.box is not None:
        room = np.array(shot.box) * high
        frame = (left - room[0], top - room[1], left + wide + room[2], top + high + room[3])
        gap = (frame[2] - frame[0]) * (1 + float(random.choice([0, random.uniform(0.05, 0.3)])))
        lines = np.zeros(shape, np.float32)
        for step in range(-shot.neighbours, shot.neighbours + 1):
            moved = (frame[0] + step * gap, frame[1], frame[2] + step * gap, frame[3])
            lines = np.maximum(lines, _outline(shape, moved, max(0.7, shot.box_width * high)))
        sheet = _absorbed(sheet, lines, random, shot.box_contrast)
    return sheet


def _absorbed(sheet: Array, coverage: Coverage, random: Random, contrast: float) -> Array:
    """Print with a grey, blue, red or green that absorbs this share of the light."""
    colours = [(1, 1, 1), (1, 1, 1), (1.3, 1.0, 0.5), (0.4, 1.2, 1.1), (1.2, 0.7, 1.2)]
    colour = np.array(colours[int(random.integers(len(colours)))], np.float32)
    colour = colour / (colour @ LUMINANCE)
    darkened: Array = sheet * (1 - coverage[..., None] * np.minimum(contrast * colour, 0.97))
    return darkened


def _outline(shape: tuple[int, int], sides: Sides, width: float) -> Coverage:
    """The outline of a rectangle: coverage [h, w]."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    left, top, right, bottom = sides
    across = np.abs(x - (left + right) / 2) - (right - left) / 2
    down = np.abs(y - (top + bottom) / 2) - (bottom - top) / 2
    distance = np.abs(np.maximum(across, down))
    return np.clip(width / 2 + 0.5 - distance, 0, min(1, width)).astype(np.float32)


def write(
    sheet: Array, shot: Shot, random: Random, coverage: Coverage, left: int, top: int
) -> tuple[Array, Coverage]:
    """The sheet with the digit, and the coverage [h, w] of its ink."""
    if shot.keep < 1:
        coverage = grain(coverage, random, shot.keep)
    ink = np.zeros(sheet.shape[:2], np.float32)
    paste(ink, press(coverage, shot, random), left, top)
    return _inked(sheet, ink * np.float32(shot.opacity), shot), ink


def press(coverage: Coverage, shot: Shot, random: Random) -> Coverage:
    """Make the strokes fainter in places."""
    if not shot.pressure:
        return coverage
    waves = scene.clouds(coverage.shape, random, len(coverage) * random.uniform(0.25, 0.8))
    pressed: Coverage = coverage * (1 - shot.pressure * np.clip(0.5 + 0.5 * waves, 0, 1))
    return pressed


def _inked(sheet: Array, coverage: Coverage, shot: Shot) -> Array:
    colour, covered = np.array(shot.ink, np.float32), coverage[..., None]
    if shot.opaque:
        return sheet + (colour - sheet) * covered
    inked: Array = sheet * (1 - covered * (1 - colour / np.float32(WHITE)))
    return inked


def add_dirt(sheet: Array, shot: Shot, random: Random, ink: Coverage, high: int) -> Array:
    height, width = shape = sheet.shape[:2]
    y, x = np.ogrid[:height, :width]
    for _ in range(shot.specks):
        _add_speck(sheet, random, max(0.8, high * random.uniform(0.25, 1) * shot.speck / 2))
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


def _add_speck(sheet: Array, random: Random, radius: float) -> None:
    """Add a crumb or a dot of ink or toner, not quite round."""
    shape = sheet.shape[:2]
    middle = random.uniform((0, 0), shape)
    low = np.maximum(0, middle - 2 * radius - 2).astype(int)
    high = np.minimum((middle + 2 * radius + 3).astype(int), shape)
    y, x = np.ogrid[low[0] : high[0], low[1] : high[1]]
    y, x = y - middle[0], x - middle[1]
    bumps = 1 + 0.25 * np.cos(np.arctan2(y, x) * random.integers(1, 4) + random.uniform(0, 6))
    spot = np.clip(radius * bumps - np.hypot(y, x) + 0.5, 0, 1)
    colour = np.array([random.uniform(0.3, 0.9)] * 3) + random.uniform(-0.04, 0.04, 3)
    sheet[low[0] : high[0], low[1] : high[1]] *= (1 - spot[..., None] * colour).astype(np.float32)


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


def _stroked(sheet: Array, shot: Shot, random: Random, ink: Coverage, high: int) -> Array:
    """Add a stroke of the same pen, 0.2 to 0.4 of the digit long, that doesn't touch it."""
    height, width = ink.shape
    near = ndimage.maximum_filter(ink[::2, ::2], max(3, round(high * 0.08))) > 0.1
    thick = max(1.0, high * (shot.pen or 0.1))
    reach = thick / 2
    for _ in range(30):
        start = random.uniform((0.05, 0.05), (0.95, 0.95)) * (width, height)
        angle, length = random.uniform(0, 2 * np.pi), random.uniform(0.2, 0.4) * high
        end = start + length * np.array([np.cos(angle), np.sin(angle)])
        image = Image.new("L", (width, height))
        brush = ImageDraw.Draw(image)
        brush.line((*start.tolist(), *end.tolist()), fill=255, width=round(thick))
        for x, y in (start, end):
            brush.ellipse((x - reach, y - reach, x + reach, y + reach), fill=255)
        stroke = np.asarray(image, np.float32) / 255
        if not (near & (stroke[::2, ::2] > 0)).any():
            stroke = ndimage.gaussian_filter(stroke, 0.6)
            return _inked(sheet, stroke * np.float32(shot.opacity), shot)
    return sheet
