"""What model files say of themselves and hold; tests/robustness forges more of them."""

import hashlib
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from onnx import numpy_helper

from digits.errors import ModelError
from digits.inference.metadata import (
    AnyMetadata,
    Metadata,
    add_metadata,
    bytes_field,
)
from digits.inference.model_file import BUNDLED, ModelBytes, check
from digits.inference.scan import scan
from tests.robustness.forgery import (
    DETECTOR_METADATA,
    DETECTOR_RAW,
    METADATA,
    RAW,
    RECOGNIZER_METADATA,
)


def test_matches_the_onnx_package() -> None:
    raw = Path(BUNDLED).read_bytes()
    scanned, graph = scan(bytearray(raw), "it"), onnx.load_from_string(raw).graph
    assert [node.operator for node in scanned.nodes] == [node.op_type for node in graph.node]
    assert [node.inputs for node in scanned.nodes] == [node.input for node in graph.node]
    assert list(scanned.tensors) == [tensor.name for tensor in graph.initializer]
    for tensor in graph.initializer:
        array, expected = scanned.tensors[tensor.name], numpy_helper.to_array(tensor)
        assert (array.dtype, array.shape) == (expected.dtype, expected.shape)
        np.testing.assert_array_equal(array, expected)
        assert array.flags.writeable


@pytest.mark.slow
@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"\x08\1\x08\1", "field 1 of its model is unknown, or one too many"),
        (bytes_field(1, b"\1"), "field 1 of its model is"),  # bytes, not a number
        (b"\0\0", "field 0 of its model is"),
        (bytes_field(7, bytes_field(1, bytes_field(1, b"x" * 20_000))), "a text in it is too long"),
        (bytes_field(2, b"\xff"), "codec can't decode byte"),
        (bytes_field(14, b"") * (1 << 17), "field 14 of its model is unknown, or one too many"),
        (bytes_field(2, b"abc")[:-1], "is truncated"),
        (b"\x08" + b"\x80" * 11, "is truncated"),
        (b"\x08" + b"\x80" * 9 + b"\2", "is truncated"),  # 2**64, which protobuf takes for 0
    ],
    ids=lambda value: repr(value[:20]),
)
def test_malformed_messages_are_refused(raw: bytes, reason: str) -> None:
    with pytest.raises(ModelError, match=f"^it can't be used: .*{reason}"):
        scan(raw, "it")


def changed(about: AnyMetadata, **changes: Any) -> ModelBytes:
    """A file with other metadata and a valid checksum. Later metadata replace earlier ones."""
    raw = RAW if isinstance(about, Metadata) else DETECTOR_RAW
    return ModelBytes("forged.onnx", add_metadata(raw, replace(about, **changes)))


def test_metadata_of_the_bundled_files() -> None:
    assert METADATA.test_accuracy >= 0.992
    assert METADATA.test_accuracy_float - METADATA.test_accuracy <= 0.0005
    assert len(RAW) <= 60_000
    assert len(DETECTOR_RAW) <= 400_000
    sha256 = "e12bc6a47c37ccac184c918611fc914955aeb4896c43cc94a249eeb93928c0df"
    assert hashlib.sha256(RAW).hexdigest() == sha256


def test_metadata_survive_writing_and_reading() -> None:
    changes: dict[str, Any] = {"seed": 12, "quantization": "the location is elsewhere"}
    read = check(changed(METADATA, **changes), Metadata).metadata
    assert asdict(read) == asdict(METADATA) | changes
    changes = {"centre_shift": -0.75, "validation_error": 1.25, "training_pages": 2_560_000}
    detector = check(changed(DETECTOR_METADATA, **changes), AnyMetadata).metadata
    assert detector == replace(DETECTOR_METADATA, **changes)


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
        (METADATA, {"task": "reader"}, "is 'reader', not classifier or detector or recognizer"),
        (METADATA, {"task": "detector"}, "can't use forged.onnx as a classifier: it is a detector"),
        (DETECTOR_METADATA, {"centre_shift": "inf"}, "is not between -30 and 30"),
        (
            DETECTOR_METADATA,
            {"task": "classifier"},
            "a detector: it is a classifier, for `digits p",
        ),
        (RECOGNIZER_METADATA, {"task": "detector"}, "recognizer: it is a detector, for `digits re"),
        (RECOGNIZER_METADATA, {"validation_accuracy": 2.0}, "is not between 0 and 1"),
    ],
)
def test_invalid_metadata(about: AnyMetadata, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        check(changed(about, **change), type(about))
