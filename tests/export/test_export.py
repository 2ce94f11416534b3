import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from digits.data import mnist
from digits.errors import DigitsError, ModelError
from digits.inference.model import Model
from digits_export import classifier_export, model_card, quantize, verify
from digits_export.classifier_export import Report
from digits_export.export import ExportConfig, export_run
from digits_train import calibration, checkpoint
from digits_train.checkpoint import Provenance
from digits_train.models import LeNet5, Network
from digits_train.run import RunDir

# In points: two of the 200 validation digits in the slice.
INT8 = ExportConfig(quantize=True, max_accuracy_drop=1.0)

pytestmark = pytest.mark.usefixtures("slice_as_mnist")


@pytest.fixture
def run(tmp_path: Path, network: Network) -> RunDir:
    run = RunDir(tmp_path / "run")
    provenance = Provenance("lenet5", "0.0", {"epochs": 10}, 4, 10, mnist.SHA256, 50_000, 0.9, None)
    checkpoint.save(run.checkpoint, network, provenance)
    return run


def test_writes_both_files_and_their_metadata(run: RunDir) -> None:
    report = export_run(run, INT8)
    assert isinstance(report, Report)
    names = {path.name for path in run.folder.iterdir()}
    assert names == {
        *("checkpoint.safetensors", "lenet5.onnx", "lenet5.int8.onnx"),
        *("export.json", "MODEL_CARD.md"),
    }
    first = json.loads((run.folder / "export.json").read_text())["forms"][0]
    assert (first["name"], first["changed"]) == ("checkpoint", 0)
    assert [(variant.name, variant.kernels) for variant in report.variants] == [
        ("checkpoint", "torch"),
        ("fp32", "float"),
        ("int8", "float"),
        ("int8", "integer"),
    ]
    sizes = {variant.file: variant.bytes for variant in report.variants}
    assert sizes[str(run.folder / "lenet5.int8.onnx")] < sizes[str(run.folder / "lenet5.onnx")] / 3

    full, small = Model(run.folder / "lenet5.onnx"), Model(run.folder / "lenet5.int8.onnx")
    assert full.metadata.quantization == "none"
    assert small.metadata.quantization.startswith("int8")
    assert small.metadata.seed == 4
    assert small.metadata.checkpoint_sha256 == checkpoint.load(run.checkpoint).sha256
    assert json.loads(small.metadata.data_sha256) == mnist.SHA256
    assert small.metadata.test_accuracy_float == full.metadata.test_accuracy
    assert 0 < small.metadata.rejection_threshold < 1


def test_prints_the_run_and_its_epoch(run: RunDir, capsys: pytest.CaptureFixture[str]) -> None:
    """Without an argument it is the newest one, which may still be training."""
    export_run(run, ExportConfig())
    assert capsys.readouterr().err == f"exporting {run.folder}, epoch 10 of 10\n"


def test_report_matches_the_files(run: RunDir) -> None:
    report = export_run(run, INT8)
    assert isinstance(report, Report)
    test = mnist.load("test")
    for variant in report.variants[1:3]:
        answers = Model(variant.file).probabilities(test.images).argmax(1)
        assert (answers == test.labels).mean() == pytest.approx(variant.test_accuracy)


def test_float_file_ignores_the_kernels_option(run: RunDir) -> None:
    export_run(run, ExportConfig())
    assert Model(run.folder / "lenet5.onnx", kernels="integer").kernels == "float"


def test_without_quantize_deletes_the_old_int8_file(run: RunDir) -> None:
    export_run(run, INT8)
    export_run(run, ExportConfig())
    assert not (run.folder / "lenet5.int8.onnx").exists()  # export.json no longer mentions it
    assert (run.folder / "lenet5.onnx").exists()


def test_export_is_reproducible(run: RunDir) -> None:
    export_run(run, INT8)
    first = (run.folder / "lenet5.int8.onnx").read_bytes()
    export_run(run, INT8)
    assert (run.folder / "lenet5.int8.onnx").read_bytes() == first


