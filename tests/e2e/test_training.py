"""Training and export: on MNIST, one's own images or network, and of a way of writing."""

import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digits.data.split import Split
from digits.inference.classifier_model import ClassifierModel
from digits_train import models
from digits_train.data import mnist
from digits_train.run import RunDir
from tests.conftest import Patch, Run
from tests.served import DIGITS

COUNT = 500


def digits(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Call the `digits` installed with this Python, in a folder."""
    words = [str(DIGITS), *map(str, arguments)]
    done = subprocess.run(words, capture_output=True, text=True, cwd=folder, timeout=300)
    assert done.returncode == 0, done.stderr
    return done


def changes(**recipe: object) -> list[str]:
    """The options that change these values of a recipe."""
    values = (f"recipe.{name}={value}" for name, value in recipe.items())
    return [word for value in values for word in ("--set", value)]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory, full_test_set: Split) -> Path:
    """The run folder of `digits train` and `digits export --quantize`."""
    folder = tmp_path_factory.mktemp("exported")
    how = changes(epochs=2, learning_rate=2e-3)
    done = digits(folder, "train", "--recipe", "classic", *how)
    assert re.search(r"^runs/lenet5 .* test accuracy 9", done.stdout)
    assert done.stderr.splitlines()[-1].startswith("epoch 2/2")
    # After two epochs many digits are near a decision boundary: quantization changes more of them.
    digits(folder, "export", "--quantize", "--force")
    return folder / "runs" / "lenet5"


def test_training_reaches_97_percent_and_export_keeps_them(exported: Path) -> None:
    assert json.loads((exported / "run.json").read_text())["test_accuracy"] > 0.97
    report = json.loads((exported / "export.json").read_text())
    fp32, *quantized = report["forms"]
    assert report["largest_difference"] <= 1e-5
    assert fp32["changed"] == 0
    for form in quantized:
        assert form["bytes"] <= 60_000
        assert fp32["test_accuracy"] - form["test_accuracy"] <= 0.001  # ten of 10,000 digits


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory, train_slice: Split) -> Path:
    """A folder with `pictures`, of which one can't be read, and the run that learnt them."""
    folder = tmp_path_factory.mktemp("own")
    for digit in range(10):
        (folder / "pictures" / str(digit)).mkdir(parents=True)
    for number, label in enumerate(train_slice.labels[:COUNT]):
        file = folder / "pictures" / str(label) / f"{number}.png"
        Image.fromarray(255 - train_slice.images[number]).save(file)
    (folder / "pictures" / "0" / "broken.png").write_text("no picture")
    how = changes(epochs=5, batch_size=16, learning_rate=3e-3)
    done = digits(folder, "train", "--data", "pictures", "--recipe", "classic", *how)
    broken, few = [line for line in done.stderr.splitlines() if line.startswith("warning: ")]
    assert "broken.png" in broken and "only 67 validation and 86 test digits" in few
    return folder


@pytest.mark.usefixtures("slice_as_mnist")
def test_own_pictures(own: Path, run: Run, monkeypatch: Patch) -> None:
    monkeypatch.chdir(own)
    digits(own, "export", "--quantize", "--data", "pictures", "--force")
    model = "runs/lenet5/lenet5.int8.onnx"
    _, about, _ = run("info", model)
    assert list(json.loads(about)["metadata"]["data_sha256"]) == ["pictures"]
    _, report, _ = run("eval", "digits", "pictures", "--model", model)
    values = json.loads(report)
    assert values["total"] == COUNT and values["accuracy"] > 0.7
    for command in ("export", "train --resume runs/lenet5"):
        code, _, err = run(*command.split())
        assert code == 1 and "trained on other digits than those in MNIST: name with --data" in err


def mirrored_sixes(digits: Split, folder: Path) -> list[Path]:
    """Write them into a new folder."""
    folder.mkdir()
    for number, image in enumerate(digits.images[digits.labels == 6]):
        Image.fromarray(255 - image[:, ::-1]).save(folder / f"{number}.png")
    return sorted(folder.iterdir())


@pytest.mark.usefixtures("slice_as_mnist")
def test_mirrored_sixes(
    tmp_path: Path,
    run: Run,
    monkeypatch: Patch,
    train_slice: Split,
    test_slice: Split,
    trained_run: RunDir,
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [f"{path.name},6" for path in mirrored_sixes(train_slice, tmp_path / "mine")]
    Path("mine", "labels.csv").write_text("\n".join(["file,digit", *rows]))
    how = ("--data", "mine/labels.csv", *changes(epochs=8, batch_size=32))
    code, out, err = run("train", "--start", trained_run.folder, *how)
    assert code == 0, err
    held_back = re.search(r"  own pictures (\d+)  own errors (\d+)$", out.strip())
    assert held_back and int(held_back[2]) < 0.3 * int(held_back[1])
    code, _, err = run("export", "--quantize", "--force")
    assert code == 0, err
    result = Path("runs", "lenet5")
    others = mirrored_sixes(test_slice, tmp_path / "others")
    _, out, _ = run("predict", "--json", "--model", result / "lenet5.int8.onnx", *others)
    answers = [json.loads(line) for line in out.splitlines()]
    guesses = [int(np.argmax(answer["probabilities"])) for answer in answers]
    assert guesses.count(6) > 0.8 * len(others)
    # The detector, which hasn't learned them, doubts some.
    assert [answer["digit"] for answer in answers].count(6) > 0.6 * len(others)


NETWORK = ("--network", f"{Path(__file__).parents[2] / 'docs' / 'resnet8.py'}:ResNet8")


@pytest.mark.usefixtures("slice_as_mnist")
def test_own_network(run: Run, tmp_path: Path, monkeypatch: Patch) -> None:
    monkeypatch.chdir(tmp_path)
    ours = dict(models.ARCHITECTURES)

    def digits(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(models, "ARCHITECTURES", dict(ours))  # as in a new process
        return run(*arguments)

    assert digits("train", *NETWORK, *changes(epochs=2, batch_size=50, tests="false"))[0] == 0
    assert digits("export", *NETWORK, "--quantize", "--force")[0] == 0
    test = mnist.load("test")
    for name in ("resnet8.onnx", "resnet8.int8.onnx"):
        answers = ClassifierModel(Path("runs/resnet8", name)).probabilities(test.images)
        assert (answers.argmax(1) == test.labels).mean() > 0.5
    # Its file is still there, but a run folder may be a stranger's: it is named each time.
    for command in ("export", "train --resume", "train --recipe default --start"):
        code, _, err = digits(*command.split(), "runs/resnet8")
        assert code == 1
        assert "called 'resnet8'; " in err and "needs --network FILE.py:CLASS" in err
