"""The parts of a picture of handwriting: strokes, paper, light, a table and a camera.

Pictures are float32 [height, width, 3], RGB from 0 to 255. Coverages and factors are float32
[height, width], 0 to 1. Lengths are in pixels unless they are called shares.
"""

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.spatial import cKDTree
from skimage.morphology import reconstruction, skeletonize

Array = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Random = np.random.Generator
Colour = tuple[float, float, float]

SIDES = ("left", "top", "right", "bottom")
LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)

_FINE = 8  # working resolution: pixels per MNIST pixel
_MARGIN = 2  # MNIST pixels
_EDGE = 0.42  # the grey level of a stroke's edge in MNIST
_SLOPE = 0.4  # of the grey level there, per MNIST pixel
_LOOP = 0.12  # the inside of a loop is lighter by at least this
_SMOOTHING = 25  # steps, which remove a skeleton's pixel corners but keep the writer's
_SHADOW_SIDE = 384  # pixels, the longer side of the image on which shadows are drawn


def resized(
    field: Array,
    shape: tuple[int, int],
    resample: Image.Resampling = Image.Resampling.BICUBIC,
    box: tuple[float, float, float, float] | None = None,
) -> Array:
    """Resize a field [h, w]. box: the part of it to take: left, top, right, bottom."""
    size = (shape[1], shape[0])
    return np.asarray(Image.fromarray(field).resize(size, resample, box), np.float32)


def clouds(shape: tuple[int, int], random: Random, cell: float) -> Array:
    """Smooth noise [h, w], mean 0, standard deviation 1, with bumps about `cell` pixels wide."""
    rows, columns = (max(2, int(np.ceil(side / cell)) + 1) for side in shape)
    coarse = random.standard_normal((rows, columns), np.float32)
    if cell <= 1:
        return coarse[: shape[0], : shape[1]]
    left, top = random.uniform(0, 0.5, 2)
    box = (left, top, min(columns, left + shape[1] / cell), min(rows, top + shape[0] / cell))
    return resized(coarse, shape, box=box) / np.float32(0.75)


# Strokes


def strokes(
    digit: Bytes, height: int, pen: float | None = None, random: Random | None = None
) -> Array:
    """Draw a digit with crisp strokes, cropped to its ink: coverage [height, width].

    digit: uint8 [28, 28]. pen: the strokes' width as a share of the digit's height, 0.01 to 0.3;
    by default MNIST's own. random: varies the pressure of the pen.
    """
    coarse = np.pad(digit, _MARGIN).astype(np.float32) / 255
    side = len(coarse) * _FINE
    field = resized(ndimage.gaussian_filter(coarse, 0.6), (side, side))
    level = min(_EDGE, 0.6 * float(field.max()))
    ink = field > level
    if pen is not None:
        # A small loop that is filled with ink is only slightly lighter than its stroke.
        seed = np.ones_like(coarse)
        seed[0], seed[-1], seed[:, 0], seed[:, -1] = 0, 0, 0, 0
        loops = reconstruction(seed, coarse, method="erosion").astype(np.float32) - coarse
        ink &= resized(loops, (side, side)) < _LOOP
        return _fitted(_drawn(ink, height, pen, random), height)
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    box = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
    scale = float(height / (box[3] - box[1]))
    shape = (height, max(1, round(float(box[2] - box[0]) * scale)))
    if scale < 1:  # average the pixels that become one
        sharp = np.clip((field - level) * (_FINE / _SLOPE) + 0.5, 0, 1)
        return resized(sharp, shape, Image.Resampling.BOX, box)
    steep = scale * _FINE / _SLOPE
    coverage: Array = np.clip((resized(field, shape, box=box) - level) * steep + 0.5, 0, 1)
    return coverage


