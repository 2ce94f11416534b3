"""Train, export and evaluate on a folder of one's own images in place of MNIST."""

import json
from pathlib import Path

import pytest
from PIL import Image

from digits.data.mnist import Split
from tests.conftest import Run as RunInProcess

from .conftest import Run

COUNT = 500


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, train_slice: Split, run_digits: Run) -> Path:
    """A folder with `pictures`, of which one can't be read, and the run that learnt them."""
    folder = tmp_path_factory.mktemp("own")
    for digit in range(10):
        (folder / "pictures" / str(digit)).mkdir(parents=True)
    for number, label in enumerate(train_slice.labels[:COUNT]):
        file = folder / "pictures" / str(label) / f"{number}.png"
        Image.fromarray(255 - train_slice.images[number]).save(file)
    (folder / "pictures" / "0" / "broken.png").write_text("no picture")
    how = ("--recipe", "classic", "--epochs", 5, "--batch-size", 16, "--learning-rate", 3e-3)
    done = run_digits("train", "--data", "pictures", *how, cwd=folder)
    assert done.returncode == 0, done.stderr
    broken, few = [line for line in done.stderr.splitlines() if line.startswith("warning: ")]
    assert "broken.png" in broken and "only 67 validation and 86 test digits" in few
    return folder


def test_export_and_eval_on_own_pictures(
    trained: Path, run_digits: Run, run: RunInProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(trained)
    done = run_digits("export", "--quantize", "--data", "pictures", "--force", cwd=trained)
    assert done.returncode == 0, done.stderr
    model = "runs/lenet5/lenet5.int8.onnx"
    _, about, _ = run("info", model, "--json")
    assert list(json.loads(about)["metadata"]["data_sha256"]) == ["pictures"]
    _, report, _ = run("eval", "--model", model, "--data", "pictures", "--json")
    values = json.loads(report)
    assert values["total"] == COUNT and values["accuracy"] > 0.7


@pytest.mark.parametrize("command", ["export", "train --resume runs/lenet5"])
def test_command_without_data_names_own_pictures(
    trained: Path, run: RunInProcess, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(trained)
    code, _, err = run(*command.split())
    assert code == 1 and "trained on other digits than those in MNIST: name with --data" in err
