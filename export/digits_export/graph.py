"""A checkpoint's network as an ONNX graph: uint8 pixels in, probabilities out.

It is written node by node from the chain of folded layers, so nothing is in it that the network
doesn't need.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import nn

import digits
from digits.models.graph import INPUT, OPSET, OUTPUT
from digits_export import phases
from digits_export.calibration import UNCALIBRATED, Calibration
from digits_export.fold import fold
from digits_train.models import Network
from digits_train.models.chain import check
from digits_train.models.network import NONE

IR_VERSION = 7  # came with opset 13 (ONNX 1.8, 2020)

SHARES = "shares"  # the last node, which is exact and stays so

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

    def reshape(self, name: str, shape: list[int]) -> None:
        self.weights.append(numpy_helper.from_array(np.array(shape), f"{name}.shape"))
        self.nodes.append(helper.make_node("Reshape", [self.tail, f"{name}.shape"], [name], name))
        self.tail = name


def build(model: Network, calibration: Calibration = UNCALIBRATED) -> onnx.ModelProto:
    """The float32 graph of a network in evaluation mode.

    Input `images`: uint8 [batch, 1, 28, 28]. Output `probabilities`: float32 [batch, 10], as
    `Calibration.probabilities` makes them of the logits. Raises ModelError for what
    `digits_train.models.chain` doesn't take.
    """
    check(model)
    chain = _Chain(INPUT[0])
    chain.add("Cast", "pixels", to=TensorProto.FLOAT)
    layers = list(fold(model, calibration).named_children())
    if phases.applies([layer for _, layer in layers]):
        _add_phases(chain, *layers[:3])
        layers = layers[3:]
    for name, layer in layers:
        if isinstance(layer, nn.Conv2d):
            weight, bias = _parameters(layer)
            pads = [int(side) for side in layer.padding] * 2
            chain.add("Conv", name, weight, bias, kernel_shape=list(weight.shape[2:]), pads=pads)
        elif isinstance(layer, nn.Linear):
            chain.add("Gemm", name, *_parameters(layer), transB=1)
        elif isinstance(layer, nn.ReLU):
            chain.add("Relu", name)
        elif isinstance(layer, nn.MaxPool2d):
            size = [int(layer.kernel_size)] * 2  # type: ignore[arg-type]
            chain.add("MaxPool", name, kernel_shape=size, strides=size)
        elif isinstance(layer, nn.Flatten):
            chain.add("Flatten", name, axis=1)
    chain.add("Softmax", "softmax", axis=1)
    # The probability of no digit is shared out evenly among the ten.
    shares = np.concatenate([np.eye(NONE), np.full((1, NONE), 1 / NONE)]).astype(np.float32)
    chain.add("Gemm", SHARES, shares, np.zeros(NONE, np.float32), output=OUTPUT[0])
    return _model(chain)


def _add_phases(chain: _Chain, *layers: tuple[str, Any]) -> None:
    (name, convolution), (relu, _), (pool, _) = layers
    weight, bias = phases.weights(*_parameters(convolution))
    size = list(weight.shape[2:])
    chain.add("Conv", name, weight, bias, kernel_shape=size, strides=[2, 2])
    chain.add("Relu", relu)
    filters, (height, width) = convolution.out_channels, INPUT[2][1:]
    rows, columns = (height - size[0]) // 2 + 1, (width - size[1]) // 2 + 1
    chain.reshape(f"{name}.phases", [-1, filters, phases.PLACES, rows * columns])
    largest = [phases.PLACES, 1]
    chain.add("MaxPool", pool, kernel_shape=largest, strides=largest)
    chain.reshape(f"{pool}.map", [-1, filters, rows, columns])


def _parameters(layer: nn.Conv2d | nn.Linear) -> tuple[Weights, Weights]:
    weight = layer.weight.detach().numpy()
    bias = np.zeros(len(weight), np.float32) if layer.bias is None else layer.bias.detach().numpy()
    return weight, bias


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
