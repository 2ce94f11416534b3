"""A recognizer from its checkpoint to verified files, with simple crops instead of the camera's."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from digits.inference.interface import CROP_HEIGHT
from digits.inference.recognizer_model import RecognizerModel
from digits_export.export import export_run
from digits_train import checkpoint
from digits_train.camera.crops import Crop
from digits_train.data import held_out
from digits_train.data.recognizer_batches import TextBatch, to_batch
from digits_train.models import Recognizer
from tests.conftest import Patch
from tests.export.conftest import INT8, RECOGNIZER, save
from tests.export.detector_pages import PAGES

FILES = {"recognizer.onnx", "recognizer.int8.onnx", "export.json", "MODEL_CARD.md"}
TEXTS = ["12", "", "-3.5", "7", None, "40"]


def batches() -> list[TextBatch]:
    """Noise as crops of different widths."""
    random = np.random.default_rng(0)
    shapes = [(CROP_HEIGHT, 60 + 20 * number) for number in range(len(TEXTS))]
    pixels = [random.integers(0, 256, shape).astype(np.uint8) for shape in shapes]
    crops = [Crop(each, text, bool(text)) for each, text in zip(pixels, TEXTS, strict=True)]
    return [to_batch(crops[:2]), to_batch(crops[2:])]


def test_writes_both_files_and_their_metadata(tmp_path: Path, monkeypatch: Patch) -> None:
    torch.manual_seed(0)
    network = Recognizer().eval()
    torch.nn.init.normal_(network.symbols.weight)  # or it would read nothing anywhere
    monkeypatch.setattr(held_out, "draw_batches", batches)
    monkeypatch.setattr(held_out, "draw_number_pages", lambda: PAGES)
    run = save(tmp_path, network, RECOGNIZER)
    report = export_run(run, replace(INT8, force=True))  # of four numbers, one may change
    assert {path.name for path in run.folder.iterdir()} == {"checkpoint.safetensors", *FILES}
    full, small = (RecognizerModel(run.folder / f"recognizer{kind}.onnx") for kind in ("", ".int8"))
    about, written = small.metadata, json.loads((run.folder / "export.json").read_text())
    assert (about.task, about.compute_type, about.seed) == ("recognizer", "integer", 4)
    assert full.metadata.quantization == "none"
    assert about.quantization.endswith(" inputs")
    assert about.checkpoint_sha256 == checkpoint.load(run.checkpoint).sha256
    assert (about.training_crops, about.validation_crops, about.validation_numbers) == (19200, 6, 4)
    assert about.validation_accuracy_float == full.metadata.validation_accuracy
    assert about.temperature == pytest.approx(written["temperature"])
    assert about.number_temperature == full.metadata.number_temperature > 0
    assert about.whole_temperature == full.metadata.whole_temperature > 0
    assert written["forms"] == report.forms
    head, *lines = (line.split() for line in report.lines())
    assert head[:3] == ["name", "compute", "type"]
    assert [line[0] for line in lines] == ["fp32", "int8"]
    card = (run.folder / "MODEL_CARD.md").read_text()
    assert "trained on 19,200 crops with seed 4" in card

    noise = np.random.default_rng(1).integers(0, 256, (CROP_HEIGHT, 100)).astype(np.uint8)
    [exact], [rounded] = (model.read([noise]) for model in (full, small))
    rows = exact.log_probabilities
    assert 0 < np.abs(rows - rounded.log_probabilities).max() < 0.1 * np.ptp(rows)
    assert exact.whole == pytest.approx(rounded.whole, abs=0.2)