def _drawn(ink: NDArray[np.bool_], height: int, pen: float, random: Random | None) -> Array:
    """Draw the ink's skeleton with a round pen, about `height` high."""
    points, pairs, spread = _skeleton(ink)
    extent = np.maximum(np.ptp(points, axis=0), 1.0)
    canvas = min(max(2 * height, 10 / pen), max(1000, 10 / pen))
    width = pen * canvas
    scale = min((canvas - width) / extent[0], 4 * canvas / extent[1])
    # Wide ends, and what is wider than a crossing, are loops filled with ink, which stay.
    ends = points[np.bincount(pairs.ravel(), minlength=len(points)) == 1]
    at_end = cKDTree(ends).query(points)[0] < spread if len(ends) else np.zeros(len(points), bool)
    ratio = spread / np.median(spread)
    wide = np.clip((ratio - np.where(at_end, 1.5, 2.2)) / 0.4, 0, 1)
    radii = width / 2 + wide * np.maximum(spread * scale - width / 2, 0)
    points = (points - points.min(0)) * scale + radii.max() + 1
    if random is not None:  # pressure varies, over about a third of the digit
        pressure = clouds((64, 64), random, 20)
        at = np.minimum(points / points.max() * 63, 63).astype(int)
        radii *= 1 + 0.1 * np.clip(pressure[at[:, 0], at[:, 1]], -2, 2)
    size = np.ceil(points.max(0) + radii.max() + 2).astype(int)
    image = Image.new("L", (int(size[1]), int(size[0])))
    brush = ImageDraw.Draw(image)
    places, each = points[:, ::-1].tolist(), radii.tolist()
    for one, other in pairs.tolist():
        line = (*places[one], *places[other])
        brush.line(line, fill=255, width=max(1, round(each[one] + each[other])))
    for (x, y), radius in zip(places, each, strict=True):
        brush.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return np.asarray(image, np.float32) / np.float32(255)


def _fitted(coverage: Array, height: int) -> Array:
    """Crop coverage to its ink and resize it to a height, with edges about 1 pixel wide."""
    rows, columns = np.flatnonzero(coverage.any(1)), np.flatnonzero(coverage.any(0))
    cut = coverage[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = height / len(cut)
    shape = (height, max(1, round(cut.shape[1] * scale)))
    if scale <= 1:
        return resized(cut, shape, Image.Resampling.BOX)
    soft = resized(ndimage.gaussian_filter(cut, 0.7), shape)
    fitted: Array = np.clip((soft - 0.5) * 2 * scale + 0.5, 0, 1)
    return fitted


def _skeleton(
    ink: NDArray[np.bool_],
) -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.float64]]:
    """Points [n, 2] (row, column) along the middle of the strokes.

    Also returns pairs of neighbours [m, 2] and half the stroke's width at each point [n].
    """
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    ink = np.pad(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], 1)
    thin = skeletonize(ink)
    points, spread = np.argwhere(thin).astype(np.float64), ndimage.distance_transform_edt(ink)[thin]
    pairs = cKDTree(points).query_pairs(1.5, output_type="ndarray")
    keep = _without_spurs(points, pairs, spread)
    number = np.cumsum(keep) - 1
    points, spread, pairs = points[keep], spread[keep], number[pairs[keep[pairs].all(1)]]
    if not len(pairs):
        return points, pairs, spread
    ends = np.concatenate([pairs, pairs[:, ::-1]])
    size = (len(points), len(points))
    neighbours = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), size).tocsr()
    degree = np.asarray(neighbours.sum(1)).reshape(-1, 1)
    for _ in range(_SMOOTHING):
        means = neighbours @ points / np.maximum(degree, 1)
        points = np.where(degree >= 2, (points + means) / 2, points)
    return points, pairs, spread


