"""A classifier as an ONNX graph: uint8 pixels in, probabilities out.

Written node by node from the fused layers, so it has nothing that the network doesn't need.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import nn

import digits
from digits.inference.graph import OPSET
from digits.inference.interface import CLASSIFIER, INPUT, OUTPUT, Interface
from digits_export.fuse import POOL_POSITIONS, fuse, matches_phases, to_phases
from digits_export.temperature import UNSCALED, TemperatureScaling
from digits_train.models import Network
from digits_train.models.chain import check
from digits_train.models.network import NONE

IR_VERSION = 7  # came with opset 13 (ONNX 1.8, 2020)

SHARES = "shares"  # the last node, which stays float: it adds a tenth of "no digit" to each digit


@dataclass
class GraphBuilder:
    """The nodes so far. Unless it is given another, a node has the name of its output."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    initializers: list[onnx.TensorProto] = field(default_factory=list)

    def add(
        self, operator: str, output: str, *inputs: str, name: str | None = None, **attributes: Any
    ) -> str:
        """Add a node; return its output."""
        name = output if name is None else name
        node = helper.make_node(operator, inputs, [output], name, **attributes)
        self.nodes.append(node)
        return output

    def constant(self, name: str, values: NDArray[Any]) -> str:
        """Store an initializer; return its name."""
        self.initializers.append(numpy_helper.from_array(values, name))
        return name

    def parameters(self, name: str, layer: nn.Conv2d | nn.Linear) -> tuple[str, str]:
        """Store a layer's weight and bias as float32."""
        weight = layer.weight.detach().float().numpy()
        bias = np.zeros(len(weight), np.float32)
        if layer.bias is not None:
            bias = layer.bias.detach().float().numpy()
        return self.constant(f"{name}.weight", weight), self.constant(f"{name}.bias", bias)

    def reshape(self, output: str, source: str, shape: list[int]) -> str:
        return self.add(
            "Reshape", output, source, self.constant(f"{output}.shape", np.array(shape))
        )

    def finish(self, interface: Interface) -> onnx.ModelProto:
        """Make a model of the nodes, with the inputs and outputs of an interface."""
        types = {"tensor(uint8)": TensorProto.UINT8, "tensor(float)": TensorProto.FLOAT}
        input_, *outputs = [
            helper.make_tensor_value_info(
                tensor.name, types[tensor.dtype], ["batch", *tensor.shape]
            )
            for tensor in (interface.input, *interface.outputs)
        ]
        return helper.make_model(
            helper.make_graph(self.nodes, "digits", [input_], outputs, self.initializers),
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="digits",
            producer_version=digits.__version__,
        )


def build(model: Network, scaling: TemperatureScaling = UNSCALED) -> onnx.ModelProto:
    """Build the float32 graph of a network in evaluation mode.

    Input `images`: uint8 [batch, 1, 28, 28]. Output `probabilities`: float32 [batch, 10], those of
    `TemperatureScaling.probabilities`. Raises ModelError for a network that
    `digits_train.models.chain` rejects.
    """
    check(model)
    builder = GraphBuilder()
    last = builder.add("Cast", "pixels", INPUT[0], to=TensorProto.FLOAT)
    layers = list(fuse(model, scaling).named_children())
    if matches_phases([layer for _, layer in layers]):
        last = _add_phases(builder, last, *layers[:3])
        layers = layers[3:]
    for name, layer in layers:
        if isinstance(layer, nn.Conv2d):
            pads, kernel = [int(side) for side in layer.padding] * 2, list(layer.kernel_size)
            weights = builder.parameters(name, layer)
            last = builder.add("Conv", name, last, *weights, kernel_shape=kernel, pads=pads)
        elif isinstance(layer, nn.Linear):
            last = builder.add("Gemm", name, last, *builder.parameters(name, layer), transB=1)
        elif isinstance(layer, nn.ReLU):
            last = builder.add("Relu", name, last)
        elif isinstance(layer, nn.MaxPool2d):
            size = [int(layer.kernel_size)] * 2  # type: ignore[arg-type]
            last = builder.add("MaxPool", name, last, kernel_shape=size, strides=size)
        elif isinstance(layer, nn.Flatten):
            last = builder.add("Flatten", name, last, axis=1)
    last = builder.add("Softmax", "softmax", last, axis=1)
    shares = np.concatenate([np.eye(NONE), np.full((1, NONE), 1 / NONE)]).astype(np.float32)
    weight = builder.constant(f"{SHARES}.weight", shares)
    bias = builder.constant(f"{SHARES}.bias", np.zeros(NONE, np.float32))
    builder.add("Gemm", OUTPUT[0], last, weight, bias, name=SHARES)
    return builder.finish(CLASSIFIER)


def _add_phases(builder: GraphBuilder, source: str, *layers: tuple[str, Any]) -> str:
    (name, convolution), (relu, _), (pool, _) = layers
    phases = to_phases(convolution)
    size = list(phases.kernel_size)
    weights = builder.parameters(name, phases)
    last = builder.add("Conv", name, source, *weights, kernel_shape=size, strides=[2, 2])
    last = builder.add("Relu", relu, last)
    filters, (height, width) = convolution.out_channels, INPUT[2][1:]
    rows, columns = (height - size[0]) // 2 + 1, (width - size[1]) // 2 + 1
    phased, map_ = [-1, filters, POOL_POSITIONS, rows * columns], [-1, filters, rows, columns]
    last = builder.reshape(f"{name}.phases", last, phased)
    window = [POOL_POSITIONS, 1]
    last = builder.add("MaxPool", pool, last, kernel_shape=window, strides=window)
    return builder.reshape(f"{pool}.map", last, map_)
