"""Photograph a sheet: its ink and paper in perspective and uneven light."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from digits_train.camera import scene
from digits_train.camera.hand import OTHER, PEN, PRINT, Hand
from digits_train.camera.layout import Sheet
from digits_train.raster import Bytes, Coverage, Random, ink_box, overlap

LONGEST = 1900  # pixels of a picture's longer side
INKED = 0.4  # the least coverage of a pixel that belongs to a digit

# RGB, 0 to 255
_PENS = ((22, 22, 26), (38, 40, 48), (30, 48, 140), (24, 60, 160), (20, 30, 90), (60, 40, 110))
_RARE_PENS = ((170, 30, 40), (20, 100, 60), (110, 60, 40))
_PENCIL = (88, 88, 94)
_PRINTS = ((120, 130, 150), (150, 190, 215), (150, 150, 150), (225, 150, 150), (70, 70, 75))
_PAPERS = ((252, 252, 250), (244, 243, 238), (235, 232, 222), (222, 222, 222), (246, 240, 205))
_COLOURED = ((214, 226, 240), (244, 214, 208), (212, 236, 208), (250, 226, 150), (206, 188, 158))
_SKINS = ((226, 178, 150), (198, 144, 112), (142, 96, 70))

_ASPECTS = (4 / 3, 3 / 4, 4 / 3, 3 / 4, 16 / 9, 9 / 16, 1.41, 0.71, 1.0)  # of cameras and sheets

Colour = NDArray[np.float32]  # [3], RGB, 0 to 255
Picture = NDArray[np.float32]  # [height, width, 3], RGB, 0 to 255
Labels = NDArray[np.int16]  # [height, width], 0 for none, k + 1 for digit k


class Look(NamedTuple):
    """How a page looks. clean: scanned, not photographed. tilt: degrees, clockwise."""

    clean: bool
    paper: Colour
    inks: tuple[Colour, Colour, Colour]  # of the layers PEN, OTHER and PRINT
    tilt: float
    perspective: tuple[float, float]
    margins: NDArray[np.float64]  # [4], shares of the longer side: left, top, right, bottom
    least: NDArray[np.float64]  # [2], the picture's width and height in pixels, or more
    aspect: float  # of width to height, 0 for that of what is written


def some_look(random: Random, hand: Hand, ruled: bool) -> Look:
    """A random look. ruled: paper with lines is hardly tilted."""
    clean = random.random() < 0.2
    pens = _RARE_PENS if random.random() < 0.12 else _PENS
    pen = np.array(pens[random.integers(len(pens))] if hand.keep == 1 else _PENCIL, np.float32)
    papers = _COLOURED if random.random() < 0.2 else _PAPERS
    paper = np.array(papers[random.integers(len(papers))], np.float32)
    if clean:
        pen, paper = np.array(_PENS[0], np.float32), np.full(3, random.integers(246, 256))
    second_pen = (*_PENS, *_RARE_PENS)[random.integers(len(_PENS) + len(_RARE_PENS))]
    printed = np.array(_PRINTS[random.integers(len(_PRINTS))], np.float32)
    tilt = random.normal(0, 4) if random.random() < 0.7 else random.uniform(-10, 10)
    if not ruled and random.random() < 0.12:
        tilt = random.uniform(-25, 25)
    turned = random.normal(0, 0.05, 2) if random.random() < 0.5 else np.zeros(2)
    low = random.uniform(0.02, 0.25)
    return Look(
        clean,
        paper.astype(np.float32),
        (pen, np.array(second_pen, np.float32), np.minimum(printed, paper * 0.85)),
        float(random.normal(0, 0.4) if clean else np.clip(tilt, -25, 25)),
        (0.0, 0.0) if clean else tuple(turned.clip(-0.12, 0.12)),
        random.uniform(0.02, low + 0.05, 4) + low / 3,
        random.uniform(250, 700, 2),
        float(random.choice(_ASPECTS)) if random.random() < 0.7 else 0.0,
    )


def _camera(
    corners: tuple[float, float, float, float], look: Look, height: float
) -> tuple[NDArray[np.float64], tuple[int, int]]:
    """The homography [3, 3] from the sheet to the picture, and the picture's size.

    corners: left, top, right, bottom of the writing. height: of its digits, in pixels.
    """
    left, top, right, bottom = corners
    centre = np.array([[1, 0, -(left + right) / 2], [0, 1, -(top + bottom) / 2], [0, 0, 1.0]])
    cos, sin = np.cos(np.radians(look.tilt)), np.sin(np.radians(look.tilt))
    turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1.0]])
    longer = max(right - left, bottom - top, 1.5 * look.least.max(), 9 * height)
    view = np.eye(3)
    view[2, :2] = np.array(look.perspective) * 2 / longer
    seen: NDArray[np.float64] = view @ turn @ centre
    x, y = _mapped(seen, (left, right), (top, bottom))
    size = np.array([np.ptp(x), np.ptp(y)])
    around = look.margins * max(*size, 9 * height) + 0.5 * height + 4
    needed = size + around[:2] + around[2:]
    whole = np.maximum(needed, look.least)
    if look.aspect:
        whole = np.maximum(whole, whole[::-1] * (look.aspect, 1 / look.aspect))
        whole = np.minimum(whole, np.maximum(needed, LONGEST))
    first = around[:2] / (around[:2] + around[2:]) * (whole - size)
    width, tall = np.ceil(whole).astype(int).tolist()
    return _shift(*(first - (x.min(), y.min()))) @ seen, (width, tall)


def _shift(right: float, down: float) -> NDArray[np.float64]:
    return np.array([[1, 0, right], [0, 1, down], [0, 0, 1.0]])


def _mapped(
    homography: NDArray[np.float64], across: tuple[float, float], down: tuple[float, float]
) -> NDArray[np.float64]:
    """Map the four corners of a rectangle: their x and y, float64 [2, 4]."""
    x, y, z = homography @ np.array([(x, y, 1) for x in across for y in down], np.float64).T
    return np.stack([np.asarray(x / z), np.asarray(y / z)])


def photographed(written: Sheet, look: Look, random: Random) -> tuple[Bytes, Labels] | None:
    """Photograph a sheet: the picture, uint8 [height, width, 3], and its labels.

    None if the picture would be too large or too small.
    """
    glyphs = [glyph for glyph in written.glyphs if glyph.layer != PRINT]
    left, top = min(g.left for g in glyphs), min(g.top for g in glyphs)
    right, bottom = max(g.right for g in glyphs), max(g.bottom for g in glyphs)
    corners = (left, top, right, bottom)
    seen, (width, height) = _camera(corners, look, written.height)
    if max(width, height) > LONGEST or min(width, height) < 32:
        return None
    back = np.linalg.inv(seen).astype(np.float64)
    x, y = _mapped(back, (0, width), (0, height))
    origin = int(np.floor(x.min())) - 2, int(np.floor(y.min())) - 2
    shape = int(np.ceil(y.max())) + 2 - origin[1], int(np.ceil(x.max())) + 2 - origin[0]
    flat, labels = _drawn(written, look, random, origin, shape)
    places = _shift(-origin[0], -origin[1]) @ back
    places = (places / places[2, 2]).ravel()[:8].tolist()
    how = (width, height), Image.Transform.PERSPECTIVE, places
    turned = Image.fromarray(flat).transform(*how, Image.Resampling.BICUBIC)
    truth = Image.fromarray(labels).transform(*how, Image.Resampling.NEAREST)
    picture, known = np.asarray(turned, np.float32), np.asarray(truth, np.int16)
    image = _exposed(picture, known != 0, look, written.height, random)
    return image, np.maximum(known, 0)


def _drawn(
    written: Sheet, look: Look, random: Random, origin: tuple[int, int], shape: tuple[int, int]
) -> tuple[Bytes, NDArray[np.int32]]:
    """The flat sheet, uint8 [h, w, 3], and its labels, int32 [h, w], -1 for other writing.

    origin: x and y of the upper left pixel.
    """
    inks = [np.zeros(shape, np.float32) for _ in look.inks]
    nearest, labels = np.full(shape, INKED, np.float32), np.zeros(shape, np.int32)
    number = 0
    for glyph in written.glyphs:
        left_top = glyph.left - origin[0], glyph.top - origin[1]
        part, cut = overlap(inks[glyph.layer], glyph.coverage, *left_top)
        np.maximum(part, cut, out=part)
        labelled, _ = overlap(labels, glyph.coverage, *left_top)
        if glyph.digit >= 0:
            number += 1
            strongest, _ = overlap(nearest, glyph.coverage, *left_top)
            mine = cut > strongest
            labelled[mine] = number
            strongest[mine] = cut[mine]
        elif glyph.layer != PRINT:
            labelled[(cut > INKED) & (labelled == 0)] = -1
    if written.spacing:
        thick = max(0.8, written.height * random.uniform(0.012, 0.035))
        through = float(-origin[0]), float(-origin[1])
        lines = scene.rules(shape, random, written.spacing, thick, written.squared, through=through)
        np.maximum(inks[PRINT], lines * random.uniform(0.35, 1), out=inks[PRINT])
    picture = np.broadcast_to(look.paper, (*shape, 3)).copy()
    for layer in (PRINT, OTHER, PEN):
        if inks[layer].any():
            picture += inks[layer][..., None] * (look.inks[layer] - picture)
    return (picture + 0.5).clip(0, 255).astype(np.uint8), labels


def _exposed(
    picture: Picture, written: NDArray[np.bool_], look: Look, height: float, random: Random
) -> Bytes:
    """Add light, shadows and camera noise. written: the mask of all writing."""
    if look.clean:
        return scene.expose(picture, random, quality=int(random.choice([85, 95])))
    shape = picture.shape[:2]
    reach = _free_border(written)
    if reach > 0.015 and random.random() < 0.35:
        picture = scene.table(picture, random, reach * random.uniform(0.3, 0.8))
    if random.random() < 0.15:
        picture = picture * _crease(shape, random)[..., None]
    if random.random() < 0.1:
        picture = _finger(picture, written, random)
    factor = np.full(shape, random.uniform(0.6, 1.02), np.float32)
    if random.random() < 0.75:
        factor *= scene.light(shape, random, random.uniform(0.05, 0.5))
    if random.random() < 0.3:
        depth, softness = random.uniform(0.1, 0.55), 10 ** random.uniform(-2.5, -0.7)
        factor *= scene.shadow(shape, random, depth, softness)
    factor = np.maximum(factor, 0.2)
    contrast = float(look.paper.mean() - look.inks[0].mean()) * float(factor.min())
    picture = picture * factor[..., None] * random.normal(1, 0.025, 3).astype(np.float32)
    sharp = random.random() < 0.4
    blur = random.uniform(0.3, 0.6) if sharp else random.uniform(0.01, 0.035) * height
    motion = random.uniform(0.01, 0.06) * height if random.random() < 0.1 else 0.0
    noise = random.uniform(0, 2.5) if random.random() < 0.75 else random.uniform(2.5, 9)
    quality = int(random.integers(45, 96)) if random.random() < 0.85 else None
    return scene.expose(picture, random, blur, motion, min(noise, contrast / 5), quality)


def _free_border(written: NDArray[np.bool_]) -> float:
    """The share of the picture without writing along every side."""
    if not written.any():
        return 0.0
    shares = []
    for part, side in zip(ink_box(written), written.shape, strict=True):
        shares += [part.start / side, 1 - (part.stop - 1) / side]
    return float(min(shares))


def _crease(shape: tuple[int, int], random: Random) -> Coverage:
    """A fold across the sheet, light on one side, dark on the other: a factor [h, w]."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    angle = random.choice([0, np.pi / 2]) + random.normal(0, 0.04)
    middle = np.array(shape) * random.uniform(0.3, 0.7, 2)
    away = (y - middle[0]) * np.cos(angle) + (x - middle[1]) * np.sin(angle)
    wide = max(shape) * random.uniform(0.01, 0.08)
    sharp = np.exp(-np.abs(away) / wide) * np.tanh(away / 1.5)
    line = np.exp(-((away / 1.2) ** 2))
    factor = 1 + random.uniform(0.03, 0.12) * sharp - random.uniform(0, 0.12) * line
    return np.asarray(factor, np.float32)


def _finger(picture: Picture, written: NDArray[np.bool_], random: Random) -> Picture:
    """Add a fingertip at the border where it hides no writing."""
    shape = picture.shape[:2]
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    for _ in range(6):
        side, along = int(random.integers(0, 4)), random.uniform(0.1, 0.9)
        at = ((along, 0), (along, 1), (0, along), (1, along))[side]
        half = random.uniform(0.04, 0.08) * max(shape)
        long = half * random.uniform(1.6, 3)
        across = (y - at[1] * shape[0], x - at[0] * shape[1])
        inward, aside = across if side < 2 else across[::-1]
        aside = aside + inward * random.normal(0, 0.3)
        distance = (np.abs(aside) / half) ** 2.5 + (np.abs(inward) / long) ** 2.5
        if (written & (distance < 1.3)).any():
            continue
        skin = np.array(_SKINS[random.integers(3)])
        shade = np.clip(1.05 - 0.35 * distance, 0, 1)[..., None] * skin
        cover = np.clip((1 - distance) * half / 4, 0, 1)[..., None]
        dark = 1 - 0.3 * np.exp(-np.maximum(distance - 1, 0) * 4)[..., None]
        return np.asarray(picture * dark * (1 - cover) + shade * cover, np.float32)
    return picture
