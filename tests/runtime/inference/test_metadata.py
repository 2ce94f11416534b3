import hashlib
from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from digits.errors import ModelError
from digits.inference.metadata import AnyMetadata, Metadata, ReaderMetadata, add_metadata
from digits.inference.model_file import ModelBytes, check
from tests.robustness.forgery import METADATA, RAW, READER_METADATA, READER_RAW


def changed(about: AnyMetadata, **changes: Any) -> ModelBytes:
    """A file with other metadata and a valid checksum. Later metadata replace earlier ones."""
    raw = RAW if isinstance(about, Metadata) else READER_RAW
    return ModelBytes("forged.onnx", add_metadata(raw, replace(about, **changes)))


def test_metadata_of_the_bundled_files() -> None:
    assert METADATA.test_accuracy >= 0.992
    assert METADATA.test_accuracy_float - METADATA.test_accuracy <= 0.0005
    assert len(RAW) <= 60_000
    assert len(READER_RAW) <= 400_000
    sha256 = "e12bc6a47c37ccac184c918611fc914955aeb4896c43cc94a249eeb93928c0df"
    assert hashlib.sha256(RAW).hexdigest() == sha256


def test_metadata_survive_writing_and_reading() -> None:
    changes: dict[str, Any] = {"seed": 12, "quantization": "the location is elsewhere"}
    read = check(changed(METADATA, **changes), Metadata).metadata
    assert asdict(read) == asdict(METADATA) | changes
    changes = {"centre_shift": -0.75, "validation_error": 1.25, "training_pages": 2_560_000}
    reader = check(changed(READER_METADATA, **changes), AnyMetadata).metadata
    assert reader == replace(READER_METADATA, **changes)


@given(st.integers(0, len(RAW) - 1), st.binary(min_size=1, max_size=200))
@example(0, b"\0\0")  # field 0, which protobuf ignores
def test_damaged_truncated_extended_and_random_files_are_refused(length: int, tail: bytes) -> None:
    damaged = RAW[:length] + bytes([RAW[length] ^ 1]) + RAW[length + 1 :]
    for raw in (damaged, RAW[:length], RAW + tail, tail):
        with pytest.raises(ModelError, match="other.onnx"):
            check(ModelBytes("other.onnx", raw), Metadata)


@pytest.mark.parametrize(
    ("about", "change", "message"),
    [
        (METADATA, {"format_version": "1"}, "has format version 1, not 2: export it again"),
        (METADATA, {"kernels": "quantum"}, "kernels is 'quantum'"),
        (METADATA, {"rejection_threshold": 1.5}, "rejection_threshold is not between 0 and 1"),
        (METADATA, {"test_accuracy_float": "-inf"}, "accuracy_float is not between 0 and 1"),
        (METADATA, {"temperature": "warm"}, "temperature is not a number"),
        (METADATA, {"task": "writer"}, "task is 'writer', not classifier or reader"),
        (METADATA, {"task": "reader"}, "can't use forged.onnx as a classifier: it is a reader"),
        (READER_METADATA, {"centre_shift": "inf"}, "is not between -1,000,000 and 1,000,000"),
        (READER_METADATA, {"task": "classifier"}, "as a reader: it is a classifier, for `digits p"),
    ],
)
def test_invalid_metadata_are_refused(
    about: AnyMetadata, change: dict[str, Any], message: str
) -> None:
    kind = Metadata if isinstance(about, Metadata) else ReaderMetadata
    with pytest.raises(ModelError, match=message):
        check(changed(about, **change), kind)
