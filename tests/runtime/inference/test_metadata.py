"""What model files say of themselves."""

import hashlib
from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits.errors import ModelError
from digits.inference.classifier_model import ClassifierModel
from digits.inference.metadata import ClassifierMetadata, ModelMetadata, add_metadata
from digits.inference.model_file import ModelBytes, load
from tests.onnx_files import (
    DETECTOR_METADATA,
    DETECTOR_RAW,
    METADATA,
    RAW,
    RECOGNIZER_METADATA,
)


def changed(about: ModelMetadata, **changes: Any) -> ModelBytes:
    """A file with other metadata and a valid checksum. Later metadata replace earlier ones."""
    raw = RAW if isinstance(about, ClassifierMetadata) else DETECTOR_RAW
    return ModelBytes("other.onnx", add_metadata(raw, replace(about, **changes)))


def test_metadata_of_the_bundled_files() -> None:
    assert METADATA.test_accuracy >= 0.992
    assert METADATA.test_accuracy_float - METADATA.test_accuracy <= 0.0005
    assert len(RAW) <= 60_000
    assert len(DETECTOR_RAW) <= 400_000
    sha256 = "d5d43ae1dc7c8c496e597debabb666b1affa052d5fdc1fc7bb6c905955530df0"
    assert hashlib.sha256(RAW).hexdigest() == sha256


def test_metadata_survive_writing_and_reading() -> None:
    changes: dict[str, Any] = {"seed": 12, "quantization": "the location is elsewhere"}
    read = load(changed(METADATA, **changes), ClassifierMetadata).metadata
    assert asdict(read) == asdict(METADATA) | changes
    changes = {"centre_shift": -0.75, "validation_error": 1.25, "training_pages": 2_560_000}
    detector = load(changed(DETECTOR_METADATA, **changes), ModelMetadata).metadata
    assert detector == replace(DETECTOR_METADATA, **changes)


@given(st.integers(0, len(RAW) - 1), st.binary(min_size=1, max_size=200))
def test_damaged_truncated_extended_and_random_files_are_refused(length: int, tail: bytes) -> None:
    damaged = RAW[:length] + bytes([RAW[length] ^ 1]) + RAW[length + 1 :]
    for raw in (damaged, RAW[:length], RAW + tail, tail):
        with pytest.raises(ModelError, match="other.onnx"):
            load(ModelBytes("other.onnx", raw), ClassifierMetadata)


@given(st.binary(max_size=200))
def test_anything_but_fields_is_refused_with_a_valid_checksum_too(start: bytes) -> None:
    with pytest.raises(ModelError, match="^it |onnxruntime can't load it"):
        ClassifierModel(ModelBytes("it", add_metadata(start, METADATA)))


@pytest.mark.parametrize(
    ("about", "change", "message"),
    [
        (METADATA, {"format_version": "1"}, "has format version 1, not 3: export it again"),
        (METADATA, {"compute_type": "quantum"}, "compute_type is 'quantum'"),
        (METADATA, {"temperature": "warm"}, "temperature is not a number"),
        (METADATA, {"task": "reader"}, "is 'reader', not classifier or detector or recognizer"),
        (METADATA, {"task": "detector"}, "can't use other.onnx as a classifier: it is a detector"),
        (
            DETECTOR_METADATA,
            {"task": "classifier"},
            "a detector: it is a classifier, for `digits p",
        ),
        (RECOGNIZER_METADATA, {"task": "detector"}, "recognizer: it is a detector, for `digits re"),
    ],
)
def test_invalid_metadata(about: ModelMetadata, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        load(changed(about, **change), type(about))
