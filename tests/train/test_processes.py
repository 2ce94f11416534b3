"""Training in several processes."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from digits_train import checkpoint, models
from digits_train.config import TrainConfig
from digits_train.distributed import CPU
from digits_train.run import RunDir
from digits_train.training import begin
from tests.rounding import distance
from tests.train import subset_digits, tiny_pages
from tests.train.short import train

pytestmark = pytest.mark.slow


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `digits ARGUMENTS` in two processes."""
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
    command = [sys.executable, *launcher, subset_digits.__file__, *arguments]
    return subprocess.run(command, text=True, capture_output=True, timeout=300)


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
    done = run("train", *options, "--out", str(together.folder))
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


def test_error_is_printed_by_one_process(tmp_path: Path) -> None:
    done = run("train", "--resume", str(tmp_path))
    assert done.returncode != 0
    assert done.stderr.count("error: ") == 1
    assert "there is no such file" in done.stderr
    assert "digits_train" not in done.stderr  # no traceback through our code


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
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    [sentence] = [line for line in err.splitlines() if line.strip() and line[:6] != "epoch "]
    assert sentence.startswith("interrupted: epoch ")
