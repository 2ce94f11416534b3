"""Grey pixels to ink, whatever the light and the pen; and one digit into the frame of MNIST."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from digits.errors import PictureError

Grey = NDArray[np.uint8]
Ink = NDArray[np.float32]
Mask = NDArray[np.bool_]

FRAME = 28  # pixels; the side of the picture that the network sees
DIGIT = 20  # pixels; MNIST scaled the longer side of every digit to this

_MIN_CONTRAST = 0.06  # of the way from paper to full ink; below it a sheet counts as blank
_MIN_SHARE = 0.2  # of all that is dark; a digit stands out, noise and texture are all alike
_MIN_SIDE = 3  # pixels; nothing smaller is a digit
# The darkest fifth of a digit's inked pixels is drawn at full contrast, as it is in MNIST (first
# 5,000 training digits: this quantile is 245 or more of 255 in 95 % of them).
_FULL_CONTRAST = 0.8


@dataclass(frozen=True)
class Box:
    """Where something is in a picture, in pixels; right and bottom are exclusive."""

    left: int
    top: int
    right: int
    bottom: int


def extract(grey: Grey) -> Ink:
    """Separate ink from paper.

    grey: uint8 [height, width], dark ink on light paper or the other way round.
    Returns float32 of the same shape: 0 = paper, 1 = black on white paper (or white on black).
    """
    paper = _paper(grey)
    residual = grey - paper
    # Ink is the minority that is far from the paper, so it is on the longer tail.
    dark_ink = float((residual**3).sum()) < 0
    ink = -residual / np.maximum(paper, 1) if dark_ink else residual / np.maximum(255 - paper, 1)
    return np.clip(ink, 0, 1).astype(np.float32)


def find_digit(ink: Ink) -> tuple[Mask, Box]:
    """Find the one digit: the strongest connected strokes near the middle.

    ink: float32 [height, width]. Returns the mask of its pixels and their box.
    Raises PictureError when there is no ink, or too little to be a digit.
    """
    if float(ink.max()) < _MIN_CONTRAST:
        raise PictureError("no ink is found on it")
    threshold = _otsu(ink)
    dark = ink > threshold
    if dark.all() or float(ink[dark].mean() - ink[~dark].mean()) < _MIN_CONTRAST:
        raise PictureError("no ink is found on it")
    # A stroke may fade far below the threshold; the paper's own noise is what it must stand out of.
    noise = float(ink[~dark].std())
    strokes = ink > max(threshold / 2, min(3 * noise, threshold))
    labels, count = components(strokes)
    mask = np.isin(labels, _of_digit(labels, count, ink))
    if float(ink[dark & mask].sum()) < _MIN_SHARE * float(ink[dark].sum()):
        raise PictureError("no ink is found on it: nothing stands out from the noise")
    mask = _grown(mask) & (ink > threshold / 4)  # the soft edge of a stroke belongs to it
    box = bounds(mask)
    if max(box.right - box.left, box.bottom - box.top) < _MIN_SIDE:
        raise PictureError("what is on it is too small to be a digit")
    return mask, box


def frame(ink: Ink, mask: Mask, box: Box) -> NDArray[np.uint8]:
    """Draw the digit as MNIST did: longest side 20 px, centre of mass in the middle of 28x28.

    Y. LeCun et al., "The MNIST database of handwritten digits". Returns uint8 [28, 28],
    0 = paper, 255 = full ink.
    """
    window = slice(box.top, box.bottom), slice(box.left, box.right)
    digit = np.where(mask[window], ink[window], 0)
    height, width = digit.shape
    scale = DIGIT / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if scale > 1:
        small = np.asarray(Image.fromarray(digit).resize(size, Image.Resampling.BICUBIC))
    else:
        small = _area(height, size[1]) @ digit @ _area(width, size[0]).T
    inked = small[small > 0.1 * small.max()]
    small = np.clip(small / np.quantile(inked, _FULL_CONTRAST), 0, 1)

    canvas = np.zeros((FRAME, FRAME), np.uint8)
    top, left = (_offset(small.sum(1 - axis)) for axis in (0, 1))
    canvas[top : top + small.shape[0], left : left + small.shape[1]] = (small * 255).round()
    return canvas


def components(mask: Mask) -> tuple[NDArray[np.int32], int]:
    """Label connected pixels, diagonals included.

    Returns int32 labels of the same shape, 0 where the mask is False, and the number of labels.
    Two-pass labelling of runs with union-find (A. Rosenfeld and J. Pfaltz, 1966).
    """
    edges = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = np.nonzero(edges == 1)
    ends = np.nonzero(edges == -1)[1]
    parent = list(range(len(rows)))

    def root(run: int) -> int:
        while parent[run] != run:
            parent[run] = parent[parent[run]]
            run = parent[run]
        return run

    runs = list(zip(rows.tolist(), starts.tolist(), ends.tolist(), strict=True))
    above = 0  # the first run of the row above that may still touch
    for current, (row, start, end) in enumerate(runs):
        while above < current and (
            runs[above][0] < row - 1 or (runs[above][0] == row - 1 and runs[above][2] < start)
        ):
            above += 1
        candidate = above
        while candidate < current and runs[candidate][0] == row - 1 and runs[candidate][1] <= end:
            parent[root(current)] = root(candidate)
            candidate += 1
    roots = sorted({root(run) for run in range(len(runs))})
    number = {run: index + 1 for index, run in enumerate(roots)}
    labels = np.zeros(mask.shape, np.int32)
    for run, (row, start, end) in enumerate(runs):
        labels[row, start:end] = number[root(run)]
    return labels, len(roots)


def bounds(mask: Mask) -> Box:
    """The smallest box around the True pixels, of which there must be one."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def _paper(grey: Grey) -> Ink:
    """The brightness of the bare sheet under every pixel: float32 [height, width], 0 to 255.

    A quadratic surface, fitted to the pixels near it (iteratively reweighted least squares), is
    smooth enough to pass under the ink and curved enough for a lamp or a shadow's soft edge.
    """
    y, x = _coordinates(grey.shape)
    terms = (np.ones((1, 1), np.float32), x, y, x * x, x * y, y * y)
    step = max(1, max(grey.shape) // 128)  # a smooth surface needs few samples
    sampled = [np.broadcast_to(term, grey.shape)[::step, ::step].ravel() for term in terms]
    design = np.stack(sampled, axis=1).astype(np.float64)
    values = grey[::step, ::step].ravel().astype(np.float64)
    surface = np.full(len(values), np.median(values))
    coefficients = np.array([surface[0], 0, 0, 0, 0, 0])
    for _ in range(10):
        distance = np.abs(values - surface)
        spread = max(float(np.median(distance)) * 1.5, 2)  # 2 grey levels: a camera's noise
        weight = 1 / (1 + (distance / spread) ** 2) ** 2
        normal = design.T @ (design * weight[:, None]) + 1e-6 * np.eye(6)
        coefficients = np.linalg.solve(normal, design.T @ (values * weight))
        surface = design @ coefficients
    paper = np.zeros(grey.shape, np.float32)
    for term, coefficient in zip(terms, coefficients, strict=True):
        paper += np.float32(coefficient) * term
    return np.clip(paper, 0, 255)


def _coordinates(shape: tuple[int, ...]) -> tuple[Ink, Ink]:
    """-1 to 1 down a column [height, 1] and along a row [1, width]."""
    height, width = shape
    return (
        np.linspace(-1, 1, height, dtype=np.float32)[:, None],
        np.linspace(-1, 1, width, dtype=np.float32)[None, :],
    )


def _otsu(ink: Ink) -> float:
    """The threshold that best separates two classes (N. Otsu, 1979), in units of ink."""
    peak = float(ink.max())
    if peak <= 0:
        return 0.0
    counts, edges = np.histogram(ink, bins=256, range=(0, peak))
    levels = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)[:-1]
    above = counts.sum() - below
    sums = np.cumsum(counts * levels)
    mean_below = sums[:-1] / np.maximum(below, 1)
    mean_above = (sums[-1] - sums[:-1]) / np.maximum(above, 1)
    between = below * above * (mean_below - mean_above) ** 2
    return float(edges[1:-1][between.argmax()])


