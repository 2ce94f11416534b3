"""The computations behind the figures of the benchmarks."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from digits.classifier import Classifier
from digits.data.mnist import Split
from tests import strokes
from tests.benchmarks import continental, engines, nondigits


@pytest.mark.parametrize(
    ("digits", "others", "expected"),
    [
        ([0.9, 0.8], [0.1, 0.2, 0.3], 1.0),
        ([0.1], [0.5, 0.9], 0.0),
        ([0.5], [0.5, 0.5], 0.5),
        ([0.9, 0.2], [0.1, 0.3], 0.75),
    ],
)
def test_auroc(digits: list[float], others: list[float], expected: float) -> None:
    assert nondigits.auroc(np.array(digits), np.array(others)) == expected


def test_traced_digits_are_recognized(test_slice: Split) -> None:
    random = np.random.default_rng(0)
    read = 0
    for truth, drawing in strokes.digits(test_slice, 40, random):
        paper = Image.new("L", (280, 280), 255)
        for stroke in drawing:
            points = [(280 * x, 280 * y) for x, y in stroke]
            ImageDraw.Draw(paper).line(points, fill=0, width=10, joint="curve")
        read += str(Classifier().predict(paper).digit) == truth
    assert read > 32


@pytest.mark.slow
def test_engines_agree(test_slice: Split) -> None:
    with torch.inference_mode():
        calls = engines.ready(test_slice.images[:32, None], batch=1)  # raises AssertionError
    assert {"PyTorch, eager", "NumPy"} <= calls.keys()


def images_of(split: Split, label: int) -> np.ndarray:
    images: np.ndarray = split.images[split.labels == label]
    return images


def test_upstroke_widens_upright_1(train_slice: Split) -> None:
    for one in images_of(train_slice, 1)[:60]:
        plain, long = (continental.with_upstroke(one, length, 0.5) for length in (0.0, 0.8))
        widths = [np.ptp(np.flatnonzero(frame.any(0))) for frame in (plain, long)]
        assert widths[1] > widths[0] or widths[0] > 8  # a slanted 1 is wide already


def test_steep_upstroke_is_narrower_than_flat_one(train_slice: Split) -> None:
    for one in images_of(train_slice, 1)[:30]:
        widths = [
            np.ptp(np.flatnonzero(continental.with_upstroke(one, 0.8, steepness).any(0)))
            for steepness in (0, 1)
        ]
        assert widths[0] >= widths[1]


def test_bar_adds_ink_across_stem(train_slice: Split) -> None:
    changed = 0
    for seven in images_of(train_slice, 7)[:30]:
        plain = continental.with_bar(seven, 0.5, 0.0, 0.0)
        crossed = continental.with_bar(seven, 0.5, 0.6, 0.0)
        changed += int((crossed[11:18] > 100).sum()) > int((plain[11:18] > 100).sum())
    assert changed > 25


def test_has_hook_detects_ink_beside_stem() -> None:
    seven = np.zeros((28, 28), np.uint8)
    seven[4:6, 8:20] = 255
    seven[6:24, 18:20] = 255
    assert not continental.has_hook(seven)
    seven[4:14, 8:10] = 255
    assert continental.has_hook(seven)
