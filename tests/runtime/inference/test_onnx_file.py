import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from digits.inference.onnx_file import last_dense_inputs, read_weights
from tests.onnx_files import DETECTOR_RAW, RAW


@pytest.mark.parametrize("model", [RAW, DETECTOR_RAW])
def test_weights_are_those_of_the_onnx_package(model: bytes) -> None:
    graph, weights = onnx.load_from_string(model).graph, read_weights(bytearray(model))
    assert list(weights) == [tensor.name for tensor in graph.initializer]
    for tensor in graph.initializer:
        array, expected = weights[tensor.name], numpy_helper.to_array(tensor)
        assert (array.dtype, array.shape) == (expected.dtype, expected.shape)
        np.testing.assert_array_equal(array, expected)
        assert array.flags.writeable


def test_inputs_of_the_last_dense_layer() -> None:
    [*_, last] = [node for node in onnx.load_from_string(RAW).graph.node if node.op_type == "Gemm"]
    assert last_dense_inputs(RAW) == [*last.input]
    with pytest.raises(LookupError):
        last_dense_inputs(DETECTOR_RAW)
