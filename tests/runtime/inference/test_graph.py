"""Graphs of model files; tests/robustness forges more of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import AttributeProto as Attribute
from onnx import GraphProto, NodeProto, TensorProto, numpy_helper

from digits.errors import ModelError
from digits.inference import graph
from digits.inference.interface import CLASSIFIER, READER, Interface, Size
from digits.inference.model_file import BUNDLED, BUNDLED_READER
from digits.inference.protobuf import bytes_field
from tests.robustness import forgery

RAW, READER_RAW = Path(BUNDLED).read_bytes(), Path(BUNDLED_READER).read_bytes()
DEMANDING = "needs more memory or time"


def refusal(raw: bytes, interface: Interface = CLASSIFIER) -> str:
    """The message of the error that the graph raises."""
    with pytest.raises(ModelError) as raised:
        graph.read(raw, "forged.onnx", interface)
    return str(raised.value)


def activations(model: onnx.ModelProto) -> int:
    """Their values for one digit or page, as the onnx package infers them."""
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    shapes = [
        [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in (*inferred.value_info, *inferred.input, *inferred.output)
    ]
    return sum(int(np.prod(shape[1:])) for shape in shapes if shape[:1] == [0])


def test_bundled_graph_matches_the_onnx_package() -> None:
    read, model = graph.read(RAW, "bundled"), onnx.load_from_string(RAW)
    assert read.values == activations(model)
    assert sum(read.operators.values()) == len(model.graph.node)


@pytest.mark.parametrize("raw", [RAW, READER_RAW])
def test_tensors_are_those_of_the_onnx_package(raw: bytes) -> None:
    stored, expected = graph.tensors(raw, "bundled"), onnx.load_from_string(raw).graph.initializer
    assert list(stored) == [tensor.name for tensor in expected]
    for tensor in expected:
        values = numpy_helper.to_array(tensor)
        assert (stored[tensor.name].dtype, stored[tensor.name].shape) == (
            values.dtype,
            values.shape,
        )
        np.testing.assert_array_equal(stored[tensor.name], values)


@pytest.mark.parametrize(("height", "width"), [(32, 32), (64, 200)])
def test_reader_shapes_match_the_onnx_package(height: int, width: int) -> None:
    lengths = {"height": height, "width": width, "rows": height // 4, "columns": width // 4}
    size = Size(lengths, max_live=10**9, max_values=10**9, max_products=10**12)
    read = graph.read(READER_RAW, "bundled", READER._replace(sizes=(size,)))
    model = onnx.load_from_string(READER_RAW)
    for value in (*model.graph.input, *model.graph.output):
        for dim in list(value.type.tensor_type.shape.dim)[1:]:
            dim.dim_value = lengths.get(dim.dim_param, dim.dim_value)
    assert read.values == activations(model)
    assert sum(read.operators.values()) == len(model.graph.node)


@pytest.mark.parametrize(
    ("limit", "share"), [("max_live", 0.6), ("max_values", 0.8), ("max_products", 0.5)]
)
def test_limits_of_a_page_leave_little_room(limit: str, share: float) -> None:
    """Twice the reader's products, half more memory, and a fifth more values."""
    for size in READER.sizes:
        limits: dict[str, Any] = {limit: int(getattr(size, limit) * share)}
        strict = READER._replace(sizes=(size._replace(**limits),))
        assert DEMANDING in refusal(READER_RAW, strict)


@pytest.mark.parametrize("limit", ["max_live", "max_values", "max_products"])
def test_classifier_over_a_limit_is_refused(limit: str) -> None:
    [size] = CLASSIFIER.sizes
    limits: dict[str, Any] = {limit: 3000}
    assert DEMANDING in refusal(RAW, CLASSIFIER._replace(sizes=(size._replace(**limits),)))


def test_values_that_are_no_longer_needed_take_no_memory() -> None:
    """As in onnxruntime."""
    chain = ["r0 = Relu(pixels)", *(f"r{n + 1} = Relu(r{n})" for n in range(40))]
    graph.read(forgery.reader(*chain).SerializeToString(), "chain", READER)


def tensor(model: GraphProto, name: str) -> TensorProto:
    [named] = [tensor for tensor in model.initializer if tensor.name == name]
    assert isinstance(named, TensorProto)
    return named


def last_node(model: GraphProto, operator: str) -> NodeProto:
    node = [node for node in model.node if node.op_type == operator][-1]
    assert isinstance(node, NodeProto)
    return node


def set_interface(value: onnx.ValueInfoProto, kind: int, *lengths: int | str) -> None:
    made = onnx.helper.make_tensor_value_info(value.name, kind, lengths)
    value.CopyFrom(made)


