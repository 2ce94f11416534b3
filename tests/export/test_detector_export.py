"""A detector from its checkpoint to verified files, with simple pages instead of the camera's."""

import json
from pathlib import Path

import numpy as np
import pytest

from digits.errors import DigitsError
from digits.inference.detector_model import DetectorModel
from digits_export import detector_export
from digits_export.detector_export import evaluate_pages
from digits_export.export import export_run
from digits_train.models.detector import Detector
from tests.conftest import Patch
from tests.export.conftest import DETECTOR, INT8, Exported, save
from tests.export.detector_pages import PAGES, ink_maps

FILES = {"detector.onnx", "detector.int8.onnx", "export.json", "MODEL_CARD.md"}

pytestmark = pytest.mark.usefixtures("simple_pages")


def test_writes_both_files_and_their_metadata(exported_detector: Exported) -> None:
    folder, report = exported_detector
    assert {path.name for path in folder.iterdir()} == {"checkpoint.safetensors", *FILES}
    full, small = (DetectorModel(folder / f"detector{kind}.onnx") for kind in ("", ".int8"))
    about, written = small.metadata, json.loads((folder / "export.json").read_text())
    assert full.metadata.quantization == "none"
    assert about.quantization.endswith(" inputs; stem.0.conv float")
    assert (about.seed, about.training_pages) == (4, 8000)
    assert about.validation_error_float == full.metadata.validation_error
    assert (about.validation_pages, about.validation_symbols) == (6, 18)
    assert about.centre_shift == pytest.approx(written["centre_shift"])
    assert written["forms"] == report.forms
    head, *lines = (line.split() for line in report.lines())
    assert head[:3] == ["name", "compute", "type"]
    assert [line[0] for line in lines] == ["fp32", "int8"]
    for form in report.forms:
        assert form.items() >= evaluate_pages(PAGES, DetectorModel(form["file"]).maps).items()
        assert form["validation_error"] < 0.5  # uncalibrated, it would miss most: it is unsure


def test_errors_of_pages() -> None:
    assert evaluate_pages(PAGES, ink_maps)["validation_error"] == 0
    nothing = evaluate_pages(PAGES, lambda page: ink_maps(np.full_like(page, 200)))
    assert (nothing["deletions"], nothing["validation_error"]) == (18, 1.0)


def test_failed_check_saves_nothing(tmp_path: Path, detector: Detector, monkeypatch: Patch) -> None:
    run = save(tmp_path, detector, DETECTOR)
    blank = [np.zeros((1, 1, 32, 32), np.uint8)]  # whose activations are none
    monkeypatch.setattr(detector_export, "calibration_inputs", lambda pages, run: blank)
    with pytest.raises(DigitsError, match="quantization raises the error rate on valid"):
        export_run(run, INT8)
    assert [path.name for path in run.folder.iterdir()] == ["checkpoint.safetensors"]
