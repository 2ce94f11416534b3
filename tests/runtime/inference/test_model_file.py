"""Model files: where they come from, what they hold, and their SHA-256 if they are pinned."""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import GraphProto

from digits.errors import ModelError
from digits.inference.classifier_model import ClassifierModel
from digits.inference.detector_model import DetectorModel
from digits.inference.metadata import ModelMetadata
from digits.inference.model_file import (
    BUNDLED,
    BUNDLED_DETECTOR,
    BUNDLED_RECOGNIZER,
    ModelBytes,
    load,
)
from digits.inference.recognizer_model import RecognizerModel
from digits.inference.session import open_model
from tests.onnx_files import DETECTOR_RAW, as_detector, classifier, sealed, weights_elsewhere

Open = Callable[..., Any]
# Of each kind: the variable that names the file, and with _SHA256 its checksum; the bundled one.
KINDS: list[tuple[Open, str, str]] = [
    (ClassifierModel, "DIGITS_MODEL", BUNDLED),
    (DetectorModel, "DIGITS_DETECTOR", BUNDLED_DETECTOR),
    (RecognizerModel, "DIGITS_RECOGNIZER", BUNDLED_RECOGNIZER),
]
OTHER = "0123456789abcdef" * 4


@pytest.mark.parametrize(("kind", "variable", "bundled"), KINDS)
def test_environment_names_the_file(
    kind: Open, variable: str, bundled: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert kind().name == bundled
    mine = shutil.copy(bundled, str(tmp_path / "mine.onnx"))
    monkeypatch.setenv(variable, mine)
    assert kind().name == mine
    monkeypatch.setenv(variable, str(tmp_path / "gone.onnx"))
    with pytest.raises(ModelError, match=rf"gone.onnx \(\${variable}\): no such model"):
        kind()
    monkeypatch.setenv(variable, str(tmp_path))
    with pytest.raises(ModelError, match=rf" \(\${variable}\) is no ONNX file"):
        kind()
    assert kind(bundled).name == bundled


def with_width(graph: GraphProto) -> None:
    graph.input[0].type.tensor_type.shape.dim[3].dim_value = 640


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (with_width, "the input should be page, .* not page, .*, 640]"),
        (lambda graph: graph.output.pop(), "the output should be centres, "),
        (lambda graph: graph.output.append(graph.output.pop(0)), "the output should be centres, "),
    ],
)
def test_other_inputs_and_outputs_are_refused(
    edit: Callable[[GraphProto], object], reason: str
) -> None:
    model = onnx.load_from_string(DETECTOR_RAW)
    edit(model.graph)
    source = ModelBytes("it", as_detector(model.SerializeToString()))
    with pytest.raises(ModelError, match=f"^it: {reason}"):
        open_model(load(source, ModelMetadata))
    batch = ModelBytes("it", sealed(classifier("Flatten<axis = 0>")))  # all digits in one row
    with pytest.raises(ModelError, match=r"output should be probabilities, .* not .* \[1, 10\]"):
        open_model(load(batch, ModelMetadata))


@pytest.mark.parametrize(("kind", "variable", "name"), KINDS)
def test_only_the_pinned_file_is_accepted(
    kind: Open, variable: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha256 = load(name, ModelMetadata).sha256
    mismatch = f"{name} is the wrong model: its SHA-256 is {sha256}, not {OTHER}"
    with pytest.raises(ModelError, match=mismatch):
        kind(sha256=OTHER)
    for _, other, _ in KINDS:
        monkeypatch.setenv(f"{other}_SHA256", sha256 if other != variable else OTHER)
    for open in (kind, partial(load, name, ModelMetadata)):
        with pytest.raises(ModelError, match=mismatch):
            open()
        open(sha256=sha256.upper())  # an argument takes precedence
        open(sha256="")
    monkeypatch.setenv(f"{variable}_SHA256", sha256)
    load(name, ModelMetadata)


@pytest.mark.parametrize("is_absolute", [False, True])
def test_weights_in_another_file_are_never_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_absolute: bool
) -> None:
    """Even if they are there, and fit."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights").write_bytes(bytes(4 * 10 * 28 * 28))
    location = str(tmp_path / "weights") if is_absolute else "weights"
    for compute_type in ("integer", "float"):
        source = ModelBytes("it", sealed(weights_elsewhere(location), compute_type=compute_type))
        with pytest.raises(ModelError, match="^onnxruntime can't load it"):
            ClassifierModel(source)
