"""MNIST's digits drawn anew: crisp strokes of any pen."""

import numpy as np
from scipy import ndimage, spatial
from skimage.morphology import skeletonize

from digits_train.camera.scene import clouds
from digits_train.pixels import Bytes, Coverage, Mask, Random, cropped, resized, scaled

_FINE = 8  # working resolution: pixels per MNIST pixel
_MARGIN = 2  # MNIST pixels
_EDGE = 0.42  # the grey level of a stroke's edge in MNIST
_LOST = 0.19  # of the height: ink this far from the middle of a stroke was lost
_LOOPS = {0: 1, 6: 1, 8: 2}  # of digits that have some
_AROUND = np.ones((3, 3), int)


def bend(image: Bytes, distance: float, random: Random, cell: float = 9) -> Bytes:
    """Displace ink smoothly, as another time it would be written: uint8 [height, width].

    distance: standard deviation, in pixels. cell: width of the bends. P. Simard et al., "Best
    practices for convolutional neural networks", ICDAR 2003.
    """
    shape = image.shape[0], image.shape[1]
    sources = np.indices(shape) + [distance * clouds(shape, random, cell) for _ in range(2)]
    return np.asarray(ndimage.map_coordinates(image, sources, order=1))


def strokes(digit: Bytes, height: int, pen: float, random: Random) -> Bytes:
    """Draw a digit with crisp strokes of varying pressure: uint8 [height, width], cropped.

    digit: uint8 [28, 28]. pen: the strokes' width as a share of the digit's height, 0.01 to 0.3.
    """
    coarse = ndimage.gaussian_filter(np.pad(digit, _MARGIN).astype(np.float32) / 255, 0.6)
    field = resized(coarse, (_FINE * coarse.shape[0], _FINE * coarse.shape[1]))
    thin = _middle(np.pad(cropped(field > min(_EDGE, 0.6 * float(field.max()))), 1))
    down, across = np.ptp(np.argwhere(thin), axis=0).tolist()
    width = pen * max(1, down, across / 4) / (1 - pen)
    distance = ndimage.distance_transform_edt(~np.pad(thin, int(0.6 * width) + 2))
    pressure = clouds((len(distance), distance.shape[1]), random, len(distance) / 3)
    radius = width / 2 * (1 + 0.1 * np.clip(pressure, -2, 2))
    large = cropped((255 * np.clip(radius - distance + 0.5, 0, 1)).astype(np.uint8))
    return scaled(large, max(1, round(large.shape[1] * height / len(large))), height)


def _middle(ink: Mask) -> Mask:
    """Thin strokes to their middle, without the short branches that thinning leaves at corners.

    Such a branch ends inside the stroke that it leaves.
    """
    thin = skeletonize(ink)
    neighbours = ndimage.convolve(thin.astype(int), _AROUND) * thin
    crossings = ndimage.binary_dilation(neighbours > 3, _AROUND) & thin
    if not crossings.any():
        return np.asarray(thin)
    distances = spatial.distance.cdist(np.argwhere(thin), np.argwhere(crossings))
    radius = ndimage.distance_transform_edt(ink)[crossings][distances.argmin(1)]
    pieces, _ = ndimage.label(thin & ~crossings, _AROUND)
    long = pieces[thin][distances.min(1) > 1.1 * radius + 2]
    short = np.setdiff1d(pieces[neighbours == 2], [0, *long])  # and with an end
    return np.asarray(thin & ~np.isin(pieces, short))


def is_legible(image: Bytes, label: int, redrawn: Bytes, pen: float) -> bool:
    """Whether a digit, uint8 [28, 28], is still legible when redrawn with another pen.

    Thick strokes fill loops and hide short bars.
    """
    ink = image.repeat(2, 0).repeat(2, 1) > 100
    paper, _ = ndimage.label(~np.pad(ink, 1))
    if (np.bincount(paper.ravel())[1:] >= 6).sum() <= _LOOPS.get(label, 0):
        return False
    cut = cropped(ink)
    if label == 9:  # closed or open, its upper half must have a hollow
        upper = np.pad(cut[: len(cut) // 2], ((0, 0), (1, 0))).astype(int)
        if np.diff(upper).clip(0).sum(1).max() < 2:
            return False
    distance = ndimage.distance_transform_edt(scaled(redrawn, cut.shape[1], len(cut)) < 51)
    return bool((distance[cut] > (_LOST - pen / 2) * len(cut)).mean() < 0.01)


def grain(coverage: Coverage, random: Random, keep: float) -> Coverage:
    """Turn strokes into those of a pencil or chalk, which skip the hollows of the paper.

    keep: the share of the strokes that stays inked, below 1.
    """
    edges = float(np.abs(np.diff(coverage, axis=0)).sum() + np.abs(np.diff(coverage, axis=1)).sum())
    width = 2.5 * float(coverage.sum()) / max(edges, 1.0)
    texture = 0.8 * clouds(coverage.shape, random, max(1.0, width / 6))
    texture += 0.4 * clouds(coverage.shape, random, max(1.5, width / 1.5))
    # The pressure is greatest in the middle of a stroke.
    texture += 1.2 * ndimage.gaussian_filter(coverage, max(0.5, width / 6))
    ink = coverage > 0.5
    if not ink.any():
        return coverage
    level = float(np.quantile(texture[ink], 1 - keep))
    return np.asarray(coverage * np.clip((texture - level) / 0.5 + 0.5, 0, 1), np.float32)
