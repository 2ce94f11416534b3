"""The same seed gives the same result, and another seed another, whatever was drawn before."""

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from digits.data.mnist import Split
from digits_train import fit_ranker, frames
from digits_train.camera.materials import Materials, make_materials
from digits_train.config import TrainConfig
from digits_train.reader_data import Windows
from tests.train import tiny_pages
from tests.train.short import CONFIG, train

READER = TrainConfig("reader", replace(tiny_pages.RECIPE, epochs=1))


def checkpoint(config: TrainConfig, seed: int) -> bytes:
    run, _ = train(replace(config, seed=seed), out=Path(f"run-{torch.rand(1).item()}"))
    return run.checkpoint.read_bytes()


# What is drawn or trained with a seed.
RANDOM: dict[str, Callable[[int, Materials, Split], Any]] = {
    "materials": lambda seed, _, digits: make_materials(digits, seed, 9, 4, 1),
    "frames": lambda seed, materials, _: frames.digits(materials, 3, seed),
    "outliers": lambda seed, materials, _: frames.outliers(materials, 3, seed),
    "windows": lambda seed, materials, _: Windows(materials, seed, 0, 1, 2, 96)[0][0].numpy(),
    "pictures to rank": lambda seed, materials, _: fit_ranker.samples(materials, [seed]),
    "classifier": lambda seed, *_: checkpoint(CONFIG, seed),
    "reader": lambda seed, *_: checkpoint(READER, seed),
}


@pytest.mark.slow
@pytest.mark.parametrize("drawn", RANDOM)
@pytest.mark.usefixtures("slice_as_mnist", "empty_folder", "without_figures")
def test_seed_decides(
    drawn: str, train_slice: Split, materials: Materials, monkeypatch: pytest.MonkeyPatch
) -> None:
    for patch in tiny_pages.patches():
        monkeypatch.setattr(*patch)
    results = []
    for seed in (0, 0, 2**31):
        results.append(pickle.dumps(RANDOM[drawn](seed, materials, train_slice[:20])))
        torch.manual_seed(len(results))
        np.random.seed(len(results))
    assert results[0] == results[1] != results[2]
