"""Bundled files as a start, and files that can't be; tests/export/test_start.py exports some."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from digits.data.mnist import Split
from digits.errors import DigitsError, ModelError
from digits.inference import metadata
from digits.inference.interface import INPUT, READER
from digits.inference.model_file import BUNDLED, BUNDLED_READER, load
from digits.inference.session import open_session
from digits_train import checkpoint
from digits_train.metrics import predict
from digits_train.models import LeNet5
from digits_train.start import load_start
from tests.rounding import assert_agree
from tests.train.test_checkpoint import PROVENANCE

RAW, READER_RAW = Path(BUNDLED).read_bytes(), Path(BUNDLED_READER).read_bytes()
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


def test_bundled_reader() -> None:
    start = load_start(None, "reader")
    scaling = load(BUNDLED_READER, metadata.ReaderMetadata).metadata
    page = np.random.default_rng(0).integers(0, 256, (1, 1, 96, 160)).astype(np.uint8)
    outputs = [output.name for output in READER.outputs]
    expected = open_session(READER_RAW, "float").run(outputs, {READER.input.name: page})
    with torch.inference_mode():
        centres, symbols, boxes = start.model(torch.tensor(page))
    centres = centres / scaling.centre_temperature + scaling.centre_shift
    for part, wanted in zip((centres, symbols / scaling.temperature, boxes), expected, strict=True):
        assert_agree(part, wanted)


@pytest.mark.parametrize("name", ["run", "run/checkpoint.safetensors", "run/state.pt"])
def test_run(name: str, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    path = tmp_path / "run" / "checkpoint.safetensors"
    checkpoint.save(path, LeNet5(), PROVENANCE)
    assert load_start(tmp_path / name, "lenet5").sha256 == checkpoint.load(path).sha256
    with pytest.raises(DigitsError, match="is a lenet5: a reader can't start from its weights"):
        load_start(tmp_path / name, "reader")


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


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format_version": "1"}, "has format version 1"),
        ({"architecture": "vgg16"}, "is a vgg16: only its run can be a start, not its file"),
    ],
)
def test_other_files(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = tmp_path / "own.onnx"
    # Of pairs with the same key, the last counts.
    path.write_bytes(metadata.add_metadata(RAW, replace(METADATA, **changes)))
    with pytest.raises(ModelError, match=f"own.onnx .*{message}"):
        load_start(path, None)
