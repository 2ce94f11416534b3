"""The same seed gives the same result, and another seed another, whatever was drawn before."""

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from digits.data.split import Split
from digits_train.camera.materials import Materials, make_materials
from digits_train.camera.ranges import RANGES
from digits_train.data import frames
from tests.train import subset_unipen

pytestmark = pytest.mark.slow


# What is drawn with a seed.
RANDOM: dict[str, Callable[[int, Materials, Split], Any]] = {
    "materials": lambda seed, *_: make_materials(subset_unipen.writings(), seed, RANGES, 9, 4, 1),
    "frames": lambda seed, materials, _: frames.draw_digits(materials, 3, seed),
    "outliers": lambda seed, materials, _: frames.draw_outliers(materials, 3, seed),
}


@pytest.mark.parametrize("drawn", RANDOM)
def test_seeds(drawn: str, train_slice: Split, materials: Materials) -> None:
    results = []
    for seed in (0, 0, 2**31):
        results.append(pickle.dumps(RANDOM[drawn](seed, materials, train_slice[:20])))
        torch.manual_seed(len(results))
        np.random.seed(len(results))
    assert results[0] == results[1] != results[2]