def _without_spurs(
    points: NDArray[np.float64], pairs: NDArray[np.intp], spread: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Mask out the short branches that thinning leaves at corners: bool [n], True to keep.

    Such a branch ends inside the stroke from which it branches.
    """
    neighbours: list[list[int]] = [[] for _ in points]
    for one, other in pairs.tolist():
        neighbours[one].append(other)
        neighbours[other].append(one)
    keep = np.ones(len(points), bool)
    for start in [point for point, near in enumerate(neighbours) if len(near) == 1]:
        branch, last, here = [start], -1, start
        while True:
            ahead = [point for point in neighbours[here] if point != last]
            if len(ahead) != 1:
                break
            last, here = here, ahead[0]
            branch.append(here)
        length = np.hypot(*(points[start] - points[here]))
        if len(neighbours[here]) > 2 and length < 1.1 * spread[here] + 2:
            keep[branch[:-1]] = False
    return keep


def grain(coverage: Array, random: Random, keep: float) -> Array:
    """Turn strokes into those of a pencil or chalk, which skip the hollows of the paper.

    keep: the share of the strokes that stays inked.
    """
    edges = float(np.abs(np.diff(coverage, axis=0)).sum() + np.abs(np.diff(coverage, axis=1)).sum())
    width = 2.5 * float(coverage.sum()) / max(edges, 1.0)
    texture = 0.8 * clouds(coverage.shape, random, max(1.0, width / 6))
    texture += 0.4 * clouds(coverage.shape, random, max(1.5, width / 1.5))
    inside = ndimage.gaussian_filter(coverage, max(0.5, width / 6))
    texture += 1.2 * inside  # the pressure is greatest in the middle of a stroke
    ink = coverage > 0.5
    if keep >= 1 or not ink.any():
        return coverage
    level = float(np.quantile(texture[ink], 1 - keep))
    grainy: Array = coverage * np.clip((texture - level) / 0.5 + 0.5, 0, 1)
    return grainy


# Paper


def rules(
    shape: tuple[int, int],
    random: Random,
    spacing: float,
    width: float,
    squared: bool = False,
    angle: float = 0.0,
    through: tuple[float, float] | None = None,
) -> Array:
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


def _periodic(position: Array, spacing: float, width: float) -> Array:
    distance = np.abs(np.mod(position / np.float32(spacing) + 0.5, 1) - 0.5) * np.float32(spacing)
    lines = np.clip(np.float32(width / 2 + 0.5) - distance, 0, min(1, width))
    return np.asarray(lines, np.float32)


def table(
    picture: Array, random: Random, share: float, sides: Sequence[str] | None = None
) -> Array:
    """Surround the picture of a sheet by a table.

    share: the table's width on a side, as a share of the picture's width or height. sides: some of
    "left", "top", "right" and "bottom"; by default one to four random ones.
    """
    height, width = picture.shape[:2]
    if sides is None:
        sides = random.choice(SIDES, random.integers(1, 5), replace=False).tolist()
    y, x = np.ogrid[:height, :width]
    x, y = x.astype(np.float32), y.astype(np.float32)
    tilt = np.radians(random.uniform(-2.5, 2.5))
    inside = np.full((height, width), np.inf, np.float32)
    for side in sides:
        slope = np.float32(np.tan(tilt + np.radians(random.uniform(-0.7, 0.7))))
        along, across = (y - height / 2, x) if side in ("left", "right") else (x - width / 2, y)
        length = width if side in ("left", "right") else height
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
    elif kind == "vignette":  # of a lens or a flash
        centre = random.uniform(-0.2, 0.2, 2)
        dark = (x - centre[0]) ** 2 + (y - centre[1]) ** 2
    else:  # a lamp next to the sheet
        centre = random.uniform(-1.3, 1.3, 2)
        distance = (x - centre[0]) ** 2 + (y - centre[1]) ** 2
        dark = -1 / (1 + distance / random.uniform(0.4, 1.5))
    dark = (dark - dark.min()) / np.ptp(dark)
    return 1 - np.float32(depth) * np.clip(resized(dark.astype(np.float32), shape), 0, 1)


def shadow(shape: tuple[int, int], random: Random, depth: float, softness: float) -> Array:
    """The shadow of a straight edge, a hand or a phone: a factor [h, w].

    depth: the share of the light that is lost. softness: the width of its edge, as a share of the
    longer side.
    """
    longer = max(shape)
    size = [max(8, round(side / longer * _SHADOW_SIDE)) for side in shape]
    x, y = (size[1] * random.uniform(0.3, 0.7), size[0] * random.uniform(0.3, 0.7))
    angle = random.uniform(0, 2 * np.pi)
    ahead, aside = (
        np.array([np.cos(angle), np.sin(angle)]),
        np.array([-np.sin(angle), np.cos(angle)]),
    )
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
    corners = [tuple(np.array([x, y]) + u * ahead + v * aside) for u, v in outline]
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
        picture = blurred(picture, blur)
    if motion > 1:
        picture = _moved(picture, motion, random.uniform(0, np.pi))
    if noise > 0:
        picture = picture + _sensor_noise(picture, random, noise)
    image: Bytes = np.clip(picture + 0.5, 0, 255).astype(np.uint8)
    if quality is None:
        return image
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file).convert("RGB"))


def blurred(picture: Array, sigma: float) -> Array:
    """Blur a picture with a Gaussian; wide ones work on a reduced picture."""
    height, width = picture.shape[:2]
    step = min(int(sigma / 2), height // 8, width // 8)
    if step < 2:
        soft: Array = ndimage.gaussian_filter(
            picture, (sigma, sigma, 0), mode="nearest", truncate=3
        )
        return soft
    shape = (height // step, width // step)
    channels = [
        resized(
            ndimage.gaussian_filter(
                resized(np.ascontiguousarray(picture[..., channel]), shape, Image.Resampling.BOX),
                sigma / step,
                mode="nearest",
                truncate=3,
            ),
            (height, width),
        )
        for channel in range(picture.shape[2])
    ]
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
