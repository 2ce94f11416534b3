"""A reader from its checkpoint to verified files, with simple pages instead of the camera's."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from digits.errors import DigitsError
from digits.inference.metadata import ReaderMetadata
from digits.inference.model_file import load
from digits.inference.reader_model import ReaderModel, run_maps
from digits_export import quantize, verify
from digits_export.export import ExportConfig, export_run
from digits_export.reader_export import ReaderExporter, judge
from digits_export.report import Report
from digits_train import calibration, checkpoint
from digits_train.checkpoint import Provenance
from digits_train.models.reader import Reader
from digits_train.run import RunDir
from tests.export.reader_pages import drawn_page, random_reader, trained_reader

PAGES = [drawn_page(number) for number in range(6)]
INT8 = ExportConfig(quantize=True, force=True)  # a reader so small may lose a symbol
FILES = {"reader.onnx", "reader.int8.onnx", "export.json", "MODEL_CARD.md"}

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True, scope="module")
def simple_pages() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibration, "draw_pages", lambda: PAGES)
        patch.setattr(calibration, "draw_number_pages", lambda: PAGES)
        yield


def save(folder: Path, model: Reader) -> RunDir:
    run = RunDir(folder / "run")
    about = Provenance("reader", "0.0", {"epochs": 10, "crops": 640}, 4, 10, {}, 50_000, 0.9)
    checkpoint.save(run.checkpoint, model, about)
    return run


@pytest.fixture(scope="module")
def reader() -> Reader:
    return trained_reader()


@pytest.fixture
def run(tmp_path: Path, reader: Reader) -> RunDir:
    return save(tmp_path, reader)


@pytest.fixture(scope="module")
def exported(
    tmp_path_factory: pytest.TempPathFactory, reader: Reader, simple_pages: None
) -> tuple[Path, Report]:
    """The folder of an exported run with a Triton repository, which no test changes."""
    folder = tmp_path_factory.mktemp("exported")
    return folder / "run", export_run(save(folder, reader), replace(INT8, triton=folder / "models"))


def test_writes_both_files_and_their_metadata(exported: tuple[Path, Report]) -> None:
    folder, report = exported
    assert {path.name for path in folder.iterdir()} == {"checkpoint.safetensors", *FILES}
    full, small = (ReaderModel(folder / f"reader{kind}.onnx") for kind in ("", ".int8"))
    about, written = small.metadata, json.loads((folder / "export.json").read_text())
    assert full.metadata.quantization == "none"
    assert about.quantization == ReaderExporter.quantization
    assert about.checkpoint_sha256 == checkpoint.load(RunDir(folder).checkpoint).sha256
    assert (about.seed, about.training_pages) == (4, 6400)
    assert about.validation_error_float == full.metadata.validation_error
    assert (about.validation_pages, about.validation_symbols) == (6, 18)
    assert json.loads(about.recipe) == {"epochs": 10, "crops": 640}
    assert about.centre_shift == pytest.approx(written["centre_shift"], abs=1e-6)
    assert [form["name"] for form in written["forms"]] == ["fp32", "int8"]
    assert written["forms"] == report.forms
    head, *lines = (line.split() for line in report.lines())
    assert " ".join(head) == "form size errors missed wrong invented file"
    assert [line[0] for line in lines] == ["fp32", "int8"]
    for form in report.forms:
        assert form.items() >= judge(PAGES, ReaderModel(form["file"]).maps).items()


def test_calibration_finds_what_uncalibrated_maps_miss(
    exported: tuple[Path, Report], reader: Reader
) -> None:
    """This reader was trained so shortly that it is sure of nothing."""
    run = verify.module_outputs(reader)
    assert judge(PAGES, lambda page: run_maps(run, page, "reader"))["missed"] > 9
    for form in exported[1].forms:
        assert form["symbols"] == 18
        assert form["error"] < 0.5


def test_card_and_triton_repository(exported: tuple[Path, Report]) -> None:
    folder, _ = exported
    card = (folder / "MODEL_CARD.md").read_text()
    about = ReaderModel(folder / "reader.int8.onnx").metadata
    assert f"`{about.checkpoint_sha256}`" in card
    assert "trained on 6,400 synthetic pages and crops with seed" in card
    assert '`{"epochs": 10, "crops": 640}`' in card
    assert f"| int8 | {(folder / 'reader.int8.onnx').stat().st_size:,} bytes |" in card
    assert "On 6 synthetic pages with 18 symbols" in card

    served = folder.parent / "models" / "reader"
    assert (served / "1" / "model.onnx").read_bytes() == (folder / "reader.onnx").read_bytes()
    config = (served / "config.pbtxt").read_text()
    assert 'input [{ name: "page" data_type: TYPE_UINT8 dims: [1, -1, -1] }]' in config
    for name, channels in (("centres", 1), ("symbols", 12), ("boxes", 4)):
        assert f'{{ name: "{name}" data_type: TYPE_FP32 dims: [{channels}, -1, -1] }}' in config
    assert "max_batch_size: 8" in config


def test_reader_that_finds_nothing_is_exported(tmp_path: Path) -> None:
    """Its author sees that in the report."""
    model = random_reader()
    with torch.no_grad():
        model.centres.weight.zero_()
        assert model.centres.bias is not None
        model.centres.bias.fill_(-9.0)
    report = export_run(save(tmp_path, model), INT8)
    assert report.to_dict()["centre_shift"] == 0
    assert {form["error"] for form in report.forms} == {1.0}
    load(tmp_path / "run" / "reader.int8.onnx", ReaderMetadata)


def test_failed_check_writes_nothing(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(message: str) -> None:
        with pytest.raises(DigitsError, match=message):
            export_run(run, ExportConfig(quantize=True))
        assert [path.name for path in run.folder.iterdir()] == ["checkpoint.safetensors"]

    with monkeypatch.context() as patch:
        patch.setattr(quantize, "READER_QMAX", 1)
        fails("quantization raises the error rate on valid")
    # Boxes larger than any page: the runtime wouldn't open the file.
    loaded = checkpoint.load(run.checkpoint)
    loaded.model.get_parameter("boxes.bias").data.fill_(1e4)
    checkpoint.save(run.checkpoint, loaded.model, loaded.provenance)
    fails("outputs invalid maps")
