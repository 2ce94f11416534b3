"""What only whole processes can show: several that train together, and one that is killed."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
import torch

from digits.errors import DigitsError
from digits_train import checkpoint
from digits_train.run import Run
from tests.train.short import CPU, resume

SCRIPT = Path(__file__).with_name("slice_digits.py")
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def digits(*arguments: str, processes: int = 1) -> list[str]:
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    return [sys.executable, *(launcher if processes > 1 else []), str(SCRIPT), *arguments]


def run(*arguments: str, processes: int = 1) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        digits(*arguments, processes=processes),
        env=ENVIRONMENT,
        text=True,
        capture_output=True,
        timeout=120,
    )


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return checkpoint.load(Run(folder).checkpoint).model.state_dict()


def test_two_processes_train_like_one(tmp_path: Path) -> None:
    """Adam divides by the gradient's size, which makes noise of rounding; hence SGD's recipe."""
    plan = ("train", "--epochs", "3", "--batch-size", "99")
    alone = run(*plan, "--out", str(tmp_path / "alone"))
    together = run(*plan, "--out", str(tmp_path / "together"), processes=2)
    assert alone.returncode == 0, alone.stderr
    assert together.returncode == 0, together.stderr
    assert together.stdout.count("validation") == 1  # one process speaks for both
    assert together.stderr.count("epoch 1/3") == 1
    one, two = weights(tmp_path / "alone"), weights(tmp_path / "together")
    assert one.keys() == two.keys()
    for name in one:
        torch.testing.assert_close(one[name], two[name], rtol=1e-4, atol=1e-5)


def test_an_error_of_one_process_is_said_once(tmp_path: Path) -> None:
    done = run("train", "--teacher", str(tmp_path / "nowhere"), processes=2)
    assert done.returncode != 0
    assert done.stderr.count("error: ") == 1
    assert "there is no such checkpoint" in done.stderr
    assert "digits_train" not in done.stderr  # no traceback through our code


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_summary_that_can_t_be_printed_is_a_failure(tmp_path: Path) -> None:
    command = digits("train", "--epochs", "1", "--out", str(tmp_path / "run"), processes=2)
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command, env=ENVIRONMENT, text=True, stdout=full, stderr=subprocess.PIPE, timeout=120
        )
    assert done.returncode != 0
    assert "can't write the results: No space left on device" in done.stderr


def test_resume_twice_at_once(tmp_path: Path, slice_as_mnist: None) -> None:
    """The second is refused as long as the first lives."""
    endless = digits("train", "--epochs", "100000", "--out", str(tmp_path))
    process = subprocess.Popen(endless, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert process.stderr.readline().startswith("epoch ")
    with pytest.raises(DigitsError, match="another process trains in"):
        resume(tmp_path)
    process.kill()
    process.communicate(timeout=60)
    resume(tmp_path, replace(CPU, max_minutes=0))


def test_a_training_killed_at_any_moment_ends_with_the_same_weights(tmp_path: Path) -> None:
    whole, killed = Run(tmp_path / "whole"), Run(tmp_path / "killed")
    begin = ("train", "--epochs", "15")
    assert run(*begin, "--out", str(whole.folder)).returncode == 0
    random = Random(0)
    command, kills = digits(*begin, "--out", str(killed.folder)), 0
    while True:
        process = subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.PIPE)
        assert process.stderr is not None
        process.stderr.readline()  # it has finished an epoch, or ended
        time.sleep(0 if kills < 3 else random.uniform(0, 0.4))
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL
        kills += 1
        # Whatever is there is whole.
        checkpoint.load_state(killed.state)
        if killed.checkpoint.exists():
            checkpoint.load(killed.checkpoint)
        command = digits("train", "--resume", str(killed.folder))
    assert kills >= 3
    assert killed.checkpoint.read_bytes() == whole.checkpoint.read_bytes()
    names = [{path.name for path in run.folder.iterdir()} for run in (killed, whole)]
    assert names[0] == names[1]  # nothing half-written is left
