"""Quantize a float graph: its weights per output channel, to seven bits.

B. Jacob et al., "Quantization and training of neural networks for efficient
integer-arithmetic-only inference" (CVPR 2018).
"""

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
from digits_train.onnx_graph import quiet, serialize

_BATCH_SIZE = 100  # VGG-16's activations take 1.1 MB a digit
# Pixels are rounded before DepthToSpace moves them: so the convolution before it is of integers.
_OPERATORS = ["Conv", "Gemm", "MatMul", "Add", "DepthToSpace"]


def batches(images: NDArray[np.uint8]) -> Batches:
    return np.split(images, range(_BATCH_SIZE, len(images), _BATCH_SIZE))


class _Batches(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, name: str, inputs: Batches) -> None:
        self._inputs = iter([{name: pixels} for pixels in inputs])

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        return next(self._inputs, None)


def quantize(model: ir.Model, inputs: Batches, float_layers: Sequence[str] = ()) -> ir.Model:
    """Return a graph with int8 weights, int32 biases, and uint8 inputs of products.

    inputs: whose activations the scales cover. float_layers: what stays as it is. Weights have
    seven bits, -64 to 64: an x86 processor without VNNI adds two products of uint8 and int8 in
    int16, which saturates above 32,767, and 2 * 255 * 64 is 32,640.
    """
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
        return ir.from_proto(onnx.load(path))


def _float_nodes(graph: ir.Graph, float_layers: Sequence[str]) -> list[str | None]:
    """The names of the nodes that stay float."""
    exact_weights = {f"{at}{layer}.weight" for layer in float_layers for at in ("", "network.")}
    names = list[str | None]()
    for node in graph:
        inputs = {value.name for value in node.inputs if value is not None}
        if (
            node.name == CLASSIFIER.outputs[0].name  # softmax needs its full range
            or not exact_weights.isdisjoint(inputs)
            or (node.op_type == "Add" and not graph.initializers.keys().isdisjoint(inputs))
        ):
            names.append(node.name)
    return names
