"""The same seed gives the same result, and another seed another, whatever was drawn before."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from msgspec.structs import replace

from digits.data.split import Split
from digits_train import models
from digits_train.camera.materials import Materials, make_materials
from digits_train.camera.ranges import RANGES
from digits_train.data import frames
from digits_train.experiment import Experiment, default_experiment
from docs.small_reader import SmallDetector, SmallRecognizer
from tests.conftest import Patch
from tests.train import short

pytestmark = pytest.mark.slow


def trained(experiment: Experiment, seed: int) -> bytes:
    out = Path(f"run-{torch.rand(1).item()}")
    run, _ = short.train(replace(experiment, seed=seed), out=out)
    return run.checkpoint.read_bytes()


# What is drawn or trained with a seed.
RANDOM: dict[str, Callable[[int, Materials, Split], Any]] = {
    "materials": lambda seed, _, digits: make_materials(digits, seed, RANGES, 9, 4, 1),
    "frames": lambda seed, materials, _: frames.draw_digits(materials, 3, seed),
    "outliers": lambda seed, materials, _: frames.draw_outliers(materials, 3, seed),
    "classifier": lambda seed, *_: trained(short.EXPERIMENT, seed),
    "detector": lambda seed, *_: trained(default_experiment("small detector"), seed),
    "recognizer": lambda seed, *_: trained(default_experiment("small recognizer"), seed),
}


@pytest.mark.parametrize("drawn", RANDOM)
@pytest.mark.usefixtures("slice_as_mnist", "empty_folder", "without_figures")
def test_seeds(drawn: str, train_slice: Split, materials: Materials, monkeypatch: Patch) -> None:
    small = {"small detector": SmallDetector, "small recognizer": SmallRecognizer}
    monkeypatch.setattr(models, "ARCHITECTURES", {"lenet5": models.LeNet5} | small)
    for patch in short.bar_patches():
        monkeypatch.setattr(*patch)
    results = []
    for seed in (0, 0, 2**31):
        results.append(pickle.dumps(RANDOM[drawn](seed, materials, train_slice[:20])))
        torch.manual_seed(len(results))
        np.random.seed(len(results))
    assert results[0] == results[1] != results[2]
