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


def tensor(model: GraphProto, name: str) -> TensorProto:
    [found] = (tensor for tensor in model.initializer if tensor.name == name)
    return found


def node(model: GraphProto, operator: str) -> NodeProto:
    """The last one of this kind."""
    return [found for found in model.node if found.op_type == operator][-1]


def reason(raw: bytes) -> str:
    with pytest.raises(ModelError) as raised:
        graph.read(raw, "forged.onnx")
    return str(raised.value)


def test_the_bundled_model_is_what_the_onnx_package_sees() -> None:
    found = graph.read(RAW, "bundled")
    model = onnx.shape_inference.infer_shapes(onnx.load_from_string(RAW))
    values = 28 * 28 + 10
    for value in model.graph.value_info:
        lengths = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        values += int(np.prod(lengths[1:])) if lengths[:1] == [0] else 0
    assert found.values == values
    assert sum(found.operators.values()) == len(model.graph.node)


def edit_name(model: GraphProto) -> None:
    model.node[3].output[0] = model.node[2].output[0]


def edit_order(model: GraphProto) -> None:
    first = onnx.NodeProto()
    first.CopyFrom(model.node[0])
    del model.node[0]
    model.node.append(first)


def edit_lengths(model: GraphProto) -> None:
    tensor(model, "fc3.weight.int").dims[:] = [84, 12]


def edit_huge_lengths(model: GraphProto) -> None:
    tensor(model, "fc3.weight.int").dims[:] = [2**62, 2**62, 2**62]


def edit_empty(model: GraphProto) -> None:
    empty = numpy_helper.from_array(np.zeros((0, 5), np.float32), "empty")
    model.initializer.append(empty)


def edit_type(model: GraphProto) -> None:
    tensor(model, "fc3.weight.int").data_type = TensorProto.STRING


def edit_inputs(model: GraphProto) -> None:
    softmax = node(model, "Softmax")
    softmax.input.append(softmax.input[0])


def edit_outputs(model: GraphProto) -> None:
    node(model, "Gemm").output.append("more")


def edit_unnamed(model: GraphProto) -> None:
    model.initializer[0].name = ""


def edit_answers(model: GraphProto) -> None:
    model.node[-1].output[0] = "other"


def edit_attribute(model: GraphProto) -> None:
    node(model, "Softmax").attribute[0].i = 0


def edit_attribute_type(model: GraphProto) -> None:
    node(model, "Softmax").attribute[0].type = onnx.AttributeProto.INTS


def edit_attribute_twice(model: GraphProto) -> None:
    softmax = node(model, "Softmax")
    softmax.attribute.append(softmax.attribute[0])


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (edit_name, "invalid tensor"),
        (edit_order, "the inputs or attributes of its"),
        (edit_lengths, "'fc3.weight.int' is no int8 of shape"),
        (edit_huge_lengths, "'fc3.weight.int' is no int8 of shape"),
        (edit_empty, "invalid tensor 'empty'"),
        (edit_type, "'fc3.weight.int' is no type 8 of shape"),
        (edit_inputs, "the inputs or attributes of its Softmax don't fit"),
        (edit_outputs, "the inputs or attributes of its Gemm don't fit"),
        (edit_unnamed, "invalid tensor ''"),
        (edit_answers, "doesn't output ten probabilities for a digit"),
        (edit_attribute, "Softmax has the attribute 'axis'"),
        (edit_attribute_type, "Softmax has the attribute 'axis'"),
        (edit_attribute_twice, "Softmax has the attribute 'axis'"),
    ],
)
def test_graphs_that_don_t_fit(edit: Callable[[GraphProto], None], expected: str) -> None:
    model = onnx.load_from_string(RAW)
    edit(model.graph)
    assert expected in reason(model.SerializeToString())


@pytest.mark.parametrize(
    "opsets",
    [[], [("", 12)], [("", 13), ("com.microsoft", 1)], [("ai.onnx.ml", 13)], [("", 13)] * 2],
)
def test_other_opsets(opsets: list[tuple[str, int]]) -> None:
    model = onnx.load_from_string(RAW)
    del model.opset_import[:]
    for domain, version in opsets:
        model.opset_import.add(domain=domain, version=version)
    assert "forged.onnx needs opset 13 of ai.onnx, not " in reason(model.SerializeToString())


def test_two_graphs_or_none() -> None:
    """A protobuf library would merge the two."""
    model = onnx.load_from_string(RAW)
    second = bytes_field(7, model.graph.SerializeToString())
    assert "its model is malformed" in reason(model.SerializeToString() + second)
    model.ClearField("graph")
    assert "the input should be images" in reason(model.SerializeToString())


@pytest.mark.parametrize("limit", ["_MAX_WEIGHTS", "_MAX_VALUES", "_MAX_PRODUCTS"])
def test_limits(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, limit, 3000)
    assert "needs more memory or time" in reason(RAW)
