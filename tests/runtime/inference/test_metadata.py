from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from digits.errors import ModelError
from digits.inference import metadata
from digits.inference.model_file import BUNDLED, BUNDLED_READER

RAW, READER_RAW = Path(BUNDLED).read_bytes(), Path(BUNDLED_READER).read_bytes()
CLASSIFIER = metadata.read(RAW, "bundled", metadata.Metadata)
READER = metadata.read(READER_RAW, "bundled", metadata.ReaderMetadata)


def with_changes(raw: bytes, before: metadata.AnyMetadata, **changes: Any) -> bytes:
    """A file with changed metadata and a valid checksum. Later metadata replace earlier ones."""
    changed: Any = type(before)(**metadata.to_dict(before) | changes)
    return metadata.add_metadata(raw, changed)


def test_metadata_of_the_bundled_files() -> None:
    assert (CLASSIFIER.architecture, CLASSIFIER.kernels) == ("lenet5", "float")
    assert CLASSIFIER.quantization.startswith("int8")
    assert CLASSIFIER.test_accuracy >= 0.992
    assert CLASSIFIER.test_accuracy_float - CLASSIFIER.test_accuracy <= 0.0005
    assert len(RAW) <= 60_000
    assert len(READER_RAW) <= 400_000
    assert CLASSIFIER.task == metadata.read_task(RAW, "") == "classifier"
    assert metadata.read_task(READER_RAW, "") == "reader"


def test_metadata_survive_writing_and_reading() -> None:
    # A search for `location`, which names external weights, once refused such a text.
    changes = {"seed": 12, "rejection_threshold": 0.75, "quantization": "the location is elsewhere"}
    read = metadata.read(with_changes(RAW, CLASSIFIER, **changes), "changed", metadata.Metadata)
    assert metadata.to_dict(read) == metadata.to_dict(CLASSIFIER) | changes
    changes = {"centre_shift": -0.75, "validation_error": 1.25, "training_pages": 2_560_000}
    reader = metadata.read(
        with_changes(READER_RAW, READER, **changes), "changed", metadata.ReaderMetadata
    )
    assert metadata.to_dict(reader) == metadata.to_dict(READER) | changes


@given(st.integers(0, len(RAW) - 1), st.binary(min_size=1, max_size=200))
@example(0, b"\0\0")  # field 0, which protobuf ignores
def test_damaged_truncated_extended_and_random_files_are_refused(length: int, tail: bytes) -> None:
    damaged = RAW[:length] + bytes([RAW[length] ^ 1]) + RAW[length + 1 :]
    for raw in (damaged, RAW[:length], RAW + tail, tail):
        with pytest.raises(ModelError, match="other.onnx"):
            metadata.read(raw, "other.onnx", metadata.Metadata)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format_version": "1"}, "has format version 1, not 2: export it again"),
        ({"kernels": "quantum"}, "kernels is 'quantum'"),
        ({"rejection_threshold": 1.5}, "rejection_threshold is not between 0 and 1"),
        ({"test_accuracy": "nan"}, "test_accuracy is not between 0 and 1"),
        ({"test_accuracy_float": "-inf"}, "test_accuracy_float is not between 0 and 1"),
        ({"temperature": "warm"}, "temperature is not a number"),
        ({"temperature": "nan"}, "temperature is not between 0.001 and 1,000"),
        ({"temperature": 0.0}, "temperature is not between 0.001 and 1,000"),
        ({"training_digits": "many"}, "training_digits is not a number"),
        ({"recipe": "x" * 20_000}, "a text in it is too long"),
        ({"task": "writer"}, "task is 'writer', not classifier or reader"),
        ({"task": "reader"}, "can't use forged.onnx as a classifier: it is a reader, for `digits"),
    ],
)
def test_invalid_metadata_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        metadata.read(with_changes(RAW, CLASSIFIER, **change), "forged.onnx", metadata.Metadata)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"centre_temperature": 0.0}, "centre_temperature is not between 0.001 and 1,000"),
        ({"centre_shift": "inf"}, "centre_shift is not finite"),
        ({"validation_error": "nan"}, "validation_error is not finite"),
        ({"validation_pages": "many"}, "validation_pages is not a number"),
        ({"task": "classifier"}, "as a reader: it is a classifier, for `digits predict`"),
    ],
)
def test_invalid_reader_metadata_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        metadata.read(
            with_changes(READER_RAW, READER, **change), "forged.onnx", metadata.ReaderMetadata
        )
