"""A network as an ONNX graph: uint8 pixels in, probabilities out.

Written node by node from the fused layers, so it has nothing that the network doesn't need.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import nn

import digits
from digits.inference.graph import OPSET
from digits.inference.interface import CLASSIFIER, INPUT, OUTPUT, Interface
from digits_export.fuse import POOL_POSITIONS, Floats, fuse, matches_phases, to_phases
from digits_export.temperature import UNSCALED, TemperatureScaling
from digits_train.models import Network
from digits_train.models.chain import check
from digits_train.models.network import NONE

IR_VERSION = 7  # came with opset 13 (ONNX 1.8, 2020)

SHARES = "shares"  # the last node, which stays float: it adds a tenth of "no digit" to each digit


@dataclass
class _GraphBuilder:
    """The nodes so far. current: the tensor that the next node reads."""

    current: str
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    initializers: list[onnx.TensorProto] = field(default_factory=list)

    def add(
        self, operator: str, name: str, *weights: Floats, output: str = "", **attributes: Any
    ) -> None:
        inputs = [self.current]
        for suffix, array in zip(("weight", "bias"), weights, strict=False):
            self.initializers.append(numpy_helper.from_array(array, f"{name}.{suffix}"))
            inputs.append(f"{name}.{suffix}")
        self.current = output or name
        self.nodes.append(helper.make_node(operator, inputs, [self.current], name, **attributes))

    def reshape(self, name: str, shape: list[int]) -> None:
        self.initializers.append(numpy_helper.from_array(np.array(shape), f"{name}.shape"))
        self.nodes.append(
            helper.make_node("Reshape", [self.current, f"{name}.shape"], [name], name)
        )
        self.current = name


def build(model: Network, scaling: TemperatureScaling = UNSCALED) -> onnx.ModelProto:
    """Build the float32 graph of a network in evaluation mode.

    Input `images`: uint8 [batch, 1, 28, 28]. Output `probabilities`: float32 [batch, 10], those of
    `TemperatureScaling.probabilities`. Raises ModelError for a network that
    `digits_train.models.chain` rejects.
    """
    check(model)
    builder = _GraphBuilder(INPUT[0])
    builder.add("Cast", "pixels", to=TensorProto.FLOAT)
    layers = list(fuse(model, scaling).named_children())
    if matches_phases([layer for _, layer in layers]):
        _add_phases(builder, *layers[:3])
        layers = layers[3:]
    for name, layer in layers:
        if isinstance(layer, nn.Conv2d):
            weight, bias = _parameters(layer)
            pads = [int(side) for side in layer.padding] * 2
            builder.add("Conv", name, weight, bias, kernel_shape=list(weight.shape[2:]), pads=pads)
        elif isinstance(layer, nn.Linear):
            builder.add("Gemm", name, *_parameters(layer), transB=1)
        elif isinstance(layer, nn.ReLU):
            builder.add("Relu", name)
        elif isinstance(layer, nn.MaxPool2d):
            size = [int(layer.kernel_size)] * 2  # type: ignore[arg-type]
            builder.add("MaxPool", name, kernel_shape=size, strides=size)
        elif isinstance(layer, nn.Flatten):
            builder.add("Flatten", name, axis=1)
    builder.add("Softmax", "softmax", axis=1)
    shares = np.concatenate([np.eye(NONE), np.full((1, NONE), 1 / NONE)]).astype(np.float32)
    builder.add("Gemm", SHARES, shares, np.zeros(NONE, np.float32), output=OUTPUT[0])
    return make_model(builder.nodes, builder.initializers, CLASSIFIER)


def _add_phases(builder: _GraphBuilder, *layers: tuple[str, Any]) -> None:
    (name, convolution), (relu, _), (pool, _) = layers
    weight, bias = to_phases(*_parameters(convolution))
    size = list(weight.shape[2:])
    builder.add("Conv", name, weight, bias, kernel_shape=size, strides=[2, 2])
    builder.add("Relu", relu)
    filters, (height, width) = convolution.out_channels, INPUT[2][1:]
    rows, columns = (height - size[0]) // 2 + 1, (width - size[1]) // 2 + 1
    builder.reshape(f"{name}.phases", [-1, filters, POOL_POSITIONS, rows * columns])
    window = [POOL_POSITIONS, 1]
    builder.add("MaxPool", pool, kernel_shape=window, strides=window)
    builder.reshape(f"{pool}.map", [-1, filters, rows, columns])


def _parameters(layer: nn.Conv2d | nn.Linear) -> tuple[Floats, Floats]:
    weight = layer.weight.detach().numpy()
    bias = np.zeros(len(weight), np.float32) if layer.bias is None else layer.bias.detach().numpy()
    return weight, bias


def make_model(
    nodes: Sequence[onnx.NodeProto],
    initializers: Sequence[onnx.TensorProto],
    interface: Interface,
) -> onnx.ModelProto:
    """Make a model of the nodes, with the inputs and outputs of an interface."""
    types = {"tensor(uint8)": TensorProto.UINT8, "tensor(float)": TensorProto.FLOAT}
    input_, *outputs = [
        helper.make_tensor_value_info(tensor.name, types[tensor.dtype], ["batch", *tensor.shape])
        for tensor in (interface.input, *interface.outputs)
    ]
    return helper.make_model(
        helper.make_graph(nodes, "digits", [input_], outputs, initializers),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="digits",
        producer_version=digits.__version__,
    )
