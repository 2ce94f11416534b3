"""Store the weights of a reader as int8; all else stays float, and so does its arithmetic.

onnxruntime dequantizes them once, when it loads the file with float kernels, so it is as fast as
the float file, and no activation is rounded.
"""

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from digits_export.quantize import quantize_per_channel

DESCRIPTION = "int8, weights alone, per channel; neck and heads float"
# The last layers, with a fourteenth of the weights: rounding the neck's alone moves the log odds of
# centres by 0.020 (standard deviation), that of all others together by 0.027.
FLOAT = ("neck1", "neck2", "centres", "symbols", "boxes")
_QMAX = 127  # no integer kernel adds their products, so all eight bits can be used


def quantize(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy of a graph made by `reader_graph.build`, with int8 weights per output channel.

    The scale of a weight is its channel's largest weight / 127; biases and FLOAT stay float32.
    """
    quantized = onnx.ModelProto()
    quantized.CopyFrom(model)
    graph = quantized.graph
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    del graph.node[:], graph.initializer[:]
    for node in model.graph.node:
        if node.op_type == "Conv" and node.name not in FLOAT:
            name = node.input[1]
            exact = numpy_helper.to_array(weights.pop(name)).astype(np.float64)
            integers, scale = quantize_per_channel(exact, qmax=_QMAX)
            inputs: dict[str, NDArray[Any]] = {
                f"{name}.int": integers,
                f"{name}.scale": scale.astype(np.float32),
                f"{name}.zero": np.zeros(len(scale), np.int8),
            }
            graph.initializer.extend(
                numpy_helper.from_array(values, title) for title, values in inputs.items()
            )
            graph.node.append(helper.make_node("DequantizeLinear", [*inputs], [name], name, axis=0))
        graph.node.append(node)
    graph.initializer.extend(weights.values())
    return quantized
