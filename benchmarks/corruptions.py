"""Accuracy on MNIST's test set under the 15 corruptions of MNIST-C.

    python -m benchmarks corruptions [MODEL.onnx ...]

N. Mu, J. Gilmer, "MNIST-C: a robustness benchmark for computer vision", 2019. The corruptions and
their strengths are the paper's; they are generated here, so random ones differ from its files.
Nothing in the project is tuned on these figures.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from skimage.feature import canny
from skimage.filters import gaussian
from skimage.transform import AffineTransform, warp

from benchmarks.timing import print_row
from digits.inference.classifier_model import ClassifierModel
from digits.inference.model_file import BUNDLED
from digits.terminal import track
from digits_train.data import mnist

Grey = NDArray[np.float64]  # [28, 28], 0 = paper, 1 = ink
Dice = np.random.Generator
MIDDLE = 13.5


def shot_noise(ink: Grey, dice: Dice) -> Grey:
    return dice.poisson(ink * 3) / 3


def impulse_noise(ink: Grey, dice: Dice) -> Grey:
    struck = dice.random(ink.shape)
    return np.where(struck < 0.17 / 2, 0.0, np.where(struck > 1 - 0.17 / 2, 1.0, ink))


def glass_blur(ink: Grey, dice: Dice) -> Grey:
    shuffled = gaussian(ink, 0.7)
    for _ in range(2):
        swaps, moves = dice.random((28, 28)) < 0.5, dice.integers(-1, 1, (28, 28, 2))
        for row in range(27, 1, -1):
            for column in range(27, 1, -1):
                if swaps[row, column]:
                    here = row, column
                    there = row + moves[here][0], column + moves[here][1]
                    shuffled[here], shuffled[there] = shuffled[there], shuffled[here]
    return np.asarray(gaussian(shuffled, 0.7))


def motion_blur(ink: Grey, dice: Dice) -> Grey:
    angle = np.radians(dice.uniform(-45, 45))
    steps = np.arange(11)
    weights = np.exp(-(steps**2) / (2 * 3**2))
    moved = [_moved(ink, step * np.cos(angle), step * np.sin(angle)) for step in steps]
    return np.tensordot(weights / weights.sum(), np.stack(moved), 1)


def shear(ink: Grey, dice: Dice) -> Grey:
    return _around_the_middle(ink, [[1, -np.tan(0.4 * _sign(dice))], [0, 1]])


def scale(ink: Grey, dice: Dice) -> Grey:
    return _around_the_middle(ink, [[1 / 0.7, 0], [0, 1 / 0.7]])


def rotate(ink: Grey, dice: Dice) -> Grey:
    angle = 0.4 * _sign(dice)
    turn = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return _around_the_middle(ink, turn)


def brightness(ink: Grey, dice: Dice) -> Grey:
    return ink + 0.5


def translate(ink: Grey, dice: Dice) -> Grey:
    return _moved(ink, 3 * _sign(dice), 3 * _sign(dice))


def stripe(ink: Grey, dice: Dice) -> Grey:
    inverted = 1 - ink
    inverted[:, 7:21] = ink[:, 7:21]
    return inverted


def fog(ink: Grey, dice: Dice) -> Grey:
    return np.asarray((ink + 3 * _plasma(dice)) * ink.max() / (ink.max() + 3))


def spatter(ink: Grey, dice: Dice) -> Grey:
    mud = gaussian((gaussian(dice.normal(0.65, 0.3, ink.shape), 1) > 0.65).astype(float), 1.5)
    mud[mud < 0.8] = 0
    return np.asarray(ink * (1 - mud) + mud * 63 / 255)


def dotted_line(ink: Grey, dice: Dice) -> Grey:
    start, end = dice.integers(0, 27, 2)
    stroke = _line((0, start), (27, end))
    for column in range(0, 28, 4):
        stroke[:, column : column + 2] = 0
    return ink + stroke


def zigzag(ink: Grey, dice: Dice) -> Grey:
    left, right = 2, 25
    start = dice.integers(0, 27)
    end = start + dice.integers(-5, 5)
    angle = np.arctan2(end - start, right - left)
    length = np.hypot(end - start, right - left)
    along = np.array([0, *np.arange(2, length, 4), length])
    across = np.array([0, *(2 * (-1) ** np.arange(len(along) - 2)), 0])
    columns = left + along * np.cos(angle) - across * np.sin(angle)
    rows = start + along * np.sin(angle) + across * np.cos(angle)
    points = list(zip(columns, rows, strict=True))
    for point, following in zip(points, points[1:], strict=False):
        ink = np.minimum(ink + _line(point, following), 1)
    return ink


def canny_edges(ink: Grey, dice: Dice) -> Grey:
    return np.asarray(canny(ink), float)


CORRUPTIONS: list[Callable[[Grey, Dice], Grey]] = [
    *(shot_noise, impulse_noise, glass_blur, motion_blur, shear, scale, rotate, brightness),
    *(translate, stripe, fog, spatter, dotted_line, zigzag, canny_edges),
]


def _sign(dice: Dice) -> int:
    return int(dice.choice((-1, 1)))


def _moved(ink: Grey, columns: float, rows: float) -> Grey:
    return np.asarray(warp(ink, AffineTransform(translation=(columns, rows))))


def _around_the_middle(ink: Grey, matrix: list[list[float]]) -> Grey:
    """Warp around the middle. matrix: from output to input (column, row)."""
    whole = np.eye(3)
    whole[:2, :2] = matrix
    whole[:2, 2] = MIDDLE - whole[:2, :2].sum(1) * MIDDLE
    return np.asarray(warp(ink, AffineTransform(whole)))


def _line(start: tuple[float, float], end: tuple[float, float]) -> Grey:
    """A soft line between two points (column, row), about two pixels wide."""
    (left, top), (right, bottom) = start, end
    if left == right:
        return np.zeros((28, 28))
    columns, rows = np.meshgrid(np.arange(28), np.arange(28))
    distance = np.abs(rows - top - (bottom - top) / (right - left) * (columns - left))
    stroke: Grey = np.log(1 - np.minimum(distance, 2.299) / 2.3) + 1
    stroke[(columns < np.floor(left)) | (columns >= np.ceil(right))] = 0
    return np.maximum(stroke, 0)


def _plasma(dice: Dice) -> Grey:
    """A corner of a plasma fractal, 0 to 1: diamond-square on 256x256 points."""
    size, step, roughness = 256, 256, 100.0
    heights = np.zeros((size, size))

    def middle(total: Grey) -> Grey:
        return total / 4 + roughness * dice.uniform(-roughness, roughness, total.shape)

    while step >= 2:
        half = step // 2
        corners = heights[::step, ::step]
        rows = corners + np.roll(corners, -1, 0)
        heights[half::step, half::step] = middle(rows + np.roll(rows, -1, 1))
        centres = heights[half::step, half::step]
        down = centres + np.roll(centres, 1, 0) + corners + np.roll(corners, -1, 1)
        heights[::step, half::step] = middle(down)
        right = centres + np.roll(centres, 1, 1) + corners + np.roll(corners, -1, 0)
        heights[half::step, ::step] = middle(right)
        step, roughness = half, roughness / 1.4
    heights -= heights.min()
    return np.asarray(heights[:28, :28] / heights.max())


def main() -> None:
    paths = [Path(name) for name in sys.argv[1:]] or [Path(BUNDLED)]
    models = [ClassifierModel(path, threads=0) for path in paths]
    test = mnist.load("test")
    print_row("accuracy in %", *(path.parent.name[-13:] for path in paths))
    rows = []
    for corrupt in track(CORRUPTIONS, len(CORRUPTIONS), "corruptions"):
        dice = np.random.default_rng(0)
        damaged = [np.clip(corrupt(image / 255, dice), 0, 1) * 255 for image in test.images]
        images = np.array(damaged).astype(np.uint8)
        rows.append([100 * _accuracy(model, images, test.labels) for model in models])
        print_row(corrupt.__name__, *rows[-1])
    print_row("mean", *np.mean(rows, axis=0).tolist())


def _accuracy(
    model: ClassifierModel, images: NDArray[np.uint8], labels: NDArray[np.uint8]
) -> float:
    batches = np.array_split(images, 20)
    answers = np.concatenate([model.probabilities(batch).argmax(1) for batch in batches])
    return float((answers == labels).mean())
