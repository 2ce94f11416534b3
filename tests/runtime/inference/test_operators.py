from typing import Any

import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from digits.inference.operators import BATCH, OPERATORS, READER_OPERATORS, Shape

BATCHES = 5  # replaces BATCH for onnx
small = st.integers(1, 4)
size = st.integers(1, 12)


def infer_shape(operator: str, inputs: list[Shape], **attributes: list[int]) -> Shape | None:
    """Infer the shape; None if the inputs don't fit, or a dimension is below 1."""
    try:
        operators = OPERATORS | READER_OPERATORS
        shape = operators[operator].infer(inputs, attributes).shapes[0]
    except (ValueError, LookupError):
        return None
    return None if min(shape[1:], default=1) < 1 else shape


def infer_shape_with_onnx(operator: str, inputs: list[Shape], **attributes: Any) -> Shape | None:
    """Infer the shape with onnx; None if it finds an error, or a dimension is below 1."""
    numbers = TensorProto.UINT8 if "Integer" in operator else TensorProto.FLOAT
    result = TensorProto.INT32 if "Integer" in operator else TensorProto.FLOAT
    lengths = [tuple(BATCHES if n == BATCH else n for n in shape) for shape in inputs]
    names = [f"x{number}" for number in range(len(inputs))]
    graph = helper.make_graph(
        [helper.make_node(operator, names, ["y"], **attributes)],
        "one",
        [
            helper.make_tensor_value_info(name, numbers, shape)
            for name, shape in zip(names, lengths, strict=True)
        ],
        [helper.make_tensor_value_info("y", result, None)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    try:
        found = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph.output[0]
    except onnx.shape_inference.InferenceError:
        return None
    shape = [dim.dim_value for dim in found.type.tensor_type.shape.dim]
    if not shape or min(shape) < 1:
        return None
    return (BATCH, *shape[1:]) if shape[0] == BATCHES else tuple(shape)


def window_fits(
    height: int, width: int, window: list[int], pads: tuple[int, ...] = (0,) * 4
) -> bool:
    """Whether a window fits at least once, and never lies within the padding.

    ONNX accepts others too, and rounds a negative number of strides up.
    """
    padded = height + pads[0] + pads[2], width + pads[1] + pads[3]
    return max(pads) <= max(window) and padded[0] >= window[0] and padded[1] >= window[1]


@settings(max_examples=50, deadline=None)
@given(
    size,
    size,
    st.tuples(small, small),
    st.lists(small, min_size=2, max_size=2),
    st.lists(small, min_size=2, max_size=2),
    st.tuples(*[st.integers(0, 2)] * 4),
)
@pytest.mark.parametrize("operator", ["Conv", "ConvInteger"])
def test_convolution_shapes_match_onnx(
    operator: str,
    height: int,
    width: int,
    channels: tuple[int, int],
    window: list[int],
    strides: list[int],
    pads: tuple[int, ...],
) -> None:
    inputs = [(BATCH, channels[0], height, width), (channels[1], channels[0], *window)]
    attributes = {"kernel_shape": window, "strides": strides, "pads": list(pads)}
    found = infer_shape(operator, inputs, **attributes)
    if window_fits(height, width, window, pads):
        assert found == infer_shape_with_onnx(operator, inputs, **attributes) is not None
    else:
        assert found is None


@settings(max_examples=50, deadline=None)
@given(small, size, size, st.lists(small, min_size=2, max_size=2))
def test_pool_shapes_match_onnx(channels: int, height: int, width: int, window: list[int]) -> None:
    inputs: list[Shape] = [(BATCH, channels, height, width)]
    attributes = {"kernel_shape": window, "strides": window}
    found = infer_shape("MaxPool", inputs, **attributes)
    if window_fits(height, width, window):
        assert found == infer_shape_with_onnx("MaxPool", inputs, **attributes) is not None
    else:
        assert found is None


@settings(max_examples=50, deadline=None)
@given(*[st.lists(st.sampled_from([1, 1, 2, 3]), max_size=4).map(tuple)] * 2)
@pytest.mark.parametrize("operator", ["Add", "Mul"])
def test_broadcast_shapes_match_onnx(operator: str, first: Shape, second: Shape) -> None:
    if first or second:
        assert infer_shape(operator, [first, second]) == infer_shape_with_onnx(
            operator, [first, second]
        )


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
    for inputs in ([first, second], [second, first]):
        assert infer_shape("Add", inputs) == result


@pytest.mark.parametrize(
    ("operator", "inputs", "result"),
    [
        ("Flatten", [(BATCH, 2, 3, 4)], (BATCH, 24)),
        ("Flatten", [()], None),
        ("Gemm", [(BATCH, 6), (4, 6), (4,)], (BATCH, 4)),
        ("Gemm", [(BATCH, 6), (6, 4), (4,)], None),
        ("Gemm", [(BATCH, 6, 1), (4, 6), (4,)], None),
        ("MatMulInteger", [(BATCH, 6), (6, 4), (), ()], (BATCH, 4)),
        ("MatMulInteger", [(BATCH, 6), (4, 6), (), ()], None),
        ("MatMulInteger", [(BATCH, 6), (BATCH, 6), (), ()], None),
        ("Reshape", [(BATCH, 4, 6), (-1, 3, 8)], (BATCH, 3, 8)),
        ("Reshape", [(BATCH, 4, 6), (-1, 3, 7)], None),
        ("Reshape", [(BATCH, 4, 6), (3, 8, -1)], None),
        ("Reshape", [(BATCH, 4, 6), (-1, -3, -8)], None),
        ("Reshape", [(BATCH, 4, 6), (0, 24)], None),
        ("Reshape", [(4, 6), (-1, 24)], None),
        ("Reshape", [(BATCH, 4), ()], None),
        ("MaxPool", [(BATCH, 4)], None),
        ("Conv", [(BATCH, 1, 8, 8), (2, 1, 3, 3), (2,)], None),  # without a kernel shape
        *((operator, [(BATCH, 7), (), ()], (BATCH, 7)) for operator in ("Relu", "QuantizeLinear")),
    ],
)
def test_shapes_of_other_operators(
    operator: str, inputs: list[Shape], result: Shape | None
) -> None:
    attributes = {"transB": [1]} if operator == "Gemm" else {}
    assert infer_shape(operator, inputs, **attributes) == result


@pytest.mark.parametrize(
    ("strides", "pads"),
    [([0, 1], [0] * 4), ([1], [0] * 4), ([1, 1], [0]), ([1, 1], [0, 0, 0, 10**9])],
)
def test_invalid_windows_have_no_shape(strides: list[int], pads: list[int]) -> None:
    inputs = [(BATCH, 1, 8, 8), (2, 1, 3, 3), (2,)]
    assert infer_shape("Conv", inputs, kernel_shape=[3, 3], strides=strides, pads=pads) is None
    assert infer_shape("Conv", inputs, kernel_shape=[3, 4]) is None
    assert infer_shape("Conv", inputs, kernel_shape=[3, 3]) == (BATCH, 2, 6, 6)


def test_products_and_unfolded_values() -> None:
    image, kernel = (BATCH, 3, 10, 12), (5, 3, 3, 3)
    convolved = OPERATORS["Conv"].infer([image, kernel, (5,)], {"kernel_shape": [3, 3]})
    assert convolved.products == 5 * 3 * 9 * 8 * 10
    assert convolved.unfolded == 3 * 9 * 8 * 10
    assert OPERATORS["Gemm"].infer([(BATCH, 6), (4, 6), (4,)], {"transB": [1]}).products == 24
    assert OPERATORS["Gemm"].infer([(7, 6), (4, 6), (4,)], {"transB": [1]}).products == 7 * 24


@settings(max_examples=50, deadline=None)
@given(
    size,
    size,
    st.lists(small, min_size=2, max_size=2),
    st.lists(small, min_size=2, max_size=2),
    st.integers(0, 2),
)
def test_dilated_convolution_shapes_match_onnx(
    height: int, width: int, window: list[int], dilations: list[int], pad: int
) -> None:
    inputs: list[Shape] = [(BATCH, 2, height, width), (3, 2, *window)]
    attributes = {"kernel_shape": window, "dilations": dilations, "pads": [pad] * 4}
    found = infer_shape("Conv", inputs, **attributes)
    sides = [(length - 1) * gap + 1 for length, gap in zip(window, dilations, strict=True)]
    if window_fits(height, width, sides, (pad,) * 4):
        assert found == infer_shape_with_onnx("Conv", inputs, **attributes) is not None
    else:
        assert found is None


@settings(max_examples=50, deadline=None)
@given(size, size, st.lists(small, min_size=2, max_size=2), small, st.integers(0, 2))
def test_average_shapes_match_onnx(
    height: int, width: int, window: list[int], stride: int, pad: int
) -> None:
    inputs: list[Shape] = [(BATCH, 2, height, width)]
    attributes = {"kernel_shape": window, "strides": [stride] * 2, "pads": [pad] * 4}
    found = infer_shape("AveragePool", inputs, **attributes)
    if window_fits(height, width, window, (pad,) * 4):
        assert found == infer_shape_with_onnx("AveragePool", inputs, **attributes) is not None
    else:
        assert found is None


@pytest.mark.parametrize(
    ("operator", "inputs", "result"),
    [
        ("Resize", [(BATCH, 2, 3, 4), (), (1, 1, 8, 8)], (BATCH, 2, 24, 32)),
        ("Resize", [(BATCH, 2, 3, 4), (), (1, 1, 1, 2)], (BATCH, 2, 3, 8)),
        ("Resize", [(BATCH, 2, 3, 4), (), (2, 1, 8, 8)], None),
        ("Resize", [(BATCH, 2, 3, 4), (), (1, 1, 0, 8)], None),
        ("Resize", [(BATCH, 2, 3), (), (1, 1, 8, 8)], None),
        ("Resize", [(BATCH, 2, 3, 4), (), ()], None),
        ("DepthToSpace", [(BATCH, 8, 3, 4)], (BATCH, 2, 6, 8)),
        ("DepthToSpace", [(BATCH, 6, 3, 4)], None),
        ("DepthToSpace", [(BATCH, 8, 3)], None),
        ("Clip", [(BATCH, 8, 3), (), ()], (BATCH, 8, 3)),
        ("Sqrt", [(BATCH, 8, 3)], (BATCH, 8, 3)),
        ("Div", [(BATCH, 8, 3), (BATCH, 1, 3)], (BATCH, 8, 3)),
        ("Sub", [(BATCH, 8, 3), (BATCH, 2, 3)], None),
    ],
)
def test_shapes_of_a_readers_operators(
    operator: str, inputs: list[Shape], result: Shape | None
) -> None:
    assert infer_shape(operator, inputs) == result


def test_work_of_convolutions_and_means_per_page() -> None:
    image, kernel = (BATCH, 3, 10, 12), (5, 3, 3, 3)
    dilated = {"kernel_shape": [3, 3], "dilations": [2, 2]}
    convolved = READER_OPERATORS["Conv"].infer([image, kernel, (5,)], dilated)
    assert convolved.products == 5 * 3 * 9 * 6 * 8
    averaged = READER_OPERATORS["AveragePool"].infer([image], {"kernel_shape": [3, 3]})
    assert averaged.products == 16 * 3 * 9 * 8 * 10
