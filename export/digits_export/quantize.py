"""Quantize a float graph: weights to seven bits per output channel, or a reader's to eight.

B. Jacob et al., "Quantization and training of neural networks for efficient
integer-arithmetic-only inference" (CVPR 2018).
"""

import copy
import re
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

from digits.inference.interface import INPUT, OUTPUT
from digits_export.graph import Graph, make_node
from digits_train.onnx_graph import quiet

# The reader's last layers, with a fourteenth of the weights: rounding the neck's alone moves the
# log odds of centres by 0.020 (standard deviation), that of all others together by 0.027.
FLOAT_LAYERS = ("neck.", "centres.", "symbols.", "boxes.")
READER_QMAX = 127  # no integer kernel adds products of a reader's weights: all bits can be used
_BATCH_SIZE = 100  # VGG-16's activations take 1.1 MB a digit
_PRODUCTS = ["Conv", "Gemm", "MatMul"]


def batches(images: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    return np.split(images, range(_BATCH_SIZE, len(images), _BATCH_SIZE))


class _Batches(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, images: NDArray[np.uint8]) -> None:
        self._batches = iter(batches(images))

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        batch = next(self._batches, None)
        return None if batch is None else {INPUT[0]: batch}


def quantize(model: onnx.ModelProto, images: NDArray[np.uint8]) -> onnx.ModelProto:
    """Return a classifier's graph with int8 weights, int32 biases, and uint8 inputs of products.

    images: uint8 [n, 1, 28, 28] from the training set, whose activations the scales cover.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder, "int8.onnx")
        with quiet():  # it recommends what the exporter has done
            quantize_static(
                copy.deepcopy(model),  # it is changed
                path,
                _Batches(images),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=_PRODUCTS,
                nodes_to_exclude=[OUTPUT[0]],  # softmax needs its full range
                per_channel=True,
                reduce_range=True,  # to `interface.QMAX`
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                extra_options={
                    # Without these, float kernels get a graph without ReLUs: 42 % right (1.32).
                    "QDQKeepRemovableActivations": True,
                    "OpTypesToExcludeOutputQuantization": _PRODUCTS,
                    # Or a channel of zeros gets a scale of 1, in which its bias is rounded, too.
                    "MinimumRealRange": 1e-5,
                },
            )
        graph = Graph(onnx.load(path))
    weights = {tensor.name for tensor in model.graph.initializer}
    graph.rename(lambda name: _short_name(name, weights))
    return graph.to_model()


def _short_name(name: str, weights: set[str]) -> str:
    """`conv1.weight.int` for `conv1.weight_quantized`, and so on: a tenth of LeNet-5's file."""
    source = name.removesuffix("_DequantizeLinear_Output")
    if source != name:
        return source if source in weights else f"{source}.float"
    name = re.sub("(_quantized|_QuantizeLinear_Output)$", ".int", name)
    name = re.sub("(_quantized)?_zero_point$", ".zero", name)
    return re.sub("(_quantized)?_scale$", ".scale", name)


def quantize_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a reader's graph with int8 weights per output channel.

    onnxruntime dequantizes them once, when it loads the file with float kernels, so it is as fast
    as the float file, and no activation is rounded. Biases and FLOAT_LAYERS stay float32.
    """
    graph = Graph(model)
    for node in [node for node in graph.nodes if node.op_type == "Conv"]:
        name = node.input[1]
        if name.startswith(FLOAT_LAYERS):
            continue
        weight = graph.constants.pop(name).astype(np.float64)
        scale = np.maximum(np.abs(weight).reshape(len(weight), -1).max(1) / READER_QMAX, 1e-30)
        integers = np.round(weight / scale.reshape(-1, 1, 1, 1))
        inputs = (
            graph.store(f"{name}.int", integers, np.int8),
            graph.store(f"{name}.scale", scale),
            graph.store(f"{name}.zero", np.zeros(len(scale)), np.int8),
        )
        graph.nodes.insert(0, make_node("DequantizeLinear", name, *inputs, axis=0))
    return graph.to_model()