def test_calibration_uses_training_digits_only(
    run: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    real = quantize.quantize

    def record(model: Any, images: np.ndarray) -> Any:
        calls.append(images)
        return real(model, images)

    monkeypatch.setattr(quantize, "quantize", record)
    monkeypatch.setattr(quantize, "CALIBRATION_IMAGES", 30)
    export_run(run, INT8)
    [images] = calls
    np.testing.assert_array_equal(images, mnist.load("train").images[:30, None])
    about = Model(run.folder / "lenet5.int8.onnx").metadata
    assert about.quantization.endswith("activations minmax over 30 training digits")


def fails(run: RunDir, message: str) -> None:
    """An export with int8 must fail and write nothing."""
    with pytest.raises(DigitsError, match=message):
        export_run(run, INT8)
    assert [path.name for path in run.folder.iterdir()] == ["checkpoint.safetensors"]


@pytest.mark.parametrize(
    ("limit", "value", "message"),
    [
        ("MAX_DIFFERENCE", -1.0, "disagrees with the checkpoint"),  # always exceeded
        ("MAX_SIZE_RATIO", 0.1, "not less than a third"),
    ],
)
def test_failed_check_writes_nothing(
    run: RunDir, limit: str, value: float, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, limit, value)
    fails(run, message)


@pytest.mark.parametrize("refused", ["lenet5.onnx", "lenet5.int8.onnx"])
def test_file_refused_by_the_runtime_is_not_written(
    run: RunDir, refused: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check_model(file: bytes, name: str) -> None:
        if name == refused:
            raise ModelError(f"{name} is refused")

    monkeypatch.setattr(classifier_export, "check_model", check_model)
    fails(run, f"^{refused} is refused")


def test_large_accuracy_drop_writes_nothing(run: RunDir) -> None:
    """One channel 3,000 times as strong as the others: the same function, but not in int8."""
    loaded = checkpoint.load(run.checkpoint)
    with torch.no_grad():
        loaded.model.get_parameter("conv1.weight")[0] *= 3000
        loaded.model.get_parameter("conv1.bias")[0] *= 3000
        loaded.model.get_parameter("conv2.weight")[:, 0] /= 3000
    checkpoint.save(run.checkpoint, loaded.model, loaded.provenance)
    fails(run, r"quantization costs \d+.\d+ points")
    export_run(run, ExportConfig())  # the float file is as good as before


def test_run_without_a_checkpoint_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no such checkpoint"):
        export_run(RunDir(tmp_path), INT8)


def test_read_only_folder_is_an_error(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.write_bytes

    def refuse(path: Path, data: bytes) -> int:
        if "int8" in path.name:  # the float file is written, but not renamed, before it
            raise OSError(30, "Read-only file system")
        return real(path, data)

    monkeypatch.setattr(Path, "write_bytes", refuse)
    fails(run, "can't write .*int8.onnx: Read-only")


@pytest.mark.parametrize("kernels", ["float", "integer"])
def test_served_and_run_as_is_fastest(
    run: RunDir, tmp_path: Path, kernels: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LeNet5, "kernels", kernels)
    report = export_run(run, replace(INT8, triton=tmp_path / "models"))
    assert isinstance(report, Report)
    int8 = [variant.kernels for variant in report.variants[2:]]
    assert int8 == list(dict.fromkeys([kernels, "integer"]))
    assert Model(run.folder / "lenet5.int8.onnx").kernels == kernels
    fastest = "lenet5.int8.onnx" if kernels == "integer" else "lenet5.onnx"
    served = tmp_path / "models" / "lenet5" / "1" / "model.onnx"
    assert served.read_bytes() == (run.folder / fastest).read_bytes()
    config = (tmp_path / "models" / "lenet5" / "config.pbtxt").read_text()
    assert 'name: "images" data_type: TYPE_UINT8 dims: [1, 28, 28]' in config
    assert 'name: "probabilities" data_type: TYPE_FP32 dims: [10]' in config
    assert "dynamic_batching" in config


def test_triton_folder_must_not_be_a_file(run: RunDir) -> None:
    with pytest.raises(DigitsError, match="checkpoint.safetensors is not a folder"):
        export_run(run, replace(INT8, triton=run.checkpoint))


def test_outliers_and_all_data(
    run: RunDir,
    network: Network,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (20, 28, 28), np.uint8)
    monkeypatch.setattr(calibration, "draw_outliers", lambda validation: noise)
    about = checkpoint.load(run.checkpoint).provenance
    recipe = {"epochs": 10, "outliers": 0.1, "drawn": 0.2}
    checkpoint.save(
        run.checkpoint, network, replace(about, recipe=recipe, validation_accuracy=None)
    )
    report = export_run(run, ExportConfig())
    assert isinstance(report, Report)
    assert report.none_logit != 0
    assert "warning: trained on the validation digits too" in capsys.readouterr().err
    card = (run.folder / "MODEL_CARD.md").read_text()
    assert "Letters and drawings mostly get less" in card
    assert "drawn from stroke models" in card


def test_card_has_the_metrics(run: RunDir) -> None:
    report = export_run(run, INT8)
    assert isinstance(report, Report)
    text = (run.folder / "MODEL_CARD.md").read_text()
    for variant in report.variants:
        assert f"| {variant.name} | {variant.kernels} | {variant.bytes:,} bytes |" in text
        assert f"{variant.test_accuracy:.2%}" in text
    assert "with seed 4" in text
    assert "50,000 digits of MNIST" in text
    assert "Temperature and threshold were chosen on the validation digits" in text
    assert "US Census Bureau" in text
    assert "only seen digits" in text


@pytest.mark.parametrize("validated", [True, False])
def test_card_with_outliers_and_own_pictures(run: RunDir, validated: bool) -> None:
    export_run(run, INT8)
    about = replace(
        Model(run.folder / "lenet5.onnx").metadata,
        data_sha256='{"pictures": "01"}',
        training_digits=80_000,
        recipe='{"outliers": 0.05}',
    )
    text = model_card.render(about, [], validated)
    assert "80,000 custom images" in text
    assert "MNIST" not in text
    assert "only seen digits" not in text
    assert ("trained on the validation digits too" in text) != validated
