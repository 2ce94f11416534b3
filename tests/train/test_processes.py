"""Training in several processes."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
import torch

from digits.errors import DigitsError, Interrupted
from digits_train import checkpoint, models, prepare
from digits_train.config import TrainConfig
from digits_train.run import RunDir
from tests.rounding import distance
from tests.train import subset_digits, tiny_pages
from tests.train.short import interrupt_after, resume, train

pytestmark = pytest.mark.slow

SCRIPT = Path(subset_digits.__file__)


def together(*arguments: str) -> list[str]:
    """The command line that runs `digits ARGUMENTS` in two processes."""
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
    return [sys.executable, *launcher, str(SCRIPT), *arguments]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(together(*arguments), text=True, capture_output=True, timeout=300)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return checkpoint.load(RunDir(folder).checkpoint).model.state_dict()


@pytest.mark.usefixtures("slice_as_mnist", "without_figures")
def test_two_processes_train_like_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With SGD, as Adam amplifies rounding errors of small gradients, and a small learning rate.

    At the recipe's rate, weights that begin 1e-7 apart (relatively) end 2e-3 apart, at this 3e-8.
    Another order of sums may choose another pixel of a pool, too, which rounds more on some
    processors than on others.
    """
    recipe = models.get_recipe("lenet5", "default", epochs=6, batch_size=33, learning_rate=0.01)
    config = TrainConfig("lenet5", recipe)
    _, summary = train(config, out=tmp_path / "alone")
    options = ("--epochs", "6", "--batch-size", "33", "--learning-rate", "0.01")
    done = run("train", *options, "--out", str(tmp_path / "together"))
    assert done.returncode == 0, done.stderr
    shared = json.loads((tmp_path / "together" / "run.json").read_text())
    assert shared["machines"][0]["processes"] == 2
    # One process speaks for both.
    assert done.stdout.count("\n") == 1
    assert done.stderr.count("epoch 1/6") == done.stderr.count("44,426") == 1
    start = prepare.create_state(config, torch.device("cpu")).model.state_dict()
    alone, together = weights(tmp_path / "alone"), weights(tmp_path / "together")
    assert distance(alone, together) < 0.01 * distance(alone, start)
    for loss in ("validation_loss", "test_loss"):
        assert shared[loss] == pytest.approx(summary[loss], rel=1e-4)


def test_error_is_printed_by_one_process(tmp_path: Path) -> None:
    done = run("train", "--resume", str(tmp_path))
    assert done.returncode != 0
    assert done.stderr.count("error: ") == 1
    assert "nothing to resume from" in done.stderr
    assert "digits_train" not in done.stderr  # no traceback through our code


@pytest.mark.linux
def test_unwritable_stdout_is_a_failure(tmp_path: Path) -> None:
    short = ("--recipe", "classic", "--epochs", "1")
    command = together("train", *short, "--out", str(tmp_path / "run"))
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, text=True, stdout=full, stderr=subprocess.PIPE, timeout=300)
    assert done.returncode != 0
    assert "can't write the results: No space left on device" in done.stderr


def start_reader(folder: Path) -> subprocess.Popen[str]:
    """Train a reader in a process group of its own; return after an epoch."""
    command = [sys.executable, "-m", tiny_pages.__name__, "train", "--network", "reader"]
    command += ["--epochs", "100000", "--out", str(folder)]
    root = Path(tiny_pages.__file__).parents[2]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, cwd=root, start_new_session=True
    )
    assert process.stderr is not None
    assert any(line.startswith("epoch ") for line in iter(process.stderr.readline, ""))
    return process


@pytest.mark.unix
def test_ctrl_c_reaches_all_processes_of_reader(tmp_path: Path) -> None:
    """Whatever they are doing, the training ends with one sentence."""
    process = start_reader(tmp_path)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    lines = [line for line in err.splitlines() if not line.startswith("epoch ")]
    [sentence] = [line for line in lines if line.strip()]
    assert sentence.startswith("interrupted: epoch ")


@pytest.mark.unix
@pytest.mark.usefixtures("slice_as_mnist", "without_figures")
def test_resume_of_killed_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The processes that compose its crops have the folder's lock too, and end with it."""
    process = start_reader(tmp_path)
    assert process.stderr is not None
    with pytest.raises(DigitsError, match="another process trains in"):
        resume(tmp_path)
    process.kill()
    process.wait(timeout=60)
    process.stderr.close()
    while not is_free(tmp_path):
        time.sleep(0.01)
    for patch in tiny_pages.patches():
        monkeypatch.setattr(*patch)
    with monkeypatch.context() as later, pytest.raises(Interrupted, match="epoch [1-9]"):
        interrupt_after(1, later)
        resume(tmp_path)


def is_free(folder: Path) -> bool:
    """Whether no process trains in the folder."""
    with suppress(DigitsError), RunDir(folder).lock():
        return True
    return False
