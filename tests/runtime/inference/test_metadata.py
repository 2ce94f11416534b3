import dataclasses
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from digits.errors import ModelError
from digits.inference import metadata
from digits.inference.model_file import BUNDLED, BUNDLED_READER

RAW, READER_RAW = Path(BUNDLED).read_bytes(), Path(BUNDLED_READER).read_bytes()
READER_METADATA = metadata.read_reader(READER_RAW, "bundled")
BUNDLED_METADATA = metadata.read(RAW, "bundled")


def test_metadata_of_the_bundled_model() -> None:
    assert BUNDLED_METADATA.architecture == "lenet5"
    assert BUNDLED_METADATA.kernels == "float"
    assert BUNDLED_METADATA.quantization.startswith("int8")
    assert BUNDLED_METADATA.test_accuracy >= 0.992
    assert BUNDLED_METADATA.test_accuracy_float - BUNDLED_METADATA.test_accuracy <= 0.0005
    assert len(RAW) <= 60_000


def test_file_without_a_task_is_a_classifier() -> None:
    assert b"task" not in RAW
    assert BUNDLED_METADATA.task == metadata.read_task(RAW, "") == "classifier"
    assert metadata.read_task(READER_RAW, "") == "reader"


def test_reader_metadata_survive_writing_and_reading() -> None:
    about = READER_METADATA._replace(
        seed=12, centre_shift=-0.75, validation_error=1.25, training_pages=2_560_000
    )
    assert metadata.read_reader(metadata.add_metadata(READER_RAW, about), "changed") == about


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"centre_temperature": 0.0}, "centre_temperature is not a number above 0"),
        ({"temperature": "nan"}, "temperature is not a number above 0"),
        ({"centre_shift": "inf"}, "centre_shift is not finite"),
        ({"validation_error": "nan"}, "validation_error is not finite"),
        ({"rejection_threshold": -0.1}, "rejection_threshold is not between 0 and 1"),
        ({"validation_pages": "many"}, "validation_pages is not a number"),
        ({"kernels": "quantum"}, "kernels is 'quantum'"),
        ({"task": "writer"}, "task is 'writer', not classifier or reader"),
        ({"task": "classifier"}, "as a reader: it is a classifier, for `digits predict`"),
    ],
)
def test_invalid_reader_metadata_are_refused(change: dict[str, Any], message: str) -> None:
    forged = metadata.add_metadata(READER_RAW, READER_METADATA._replace(**change))
    with pytest.raises(ModelError, match=f"forged.onnx:? {message}"):
        metadata.read_reader(forged, "forged.onnx")


def test_later_metadata_replace_earlier_ones() -> None:
    changed = dataclasses.replace(BUNDLED_METADATA, seed=12, rejection_threshold=0.75)
    assert metadata.read(metadata.add_metadata(RAW, changed), "changed") == changed


@given(st.integers(0, len(RAW) - 1), st.integers(1, 255))
def test_changed_byte_is_refused(position: int, change: int) -> None:
    damaged = bytearray(RAW)
    damaged[position] ^= change
    with pytest.raises(ModelError, match="damaged.onnx"):
        metadata.read(bytes(damaged), "damaged.onnx")


@given(st.integers(0, len(RAW) - 1))
def test_truncated_file_is_refused(length: int) -> None:
    with pytest.raises(ModelError, match="short.onnx"):
        metadata.read(RAW[:length], "short.onnx")


@given(st.binary(min_size=1, max_size=200))
@example(b"\0\0")  # field 0, which protobuf ignores
def test_bytes_after_the_checksum_are_refused(tail: bytes) -> None:
    with pytest.raises(ModelError, match="long.onnx"):
        metadata.read(RAW + tail, "long.onnx")


@given(st.binary(max_size=200))
def test_random_bytes_are_refused(noise: bytes) -> None:
    with pytest.raises(ModelError):
        metadata.read(noise, "noise")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format_version": "2"}, "has format version 2; expected 1"),
        ({"kernels": "quantum"}, "kernels is 'quantum'"),
        ({"rejection_threshold": 1.5}, "rejection_threshold is not between 0 and 1"),
        ({"rejection_threshold": "nan"}, "rejection_threshold is not between 0 and 1"),
        ({"test_accuracy": "nan"}, "test_accuracy is not between 0 and 1"),
        ({"validation_accuracy": 99.5}, "validation_accuracy is not between 0 and 1"),
        ({"test_accuracy_float": "-inf"}, "test_accuracy_float is not between 0 and 1"),
        ({"temperature": "warm"}, "temperature is not a number"),
        ({"temperature": "inf"}, "temperature is not a number above 0"),
        ({"temperature": "nan"}, "temperature is not a number above 0"),
        ({"temperature": 0.0}, "temperature is not a number above 0"),
        ({"seed": "lucky"}, "seed is not a number"),
        ({"training_digits": "many"}, "training_digits is not a number"),
        ({"recipe": "x" * 20_000}, "has more metadata than `digits export` writes"),
    ],
)
def test_invalid_metadata_with_valid_checksum_are_refused(
    change: dict[str, Any], message: str
) -> None:
    forged = metadata.add_metadata(RAW, dataclasses.replace(BUNDLED_METADATA, **change))
    with pytest.raises(ModelError, match=message):
        metadata.read(forged, "forged.onnx")


def test_too_many_metadata_are_refused() -> None:
    many = RAW
    for _ in range(4):
        many = metadata.add_metadata(many, BUNDLED_METADATA)
    with pytest.raises(ModelError, match="has more parts than a model"):
        metadata.read(many, "forged.onnx")


def test_metadata_may_contain_any_word() -> None:
    """A search for `location`, which names external weights, once refused this."""
    changed = dataclasses.replace(BUNDLED_METADATA, quantization="the location is elsewhere")
    assert metadata.read(metadata.add_metadata(RAW, changed), "changed") == changed
