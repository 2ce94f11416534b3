"""One digit as people write and photograph it, with single factors or a mix of them.

    picture = take(digit, random, ("pencil", "shadow"))

Digits are uint8 [28, 28], as in MNIST; pictures uint8 [h, w] or [h, w, 3].
"""

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from digits_train.camera import photo_factors as photo
from digits_train.camera import scene, surface
from digits_train.camera import writing_factors as writing
from digits_train.camera.scene import SIDES, Array
from digits_train.camera.shot import SMALLEST, Shot
from digits_train.camera.strokes import strokes
from digits_train.raster import Bytes, Coverage, Random, ink_box, overlap, resized

Factor = Callable[[Shot, Random, bool], Shot]  # True: from the extreme range
FACTORS: dict[str, Factor] = {
    factor.__name__: factor
    for factor in (
        *(photo.size, writing.pen, writing.pencil, writing.faint, writing.pressure),
        *(writing.ink_colour, writing.paper, writing.blackboard, photo.light, photo.shadow),
        *(writing.ruled, writing.squared, writing.box, writing.box_contact, writing.cell),
        *(photo.border, photo.table, photo.blur, photo.noise, photo.jpeg, photo.rotation),
        *(writing.dirt, photo.screen, photo.crop),
    )
}


def take(digit: Bytes, random: Random, factors: Sequence[str] = (), extreme: bool = False) -> Bytes:
    """A picture of the digit with these factors."""
    shot = Shot()
    for name in factors:
        shot = FACTORS[name](shot, random, extreme)
    return photograph(digit, shot, random)


def mixed(digit: Bytes, random: Random) -> Bytes:
    """A picture of the digit with several factors in their ordinary ranges."""
    return take(digit, random, random_factors(random))


def random_factors(random: Random) -> list[str]:
    """Choose factors that can occur together, each in about a third of the pictures."""
    kind = random.choice(["paper", "blackboard", "screen", "crop"], p=[0.79, 0.07, 0.07, 0.07])
    if kind == "screen":
        return ["screen"]
    if kind == "crop":
        names = ("pen", "faint", "pressure", "crop", "noise")
        return [name for name in names if name == "crop" or random.random() < 0.35]
    on_sheet = [name for name in FACTORS if name not in ("blackboard", "screen", "crop")]
    chosen = [name for name in on_sheet if random.random() < 0.35]
    # At most one of each of these groups, and no ink or paper on a blackboard.
    boxes = ("box", "box_contact", "cell", "border")
    for rivals in [boxes, ("border", "table"), ("ruled", "squared")]:
        present = [name for name in rivals if name in chosen]
        random.shuffle(present)
        chosen = [name for name in chosen if name not in present[1:]]
    if kind == "blackboard":
        on_paper = ("pencil", "ink_colour", "paper", "ruled", "box", "box_contact", "dirt")
        return ["blackboard", *(name for name in chosen if name not in on_paper)]
    return chosen


def photograph(digit: Bytes, shot: Shot, random: Random) -> Bytes:
    """The picture that a shot describes."""
    if shot.scene == "screen":
        return _on_screen(digit, shot, random)
    if shot.scene == "crop":
        return _cropped(digit, shot, random)
    coverage = strokes(digit, _digit_height(digit, shot), shot.pen, random)
    high = len(coverage)
    pad = 0
    if shot.rotation or shot.perspective:  # the rotated camera sees more of the sheet
        reach = abs(np.sin(np.radians(shot.rotation))) / 2 + shot.perspective / 2 + 0.03
        pad = int(np.ceil(reach * max(shot.height, shot.width)))
    left, top = (side + pad for side in _place(coverage, shot, random))
    sheet = surface.empty_sheet((shot.height + 2 * pad, shot.width + 2 * pad), shot, random, high)
    sheet = surface.print_form(sheet, shot, random, coverage, left, top)
    sheet, ink = surface.write(sheet, shot, random, coverage, left, top)
    sheet = surface.add_dirt(sheet, shot, random, ink, high)
    if pad:
        far = random.uniform(0, 2 * np.pi)
        sheet, ink = _turned(sheet, shot, far), _turned(ink[..., None], shot, far)[..., 0]
    return _exposed(_cut_off(sheet, ink, shot, high), shot, random, high)


