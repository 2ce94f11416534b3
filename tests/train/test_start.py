"""Bundled files as a start, and files that can't be; tests/export/test_start.py exports some."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from digits.data.mnist import Split
from digits.errors import DigitsError, ModelError
from digits.inference import metadata
from digits.inference.interface import INPUT
from digits.inference.model_file import BUNDLED, BUNDLED_READER, load
from digits.inference.session import open_session
from digits_train.metrics import predict
from digits_train.run import RunDir
from digits_train.start import load_start

RAW = Path(BUNDLED).read_bytes()
METADATA = load(BUNDLED, metadata.Metadata).metadata


def test_bundled_classifier(test_slice: Split) -> None:
    start = load_start(None, None)
    assert (start.architecture, start.model.training) == ("lenet5", False)
    assert start.sha256 == hashlib.sha256(RAW).hexdigest()
    logits = predict(start.model, test_slice)
    [expected] = open_session(RAW, "float").run(None, {INPUT[0]: test_slice.images[:, None]})
    answers = (logits / METADATA.temperature).softmax(1).numpy()
    assert (answers.argmax(1) == expected.argmax(1)).all()
    assert np.abs(answers - expected).mean() < 0.002  # the file rounds its activations too


@pytest.mark.parametrize("name", [".", "checkpoint.safetensors", "state.pt"])
def test_run(name: str, trained_run: RunDir) -> None:
    sha256 = hashlib.sha256(trained_run.checkpoint.read_bytes()).hexdigest()
    assert load_start(trained_run.folder / name, "lenet5").sha256 == sha256
    with pytest.raises(DigitsError, match="is a lenet5: a reader can't start from its weights"):
        load_start(trained_run.folder / name, "reader")


@pytest.mark.parametrize(
    ("name", "architecture", "message"),
    [
        (None, "vgg16", "no vgg16 is bundled: name a run, or an exported ONNX file"),
        (BUNDLED, "vgg16", "is a lenet5: a vgg16 can't start from its weights"),
        (BUNDLED_READER, "lenet5", "is a reader: a lenet5 can't start from its weights"),
        ("missing.onnx", None, "missing.onnx: no such model"),
        ("missing", None, "missing: there is no such file"),
    ],
)
def test_unusable_sources(name: str | None, architecture: str | None, message: str) -> None:
    with pytest.raises(DigitsError, match=message):
        load_start(None if name is None else Path(name), architecture)


def test_other_exported_files(tmp_path: Path) -> None:
    path = tmp_path / "own.onnx"
    # Of pairs with the same key, the last counts.
    path.write_bytes(metadata.add_metadata(RAW, replace(METADATA, architecture="vgg16")))
    with pytest.raises(ModelError, match="own.onnx is a vgg16: only its run can be a start, not"):
        load_start(path, None)