FLOAT, BYTES = TensorProto.FLOAT, TensorProto.UINT8
EDITS: dict[str, tuple[Callable[[GraphProto], object], str]] = {
    "a name twice": (
        lambda g: g.node.append(g.node[-1]),
        "invalid tensor 'probabilities' of shape",
    ),
    "a weight twice": (
        lambda g: g.initializer.append(g.initializer[0]),
        "which is there twice",
    ),
    "first node last": (
        lambda g: g.node.append(g.node.pop(0)),
        "the inputs or attributes of its",
    ),
    "a shape": (
        lambda g: tensor(g, "fc3.weight.int").dims.append(2),
        "bytes, too many or too few for int8 of shape",
    ),
    "a shape that overflows": (
        lambda g: tensor(g, "fc3.weight.int").dims.extend([2**62] * 3),
        "bytes, too many or too few for int8 of shape",
    ),
    "an empty tensor": (
        lambda g: g.initializer.append(numpy_helper.from_array(np.zeros((0, 5)), "empty")),
        "'empty' has an unsupported type: type 11",
    ),
    "an empty tensor of floats": (
        lambda g: g.initializer.append(
            numpy_helper.from_array(np.zeros((0, 5), np.float32), "empty")
        ),
        "invalid tensor 'empty'",
    ),
    "another input": (
        lambda g: last_node(g, "Softmax").input.append(g.node[0].output[0]),
        "the inputs or attributes of its Softmax don't fit",
    ),
    "another output": (
        lambda g: last_node(g, "Gemm").output.append("more"),
        "the inputs or attributes of its Gemm don't fit",
    ),
    "weights elsewhere": (
        lambda g: g.initializer[0].external_data.add(key="location", value="/etc/passwd"),
        "has external weights",
    ),
    "a custom operator": (
        lambda g: g.node[0].MergeFrom(NodeProto(domain="com.example")),
        "has the operator 'com.example.DequantizeLinear'",
    ),
    "no name": (lambda g: g.initializer[0].ClearField("name"), "invalid tensor ''"),
    "no last node": (lambda g: g.node.pop(), "doesn't output probabilities of shape [10]"),
    "an attribute": (
        lambda g: last_node(g, "Softmax").attribute[0].MergeFrom(Attribute(i=0)),
        "Softmax has the attribute 'axis'",
    ),
    "an attribute's type": (
        lambda g: last_node(g, "Softmax").attribute[0].MergeFrom(Attribute(type=Attribute.INTS)),
        "Softmax has the attribute 'axis'",
    ),
    "an attribute twice": (
        lambda g: last_node(g, "Softmax").attribute.append(last_node(g, "Softmax").attribute[0]),
        "Softmax has the attribute 'axis'",
    ),
    "floats as input": (
        lambda g: set_interface(g.input[0], FLOAT, "batch", 1, 28, 28),
        "the input should be images, tensor(uint8), ['batch', 1, 28, 28], not images, tensor(float",
    ),
    "channels last": (
        lambda g: set_interface(g.input[0], BYTES, "batch", 28, 28, 1),
        "the input should be images",
    ),
    "a fixed batch": (
        lambda g: set_interface(g.input[0], BYTES, 1, 1, 28, 28),
        "the input should be images",
    ),
    "an unknown type": (
        lambda g: set_interface(g.input[0], 8, "batch", 1, 28, 28),
        "not images, type 8",
    ),
    "no output": (
        lambda g: g.output.pop(),
        "the output should be probabilities, tensor(float), ['batch', 10], not nothing",
    ),
}


@pytest.mark.parametrize("edit", EDITS)
def test_edited_graph_is_refused(edit: str) -> None:
    change, reason = EDITS[edit]
    model = onnx.load_from_string(RAW)
    change(model.graph)
    assert reason in refusal(model.SerializeToString())


@pytest.mark.parametrize(
    "opsets",
    [[], [("", 12)], [("", 13), ("com.microsoft", 1)], [("ai.onnx.ml", 13)], [("", 13)] * 2],
)
def test_other_opsets_are_refused(opsets: list[tuple[str, int]]) -> None:
    model = onnx.load_from_string(RAW)
    del model.opset_import[:]
    for domain, version in opsets:
        model.opset_import.add(domain=domain, version=version)
    assert "forged.onnx needs opset 13 of ai.onnx, not " in refusal(model.SerializeToString())


def test_two_graphs_or_none_are_refused() -> None:
    """A protobuf library would merge the two."""
    model = onnx.load_from_string(RAW)
    second = bytes_field(7, model.graph.SerializeToString())
    assert "its model is malformed" in refusal(model.SerializeToString() + second)
    model.ClearField("graph")
    assert "the input should be images" in refusal(model.SerializeToString())