def _digit_height(digit: Bytes, shot: Shot) -> int:
    """The height of the ink in pixels."""
    rows, columns = ink_box(digit > 100)
    high, wide = rows.stop - rows.start, columns.stop - columns.start
    covered = [shot.table * (side in shot.table_sides) for side in SIDES]
    spare = 0.85 if shot.table else 1.0
    room_high = spare * shot.height * (1 - covered[1] - covered[3])
    room_wide = spare * shot.width * (1 - covered[0] - covered[2])
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


def _place(coverage: Coverage, shot: Shot, random: Random) -> tuple[int, int]:
    """Left and top of the ink: near the picture's centre, and inside it if it fits."""
    around = [max(0.0, side) * len(coverage) for side in shot.box or (0, 0, 0, 0)]
    places = []
    for near, far, ink, length in (
        (0, 2, coverage.shape[1], shot.width),
        (1, 3, coverage.shape[0], shot.height),
    ):
        tabled = [length * shot.table * (side in shot.table_sides) for side in SIDES]
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
    how = (shot.width, shot.height), Image.Transform.PERSPECTIVE, values, Image.Resampling.BICUBIC
    planes = [np.ascontiguousarray(plane) for plane in np.moveaxis(sheet, -1, 0)]
    return np.stack([np.asarray(Image.fromarray(plane).transform(*how)) for plane in planes], -1)


def _cut_off(sheet: Array, ink: Coverage, shot: Shot, high: int) -> Array:
    """Crop the sheet where the digit touches the picture's borders."""
    if not shot.border:
        return sheet
    rows, columns = ink_box(ink > 0.3)
    cut = round(shot.cut * high)
    height, width = ink.shape
    left = columns.start + cut if "left" in shot.border else 0
    top = rows.start + cut if "top" in shot.border else 0
    right = columns.stop - cut if "right" in shot.border else width
    bottom = rows.stop - cut if "bottom" in shot.border else height
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
    blur = float(np.hypot(0.5, shot.blur * high))  # lenses and sensors blur by half a pixel
    return scene.expose(sheet, random, blur, shot.motion * high, shot.noise, shot.quality)


def _on_screen(digit: Bytes, shot: Shot, random: Random) -> Bytes:
    """Two colours with hard edges: uint8 [h, w, 3]."""
    high = _digit_height(digit, shot)
    pen = max(shot.pen or 0.0, 1.4 / high)
    coverage = strokes(digit, high, pen)
    picture = np.full((shot.height, shot.width, 3), shot.paper, np.float32)
    level = 0.35 if pen * high < 2 else 0.5
    part, cut = overlap(picture, coverage, *_place(coverage, shot, random))
    part[cut > level] = shot.ink
    return picture.round().astype(np.uint8)


def _cropped(digit: Bytes, shot: Shot, random: Random) -> Bytes:
    """A small greyscale picture: uint8 [h, w]."""
    inner = shot.height - 2 * shot.margin
    large = max(4, round(inner * random.uniform(1.5, 6)))  # before it was reduced
    coverage = surface.press(strokes(digit, large, shot.pen, random), shot, random)
    coverage = coverage * np.float32(shot.opacity)
    step = max(coverage.shape) / inner
    coverage = np.pad(coverage, round(shot.margin * step))
    height, width = (max(1, round(side / step)) for side in coverage.shape)
    filters = [Image.Resampling.BOX, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC]
    small = resized(coverage, (height, width), filters[int(random.integers(3))])
    dark, bright = random.uniform(0, 80), random.uniform(170, 255)
    grey = dark + (bright - dark) * (small if shot.inverted else 1 - small)
    grey = grey + random.normal(0, shot.noise, grey.shape)
    return np.clip(grey + 0.5, 0, 255).astype(np.uint8)
