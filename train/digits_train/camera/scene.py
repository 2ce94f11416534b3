"""What a photograph of paper shows beside the ink: texture, rules, light and shadows.

Coverages and factors are float32 [height, width], 0 to 1. Lengths that aren't shares are in pixels.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from digits_train.camera.distributions import Range
from digits_train.pixels import Coverage, Random, resized

Array = NDArray[np.float32]
Shape = tuple[int, int]  # height, width


def clouds(shape: Shape, random: Random, cell: float) -> Array:
    """Smooth noise [h, w], mean 0, standard deviation 1, with bumps about `cell` pixels wide."""
    rows, columns = (max(2, int(np.ceil(side / cell)) + 1) for side in shape)
    coarse = random.standard_normal((rows, columns), np.float32)
    if cell <= 1:
        return coarse[: shape[0], : shape[1]]
    left, top = random.uniform(0, 0.5, 2)
    box = (left, top, min(columns, left + shape[1] / cell), min(rows, top + shape[0] / cell))
    return resized(coarse, shape, box) / np.float32(0.75)


def along(shape: Shape, angle: float) -> Array:
    """The distance of each pixel from the picture's middle in a direction: [h, w].

    angle: of the direction, in radians, clockwise from the right.
    """
    y, x = (np.arange(side, dtype=np.float32) - side / 2 for side in shape)
    return x * np.float32(np.cos(angle)) + (y * np.float32(np.sin(angle)))[:, None]


def rules(
    shape: Shape,
    random: Random,
    spacing: float,
    width: float,
    squared: bool = False,
    angle: float = 0.0,
    share: float = 1.0,
) -> Coverage:
    """Ruled lines: coverage [h, w]. squared: add vertical ones. angle: degrees, anticlockwise.

    share: of the lines that is left around their crossings; below 1 they are crosses or dashes.
    """
    turns = np.radians([90 - angle, -angle])
    down, right = (along(shape, turn) + np.float32(random.uniform(0, spacing)) for turn in turns)
    coverage = np.zeros(shape, np.float32)
    for across, parallel in ((down, right), (right, down))[: 1 + squared]:
        lines = np.clip(width / 2 + 0.5 - _from_nearest(across, spacing), 0, min(1, width))
        if share < 1:
            lines *= _from_nearest(parallel, spacing) <= share / 2 * spacing
        np.maximum(coverage, lines, out=coverage)
    return coverage


def security(shape: Shape, random: Random, pitch: float) -> Coverage:
    """Security print: waves or rosettes of fine curves, and lines of tiny letters [h, w].

    pitch: pixels from one curve to the next.
    """
    coverage = np.zeros(shape, np.float32)
    for _ in range(int(random.integers(1, 4))):
        turn, kind = random.uniform(0, np.pi), random.random()
        across, parallel = along(shape, turn), along(shape, turn + np.pi / 2)
        swing, length = random.uniform(0, 2) * pitch, random.uniform(5, 30) * pitch
        if kind < 0.25:  # a rosette: rings that bulge, around somewhere
            x, y = (random.uniform(-0.5, 0.5, 2) * shape[::-1]).tolist()
            x, y = across - x, parallel - y
            bulges, length = round(random.uniform(4, 16)), 2 * np.pi
            across, parallel = np.hypot(x, y), bulges * np.arctan2(y, x)
        bent = across + swing * np.sin(2 * np.pi / length * parallel)
        waves = np.sin(2 * np.pi / pitch * bent)
        lines = (3 * (waves - random.uniform(-0.2, 0.8))).clip(0, 1)
        if kind > 0.8:  # letters, too small to be read
            lines *= clouds(shape, random, max(1.0, pitch / 4)) > 0
        np.maximum(coverage, lines, out=coverage)
    return coverage


def _from_nearest(position: Array, spacing: float) -> Array:
    """The distance to the nearest multiple of the spacing."""
    lines = position / np.float32(spacing)
    return np.asarray(np.abs(lines - np.rint(lines)) * np.float32(spacing))


def random_edge(shape: Shape, random: Random, distance: Range) -> dict[int, float]:
    """Let the sheet end on one side, see `edges`. distance: of it, as a share of the picture."""
    side = int(random.integers(4))
    return {side: random.uniform(*distance) * shape[1 - side % 2]}


def edges(picture: Array, random: Random, ends: Mapping[int, float]) -> tuple[Array, Coverage]:
    """Let a sheet end, or another lie on it, on some sides. Return it, and the coverage beyond.

    ends: the distance from the picture's middle at which the right (0), lower (1), left (2) or
    upper (3) side ends.
    """
    shape, beyond = (picture.shape[0], picture.shape[1]), np.zeros_like(picture)
    for side, distance in ends.items():
        turn = side * np.pi / 2 + random.normal(0, 0.08)
        np.maximum(beyond, (along(shape, turn) - np.float32(distance)).clip(0, 1), out=beyond)
    level, grain = random.uniform(0, 255), random.uniform(0, 15)
    beneath = level + grain * clouds(shape, random, random.uniform(2, 40))
    return picture + beyond * (beneath - picture), beyond


def light(shape: Shape, random: Random, depth: float) -> Array:
    """Uneven light: a factor [h, w], 1 where it is brightest and 1 - depth where it is darkest."""
    # A lens or a flash vignettes around the middle, a lamp is next to the sheet, a window far away.
    distance = float(random.choice([0.2, 1.3, 8.0]))
    dark: Array = np.zeros(shape, np.float32)
    for side, turn in ((shape[1], 0), (shape[0], np.pi / 2)):
        dark += (
            2 / side * along(shape, turn) - np.float32(random.uniform(-distance, distance))
        ) ** 2
    if distance == 1.3:
        dark = np.float32(-1) / (1 + dark / np.float32(random.uniform(0.4, 1.5)))
    return np.asarray(1 - depth * (dark - dark.min()) / np.ptp(dark), np.float32)


def shadow(shape: Shape, random: Random, depth: float, softness: float) -> Array:
    """The shadow of a straight edge, a hand or a phone: a factor [h, w].

    depth: the share of the light that is lost. softness: the width of its edge, as a share of the
    longer side.
    """
    angle, longer = random.uniform(0, 2 * np.pi), max(shape)
    inside, parallel = (
        along(shape, turn) + longer * np.float32(random.uniform(-0.2, 0.2))
        for turn in (angle, angle + np.pi / 2)
    )
    if random.random() < 0.5:  # a hand or a phone, not the edge of a window, a book or a body
        half, power = random.uniform(0.12, 0.3) * longer, random.uniform(2, 6)  # round or square
        outside = (-inside).clip(0) ** power + np.abs(parallel) ** power
        inside = half - outside ** (1 / power)
    return np.asarray(1 - depth * expit(inside / (softness * longer / 4)), np.float32)
