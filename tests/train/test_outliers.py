import subprocess
import sys

import numpy as np
import pytest
import torch
from numpy.random import Generator

from digits.data.mnist import Split
from digits_train import outliers
from digits_train.config import Recipe, TrainConfig
from digits_train.examples import Pool
from digits_train.handwriting.pen import Picture
from digits_train.metrics import predict
from digits_train.models.network import NONE, probabilities
from digits_train.outliers import pieces, textures
from digits_train.prepare import create_state
from tests.train.short import fit_digits


@pytest.mark.parametrize("draw", dict.fromkeys(outliers.GENERATORS))
def test_generators_vary_and_are_framed(
    train_slice: Split, draw: outliers.GeneratorFn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outliers, "GENERATORS", (draw,))
    frames = outliers.generate(train_slice, 20, seed=0)
    assert frames.shape == (20, 28, 28) and frames.dtype == np.uint8
    assert (frames.max((1, 2)) == 255).all()
    assert len({frame.tobytes() for frame in frames}) == 20
    for frame in frames:
        rows, columns = np.flatnonzero(frame.any(1)), np.flatnonzero(frame.any(0))
        assert 17 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= 20


def test_generators_take_turns_until_there_is_ink(
    train_slice: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lying(rng: Generator, digits: Split) -> Picture:
        return np.full((10, 40), rng.choice([0, 255]), np.uint8)

    def upright(rng: Generator, digits: Split) -> Picture:
        return np.full((40, 10), 255, np.uint8)

    monkeypatch.setattr(outliers, "GENERATORS", (lying, upright, upright))
    frames = outliers.generate(train_slice, 30, 0)
    assert [frame.any(0).sum() > 15 for frame in frames] == [True, False, False] * 10


def test_half_are_letters_and_the_seed_decides(train_slice: Split) -> None:
    kinds = [draw.__name__ for draw in outliers.GENERATORS]
    assert kinds.count("handwritten") == kinds.count("printed") + kinds.count("distorted")
    assert 2 * kinds.count("handwritten") == len(kinds) / 2
    first, again, second = (outliers.generate(train_slice, 30, seed) for seed in (0, 0, 1))
    assert (first == again).all() and (first != second).any()


@pytest.mark.parametrize(("draw", "aspect"), [(pieces.digit_slice, 1), (textures.blot, 0.5)])
def test_picture_is_not_slender_and_upright(
    draw: outliers.GeneratorFn, aspect: float, train_slice: Split
) -> None:
    """Such a picture would be a 1. aspect: width by height, at least."""
    rng = np.random.default_rng(0)
    for ink in (draw(rng, train_slice) > 127 for _ in range(200)):
        assert ink.any(0).sum() > aspect * ink.any(1).sum()


@pytest.mark.parametrize("draw", [pieces.staggered, pieces.overlapping])
def test_pairs_exclude_1(draw: outliers.GeneratorFn, train_slice: Split) -> None:
    """And digits one over the other differ."""
    levels = np.array([200, 77, 80, *[200] * 7], np.uint8)[train_slice.labels]
    marked = Split((train_slice.images > 99) * levels[:, None, None], train_slice.labels)
    rng = np.random.default_rng(0)
    drawn = [set(np.unique(draw(rng, marked)).tolist()) for _ in range(100)]
    assert not any(77 in values for values in drawn)
    assert draw is pieces.staggered or all(200 in values for values in drawn)


@pytest.mark.slow
def test_training_does_not_import_matplotlib() -> None:
    """Even though its fonts are used."""
    code = """
import sys
import numpy as np
import digits_train.trainer
from digits_train.outliers import letters

letters.printed(np.random.default_rng(0), None)
print("matplotlib" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, check=True)
    assert done.stdout == "False\n"


def confidence(network: torch.nn.Module, images: np.ndarray) -> float:
    """The network's mean confidence in the pictures."""
    split = Split(images, np.zeros(len(images), np.uint8))
    return float(probabilities(predict(network, split)).amax(1).mean())


@pytest.mark.slow
def test_outliers_lower_confidence_on_outliers(train_slice: Split) -> None:
    """Even on unseen outliers, while the confidence in digits stays high."""
    unseen = outliers.generate(train_slice, 200, seed=1)
    pool = Pool(outliers.generate(train_slice, 400, seed=0), np.full(400, NONE, np.uint8), 0.25)
    sure = {}
    for weight in (0.0, 0.5):
        recipe = Recipe("test", epochs=10, batch_size=40, learning_rate=2e-3, outlier_weight=weight)
        state = create_state(TrainConfig("lenet5", recipe), torch.device("cpu"))
        pools = [pool] if weight else []
        epochs = list(fit_digits(state, recipe, train_slice, pools=pools))
        assert epochs[-1].train_accuracy > 0.93
        sure[weight] = confidence(state.eval_model, unseen)
    assert sure[0.5] < sure[0.0] - 0.2
    assert confidence(state.eval_model, train_slice.images) > 0.75


@pytest.mark.parametrize("image", ["upright", "lying", "pale"])
def test_generate_from_degenerate_digits(image: str) -> None:
    """A user's own pictures may all be 1s or lines one pixel wide."""
    digits = np.zeros((4, 28, 28), np.uint8)
    if image == "lying":
        digits[:, 14, 4:24] = 255
    else:
        digits[:, 4:24, 14] = 50 if image == "pale" else 255
    split = Split(digits, np.ones(4, np.uint8))
    assert len(outliers.generate(split, 80, seed=0)) == 80
