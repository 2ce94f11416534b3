"""A reader as an ONNX graph: grey pages in, maps of the symbols out.

Written node by node, with batch norm in the convolutions' weights and calibration in the heads'.
"""

import copy
from typing import NamedTuple, TypeVar, cast

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from digits.inference.interface import READER
from digits_export.graph import GraphBuilder
from digits_train.models.reader import MULTIPLE, ConvBlock, LocalContrast, Reader

A = TypeVar("A", Tensor, NDArray[np.float32])


class MapScaling(NamedTuple):
    """How the maps become calibrated.

    temperature: divides the symbols' logits. centre_temperature: divides the centres' log odds.
    centre_shift: is then added to them.
    """

    temperature: float = 1.0
    centre_temperature: float = 1.0
    centre_shift: float = 0.0

    def apply(self, centres: A, symbols: A, boxes: A) -> tuple[A, A, A]:
        """Calibrate maps, which are tensors or arrays of float32."""
        return (
            centres / self.centre_temperature + self.centre_shift,
            symbols / self.temperature,
            boxes,
        )


UNSCALED = MapScaling()


def build(model: Reader, scaling: MapScaling = UNSCALED) -> onnx.ModelProto:
    """Build the float32 graph of a reader in evaluation mode.

    Input and outputs: `digits.inference.interface.READER`.
    """
    model = copy.deepcopy(model).eval().double()
    _scale_heads(model, scaling)
    builder = GraphBuilder()
    contrast = _add_contrast(builder, model.contrast)
    fine = _add_blocks(builder, "stem", model.stem, contrast)
    coarse = _add_blocks(builder, "body", model.body, fine)
    up = _convolve(builder, "up", model.up, coarse)
    raised = builder.add("DepthToSpace", "up.shuffled", up, blocksize=2, mode="CRD")
    merged = builder.add("Relu", "merged", builder.add("Add", "up.sum", fine, raised))
    features = _add_blocks(builder, "neck", model.neck, merged)
    for head in ("centres", "symbols", "boxes"):
        _convolve(builder, head, cast(nn.Conv2d, model.get_submodule(head)), features)
    return builder.finish(READER)


def _scale_heads(model: Reader, scaling: MapScaling) -> None:
    """Fold the calibration into the last convolutions."""
    for head, temperature, shift in (
        (model.symbols, scaling.temperature, 0.0),
        (model.centres, scaling.centre_temperature, scaling.centre_shift),
    ):
        assert head.bias is not None
        head.weight = nn.Parameter(head.weight.detach() / temperature)
        head.bias = nn.Parameter(head.bias.detach() / temperature + shift)


def _convolve(builder: GraphBuilder, output: str, layer: nn.Conv2d, source: str) -> str:
    return builder.add(
        "Conv",
        output,
        source,
        *builder.parameters(output, layer),
        dilations=list(layer.dilation),
        kernel_shape=list(layer.kernel_size),
        pads=[int(side) for side in layer.padding] * 2,
        strides=list(layer.stride),
    )


def _add_blocks(builder: GraphBuilder, name: str, blocks: nn.Sequential, source: str) -> str:
    """Add convolutions with their batch norms, residual connections and ReLUs."""
    for number, block in enumerate(cast("list[ConvBlock]", blocks), 1):
        output = f"{name}{number}"
        result = _convolve(builder, output, fuse_conv_bn_eval(block.conv, block.norm), source)
        if block.residual:
            result = builder.add("Add", f"{output}.sum", source, result)
        source = builder.add("Relu", f"{output}.relu", result)
    return source


def _add_contrast(builder: GraphBuilder, layer: LocalContrast) -> str:
    def mean(output: str, source: str, side: int, stride: int) -> str:
        """Average squares; at the border, what lies inside."""
        pads = [side // 2 if stride == 1 else 0] * 4
        sides, strides = [side] * 2, [stride] * 2
        return builder.add(
            "AveragePool", output, source, kernel_shape=sides, pads=pads, strides=strides
        )

    def enlarge(output: str, cells: str) -> str:
        """Interpolate linearly from cells to pixels."""
        return builder.add("Resize", output, cells, "", scales, mode="linear")

    pixels = builder.add("Cast", "pixels", READER.input.name, to=TensorProto.FLOAT)
    scales = builder.constant("scales", np.array([1, 1, MULTIPLE, MULTIPLE], np.float32))
    cells = mean("paper.cells", pixels, MULTIPLE, MULTIPLE)
    cells = mean("paper.means", cells, 5, 1)
    difference = builder.add("Sub", "difference", pixels, enlarge("paper", cells))
    squares = builder.add("Mul", "squares", difference, difference)
    cells = mean("variance.cells", squares, MULTIPLE, MULTIPLE)
    cells = mean("variance", cells, 13, 1)
    cells = builder.add("Sqrt", "deviation.cells", cells)
    floor = builder.constant("floor", np.array(layer.floor, np.float32))
    cells = builder.add("Add", "deviation.floored", cells, floor)
    quotient = builder.add("Div", "contrast", difference, enlarge("deviation", cells))
    bounds = (
        builder.constant(f"clip.{value}", np.array(value, np.float32)) for value in (-5.0, 5.0)
    )
    return builder.add("Clip", "clipped", quotient, *bounds)
