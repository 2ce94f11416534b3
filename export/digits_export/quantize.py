"""Quantize a float graph: its weights per output channel, to seven bits.

B. Jacob et al., "Quantization and training of neural networks for efficient
integer-arithmetic-only inference" (CVPR 2018).
"""

import copy
import re
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)

from digits.inference.interface import CLASSIFIER
from digits_export.exporter import Batches
from digits_export.graph import Graph
from digits_train.onnx_graph import quiet

_BATCH_SIZE = 100  # VGG-16's activations take 1.1 MB a digit
_OPERATORS = ["Conv", "Gemm", "MatMul", "Add"]


def batches(images: NDArray[np.uint8]) -> Batches:
    return np.split(images, range(_BATCH_SIZE, len(images), _BATCH_SIZE))


class _Batches(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, name: str, inputs: Batches) -> None:
        self._inputs = iter([{name: pixels} for pixels in inputs])

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        return next(self._inputs, None)


def quantize(
    model: onnx.ModelProto, inputs: Batches, float_layers: Sequence[str] = ()
) -> onnx.ModelProto:
    """Return a graph with int8 weights, int32 biases, and uint8 inputs of products.

    inputs: whose activations the scales cover. float_layers: what stays as it is. Of weights of
    seven bits (`interface.QMAX`) no two products saturate an int16.
    """
    exact_weights = {f"{layer}.weight" for layer in float_layers}
    constants = {tensor.name for tensor in model.graph.initializer}
    floats = [
        node.name
        for node in model.graph.node
        if node.name == CLASSIFIER.outputs[0].name  # softmax needs its full range
        or not exact_weights.isdisjoint(node.input)
        or (node.op_type == "Add" and constants.intersection(node.input))
    ]
    with TemporaryDirectory() as folder:
        path = Path(folder, "int8.onnx")
        with quiet():  # it recommends what the exporter has done
            quantize_static(
                copy.deepcopy(model),  # it is changed
                path,
                _Batches(model.graph.input[0].name, inputs),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=_OPERATORS,
                nodes_to_exclude=floats,
                per_channel=True,
                reduce_range=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                extra_options={
                    # Without these, float kernels get a graph without ReLUs: 42 % right (1.32).
                    "QDQKeepRemovableActivations": True,
                    "OpTypesToExcludeOutputQuantization": _OPERATORS,
                    # Or a channel of zeros gets a scale of 1, in which its bias is rounded, too.
                    "MinimumRealRange": 1e-5,
                },
            )
        graph = Graph(onnx.load(path))
    graph.rename(lambda name: _short_name(name, constants))
    for shuffle in [node for node in graph.nodes if node.op_type == "DepthToSpace"]:
        # Round before pixels are moved: so the convolution is of integers, and bytes are moved.
        rounding = next(graph.chain(shuffle.output[0]))
        shuffle.input[0], rounding.input[0] = shuffle.output[0], shuffle.input[0]
        shuffle.output[0], rounding.output[0] = rounding.output[0], shuffle.output[0]
        graph.nodes.remove(rounding)
        graph.nodes.insert(graph.nodes.index(shuffle), rounding)
    return graph.to_model()


def _short_name(name: str, weights: set[str]) -> str:
    """`conv1.weight.int` for `conv1.weight_quantized`, and so on: a tenth of LeNet-5's file."""
    source = name.removesuffix("_DequantizeLinear_Output")
    if source != name:
        return source if source in weights else f"{source}.float"
    name = re.sub("(_quantized|_QuantizeLinear_Output)$", ".int", name)
    name = re.sub("(_quantized)?_zero_point$", ".zero", name)
    return re.sub("(_quantized)?_scale$", ".scale", name)
