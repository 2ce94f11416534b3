"""Train, resume and export on a folder of one's own images in place of MNIST.

A thousand images take seconds, where MNIST takes minutes.
"""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from digits.data.mnist import Split
from tests.conftest import Run as RunInProcess

from .conftest import Run


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory, train_slice: Split) -> Path:
    """A thousand images in a folder for each digit, and one that can't be read."""
    folder = tmp_path_factory.mktemp("own") / "pictures"
    for digit in range(10):
        (folder / str(digit)).mkdir(parents=True)
    for number, (image, label) in enumerate(
        zip(train_slice.images, train_slice.labels, strict=True)
    ):
        Image.fromarray(255 - image).save(folder / str(label) / f"{number}.png")
    (folder / "0" / "broken.png").write_text("no picture")
    return folder


@pytest.fixture(scope="module")
def trained(pictures: Path, run_digits: Run) -> Path:
    """A folder in which `digits train` has written runs/lenet5."""
    short = ("--recipe", "classic", "--epochs", 10, "--batch-size", 32)
    done = run_digits("train", "--data", pictures, *short, cwd=pictures.parent)
    assert done.returncode == 0, done.stderr
    [warning] = [line for line in done.stderr.splitlines() if line.startswith("warning: ")]
    assert "broken.png" in warning
    summary = json.loads((pictures.parent / "runs" / "lenet5" / "run.json").read_text())
    assert summary["test_accuracy"] > 0.7
    return pictures.parent


def test_export_and_eval_on_own_pictures(
    pictures: Path, trained: Path, run_digits: Run, train_slice: Split
) -> None:
    done = run_digits(*("export", "--quantize", "--data", pictures, "--force"), cwd=trained)
    assert done.returncode == 0, done.stderr
    model = "runs/lenet5/lenet5.int8.onnx"
    about = json.loads(run_digits("info", model, "--json", cwd=trained).stdout)["metadata"]
    assert list(about["data_sha256"]) == ["pictures"]
    arguments = ("eval", "--model", model, "--data", pictures, "--json")
    values = json.loads(run_digits(*arguments, cwd=trained).stdout)
    assert values["total"] == len(train_slice.images)
    assert values["accuracy"] > 0.7


@pytest.mark.parametrize("command", [("export",), ("train", "--resume", "runs/lenet5")])
def test_command_without_data_names_own_pictures(
    trained: Path, run: RunInProcess, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.chdir(trained)
    code, _, err = run(*command)
    assert code == 1
    assert "was trained on other digits than those in MNIST: name with --data" in err


def test_sigint_keeps_an_epoch_and_names_the_command_that_resumes(
    pictures: Path, trained: Path, run_digits: Run
) -> None:
    command = [str(Path(sys.executable).with_name("digits")), "train", "--data", str(pictures)]
    how = ("--recipe", "classic", "--epochs", "20")
    with subprocess.Popen(
        [*command, *how], cwd=trained, stderr=subprocess.PIPE, text=True
    ) as training:
        assert training.stderr is not None
        lines = iter(training.stderr.readline, "")
        assert next(line for line in lines if line.startswith("epoch "))[:11] == "epoch  1/20"
        training.send_signal(signal.SIGINT)
        rest = training.stderr.read()
    assert training.returncode == 130, rest
    assert "Traceback" not in rest
    interrupted = re.fullmatch(
        r"interrupted: epoch \d+ is kept; go on with `digits (train --resume runs/lenet5-2)`",
        rest.splitlines()[-1],
    )
    assert interrupted, rest
    resumed = run_digits(*interrupted[1].split(), "--data", pictures, cwd=trained)
    assert resumed.returncode == 0, resumed.stderr
    run = trained / "runs" / "lenet5-2"
    assert json.loads((run / "run.json").read_text())["epochs"] == 20
    names = {path.name for path in run.iterdir()}
    assert "checkpoint.safetensors" in names
    assert not [name for name in names if name.startswith(".")]
