"""A reader from its checkpoint to verified files, with simple pages instead of the camera's."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from digits.errors import DigitsError, ModelError
from digits.inference.model_file import inspect
from digits.inference.reader_model import ReaderModel
from digits_export import cli, quantize, reader_export, reader_quantize, verify
from digits_export.export import ExportConfig, export_run
from digits_export.reader_evaluate import evaluate_checkpoint, evaluate_file
from digits_export.reader_export import ReaderReport
from digits_export.reader_graph import UNSCALED
from digits_train import calibration, checkpoint
from digits_train.checkpoint import Provenance
from digits_train.models.reader import Reader
from digits_train.run import RunDir
from tests.export.reader_pages import drawn_page, random_reader, trained_reader

PAGES = [drawn_page(number) for number in range(6)]
INT8 = ExportConfig(quantize=True, max_accuracy_drop=20)  # of 18 symbols, 3


@pytest.fixture(autouse=True)
def simple_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "draw_pages", lambda: PAGES)


def save(folder: Path, model: Reader) -> RunDir:
    run = RunDir(folder / "run")
    about = Provenance("reader", "0.0", {"epochs": 10, "crops": 640}, 4, 10, {}, 50_000, 0.9, None)
    checkpoint.save(run.checkpoint, model, about)
    return run


@pytest.fixture(scope="module")
def reader() -> Reader:
    return trained_reader()


@pytest.fixture
def run(tmp_path: Path, reader: Reader) -> RunDir:
    return save(tmp_path, reader)


def export(run: RunDir, config: ExportConfig = INT8) -> ReaderReport:
    report = export_run(run, config)
    assert isinstance(report, ReaderReport)
    return report


@pytest.mark.slow
def test_writes_both_files_and_their_metadata(run: RunDir) -> None:
    report = export(run)
    assert {path.name for path in run.folder.iterdir()} == {
        *("checkpoint.safetensors", "reader.onnx", "reader.int8.onnx"),
        *("export.json", "MODEL_CARD.md"),
    }
    full, small = (ReaderModel(run.folder / f"reader{kind}.onnx") for kind in ("", ".int8"))
    assert full.metadata.quantization == "none"
    assert small.metadata.quantization == reader_quantize.DESCRIPTION
    assert small.metadata.checkpoint_sha256 == checkpoint.load(run.checkpoint).sha256
    assert (small.metadata.seed, small.metadata.training_pages) == (4, 6400)
    assert small.metadata.validation_error_float == full.metadata.validation_error
    assert (small.metadata.validation_pages, small.metadata.validation_symbols) == (6, 18)
    assert json.loads(small.metadata.recipe) == {"epochs": 10, "crops": 640}
    assert small.metadata.centre_shift == pytest.approx(report.centre_shift, abs=1e-6)
    assert 0 < small.metadata.rejection_threshold < 1
    assert (run.folder / "reader.int8.onnx").stat().st_size <= reader_export.MAX_BYTES
    assert report.largest_difference <= 1e-3
    written = json.loads((run.folder / "export.json").read_text())
    assert [form["name"] for form in written["forms"]] == ["checkpoint", "fp32", "int8"]
    assert written["forms"][2]["error"] == report.variants[2].error
    assert written["centre_temperature"] == report.centre_temperature


@pytest.mark.slow
def test_calibration_finds_what_uncalibrated_maps_miss(run: RunDir, reader: Reader) -> None:
    """This reader was trained so shortly that it is sure of nothing."""
    report = export(run)
    before = evaluate_checkpoint(reader, UNSCALED, PAGES, run.checkpoint)
    assert before.missed > 9
    for variant in report.variants:
        assert variant.symbols == 18
        assert variant.missed + variant.wrong + variant.invented < 9
    assert report.variants[0].missed == report.variants[1].missed  # PyTorch and float


@pytest.mark.slow
def test_report_matches_the_files(run: RunDir) -> None:
    report = export(run)
    for variant in report.variants[1:]:
        path = Path(variant.file)
        assert variant.bytes == path.stat().st_size
        assert evaluate_file(variant.name, path, path.read_bytes(), PAGES) == variant


@pytest.mark.slow
def test_export_is_reproducible(run: RunDir) -> None:
    export(run)
    first = (run.folder / "reader.int8.onnx").read_bytes()
    export(run)
    assert (run.folder / "reader.int8.onnx").read_bytes() == first


@pytest.mark.slow
def test_without_quantize_deletes_the_old_int8_file(run: RunDir) -> None:
    export(run)
    report = export(run, ExportConfig())
    assert [variant.name for variant in report.variants] == ["checkpoint", "fp32"]
    assert not (run.folder / "reader.int8.onnx").exists()
    assert (run.folder / "reader.onnx").exists()


@pytest.mark.slow
def test_card_says_what_the_reader_is_and_does(run: RunDir) -> None:
    export(run)
    card = (run.folder / "MODEL_CARD.md").read_text()
    about = ReaderModel(run.folder / "reader.int8.onnx").metadata
    assert f"`{about.checkpoint_sha256}`" in card
    assert "trained on 6,400 synthetic pages and crops with seed" in card
    assert "epochs 10, crops 640" in card
    assert f"| int8 | {(run.folder / 'reader.int8.onnx').stat().st_size:,} bytes |" in card
    assert "On 6 synthetic pages with 18 symbols" in card


@pytest.mark.slow
def test_triton_serves_pages_of_any_size(run: RunDir, tmp_path: Path) -> None:
    export(run, replace(INT8, triton=tmp_path / "models"))
    folder = tmp_path / "models" / "reader"
    assert (folder / "1" / "model.onnx").read_bytes() == (run.folder / "reader.onnx").read_bytes()
    config = (folder / "config.pbtxt").read_text()
    assert 'input [{ name: "page" data_type: TYPE_UINT8 dims: [1, -1, -1] }]' in config
    for name, channels in (("centres", 1), ("symbols", 12), ("boxes", 4)):
        assert f'{{ name: "{name}" data_type: TYPE_FP32 dims: [{channels}, -1, -1] }}' in config
    assert "max_batch_size: 8" in config


@pytest.mark.slow
def test_cli_prints_a_line_per_form(run: RunDir, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.app([str(run.folder), "--quantize", "--max-accuracy-drop", "20"])
    assert stopped.value.code == 0
    out, err = capsys.readouterr()
    head, *lines = out.splitlines()
    assert head.split() == [
        *("form", "size", "errors", "missed", "wrong", "invented", "megapixel", "300x150", "file")
    ]
    assert [line.split()[0] for line in lines] == ["checkpoint", "fp32", "int8"]
    assert "epoch 10 of 10" in err


@pytest.mark.slow
def test_reader_that_finds_nothing_is_exported(tmp_path: Path) -> None:
    """Its author sees that in the report."""
    model = random_reader()
    with torch.no_grad():
        model.centres.weight.zero_()
        assert model.centres.bias is not None
        model.centres.bias.fill_(-9.0)
    report = export(save(tmp_path, model))
    assert report.centre_shift == 0
    assert {variant.error for variant in report.variants} == {1.0}
    assert inspect(tmp_path / "run" / "reader.int8.onnx").metadata.rejection_threshold == 0


def fails(run: RunDir, config: ExportConfig, message: str) -> None:
    """Export must fail and write nothing."""
    with pytest.raises(DigitsError, match=message):
        export_run(run, config)
    assert [path.name for path in run.folder.iterdir()] == ["checkpoint.safetensors"]


@pytest.mark.slow
def test_failed_check_writes_nothing(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(verify, "MAX_MAP_DIFFERENCE", -1.0)  # always exceeded
        fails(run, INT8, "disagrees with the checkpoint: on a page of")
    with monkeypatch.context() as patch:
        patch.setattr(reader_export, "MAX_BYTES", 200_000)
        fails(run, INT8, r"the quantized file has \d+,\d+ bytes; at most 200,000")


@pytest.mark.slow
def test_bad_quantization_writes_nothing(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    real = quantize.quantize_per_channel

    def coarse(weight: np.ndarray, qmax: int) -> tuple[np.ndarray, np.ndarray]:
        integers, scale = real(weight, qmax=1)
        return integers, scale

    monkeypatch.setattr(reader_quantize, "quantize_per_channel", coarse)
    fails(
        run, ExportConfig(quantize=True), "quantization raises the error rate on validation pages"
    )


@pytest.mark.slow
def test_refused_weights_write_nothing(tmp_path: Path, reader: Reader) -> None:
    """Boxes larger than any page: the runtime wouldn't open the file."""
    model = Reader().eval()
    model.load_state_dict(reader.state_dict())
    with torch.no_grad():
        assert model.boxes.bias is not None
        model.boxes.bias.fill_(1e4)
    with pytest.raises(ModelError, match="outputs invalid maps"):
        export_run(save(tmp_path, model), INT8)
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["checkpoint.safetensors"]
