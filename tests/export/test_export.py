import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from digits.data import mnist
from digits.errors import DigitsError, ModelError
from digits.models import graph as runtime_graph
from digits.models.model import Model
from digits_export import card, quantize, ranges, verify
from digits_export.export import Request, export
from digits_train import checkpoint
from digits_train.checkpoint import Provenance
from digits_train.models import Network
from digits_train.run import Run

# In points: two of the 200 validation digits in the slice.
STATIC = Request("static", max_accuracy_drop=1.0)

pytestmark = pytest.mark.usefixtures("slice_as_mnist")


@pytest.fixture
def run(tmp_path: Path, network: Network) -> Run:
    run = Run(tmp_path / "run")
    provenance = Provenance("lenet5", "0.0", {"epochs": 10}, 4, 10, mnist.SHA256, 50_000, 0.9, None)
    checkpoint.save(run.checkpoint, network, provenance)
    return run


def test_both_files_are_written_and_described(run: Run) -> None:
    report = export(run, STATIC)
    names = {path.name for path in run.folder.iterdir()}
    assert names == {
        *("checkpoint.safetensors", "lenet5.onnx", "lenet5.int8.onnx"),
        *("export.json", "MODEL_CARD.md"),
    }
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


def test_the_run_and_its_epoch_are_named(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """Without an argument it is the newest one, which may still be trained."""
    export(run, Request())
    assert capsys.readouterr().err == f"exporting {run.folder}, epoch 10 of 10\n"


def test_the_figures_are_those_of_the_files(run: Run) -> None:
    report = export(run, STATIC)
    test = mnist.load("test")
    for form in report.forms[1:3]:
        answers = Model(form.file).probabilities(test.images).argmax(1)
        assert (answers == test.labels).mean() == pytest.approx(form.test_accuracy)


def test_a_float_file_has_float_kernels_whatever_is_asked_for(run: Run) -> None:
    export(run, Request())
    assert Model(run.folder / "lenet5.onnx", kernels="integer").kernels == "float"


def test_without_quantize_there_is_one_file(run: Run) -> None:
    export(run, STATIC)
    export(run, Request())
    assert not (run.folder / "lenet5.int8.onnx").exists()  # which no export.json speaks of now
    assert (run.folder / "lenet5.onnx").exists()


def test_exporting_twice_gives_the_same_bytes(run: Run) -> None:
    export(run, STATIC)
    first = (run.folder / "lenet5.int8.onnx").read_bytes()
    export(run, STATIC)
    assert (run.folder / "lenet5.int8.onnx").read_bytes() == first


def test_calibration_sees_training_digits_only(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    real = ranges.calibrate

    def calibrate(model: Any, images: np.ndarray, method: ranges.Method) -> Any:
        seen.append((images, method))
        return real(model, images, method)

    monkeypatch.setattr(ranges, "calibrate", calibrate)
    export(run, replace(STATIC, calibration="percentile", calibration_images=30))
    [(images, method)] = seen
    np.testing.assert_array_equal(images, mnist.load("train").images[:30, None])
    assert method == "percentile"
    about = Model(run.folder / "lenet5.int8.onnx").metadata
    assert about.quantization.endswith("activations percentile over 30 training digits")


def test_a_failed_check_leaves_nothing_behind(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "MAX_DIFFERENCE", -1.0)  # which nothing can be within
    with pytest.raises(ModelError, match="disagrees with the checkpoint"):
        export(run, STATIC)
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
        export(run, STATIC)
    assert [path.name for path in run.folder.iterdir()] == ["checkpoint.safetensors"]
    export(run, Request())  # the float file is as good as before


def test_a_run_without_a_finished_epoch_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no such checkpoint"):
        export(Run(tmp_path), STATIC)


def test_an_output_folder_that_can_t_be_written_is_an_error(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.write_bytes

    def refuse(path: Path, data: bytes) -> int:
        if "int8" in path.name:  # the float file is written, but not renamed, before it
            raise OSError(30, "Read-only file system")
        return real(path, data)

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(DigitsError, match="can't write .*int8.onnx: Read-only"):
        export(run, STATIC)
    assert [path.name for path in run.folder.iterdir()] == ["checkpoint.safetensors"]


@pytest.mark.parametrize(
    ("method", "kernels", "others"), [("dynamic", "integer", 1), ("weights", "float", 2)]
)
def test_the_metadata_say_which_kernels_suit_the_method(
    run: Run, method: quantize.Method, kernels: str, others: int
) -> None:
    report = export(run, replace(STATIC, quantization=method))
    assert len([form for form in report.forms if form.name == "int8"]) == others
    model = Model(run.folder / "lenet5.int8.onnx")
    assert model.kernels == kernels
    assert method in model.metadata.quantization


def test_a_quantized_file_that_is_not_small_is_not_written(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "MAX_SIZE", 0.1)
    with pytest.raises(ModelError, match="not less than a third"):
        export(run, STATIC)
    assert [path.name for path in run.folder.iterdir()] == ["checkpoint.safetensors"]


def test_the_card_has_the_figures(run: Run) -> None:
    report = export(run, STATIC)
    text = (run.folder / "MODEL_CARD.md").read_text()
    for form in report.forms:
        assert f"| {form.name} | {form.kernels} | {form.bytes:,} bytes |" in text
        assert f"{form.test_accuracy:.2%}" in text
    assert "with seed 4" in text
    assert "50,000 digits of MNIST" in text
    assert "The validation digits chose temperature and threshold" in text
    assert "US Census Bureau" in text
    assert "seen nothing but digits" in text


@pytest.mark.parametrize("validated", [True, False])
def test_the_card_of_a_network_with_outliers_and_own_pictures(run: Run, validated: bool) -> None:
    export(run, STATIC)
    about = replace(
        Model(run.folder / "lenet5.onnx").metadata,
        data_sha256='{"pictures": "01"}',
        training_digits=80_000,
        recipe='{"outliers": 0.05}',
    )
    text = card.write(about, [], validated)
    assert "80,000 own pictures" in text
    assert "MNIST" not in text
    assert "seen nothing but digits" not in text
    assert ("trained on the validation digits too" in text) != validated


@pytest.mark.parametrize("request_", [Request(), STATIC])
def test_a_file_that_the_runtime_would_refuse_is_not_written(
    run: Run, request_: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime_graph, "_MAX_VALUES", 30_000 if request_.quantization else 10_000)
    with pytest.raises(ModelError, match=r"lenet5.*onnx takes more memory or time than digits"):
        export(run, request_)
    assert [path.name for path in run.folder.iterdir()] == ["checkpoint.safetensors"]


def test_a_repository_for_triton_has_the_file_that_default_options_run_fastest(
    run: Run, tmp_path: Path
) -> None:
    export(run, replace(STATIC, triton=tmp_path / "models"))
    served = tmp_path / "models" / "lenet5" / "1" / "model.onnx"
    assert served.read_bytes() == (run.folder / "lenet5.onnx").read_bytes()
    export(run, replace(STATIC, quantization="dynamic", triton=tmp_path / "models"))
    assert served.read_bytes() == (run.folder / "lenet5.int8.onnx").read_bytes()
    config = (tmp_path / "models" / "lenet5" / "config.pbtxt").read_text()
    assert 'name: "images" data_type: TYPE_UINT8 dims: [1, 28, 28]' in config
    assert 'name: "probabilities" data_type: TYPE_FP32 dims: [10]' in config
    assert "dynamic_batching" in config
