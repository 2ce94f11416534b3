"""Training in several processes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import torch

from digits.errors import DigitsError
from digits_train import checkpoint, models
from digits_train.config import TrainConfig
from digits_train.distributed import CPU, DistributedContext
from digits_train.run import RunDir
from digits_train.training import begin
from tests.rounding import distance
from tests.train import subset_digits
from tests.train.short import train

pytestmark = pytest.mark.slow


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


def test_error_of_the_main_process_ends_all_and_is_printed_by_it_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    error, sent = DigitsError("no such file"), list[Any]()

    def broadcast(outcome: list[Any]) -> None:
        sent.append(outcome[0])
        outcome[0] = error

    monkeypatch.setattr(torch.distributed, "broadcast_object_list", broadcast)
    for rank, end in ((0, DigitsError), (1, SystemExit)):
        with pytest.raises(end, match="no such file" if rank == 0 else "1"):
            DistributedContext(CPU.device, rank, 2).run_on_main(Mock(side_effect=error))
    assert sent == [error, None]