def _of_digit(labels: NDArray[np.int32], count: int, ink: Ink) -> list[int]:
    """The labels of the strokes that make the digit."""
    y, x = _coordinates(labels.shape)
    central = np.exp(-(x * x + y * y))  # a digit is near the middle; borders and neighbours aren't
    mass = np.bincount(labels.ravel(), (ink * central).ravel(), count + 1)
    mass[0] = 0
    main = int(mass.argmax())
    return [label for label in range(1, count + 1) if mass[label] > 0.1 * mass[main]]


def _grown(mask: Mask) -> Mask:
    """The mask and every pixel next to it, diagonals included."""
    padded = np.pad(mask, 1)
    wide = padded[:, :-2] | padded[:, 1:-1] | padded[:, 2:]
    return wide[:-2] | wide[1:-1] | wide[2:]


def _area(length: int, reduced: int) -> Ink:
    """The matrix [reduced, length] that averages by area: each output pixel covers its share.

    Pillow's box filter rounds the share to whole pixels, which breaks thin strokes.
    """
    edges = np.arange(reduced + 1, dtype=np.float32) * (length / reduced)
    pixels = np.arange(length)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    matrix: Ink = (np.clip(overlap, 0, None) * (reduced / length)).astype(np.float32)
    return matrix


def _offset(mass: Ink) -> int:
    """Where a row or column profile starts so that its centre of mass is in the middle.

    In MNIST that is anywhere inside pixel 14, counted from 0 (all of the first 5,000 training
    digits), not on the line between pixels 13 and 14.
    """
    centre = float((mass * (np.arange(len(mass)) + 0.5)).sum() / mass.sum())
    return int(np.clip(round((FRAME + 1) / 2 - centre), 0, FRAME - len(mass)))
