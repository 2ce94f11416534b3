"""The scan of model files; tests/robustness forges more of them."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from digits.errors import ModelError
from digits.inference.metadata import bytes_field
from digits.inference.model_file import BUNDLED
from digits.inference.scan import scan


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
    ],
    ids=lambda value: repr(value[:20]),
)
def test_malformed_messages_are_refused(raw: bytes, reason: str) -> None:
    with pytest.raises(ModelError, match=f"^it can't be used: .*{reason}"):
        scan(raw, "it")
