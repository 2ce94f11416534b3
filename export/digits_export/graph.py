"""A checkpoint's network as an ONNX graph: uint8 pixels in, probabilities out.

The graph is written node by node from the chain of layers, so nothing is in it that the network
doesn't need: the normalisation is folded into the first layer and the calibration temperature into
the last.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import nn

import digits
from digits.errors import ModelError
from digits.model import INPUT, OUTPUT
from digits_train.models import Network, Normalize

# Opset 13 is the first with per-channel DequantizeLinear; IR 7 came with it (ONNX 1.8, 2020).
OPSET = 13
IR_VERSION = 7

Weights = NDArray[np.float32]


@dataclass
class _Chain:
    """The nodes so far; `tail` is the name of the tensor that the next node reads."""

    tail: str
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    weights: list[onnx.TensorProto] = field(default_factory=list)

    def add(
        self, operator: str, name: str, *weights: Weights, output: str = "", **attributes: Any
    ) -> None:
        inputs = [self.tail]
        for suffix, array in zip(("weight", "bias"), weights, strict=False):
            self.weights.append(numpy_helper.from_array(array, f"{name}.{suffix}"))
            inputs.append(f"{name}.{suffix}")
        self.tail = output or name
        self.nodes.append(helper.make_node(operator, inputs, [self.tail], name, **attributes))


def build(model: Network, temperature: float = 1.0) -> onnx.ModelProto:
    """The float32 graph of a network in evaluation mode.

    Input `images`: uint8 [batch, 1, 28, 28]. Output `probabilities`: float32 [batch, 10], the
    softmax of the logits divided by `temperature`. Raises ModelError for a layer it doesn't know.
    """
    layers = dict(model.named_children())
    weighted = [name for name, layer in layers.items() if isinstance(layer, nn.Conv2d | nn.Linear)]
    chain = _Chain("images")
    chain.add("Cast", "pixels", to=TensorProto.FLOAT)
    normalized = False
    for name, layer in layers.items():
        if isinstance(layer, Normalize):
            normalized = True
            if not _is_unpadded(layers[weighted[0]]):
                raise ModelError(
                    f"{weighted[0]} pads, so the normalisation can't be folded into it"
                )
        elif isinstance(layer, nn.Conv2d | nn.Linear):
            weight, bias = _parameters(layer)
            if name == weighted[0] and normalized:
                weight, bias = _fold_normalization(weight, bias)
            if name == weighted[-1]:
                weight, bias = weight / np.float32(temperature), bias / np.float32(temperature)
            _add_weighted(chain, name, layer, weight, bias)
        elif isinstance(layer, nn.ReLU):
            chain.add("Relu", name)
        elif isinstance(layer, nn.MaxPool2d):
            size = [int(layer.kernel_size)] * 2  # type: ignore[arg-type]
            chain.add("MaxPool", name, kernel_shape=size, strides=size)
        elif isinstance(layer, nn.Flatten):
            chain.add("Flatten", name, axis=1)
        else:
            raise ModelError(f"can't export the layer {name} ({type(layer).__name__})")
    chain.add("Softmax", "softmax", output=OUTPUT[0], axis=1)
    return _model(chain)


def _add_weighted(
    chain: _Chain, name: str, layer: nn.Conv2d | nn.Linear, weight: Weights, bias: Weights
) -> None:
    if isinstance(layer, nn.Linear):
        chain.add("Gemm", name, weight, bias, transB=1)
    else:
        pads = [int(side) for side in layer.padding] * 2
        chain.add("Conv", name, weight, bias, kernel_shape=list(weight.shape[2:]), pads=pads)


def _parameters(layer: nn.Conv2d | nn.Linear) -> tuple[Weights, Weights]:
    weight = layer.weight.detach().numpy()
    bias = np.zeros(len(weight), np.float32) if layer.bias is None else layer.bias.detach().numpy()
    return weight, bias


def _fold_normalization(weight: Weights, bias: Weights) -> tuple[Weights, Weights]:
    """Weight and bias that do to pixels x what the given ones do to Normalize()(x).

    w·((x / 255 - mean) / deviation) + b  =  (w / (255·deviation))·x + (b - mean / deviation·Σw)
    """
    exact = weight.astype(np.float64)
    shift = Normalize.mean / Normalize.deviation * exact.reshape(len(exact), -1).sum(1)
    folded = exact / (255 * Normalize.deviation)
    return folded.astype(np.float32), (bias - shift).astype(np.float32)


def _is_unpadded(layer: nn.Module) -> bool:
    return not isinstance(layer, nn.Conv2d) or layer.padding == (0, 0)


def _model(chain: _Chain) -> onnx.ModelProto:
    graph = helper.make_graph(
        chain.nodes,
        "digits",
        [helper.make_tensor_value_info(INPUT[0], TensorProto.UINT8, ["batch", *INPUT[2]])],
        [helper.make_tensor_value_info(OUTPUT[0], TensorProto.FLOAT, ["batch", *OUTPUT[2]])],
        chain.weights,
    )
    return helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="digits",
        producer_version=digits.__version__,
    )
