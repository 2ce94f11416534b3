"""Train and export on MNIST, then predict held-out digits from PNG files."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from digits.data.mnist import Split

from .conftest import Run


@pytest.fixture(scope="module")
def exported(
    tmp_path_factory: pytest.TempPathFactory, full_test_set: Split, run_digits: Run
) -> Path:
    """The run folder of `digits train` and `digits export --quantize`."""
    folder = tmp_path_factory.mktemp("exported")
    done = run_digits(
        *("train", "--recipe", "classic", "--epochs", 1, "--learning-rate", 3e-3), cwd=folder
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("runs/lenet5  validation 9")
    assert done.stderr.splitlines()[-1].startswith("epoch 1/1")
    # After one epoch many digits are near a decision boundary: quantization changes more of them.
    done = run_digits("export", "--quantize", "--force", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "runs" / "lenet5"


@pytest.fixture(scope="module")
def report(exported: Path) -> Any:
    return json.loads((exported / "export.json").read_text())


def test_training_reaches_97_percent(exported: Path) -> None:
    assert json.loads((exported / "run.json").read_text())["test_accuracy"] > 0.97
    assert {path.name for path in exported.iterdir()} == {
        *("checkpoint.safetensors", "state.pt", "run.json", "metrics.csv"),
        *("curves.png", "confusion.png", "mistakes.png"),
        *("lenet5.onnx", "lenet5.int8.onnx", "export.json", "MODEL_CARD.md"),
    }


def test_export_keeps_accuracy(report: Any) -> None:
    fp32, int8, integer = report["forms"]
    assert report["largest_difference"] <= 1e-5
    assert fp32["changed"] == 0
    for form in (int8, integer):
        assert form["bytes"] <= 60_000
        assert fp32["test_accuracy"] - form["test_accuracy"] <= 0.001  # ten of 10,000 digits


def test_exported_model_predicts_held_out_digits(
    exported: Path, run_digits: Run, full_test_set: Split, tmp_path: Path
) -> None:
    count = 200
    for index, image in enumerate(full_test_set.images[-count:]):
        Image.fromarray(255 - image).save(tmp_path / f"{index:03}.png")
    done = run_digits("predict", tmp_path, "--model", exported / "lenet5.int8.onnx", "--json")
    assert done.returncode in (0, 1), done.stderr  # 1 if it finds several digits in an image
    answers = [json.loads(line)["digit"] for line in done.stdout.splitlines()]
    labels = full_test_set.labels[-count:].tolist()
    right = sum(answer == label for answer, label in zip(answers, labels, strict=True))
    assert right >= 0.95 * count


def test_eval_and_info_match_export_report(
    exported: Path, report: Any, run_digits: Run, tmp_path: Path
) -> None:
    model = exported / "lenet5.int8.onnx"
    form = report["forms"][1]
    done = run_digits("eval", "--model", model, "--json", "--plot", tmp_path / "plots")
    assert done.returncode == 0, done.stderr
    values = json.loads(done.stdout)
    assert values["kernels"] == form["kernels"]
    assert values["accuracy"] == pytest.approx(form["test_accuracy"], abs=1e-9)
    assert values["calibration_error"] == pytest.approx(form["test_calibration_error"])
    plots = {path.name for path in (tmp_path / "plots").iterdir()}
    assert plots == {"confusion.png", "mistakes.png"}
    about = json.loads(run_digits("info", model, "--json").stdout)
    assert about["bytes"] == report["forms"][2]["bytes"]
    assert about["parameter_counts"]["int8"] > 44_000
