"""MNIST's digits drawn anew: crisp strokes of any pen.

A skeleton's points are float64 [n, 2], row and column; its pairs, int64 [m, 2], are neighbours
among them.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.spatial import cKDTree
from skimage.morphology import reconstruction, skeletonize

from digits_train.camera.scene import clouds
from digits_train.raster import Bytes, Coverage, Random, cropped, resized

_FINE = 8  # working resolution: pixels per MNIST pixel
_MARGIN = 2  # MNIST pixels
_EDGE = 0.42  # the grey level of a stroke's edge in MNIST
_LOOP = 0.12  # the inside of a loop is lighter by at least this
_LOST = 0.19  # of the height: ink this far from the middle of a stroke was lost
_SMOOTHING = 25  # steps, which remove a skeleton's pixel corners but keep the writer's

Points = NDArray[np.float64]
Pairs = NDArray[np.intp]
Skeleton = tuple[Points, Pairs, NDArray[np.float64]]  # and half the stroke's width at each point


def bend(image: Bytes, far: float, random: Random, cell: float = 9) -> Bytes:
    """Displace ink smoothly, as another time it would be written: uint8 [height, width].

    far: standard deviation, in pixels. cell: width of the bends. P. Simard et al., "Best practices
    for convolutional neural networks", ICDAR 2003.
    """
    shape = image.shape[0], image.shape[1]
    places = np.indices(shape) + [far * clouds(shape, random, cell) for _ in range(2)]
    return np.asarray(ndimage.map_coordinates(image, places, order=1))


def is_legible(image: Bytes, label: int, coverage: Coverage, pen: float) -> bool:
    """Whether a digit, uint8 [28, 28], is still legible when drawn with another pen.

    Thick strokes fill loops and hide short bars.
    """
    ink = image.repeat(2, 0).repeat(2, 1) > 100
    if label in (0, 6, 8):
        paper, _ = ndimage.label(~np.pad(ink, 1))
        loops = int((np.bincount(paper.ravel())[1:] >= 6).sum()) - 1
        if loops < (2 if label == 8 else 1):
            return False
    cut = cropped(ink)
    if label == 9:  # closed or open, its upper half must have a hollow
        upper = np.pad(cut[: len(cut) // 2], ((0, 0), (1, 0))).astype(int)
        if np.diff(upper).clip(0).sum(1).max() < 2:
            return False
    shrunk = Image.fromarray(coverage).resize(cut.shape[::-1], Image.Resampling.BOX)
    away = ndimage.distance_transform_edt(np.asarray(shrunk) < 0.2)
    return bool((away[cut] > (_LOST - pen / 2) * len(cut)).mean() < 0.01)


def strokes(digit: Bytes, height: int, pen: float, random: Random) -> Coverage:
    """Draw a digit with crisp strokes of varying pressure, cropped: coverage [height, width].

    digit: uint8 [28, 28]. pen: the strokes' width as a share of the digit's height, 0.01 to 0.3.
    """
    coarse = np.pad(digit, _MARGIN).astype(np.float32) / 255
    side = len(coarse) * _FINE
    field = resized(ndimage.gaussian_filter(coarse, 0.6), (side, side))
    ink = field > min(_EDGE, 0.6 * float(field.max()))
    # A small loop that is filled with ink is only slightly lighter than its stroke.
    seed = np.pad(np.ones_like(coarse[1:-1, 1:-1]), 1)
    loops = reconstruction(seed, coarse, method="erosion").astype(np.float32) - coarse
    ink &= resized(loops, (side, side)) < _LOOP
    drawn = cropped(_drawn(_skeleton(ink), max(2 * height, 10 / pen), pen, random))
    width = max(1, round(drawn.shape[1] * height / len(drawn)))
    return resized(drawn, (height, width), Image.Resampling.BOX)


def _drawn(skeleton: Skeleton, canvas: float, pen: float, random: Random) -> Coverage:
    """Draw a skeleton with a round pen, about `canvas` pixels high."""
    points, pairs, spread = skeleton
    extent = np.maximum(np.ptp(points, axis=0), 1.0)
    width = pen * canvas
    scale = min((canvas - width) / extent[0], 4 * canvas / extent[1])
    # Wide ends, and what is wider than a crossing, are loops filled with ink, which stay.
    ends = points[np.bincount(pairs.ravel(), minlength=len(points)) == 1]
    at_end = cKDTree(ends).query(points)[0] < spread if len(ends) else np.zeros(len(points), bool)
    ratio = spread / np.median(spread)
    wide = np.clip((ratio - np.where(at_end, 1.5, 2.2)) / 0.4, 0, 1)
    radii = width / 2 + wide * np.maximum(spread * scale - width / 2, 0)
    points = (points - points.min(0)) * scale + radii.max() + 1
    pressure = clouds((64, 64), random, 20)  # varies over about a third of the digit
    row, column = np.minimum(points / points.max() * 63, 63).astype(int).T
    radii *= 1 + 0.1 * np.clip(pressure[row, column], -2, 2)
    size = np.ceil(points.max(0) + radii.max() + 2).astype(int)
    image = Image.new("L", (int(size[1]), int(size[0])))
    brush = ImageDraw.Draw(image)
    centres, reaches = points[:, ::-1].tolist(), radii.tolist()
    for start, end in pairs.tolist():
        line = (*centres[start], *centres[end])
        brush.line(line, fill=255, width=max(1, round(reaches[start] + reaches[end])))
    for (x, y), reach in zip(centres, reaches, strict=True):
        brush.ellipse((x - reach, y - reach, x + reach, y + reach), fill=255)
    return np.asarray(image, np.float32) / np.float32(255)


def _skeleton(ink: NDArray[np.bool_]) -> Skeleton:
    """Thin strokes to lines along their middle."""
    ink = np.pad(cropped(ink), 1)
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


def _without_spurs(points: Points, pairs: Pairs, spread: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mask out the short branches that thinning leaves at corners: bool [n], True to keep.

    Such a branch ends inside the stroke from which it branches.
    """
    neighbours: list[list[int]] = [[] for _ in points]
    for start, end in pairs.tolist():
        neighbours[start].append(end)
        neighbours[end].append(start)
    keep = np.ones(len(points), bool)
    for start in [point for point, near in enumerate(neighbours) if len(near) == 1]:
        branch, last, here = [start], -1, start
        while len(ahead := [point for point in neighbours[here] if point != last]) == 1:
            last, here = here, ahead[0]
            branch.append(here)
        length = np.hypot(*(points[start] - points[here]))
        if len(neighbours[here]) > 2 and length < 1.1 * spread[here] + 2:
            keep[branch[:-1]] = False
    return keep


def grain(coverage: Coverage, random: Random, keep: float) -> Coverage:
    """Turn strokes into those of a pencil or chalk, which skip the hollows of the paper.

    keep: the share of the strokes that stays inked, below 1.
    """
    edges = float(np.abs(np.diff(coverage, axis=0)).sum() + np.abs(np.diff(coverage, axis=1)).sum())
    width = 2.5 * float(coverage.sum()) / max(edges, 1.0)
    texture = 0.8 * clouds(coverage.shape, random, max(1.0, width / 6))
    texture += 0.4 * clouds(coverage.shape, random, max(1.5, width / 1.5))
    inside = ndimage.gaussian_filter(coverage, max(0.5, width / 6))
    texture += 1.2 * inside  # the pressure is greatest in the middle of a stroke
    ink = coverage > 0.5
    if not ink.any():
        return coverage
    level = float(np.quantile(texture[ink], 1 - keep))
    grainy: Coverage = coverage * np.clip((texture - level) / 0.5 + 0.5, 0, 1)
    return grainy
