from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import GraphProto, NodeProto, TensorProto, numpy_helper

from digits.errors import ModelError
from digits.inference import graph
from digits.inference.model_file import BUNDLED
from digits.inference.protobuf import bytes_field

RAW = Path(BUNDLED).read_bytes()


def find_tensor(model: GraphProto, name: str) -> TensorProto:
    found: list[TensorProto] = [tensor for tensor in model.initializer if tensor.name == name]
    [tensor] = found
    return tensor


def find_last_node(model: GraphProto, operator: str) -> NodeProto:
    nodes: list[NodeProto] = [node for node in model.node if node.op_type == operator]
    return nodes[-1]


def refusal(raw: bytes) -> str:
    """The message of the error that the graph raises."""
    with pytest.raises(ModelError) as raised:
        graph.read(raw, "forged.onnx")
    return str(raised.value)


def test_bundled_graph_matches_the_onnx_package() -> None:
    found = graph.read(RAW, "bundled")
    model = onnx.shape_inference.infer_shapes(onnx.load_from_string(RAW))
    values = 28 * 28 + 10
    for value in model.graph.value_info:
        lengths = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        values += int(np.prod(lengths[1:])) if lengths[:1] == [0] else 0
    assert found.values == values
    assert sum(found.operators.values()) == len(model.graph.node)


def duplicate_name(model: GraphProto) -> None:
    model.node[3].output[0] = model.node[2].output[0]


def move_first_node_to_end(model: GraphProto) -> None:
    first = onnx.NodeProto()
    first.CopyFrom(model.node[0])
    del model.node[0]
    model.node.append(first)


def change_shape(model: GraphProto) -> None:
    find_tensor(model, "fc3.weight.int").dims[:] = [84, 12]


def overflow_shape(model: GraphProto) -> None:
    find_tensor(model, "fc3.weight.int").dims[:] = [2**62, 2**62, 2**62]


def add_empty_tensor(model: GraphProto) -> None:
    empty = numpy_helper.from_array(np.zeros((0, 5), np.float32), "empty")
    model.initializer.append(empty)


def change_type(model: GraphProto) -> None:
    find_tensor(model, "fc3.weight.int").data_type = TensorProto.STRING


def add_input(model: GraphProto) -> None:
    softmax = find_last_node(model, "Softmax")
    softmax.input.append(softmax.input[0])


def add_output(model: GraphProto) -> None:
    find_last_node(model, "Gemm").output.append("more")


def remove_name(model: GraphProto) -> None:
    model.initializer[0].name = ""


def rename_output(model: GraphProto) -> None:
    model.node[-1].output[0] = "other"


def change_attribute(model: GraphProto) -> None:
    find_last_node(model, "Softmax").attribute[0].i = 0


def change_attribute_type(model: GraphProto) -> None:
    find_last_node(model, "Softmax").attribute[0].type = onnx.AttributeProto.INTS


def duplicate_attribute(model: GraphProto) -> None:
    softmax = find_last_node(model, "Softmax")
    softmax.attribute.append(softmax.attribute[0])


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (duplicate_name, "invalid tensor"),
        (move_first_node_to_end, "the inputs or attributes of its"),
        (change_shape, "'fc3.weight.int' is no int8 of shape"),
        (overflow_shape, "'fc3.weight.int' is no int8 of shape"),
        (add_empty_tensor, "invalid tensor 'empty'"),
        (change_type, "'fc3.weight.int' is no type 8 of shape"),
        (add_input, "the inputs or attributes of its Softmax don't fit"),
        (add_output, "the inputs or attributes of its Gemm don't fit"),
        (remove_name, "invalid tensor ''"),
        (rename_output, "doesn't output ten probabilities for a digit"),
        (change_attribute, "Softmax has the attribute 'axis'"),
        (change_attribute_type, "Softmax has the attribute 'axis'"),
        (duplicate_attribute, "Softmax has the attribute 'axis'"),
    ],
)
def test_inconsistent_graph_is_refused(edit: Callable[[GraphProto], None], expected: str) -> None:
    model = onnx.load_from_string(RAW)
    edit(model.graph)
    assert expected in refusal(model.SerializeToString())


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


@pytest.mark.parametrize("limit", ["_MAX_WEIGHTS", "_MAX_VALUES", "_MAX_PRODUCTS"])
def test_graph_over_a_limit_is_refused(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, limit, 3000)
    assert "needs more memory or time" in refusal(RAW)
