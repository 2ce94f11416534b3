"""Store the weights of a reader as int8; all else stays float, and so does its arithmetic.

onnxruntime dequantizes them once, when it loads the file with float kernels, so it is as fast as
the float file, and no activation is rounded.
"""

import numpy as np
import onnx
from onnx import numpy_helper

from digits_export.quantize import add_dequantized, quantize_per_channel, replace_body

DESCRIPTION = "int8, weights alone, per channel; neck and heads float"
# The last layers, with a fourteenth of the weights: rounding the neck's alone moves the log odds of
# centres by 0.020 (standard deviation), that of all others together by 0.027.
FLOAT = ("neck1", "neck2", "centres", "symbols", "boxes")
_QMAX = 127  # no integer kernel adds their products, so all eight bits can be used


def quantize(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy of a graph made by `reader_graph.build`, with int8 weights per output channel.

    The scale of a weight is its channel's largest weight / 127; biases and FLOAT stay float32.
    """
    graph = onnx.GraphProto()
    exact = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Conv" and node.name not in FLOAT:
            name = node.input[1]
            weight = numpy_helper.to_array(exact.pop(name)).astype(np.float64)
            add_dequantized(graph, name, *quantize_per_channel(weight, qmax=_QMAX), title=name)
        graph.node.append(node)
    graph.initializer.extend(exact.values())
    return replace_body(model, graph)
