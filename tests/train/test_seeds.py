"""The same seed gives the same result, and another seed another, whatever was drawn before."""

import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from msgspec.structs import replace

from digits.data.mnist import Split
from digits.errors import DigitsError
from digits_train import fit_ranker, frames
from digits_train.camera.materials import Materials, make_materials
from digits_train.distributed import CPU, DistributedContext
from digits_train.experiment import Experiment
from digits_train.run import RunDir
from digits_train.windows import Windows
from tests.conftest import Patch
from tests.train import short, subset_digits
from tests.train.short import DETECTOR, EXPERIMENT, train

pytestmark = pytest.mark.slow
BARS = Experiment(network="detector", recipe=DETECTOR)


def trained(experiment: Experiment, seed: int) -> bytes:
    run, _ = train(replace(experiment, seed=seed), out=Path(f"run-{torch.rand(1).item()}"))
    return run.checkpoint.read_bytes()


# What is drawn or trained with a seed.
RANDOM: dict[str, Callable[[int, Materials, Split], Any]] = {
    "materials": lambda seed, _, digits: make_materials(digits, seed, 9, 4, 1),
    "frames": lambda seed, materials, _: frames.draw_digits(materials, 3, seed),
    "outliers": lambda seed, materials, _: frames.draw_outliers(materials, 3, seed),
    "windows": lambda seed, materials, _: Windows(materials, DETECTOR, seed, 2)[0, ()],
    "pictures to rank": lambda seed, materials, _: fit_ranker.samples(materials, [seed]),
    "classifier": lambda seed, *_: trained(EXPERIMENT, seed),
    "detector": lambda seed, *_: trained(BARS, seed),
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


SHORT = {
    "lenet5": "epochs=2 batch_size=33 learning_rate=0.01",
    # On the camera's own windows, of which each process composes others.
    "detector": "steps=4 interval=2 batch_size=4 validation=8 final_validation=8",
}


@pytest.mark.parametrize("network", SHORT)
def test_two_processes_give_the_same_weights_again(network: str, tmp_path: Path) -> None:
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
    command = [sys.executable, *launcher, subset_digits.__file__, "train", "--network", network]
    for change in SHORT[network].split():
        command += ["--set", f"recipe.{change}"]
    runs = RunDir(tmp_path / "first"), RunDir(tmp_path / "second")
    for run in runs:
        done = subprocess.run(
            [*command, "--out", run.folder], text=True, capture_output=True, timeout=900
        )
        # The main process alone prints; after a few steps, a detector finds nothing.
        assert done.returncode == int(network == "detector"), done.stderr
        assert (done.stdout.count("\n"), done.stderr.count("images/s")) == (1, 2)
        assert json.loads(run.summary.read_text())["machines"][0]["processes"] == 2
    assert runs[0].checkpoint.read_bytes() == runs[1].checkpoint.read_bytes()


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
