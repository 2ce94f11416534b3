"""Train and export on MNIST, then predict held-out digits from PNG files."""

import json
from pathlib import Path

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


def test_training_reaches_97_percent_and_export_keeps_them(exported: Path) -> None:
    assert json.loads((exported / "run.json").read_text())["test_accuracy"] > 0.97
    report = json.loads((exported / "export.json").read_text())
    fp32, *quantized = report["forms"]
    assert report["largest_difference"] <= 1e-5
    assert fp32["changed"] == 0
    for form in quantized:
        assert form["bytes"] <= 60_000
        assert fp32["test_accuracy"] - form["test_accuracy"] <= 0.001  # ten of 10,000 digits


def test_exported_model_predicts_held_out_digits(
    exported: Path, run_digits: Run, full_test_set: Split, tmp_path: Path
) -> None:
    held_out = full_test_set[-200:]
    for index, image in enumerate(held_out.images):
        Image.fromarray(255 - image).save(tmp_path / f"{index:03}.png")
    done = run_digits("predict", tmp_path, "--model", exported / "lenet5.int8.onnx", "--json")
    assert done.returncode in (0, 1), done.stderr  # 1 if it finds several digits in an image
    answers = [json.loads(line)["digit"] for line in done.stdout.splitlines()]
    labels = held_out.labels.tolist()
    assert sum(answer == label for answer, label in zip(answers, labels, strict=True)) >= 190


def test_eval_and_info_match_export_report(exported: Path, run_digits: Run) -> None:
    model = exported / "lenet5.int8.onnx"
    _, form, integer = json.loads((exported / "export.json").read_text())["forms"]
    done = run_digits("eval", "--model", model, "--json")
    assert done.returncode == 0, done.stderr
    values = json.loads(done.stdout)
    assert values["kernels"] == form["kernels"]
    assert values["accuracy"] == pytest.approx(form["test_accuracy"], abs=1e-9)
    assert values["calibration_error"] == pytest.approx(form["test_calibration_error"])
    about = json.loads(run_digits("info", model, "--json").stdout)
    assert about["bytes"] == integer["bytes"]
    assert about["parameter_counts"]["int8"] > 44_000
