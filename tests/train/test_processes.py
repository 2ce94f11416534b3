"""Training in several processes."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from digits.errors import DigitsError
from digits_train import checkpoint, models
from digits_train.config import TrainConfig
from digits_train.distributed import CPU, DistributedContext
from digits_train.run import RunDir
from digits_train.training import begin
from tests.rounding import distance
from tests.train import subset_digits, tiny_pages
from tests.train.short import train

pytestmark = pytest.mark.slow


@pytest.mark.usefixtures("slice_as_mnist", "without_figures")
def test_two_processes_train_like_one(tmp_path: Path) -> None:
    """With SGD, as Adam amplifies rounding errors of small gradients, and a small learning rate.

    At the recipe's rate, weights that begin 1e-7 apart (relatively) end 2e-3 apart, at this 3e-8.
    Another order of sums may choose another pixel of a pool, too, which rounds more on some
    processors than on others (so it does for seed 0 on x86, which ends 2e-3 apart).
    """
    recipe = models.get_recipe("lenet5", "default", epochs=6, batch_size=33, learning_rate=0.01)
    config = TrainConfig("lenet5", recipe, seed=1)
    alone, summary = train(config, out=tmp_path / "alone")
    together = RunDir(tmp_path / "together")
    options = ("--seed", "1", "--epochs", "6", "--batch-size", "33", "--learning-rate", "0.01")
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
    command = [sys.executable, *launcher, subset_digits.__file__, "train", *options, "--out"]
    done = subprocess.run([*command, together.folder], text=True, capture_output=True, timeout=900)
    assert done.returncode == 0, done.stderr
    shared = json.loads(together.summary.read_text())
    assert shared["machines"][0]["processes"] == 2
    assert done.stdout.count("\n") == 1
    assert done.stderr.count("epoch 1/6") == 1
    start = begin(config, CPU.device).model.state_dict()
    weights, others = (
        checkpoint.load(each.checkpoint).model.state_dict() for each in (alone, together)
    )
    assert distance(weights, others) < 0.01 * distance(weights, start)
    for loss in ("validation_loss", "test_loss"):
        assert shared[loss] == pytest.approx(summary[loss], rel=1e-4)


@pytest.mark.parametrize(("rank", "end"), [(0, DigitsError), (1, SystemExit)])
def test_error_of_the_main_process_ends_all_and_is_printed_by_it_alone(
    rank: int, end: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broadcast(outcome: list[Any]) -> None:
        if rank:
            outcome[0] = DigitsError("no such file")
        assert isinstance(outcome[0], DigitsError)

    def load() -> None:
        assert rank == 0
        raise DigitsError("no such file")

    monkeypatch.setattr(torch.distributed, "broadcast_object_list", broadcast)
    with pytest.raises(end, match="no such file" if rank == 0 else "1"):
        DistributedContext(CPU.device, rank, 2).run_on_main(load)


@pytest.mark.unix
def test_ctrl_c_reaches_all_processes_of_reader(tmp_path: Path) -> None:
    """Whatever they are doing, the training ends with one sentence."""
    command = [sys.executable, "-m", tiny_pages.__name__, "train", "--network", "reader"]
    command += ["--epochs", "100000", "--out", str(tmp_path)]
    root = Path(tiny_pages.__file__).parents[2]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, cwd=root, start_new_session=True
    )
    assert process.stderr is not None
    assert any(line.startswith("epoch ") for line in iter(process.stderr.readline, ""))
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    [sentence] = [line for line in err.splitlines() if line.strip() and line[:6] != "epoch "]
    assert sentence.startswith("interrupted: epoch ")
