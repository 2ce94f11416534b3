"""Output shapes and costs of operators; the onnx package says which shapes are right."""

from collections.abc import Sequence
from typing import Any

import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from digits.inference.operators import BATCH, OPERATORS, READER_OPERATORS, Shape

BATCHES = 5  # replaces BATCH for onnx
small, size = st.integers(1, 4), st.integers(1, 12)
pair = st.lists(small, min_size=2, max_size=2)


def infer_shape(operator: str, inputs: Sequence[Shape], **attributes: list[int]) -> Shape | None:
    """Infer the shape; None if the inputs don't fit, or a dimension is below 1."""
    try:
        shape = (OPERATORS | READER_OPERATORS)[operator].infer(inputs, attributes).shape
    except (ValueError, LookupError):
        return None
    return None if min(shape[1:], default=1) < 1 else shape


def infer_shape_with_onnx(operator: str, inputs: Sequence[Shape], **attributes: Any) -> Shape:
    """Infer the shape with onnx; raises InferenceError if the inputs don't fit."""
    values = [
        helper.make_tensor_value_info(
            f"x{number}", TensorProto.FLOAT, [BATCHES if n == BATCH else n for n in shape]
        )
        for number, shape in enumerate(inputs)
    ]
    node = helper.make_node(operator, [value.name for value in values], ["y"], **attributes)
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    model = helper.make_model(
        helper.make_graph([node], "graph", values, [output]),
        opset_imports=[helper.make_opsetid("", 13)],
    )
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph.output[0]
    first, *shape = [dim.dim_value for dim in inferred.type.tensor_type.shape.dim]
    return (BATCH if first == BATCHES else first, *shape)


@settings(max_examples=100)
@given(size, size, pair, pair, pair, st.tuples(*[st.integers(0, 2)] * 4))
@pytest.mark.parametrize("operator", ["Conv", "dilated Conv", "AveragePool", "MaxPool"])
def test_window_shapes_match_onnx(
    operator: str,
    height: int,
    width: int,
    window: list[int],
    strides: list[int],
    dilations: list[int],
    pads: tuple[int, ...],
) -> None:
    inputs: list[Shape] = [(BATCH, 2, height, width)]
    attributes = {"kernel_shape": window, "strides": strides, "pads": list(pads)}
    sides = window
    if operator.endswith("Conv"):
        inputs.append((3, 2, *window))
    if operator == "dilated Conv":
        attributes["dilations"] = dilations
        sides = [(length - 1) * gap + 1 for length, gap in zip(window, dilations, strict=True)]
    if operator == "MaxPool":
        attributes |= {"strides": window, "pads": [0] * 4}
    top, left, bottom, right = attributes["pads"]
    # ONNX accepts other windows too, and rounds a negative number of strides up.
    fits = max(attributes["pads"]) <= max(sides)
    fits &= height + top + bottom >= sides[0] and width + left + right >= sides[1]
    name = operator.removeprefix("dilated ")
    expected = infer_shape_with_onnx(name, inputs, **attributes) if fits else None
    assert infer_shape(name, inputs, **attributes) == expected


@settings(max_examples=50)
@given(*[st.lists(st.sampled_from([1, 1, 2, 3]), min_size=1, max_size=4).map(tuple)] * 2)
def test_broadcast_shapes_match_onnx(first: Shape, second: Shape) -> None:
    try:
        expected = infer_shape_with_onnx("Add", [first, second])
    except onnx.shape_inference.InferenceError:
        expected = None
    assert infer_shape("Add", [first, second]) == expected


@pytest.mark.parametrize(
    ("first", "second", "result"),
    [
        ((BATCH, 3, 2), (3, 1), (BATCH, 3, 2)),
        ((BATCH, 3), (BATCH, 1), (BATCH, 3)),
        ((BATCH, 3), (1, 3), (BATCH, 3)),
        ((BATCH, 3), (5, 3), None),  # would fit only a batch of five
        ((BATCH, 3), (4,), None),
    ],
)
def test_broadcast_with_a_batch(first: Shape, second: Shape, result: Shape | None) -> None:
    for operator in ("Add", "Div", "Mul", "Sub"):
        assert infer_shape(operator, [first, second]) == result
        assert infer_shape(operator, [second, first]) == result


