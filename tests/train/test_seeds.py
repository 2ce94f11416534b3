"""The same seed gives the same result, and another seed another, whatever was drawn before."""

import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from digits_train.config import TrainConfig
from digits_train.detector_data import Windows

from digits.data.mnist import Split
from digits.errors import DigitsError
from digits_train import checkpoint, fit_ranker, frames, models
from digits_train.camera.materials import Materials, make_materials
from digits_train.distributed import CPU, DistributedContext
from digits_train.run import RunDir
from digits_train.training import begin
from tests.conftest import Patch
from tests.train import short, subset_digits
from tests.train.short import CONFIG, distance, train

pytestmark = pytest.mark.slow
DETECTOR = TrainConfig("detector", replace(short.BARS, epochs=1))


def trained(config: TrainConfig, seed: int) -> bytes:
    run, _ = train(replace(config, seed=seed), out=Path(f"run-{torch.rand(1).item()}"))
    return run.checkpoint.read_bytes()


# What is drawn or trained with a seed.
RANDOM: dict[str, Callable[[int, Materials, Split], Any]] = {
    "materials": lambda seed, _, digits: make_materials(digits, seed, 9, 4, 1),
    "frames": lambda seed, materials, _: frames.draw_digits(materials, 3, seed),
    "outliers": lambda seed, materials, _: frames.draw_outliers(materials, 3, seed),
    "windows": lambda seed, materials, _: Windows(materials, seed, 0, 1, 2, 96)[0][0].numpy(),
    "pictures to rank": lambda seed, materials, _: fit_ranker.samples(materials, [seed]),
    "classifier": lambda seed, *_: trained(CONFIG, seed),
    "detector": lambda seed, *_: trained(DETECTOR, seed),
}


@pytest.mark.parametrize("drawn", RANDOM)
@pytest.mark.usefixtures("slice_as_mnist", "empty_folder", "without_figures")
def test_seeds(drawn: str, train_slice: Split, materials: Materials, monkeypatch: Patch) -> None:
    for patch in short.bar_patches():
        monkeypatch.setattr(*patch)
    results = []
    for seed in (0, 0, 2**31):
        results.append(pickle.dumps(RANDOM[drawn](seed, materials, train_slice[:20])))
        torch.manual_seed(len(results))
        np.random.seed(len(results))
    assert results[0] == results[1] != results[2]


@pytest.mark.usefixtures("slice_as_mnist", "without_figures")
def test_two_processes_train_like_one(tmp_path: Path) -> None:
    """Sums in another order may choose another pixel of a pool: with seed 0 they do."""
    recipe = models.get_recipe("lenet5", "default", epochs=4, batch_size=33, learning_rate=0.01)
    config, together = TrainConfig("lenet5", recipe, seed=1), RunDir(tmp_path / "together")
    alone, summary = train(config, out=tmp_path / "alone")
    options = ("--seed", "1", "--epochs", "4", "--batch-size", "33", "--learning-rate", "0.01")
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
    command = [sys.executable, *launcher, subset_digits.__file__, "train", *options, "--out"]
    done = subprocess.run([*command, together.folder], text=True, capture_output=True, timeout=900)
    assert done.returncode == 0, done.stderr
    shared = json.loads(together.summary.read_text())
    assert shared["machines"][0]["processes"] == 2
    assert (done.stdout.count("\n"), done.stderr.count("epoch 1/4")) == (1, 1)
    start = begin(config, CPU.device).model.state_dict()
    weights, others = (
        checkpoint.load(each.checkpoint).model.state_dict() for each in (alone, together)
    )
    assert distance(weights, others) < 0.01 * distance(weights, start)
    for loss in ("validation_loss", "test_loss"):
        assert shared[loss] == pytest.approx(summary[loss], rel=1e-4)


def test_error_of_the_main_process_ends_all_and_is_printed_by_it_alone(monkeypatch: Patch) -> None:
    error, sent = DigitsError("no such file"), list[Any]()

    def broadcast(outcome: list[Any]) -> None:
        sent.append(outcome[0])
        outcome[0] = error

    monkeypatch.setattr(torch.distributed, "broadcast_object_list", broadcast)
    for rank, end in ((0, DigitsError), (1, SystemExit)):
        with pytest.raises(end, match="no such file" if rank == 0 else "1"):
            DistributedContext(CPU.device, rank, 2).run_on_main(Mock(side_effect=error))
    assert sent == [error, None]
