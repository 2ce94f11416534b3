import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from digits import mnist
from digits.errors import DigitsError, ModelError
from digits.model import Model
from digits_export import export as module
from digits_export import verify
from digits_export.export import export
from digits_train import checkpoint
from digits_train.checkpoint import Provenance
from digits_train.models import Network
from digits_train.run import Run

LIMIT = 1.0  # points: two of the 200 validation digits in the slice

pytestmark = pytest.mark.usefixtures("slice_as_mnist")


@pytest.fixture
def run(tmp_path: Path, network: Network) -> Run:
    run = Run(tmp_path / "run")
    provenance = Provenance("lenet5", "0.0", {"epochs": 10}, 4, 10, mnist.SHA256, 50_000, 0.9, None)
    checkpoint.save(run.checkpoint, network, provenance)
    return run


def test_both_files_are_written_and_described(run: Run) -> None:
    report = export(run, True, None, LIMIT)
    names = {path.name for path in run.folder.iterdir()}
    assert names == {"checkpoint.safetensors", "lenet5.onnx", "lenet5.int8.onnx", "export.json"}
    assert json.loads((run.folder / "export.json").read_text())["forms"][0]["name"] == "checkpoint"
    assert [(form.name, form.kernels) for form in report.forms] == [
        ("checkpoint", "torch"),
        ("fp32", "float"),
        ("int8", "float"),
        ("int8", "integer"),
    ]
    sizes = {form.file: form.bytes for form in report.forms}
    assert sizes[str(run.folder / "lenet5.int8.onnx")] < sizes[str(run.folder / "lenet5.onnx")] / 3

    full, small = Model(run.folder / "lenet5.onnx"), Model(run.folder / "lenet5.int8.onnx")
    assert full.metadata.quantization == "none"
    assert small.metadata.quantization.startswith("int8")
    assert small.metadata.seed == "4"
    assert small.metadata.checkpoint_sha256 == checkpoint.load(run.checkpoint).sha256
    assert json.loads(small.metadata.data_sha256) == mnist.SHA256
    assert small.metadata.test_accuracy_float == full.metadata.test_accuracy
    assert 0 < small.metadata.rejection_threshold < 1


def test_the_figures_are_those_of_the_files(run: Run) -> None:
    report = export(run, True, None, LIMIT)
    test = mnist.load("test")
    for form in report.forms[1:3]:
        answers = Model(form.file).probabilities(test.images).argmax(1)
        assert (answers == test.labels).mean() == pytest.approx(form.measured.test_accuracy)


def test_without_quantize_there_is_one_file(run: Run) -> None:
    export(run, False, None, LIMIT)
    assert not (run.folder / "lenet5.int8.onnx").exists()
    assert (run.folder / "lenet5.onnx").exists()


def test_exporting_twice_gives_the_same_bytes(run: Run) -> None:
    export(run, True, None, LIMIT)
    first = (run.folder / "lenet5.int8.onnx").read_bytes()
    export(run, True, None, LIMIT)
    assert (run.folder / "lenet5.int8.onnx").read_bytes() == first


def test_calibration_sees_training_digits_only(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    real = module.quantize

    def quantize(model: Any, images: np.ndarray) -> Any:
        seen.append(images)
        return real(model, images)

    monkeypatch.setattr(module, "quantize", quantize)
    export(run, True, None, LIMIT)
    training = mnist.load("train").images[: module.CALIBRATION_IMAGES, None]
    np.testing.assert_array_equal(seen[0], training)


def test_a_failed_check_leaves_nothing_behind(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "MAX_DIFFERENCE", -1.0)  # which nothing can be within
    with pytest.raises(ModelError, match="disagrees with the checkpoint"):
        export(run, True, None, LIMIT)
    assert [path.name for path in run.folder.iterdir()] == ["checkpoint.safetensors"]


def test_a_network_that_quantization_destroys_is_not_written(run: Run, network: Network) -> None:
    """One channel 3,000 times as strong as the others: the same function, but not in int8."""
    loaded = checkpoint.load(run.checkpoint)
    with torch.no_grad():
        loaded.model.get_submodule("conv1").weight[0] *= 3000
        loaded.model.get_submodule("conv1").bias[0] *= 3000
        loaded.model.get_submodule("conv2").weight[:, 0] /= 3000
    checkpoint.save(run.checkpoint, loaded.model, loaded.provenance)
    with pytest.raises(ModelError, match=r"quantization costs \d+.\d+ points"):
        export(run, True, None, LIMIT)
    assert [path.name for path in run.folder.iterdir()] == ["checkpoint.safetensors"]
    export(run, False, None, LIMIT)  # the float file is as good as before


def test_a_run_without_a_finished_epoch_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no such checkpoint"):
        export(Run(tmp_path), True, None, LIMIT)


def test_an_output_folder_that_can_t_be_written_is_an_error(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, data: bytes) -> None:
        raise DigitsError(f"can't write {path}: Read-only file system")

    monkeypatch.setattr(module, "write_bytes", refuse)
    with pytest.raises(DigitsError, match="Read-only"):
        export(run, True, None, LIMIT)
    assert [path.name for path in run.folder.iterdir()] == ["checkpoint.safetensors"]