@pytest.mark.parametrize(
    ("operator", "inputs", "result"),
    [
        ("Flatten", [(BATCH, 2, 3, 4)], (BATCH, 24)),
        ("Flatten", [()], None),
        ("Gemm", [(BATCH, 6), (6, 4), (4,)], (BATCH, 4)),
        ("Gemm", [(BATCH, 6), (4, 6), (4,)], None),
        ("Gemm", [(BATCH, 6, 1), (6, 4), (4,)], None),
        ("Reshape", [(BATCH, 4, 6), (-1, 3, 8)], (BATCH, 3, 8)),
        ("Reshape", [(BATCH, 4, 6), (-1, 3, 7)], None),
        ("Reshape", [(BATCH, 4, 6), (3, 8, -1)], None),
        ("Reshape", [(BATCH, 4, 6), (-1, -3, -8)], None),
        ("Reshape", [(BATCH, 4, 6), (0, 24)], None),
        ("Reshape", [(4, 6), (-1, 24)], None),
        ("Reshape", [(BATCH, 4), ()], None),
        ("MaxPool", [(BATCH, 4)], None),
        ("Conv", [(BATCH, 1, 8, 8), (2, 1, 3, 3), (2,)], None),  # without a kernel shape
        ("Resize", [(BATCH, 2, 3, 4), (), (1, 1, 8, 8)], (BATCH, 2, 24, 32)),
        ("Resize", [(BATCH, 2, 3, 4), (), (1, 1, 1, 2)], (BATCH, 2, 3, 8)),
        ("Resize", [(BATCH, 2, 3, 4), (), (2, 1, 8, 8)], None),
        ("Resize", [(BATCH, 2, 3, 4), (), (1, 1, 0, 8)], None),
        ("Resize", [(BATCH, 2, 3), (), (1, 1, 8, 8)], None),
        ("Resize", [(BATCH, 2, 3, 4), (), ()], None),
        ("DepthToSpace", [(BATCH, 8, 3, 4)], (BATCH, 2, 6, 8)),
        ("DepthToSpace", [(BATCH, 6, 3, 4)], None),
        ("DepthToSpace", [(BATCH, 8, 3)], None),
        *((name, [(BATCH, 7), (), ()], (BATCH, 7)) for name in ("Relu", "QuantizeLinear", "Clip")),
    ],
)
def test_shapes_of_other_operators(
    operator: str, inputs: list[Shape], result: Shape | None
) -> None:
    assert infer_shape(operator, inputs) == result


@pytest.mark.parametrize(
    "attributes",
    [
        {"kernel_shape": [3, 3], "strides": [0, 1]},
        {"kernel_shape": [3, 3], "strides": [1]},
        {"kernel_shape": [3, 3], "pads": [0]},
        {"kernel_shape": [3, 3], "pads": [0, 0, 0, 10**9]},
        {"kernel_shape": [3, 4]},
    ],
    ids=str,
)
def test_invalid_windows_have_no_shape(attributes: dict[str, list[int]]) -> None:
    assert infer_shape("Conv", [(BATCH, 1, 8, 8), (2, 1, 3, 3), (2,)], **attributes) is None


def test_overlapping_pool_has_no_shape() -> None:
    """It would take more time."""
    assert infer_shape("MaxPool", [(BATCH, 1, 8, 8)], kernel_shape=[2, 2], strides=[1, 1]) is None


def test_products_and_unfolded_values() -> None:
    image, kernel = (BATCH, 3, 10, 12), (5, 3, 3, 3)
    for dilation, windows in ((1, 8 * 10), (2, 6 * 8)):
        attributes = {"kernel_shape": [3, 3], "dilations": [dilation] * 2}
        convolved = READER_OPERATORS["Conv"].infer([image, kernel, (5,)], attributes)
        assert convolved.unfolded == 3 * 9 * windows
        assert convolved.products == 5 * convolved.unfolded
    averaged = READER_OPERATORS["AveragePool"].infer([image], {"kernel_shape": [3, 3]})
    assert averaged.products == 16 * 3 * 9 * 8 * 10
    for rows, products in ((BATCH, 24), (7, 7 * 24)):
        multiplied = OPERATORS["Gemm"].infer([(rows, 6), (4, 6), (4,)], {"transB": [1]})
        assert (multiplied.shape, multiplied.products) == ((rows, 4), products)
