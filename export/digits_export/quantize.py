"""Quantize a float graph: its weights per output channel, to seven bits.

B. Jacob et al., "Quantization and training of neural networks for efficient
integer-arithmetic-only inference" (CVPR 2018).
"""

import re
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import onnx_ir as ir
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)

from digits.inference.interface import CLASSIFIER
from digits_export.exporter import Batches
from digits_export.optimize import constant, internal_values, name_nodes, store
from digits_train.onnx_graph import quiet, serialize

_BATCH_SIZE = 100  # VGG-16's activations take 1.1 MB a digit
_OPERATORS = ["Conv", "Gemm", "MatMul", "Add"]


def batches(images: NDArray[np.uint8]) -> Batches:
    return np.split(images, range(_BATCH_SIZE, len(images), _BATCH_SIZE))


class _Batches(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, name: str, inputs: Batches) -> None:
        self._inputs = iter([{name: pixels} for pixels in inputs])

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        return next(self._inputs, None)


def quantize(model: ir.Model, inputs: Batches, float_layers: Sequence[str] = ()) -> ir.Model:
    """Return a graph with int8 weights, int32 biases, and uint8 inputs of products.

    inputs: whose activations the scales cover. float_layers: what stays as it is. Of weights of
    seven bits (`interface.QMAX`) no two products saturate an int16.
    """
    constants = {*model.graph.initializers}
    with TemporaryDirectory() as folder:
        path = Path(folder, "int8.onnx")
        with quiet():  # it recommends what the exporter has done
            quantize_static(
                onnx.load_from_string(serialize(model)),
                path,
                _Batches(str(model.graph.inputs[0].name), inputs),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=_OPERATORS,
                nodes_to_exclude=_float_nodes(model.graph, float_layers),
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
        quantized = ir.from_proto(onnx.load(path))
    graph = quantized.graph
    for name, value in graph.initializers.items():  # which readers of files expect as bytes
        stored = constant(value)
        assert stored is not None
        store(graph, name, stored, stored.dtype)
    for shuffle in [node for node in graph if node.op_type == "DepthToSpace"]:
        _round_first(shuffle)
    for value in internal_values(graph):
        value.name = _short_name(str(value.name), constants)
    name_nodes(graph)
    return quantized


def _float_nodes(graph: ir.Graph, float_layers: Sequence[str]) -> list[str | None]:
    """The names of the nodes that stay float."""
    exact_weights, names = {f"{layer}.weight" for layer in float_layers}, list[str | None]()
    for node in graph:
        inputs = {value.name for value in node.inputs if value is not None}
        if (
            node.name == CLASSIFIER.outputs[0].name  # softmax needs its full range
            or not exact_weights.isdisjoint(inputs)
            or (node.op_type == "Add" and not graph.initializers.keys().isdisjoint(inputs))
        ):
            names.append(node.name)
    return names


def _round_first(shuffle: ir.Node) -> None:
    """Round before pixels are moved: so the convolution is of integers, and bytes are moved."""
    graph, source = shuffle.graph, shuffle.inputs[0]
    [rounding] = shuffle.outputs[0].consumers()
    assert graph is not None
    rounded, moved = rounding.outputs[0], shuffle.outputs[0]
    rounding.replace_input_with(0, source)
    rounded.replace_all_uses_with(moved)
    shuffle.replace_input_with(0, rounded)
    rounded.name, moved.name = moved.name, rounded.name
    graph.remove(rounding)
    graph.insert_before(shuffle, rounding)


def _short_name(name: str, weights: set[str]) -> str:
    """`conv1.weight.int` for `conv1.weight_quantized`, and so on: a tenth of LeNet-5's file."""
    source = name.removesuffix("_DequantizeLinear_Output")
    if source != name:
        return source if source in weights else f"{source}.float"
    name = re.sub("(_quantized|_QuantizeLinear_Output)$", ".int", name)
    name = re.sub("(_quantized)?_zero_point$", ".zero", name)
    return re.sub("(_quantized)?_scale$", ".scale", name)
