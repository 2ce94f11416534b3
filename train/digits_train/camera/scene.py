"""The parts of a picture of handwriting: paper, a table, light and a camera.

Pictures are float32 [height, width, 3], RGB from 0 to 255. Coverages and factors are float32
[height, width], 0 to 1. Lengths are in pixels unless they are called shares.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from digits_train.raster import Bytes, Coverage, Random, jpeg, resized

Array = NDArray[np.float32]
SIDES = ("left", "top", "right", "bottom")
_SHADOW_SIDE = 384  # pixels, the longer side of the image on which shadows are drawn


def clouds(shape: tuple[int, int], random: Random, cell: float) -> Array:
    """Smooth noise [h, w], mean 0, standard deviation 1, with bumps about `cell` pixels wide."""
    rows, columns = (max(2, int(np.ceil(side / cell)) + 1) for side in shape)
    coarse = random.standard_normal((rows, columns), np.float32)
    if cell <= 1:
        return coarse[: shape[0], : shape[1]]
    left, top = random.uniform(0, 0.5, 2)
    box = (left, top, min(columns, left + shape[1] / cell), min(rows, top + shape[0] / cell))
    return resized(coarse, shape, box=box) / np.float32(0.75)


# Paper


def rules(
    shape: tuple[int, int],
    random: Random,
    spacing: float,
    width: float,
    squared: bool = False,
    angle: float = 0.0,
    through: tuple[float, float] | None = None,
) -> Coverage:
    """Ruled lines: coverage [h, w].

    squared: add vertical lines. angle: degrees, anticlockwise. through: a point (x, y) on a line
    (and on a vertical one), by default a random one.
    """
    y, x = np.ogrid[: shape[0], : shape[1]]
    if through is None:
        through = (float(random.uniform(0, spacing)), float(random.uniform(0, spacing)))
    x, y = x.astype(np.float32) - through[0], y.astype(np.float32) - through[1]
    cosine, sine = np.float32(np.cos(np.radians(angle))), np.float32(np.sin(np.radians(angle)))
    coverage = _periodic(y * cosine + x * sine, spacing, width)
    if squared:
        coverage = np.maximum(coverage, _periodic(x * cosine - y * sine, spacing, width))
    return coverage


def _periodic(position: Array, spacing: float, width: float) -> Coverage:
    distance = np.abs(np.mod(position / np.float32(spacing) + 0.5, 1) - 0.5) * np.float32(spacing)
    lines = np.clip(np.float32(width / 2 + 0.5) - distance, 0, min(1, width))
    return np.asarray(lines, np.float32)


def random_sides(random: Random) -> list[str]:
    """One to four of SIDES."""
    sides: list[str] = random.choice(SIDES, random.integers(1, 5), replace=False).tolist()
    return sides


def table(
    picture: Array, random: Random, share: float, sides: Sequence[str] | None = None
) -> Array:
    """Surround the picture of a sheet by a table.

    share: the table's width on a side, as a share of the picture's width or height. sides: some of
    SIDES; by default one to four random ones.
    """
    height, width = picture.shape[:2]
    if sides is None:
        sides = random_sides(random)
    y, x = np.ogrid[:height, :width]
    x, y = x.astype(np.float32), y.astype(np.float32)
    tilt = np.radians(random.uniform(-2.5, 2.5))
    inside = np.full((height, width), np.inf, np.float32)
    for side in sides:
        slope = np.float32(np.tan(tilt + np.radians(random.uniform(-0.7, 0.7))))
        along, across, length = x - width / 2, y, height
        if side in ("left", "right"):
            along, across, length = y - height / 2, x, width
        across = across if side in ("left", "top") else length - 1 - across
        slope = slope if side in ("left", "bottom") else -slope
        inside = np.minimum(inside, across - along * slope - np.float32(share * length))
    sheet = np.clip(inside + 0.5, 0, 1)
    wood = _tabletop((height, width), random)
    reach = max(1.0, random.uniform(0.004, 0.015) * max(height, width))
    wood *= (1 - random.uniform(0.2, 0.6) * np.exp(np.minimum(inside, 0) / reach))[..., None]
    surrounded: Array = wood + (picture - wood) * sheet[..., None]
    return surrounded


def _tabletop(shape: tuple[int, int], random: Random) -> Array:
    """A picture of a dark, light, wooden or coloured table."""
    kind = random.choice(["dark", "light", "wood", "coloured"])
    if kind == "wood":
        base = np.array(random.choice([(150, 105, 65), (190, 150, 105), (95, 60, 40)]), np.float32)
        length = max(shape)
        across = clouds((shape[0], 1), random, length * random.uniform(0.01, 0.03))
        bend = clouds(shape, random, length * 0.4) * length * 0.01
        rows = np.clip(np.arange(shape[0])[:, None] + bend, 0, shape[0] - 1).astype(int)
        lines = across[:, 0][rows] + 0.4 * clouds(shape, random, length * 0.15)
        picture: Array = base * (1 + 0.1 * lines[..., None])
        return picture if random.random() < 0.5 else np.clip(picture * 0.9, 0, 255)
    if kind == "coloured":
        colour = random.uniform(40, 200, 3).astype(np.float32)
    else:
        grey = random.uniform(20, 75) if kind == "dark" else random.uniform(160, 225)
        colour = (grey + random.uniform(-10, 10, 3)).astype(np.float32)
    mottle = 1 + 0.03 * clouds(shape, random, max(2.0, max(shape) * 0.05))
    return mottle[..., None] * colour


# Light


def light(shape: tuple[int, int], random: Random, depth: float) -> Array:
    """Uneven light: a factor [h, w], 1 where it is brightest and 1 - depth where it is darkest."""
    y, x = np.mgrid[-1 : 1 : 48 * 1j, -1 : 1 : 48 * 1j].astype(np.float32)
    kind = random.choice(["gradient", "vignette", "lamp"])
    if kind == "gradient":  # from a window on one side
        angle = random.uniform(0, 2 * np.pi)
        dark = x * np.cos(angle) + y * np.sin(angle)
        dark = dark + random.uniform(0, 0.3) * dark**2
    else:  # a vignette of a lens or a flash, or a lamp next to the sheet
        far = 0.2 if kind == "vignette" else 1.3
        centre = random.uniform(-far, far, 2)
        dark = (x - centre[0]) ** 2 + (y - centre[1]) ** 2
        if kind == "lamp":
            dark = -1 / (1 + dark / random.uniform(0.4, 1.5))
    dark = (dark - dark.min()) / np.ptp(dark)
    return 1 - np.float32(depth) * np.clip(resized(dark.astype(np.float32), shape), 0, 1)


def shadow(shape: tuple[int, int], random: Random, depth: float, softness: float) -> Array:
    """The shadow of a straight edge, a hand or a phone: a factor [h, w].

    depth: the share of the light that is lost. softness: the width of its edge, as a share of the
    longer side.
    """
    longer = max(shape)
    size = [max(8, round(side / longer * _SHADOW_SIDE)) for side in shape]
    middle = np.array([size[1] * random.uniform(0.3, 0.7), size[0] * random.uniform(0.3, 0.7)])
    angle = random.uniform(0, 2 * np.pi)
    ahead = np.array([np.cos(angle), np.sin(angle)])
    aside = np.array([-np.sin(angle), np.cos(angle)])
    far = 2.0 * _SHADOW_SIDE
    if random.random() < 0.5:  # the edge of a window, a book or the photographer
        outline = [(0, -far), (far, -far), (far, far), (0, far)]
    else:  # something round that reaches in from one side
        half = random.uniform(0.12, 0.3) * _SHADOW_SIDE
        turn = np.linspace(-np.pi / 2, np.pi / 2, 24)
        power = random.uniform(0.3, 1)  # phones have corners, hands are round
        bumps = 1 + 0.08 * np.sin(turn * random.uniform(3, 7) + random.uniform(0, 6))
        rounded = np.stack(
            [-(np.abs(np.cos(turn)) ** power) * half, np.sign(turn) * np.abs(np.sin(turn)) ** power]
        )
        outline = [(u, v * half) for u, v in (rounded * bumps).T]
        outline += [(far, half * 1.6), (far, -half * 1.6)]
    corners = [tuple(middle + u * ahead + v * aside) for u, v in outline]
    image = Image.new("L", (size[1], size[0]))
    ImageDraw.Draw(image).polygon(corners, fill=255)
    dark = np.asarray(image, np.float32) / 255
    dark = ndimage.gaussian_filter(dark, softness * _SHADOW_SIDE / 2.5, mode="nearest")
    return 1 - np.float32(depth) * resized(dark, shape, Image.Resampling.BILINEAR)


# The camera


def expose(
    picture: Array,
    random: Random,
    blur: float = 0.0,
    motion: float = 0.0,
    noise: float = 0.0,
    quality: int | None = None,
) -> Bytes:
    """Take the photo of a picture: uint8 [h, w, 3].

    blur: standard deviation, in pixels. motion: of the camera, in pixels. noise: standard deviation
    at mid grey, in grey values. quality: of the JPEG, 1 to 95; by default no JPEG.
    """
    if blur > 0:
        picture = _blurred(picture, blur)
    if motion > 1:
        picture = _moved(picture, motion, random.uniform(0, np.pi))
    if noise > 0:
        picture = picture + _sensor_noise(picture, random, noise)
    image: Bytes = np.clip(picture + 0.5, 0, 255).astype(np.uint8)
    return image if quality is None else jpeg(image, quality)


def _blurred(picture: Array, sigma: float) -> Array:
    """Blur a picture with a Gaussian; wide ones work on a reduced picture."""
    height, width = picture.shape[:2]
    step = min(int(sigma / 2), height // 8, width // 8)
    if step < 2:
        soft: Array = ndimage.gaussian_filter(
            picture, (sigma, sigma, 0), mode="nearest", truncate=3
        )
        return soft
    channels = []
    for channel in np.moveaxis(picture, -1, 0):
        reduced = resized(channel, (height // step, width // step), Image.Resampling.BOX)
        reduced = ndimage.gaussian_filter(reduced, sigma / step, mode="nearest", truncate=3)
        channels.append(resized(reduced, (height, width)))
    return np.stack(channels, -1)


def _moved(picture: Array, length: float, angle: float) -> Array:
    """Average the picture along a straight motion of the camera."""
    steps = int(np.ceil(length)) + 1
    along = np.linspace(-length / 2, length / 2, steps)
    shifts = np.round(np.outer(along, (np.sin(angle), np.cos(angle)))).astype(int)
    reach = int(np.abs(shifts).max())
    padded = np.pad(picture, ((reach, reach), (reach, reach), (0, 0)), mode="edge")
    height, width = picture.shape[:2]
    total = np.zeros_like(picture)
    for down, right in shifts + reach:
        total += padded[down : down + height, right : right + width]
    return total / np.float32(steps)


def _sensor_noise(picture: Array, random: Random, sigma: float) -> Array:
    """Noise that grows with brightness; a fifth of it is coarse blotches of colour."""
    shape = picture.shape[:2]
    fine = random.standard_normal(picture.shape, np.float32) * 0.6
    fine += random.standard_normal((*shape, 1), np.float32) * 0.75
    blotches = np.stack([clouds(shape, random, 6.0) for _ in range(3)], -1)
    blotches -= blotches.mean(-1, keepdims=True)
    strength = np.sqrt(np.clip(picture, 10, 255) / 128)
    return np.float32(sigma) * strength * (fine + 0.25 * blotches)
