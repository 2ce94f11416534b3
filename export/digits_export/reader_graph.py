"""A reader as an ONNX graph: grey pages in, maps of the symbols out.

Written node by node, with batch norm in the convolutions' weights and calibration in the heads'.
"""

import copy
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from digits.inference.interface import READER
from digits_export.graph import make_model
from digits_train.models.reader import MULTIPLE, ConvBlock, LocalContrast, Reader


class MapScaling(NamedTuple):
    """How the maps become calibrated.

    temperature: divides the symbols' logits. centre_temperature: divides the centres' log odds.
    centre_shift: is then added to them.
    """

    temperature: float = 1.0
    centre_temperature: float = 1.0
    centre_shift: float = 0.0


UNSCALED = MapScaling()


@dataclass
class _GraphBuilder:
    """The nodes so far; each node has the name of the tensor that it writes."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    initializers: list[onnx.TensorProto] = field(default_factory=list)

    def add(self, operator: str, output: str, *inputs: str, **attributes: Any) -> str:
        """Add a node; return its output."""
        self.nodes.append(helper.make_node(operator, inputs, [output], output, **attributes))
        return output

    def constant(self, name: str, values: NDArray[np.float32] | float) -> str:
        """Store a float32 initializer; return its name."""
        self.initializers.append(numpy_helper.from_array(np.asarray(values, np.float32), name))
        return name

    def convolve(self, output: str, layer: nn.Conv2d, source: str) -> str:
        weight, bias = (values.detach().float().numpy() for values in (layer.weight, layer.bias))  # type: ignore[union-attr]
        return self.add(
            "Conv",
            output,
            source,
            self.constant(f"{output}.weight", weight),
            self.constant(f"{output}.bias", bias),
            dilations=list(layer.dilation),
            kernel_shape=list(layer.kernel_size),
            pads=[int(side) for side in layer.padding] * 2,
            strides=list(layer.stride),
        )

    def block(self, name: str, block: ConvBlock, source: str) -> str:
        """Add a convolution with its batch norm, its residual connection and its ReLU."""
        result = self.convolve(name, fuse_conv_bn_eval(block.conv, block.norm), source)
        if block.residual:
            result = self.add("Add", f"{name}.sum", source, result)
        return self.add("Relu", f"{name}.relu", result)

    def blocks(self, name: str, blocks: nn.Sequential, source: str) -> str:
        for number, block in enumerate(blocks, 1):
            source = self.block(f"{name}{number}", cast(ConvBlock, block), source)
        return source

    def mean(self, output: str, source: str, side: int, stride: int) -> str:
        """Average squares; at the border, what lies inside."""
        pad = side // 2 if stride == 1 else 0
        return self.add(
            "AveragePool",
            output,
            source,
            kernel_shape=[side] * 2,
            pads=[pad] * 4,
            strides=[stride] * 2,
        )

    def enlarge(self, output: str, cells: str, scales: str) -> str:
        """Interpolate linearly from cells to pixels."""
        return self.add("Resize", output, cells, "", scales, mode="linear")


def build(model: Reader, scaling: MapScaling = UNSCALED) -> onnx.ModelProto:
    """Build the float32 graph of a reader in evaluation mode.

    Input and outputs: `digits.inference.graph.READER`.
    """
    model = copy.deepcopy(model).eval().double()
    _scale_heads(model, scaling)
    builder = _GraphBuilder()
    contrast = _add_contrast(builder, model.contrast)
    fine = builder.blocks("stem", model.stem, contrast)
    coarse = builder.blocks("body", model.body, fine)
    raised = builder.add(
        "DepthToSpace",
        "up.shuffled",
        builder.convolve("up", model.up, coarse),
        blocksize=2,
        mode="CRD",
    )
    merged = builder.add("Relu", "merged", builder.add("Add", "up.sum", fine, raised))
    features = builder.blocks("neck", model.neck, merged)
    for head in ("centres", "symbols", "boxes"):
        builder.convolve(head, cast(nn.Conv2d, model.get_submodule(head)), features)
    return make_model(builder.nodes, builder.initializers, READER)


def _scale_heads(model: Reader, scaling: MapScaling) -> None:
    """Fold the calibration into the last convolutions."""
    for head, temperature, shift in (
        (model.symbols, scaling.temperature, 0.0),
        (model.centres, scaling.centre_temperature, scaling.centre_shift),
    ):
        assert head.bias is not None
        head.weight = nn.Parameter(head.weight.detach() / temperature)
        head.bias = nn.Parameter(head.bias.detach() / temperature + shift)


def _add_contrast(builder: _GraphBuilder, layer: LocalContrast) -> str:
    pixels = builder.add("Cast", "pixels", READER.input.name, to=TensorProto.FLOAT)
    scales = builder.constant("scales", np.array([1, 1, MULTIPLE, MULTIPLE], np.float32))
    cells = builder.mean("paper.cells", pixels, MULTIPLE, MULTIPLE)
    cells = builder.mean("paper.means", cells, 5, 1)
    difference = builder.add("Sub", "difference", pixels, builder.enlarge("paper", cells, scales))
    squares = builder.add("Mul", "squares", difference, difference)
    cells = builder.mean("variance.cells", squares, MULTIPLE, MULTIPLE)
    cells = builder.mean("variance", cells, 13, 1)
    cells = builder.add("Sqrt", "deviation.cells", cells)
    floor = builder.constant("floor", layer.floor)
    cells = builder.add("Add", "deviation.floored", cells, floor)
    quotient = builder.add(
        "Div", "contrast", difference, builder.enlarge("deviation", cells, scales)
    )
    low, high = (builder.constant(f"clip.{value}", value) for value in (-5.0, 5.0))
    return builder.add("Clip", "clipped", quotient, low, high)
