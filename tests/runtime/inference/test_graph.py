from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import GraphProto, NodeProto, TensorProto, helper, numpy_helper

from digits.errors import ModelError
from digits.inference import graph, shapes
from digits.inference.interface import CLASSIFIER, READER, Size
from digits.inference.model_file import BUNDLED, BUNDLED_READER
from digits.inference.protobuf import bytes_field
from tests.robustness import forgery

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


@pytest.mark.parametrize(("height", "width"), [(32, 32), (64, 200)])
def test_reader_shapes_match_the_onnx_package(height: int, width: int) -> None:
    raw = Path(BUNDLED_READER).read_bytes()
    lengths = {"height": height, "width": width, "rows": height // 4, "columns": width // 4}
    size = Size(lengths, max_live=10**9, max_values=10**9, max_products=10**12)
    found = graph.read(raw, "bundled", READER._replace(sizes=(size,)))
    model = onnx.load_from_string(raw)
    dims = model.graph.input[0].type.tensor_type.shape.dim
    dims[2].dim_value, dims[3].dim_value = height, width
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    values = height * width + 17 * height * width // 16
    for value in inferred.value_info:
        shape = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        values += int(np.prod(shape[1:])) if shape[:1] == [0] else 0
    assert found.values == values
    assert sum(found.operators.values()) == len(model.graph.node)


def test_limits_of_a_page_leave_room_for_the_reader() -> None:
    """But not much: twice its products, half more memory, and a fifth more values."""
    raw = Path(BUNDLED_READER).read_bytes()
    for size in READER.sizes:
        for limit, share in (("max_live", 0.6), ("max_values", 0.8), ("max_products", 0.5)):
            limits: dict[str, Any] = {limit: int(getattr(size, limit) * share)}
            strict = READER._replace(sizes=(size._replace(**limits),))
            with pytest.raises(ModelError, match="needs more memory or time"):
                graph.read(raw, "forged.onnx", strict)


def test_values_that_are_no_longer_needed_take_no_memory() -> None:
    """As in onnxruntime; a sum of all is another thing."""
    chain = [helper.make_node("Relu", ["pixels"], ["r0"])]
    chain += [helper.make_node("Relu", [f"r{n}"], [f"r{n + 1}"]) for n in range(40)]
    graph.read(forgery.reader(*chain).SerializeToString(), "chain", READER)
    alive = [helper.make_node("Add", [f"r{40 - n}", f"s{n}"], [f"s{n + 1}"]) for n in range(40)]
    first = helper.make_node("Relu", ["pixels"], ["s0"])
    with pytest.raises(ModelError, match="needs more memory or time"):
        graph.read(forgery.reader(*chain, first, *alive).SerializeToString(), "all", READER)


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
        (change_shape, "bytes, too many or too few for int8 of shape"),
        (overflow_shape, "bytes, too many or too few for int8 of shape"),
        (add_empty_tensor, "invalid tensor 'empty'"),
        (change_type, "'fc3.weight.int' has an unsupported type: type 8"),
        (add_input, "the inputs or attributes of its Softmax don't fit"),
        (add_output, "the inputs or attributes of its Gemm don't fit"),
        (remove_name, "invalid tensor ''"),
        (rename_output, "doesn't output probabilities of shape [10]"),
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


@pytest.mark.parametrize("limit", ["max_live", "max_values", "max_products"])
def test_graph_over_a_limit_is_refused(limit: str) -> None:
    [size] = CLASSIFIER.sizes
    limits: dict[str, Any] = {limit: 3000}
    strict = CLASSIFIER._replace(sizes=(size._replace(**limits),))
    with pytest.raises(ModelError, match="needs more memory or time"):
        graph.read(RAW, "forged.onnx", strict)


def test_graph_with_too_many_weights_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shapes, "_MAX_WEIGHTS", 3000)
    assert "needs more memory or time" in refusal(RAW)
