"""Forged model files with a valid checksum."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from digits.inference import metadata
from digits.inference.model_file import BUNDLED, BUNDLED_READER

RAW = Path(BUNDLED).read_bytes()
METADATA = metadata.read(RAW, "bundled")
READER_RAW = Path(BUNDLED_READER).read_bytes()
READER_METADATA = metadata.read_reader(READER_RAW, "bundled")

_PIXELS = 28 * 28
_node = helper.make_node


def sealed(model: ModelProto) -> bytes:
    """Serialize the model with the bundled model's metadata and a valid checksum."""
    return metadata.add_metadata(model.SerializeToString(), METADATA)


def sealed_reader(model: ModelProto) -> bytes:
    """Serialize the model with the bundled reader's metadata and a valid checksum."""
    return metadata.add_metadata(model.SerializeToString(), READER_METADATA)


def network(*nodes: NodeProto, **weights: Any) -> ModelProto:
    """Build a graph with the input and output of digits. weights: arrays by name."""
    graph = helper.make_graph(
        nodes,
        "forged",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["batch", 1, 28, 28])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 10])],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)


def linear(weight: np.ndarray, bias: float, output: str = "probabilities") -> ModelProto:
    """Build a network of one dense layer, without softmax. weight: [10, 784]."""
    return network(
        _node("Cast", ["images"], ["pixels"], to=TensorProto.FLOAT),
        _node("Flatten", ["pixels"], ["flat"], axis=1),
        _node("Gemm", ["flat", "weight", "bias"], [output], transB=1),
        weight=weight.astype(np.float32),
        bias=np.full(10, bias, np.float32),
    )


def honest(*nodes: NodeProto, **weights: Any) -> ModelProto:
    """Build a network that outputs uniform probabilities, with extra nodes after its first."""
    model = linear(np.zeros((10, _PIXELS)), 0, "logits")
    model.graph.node.append(_node("Softmax", ["logits"], ["probabilities"], axis=1))
    own = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([own[0], *nodes, *own[1:]])
    model.graph.initializer.extend(
        numpy_helper.from_array(np.asarray(array), name) for name, array in weights.items()
    )
    return model


def invalid_outputs() -> dict[str, ModelProto]:
    """Return networks that output valid probabilities only for blank images."""
    overflowing = honest()
    huge = np.full((10, _PIXELS), 3e38, np.float32)
    overflowing.graph.initializer[0].CopyFrom(numpy_helper.from_array(huge, "weight"))
    alternating = np.resize([1, -1], (10, 1)) * np.ones(_PIXELS)
    return {
        "NaN": overflowing,
        "infinite": linear(huge, 0.1),
        "negative": linear(alternating * 1e-3, 0.1),
        "percent": linear(np.ones((10, _PIXELS)), 0.1),
    }


def foreign_operators() -> dict[str, ModelProto]:
    """Return models with operators that may loop, grow without limit or change shapes."""
    nothing = helper.make_graph([], "nothing", [], [])
    many, shape = np.array(2**62), np.array([2**40])
    return {
        "Loop": honest(_node("Loop", ["many", ""], [], body=nothing), many=many),
        "Scan": honest(_node("Scan", ["pixels"], [], body=nothing, num_scan_inputs=1)),
        "If": honest(_node("If", ["pixels"], [], then_branch=nothing, else_branch=nothing)),
        "Constant": honest(
            _node("Constant", [], ["zeros"], value=numpy_helper.from_array(np.zeros(10**6)))
        ),
        "ConstantOfShape": honest(_node("ConstantOfShape", ["shape"], ["zeros"]), shape=shape),
        "Expand": honest(_node("Expand", ["pixels", "shape"], ["more"]), shape=shape),
        "Tile": honest(_node("Tile", ["pixels", "shape"], ["more"]), shape=shape),
        "Pad": honest(_node("Pad", ["pixels", "by"], ["more"]), by=np.full(8, 10**9)),
        "Range": honest(_node("Range", ["one", "many", "one"], ["r"]), one=np.array(1), many=many),
        "RandomNormal": honest(_node("RandomNormal", [], ["noise"], shape=[2**40])),
        "NonZero": honest(_node("NonZero", ["pixels"], ["places"])),
        "Compress": honest(_node("Compress", ["pixels", "images"], ["some"])),
        "Div": honest(_node("Div", ["pixels", "pixels"], ["ones"])),
        "com.example.Relu": honest(_node("Relu", ["pixels"], ["same"], domain="com.example")),
    }


def _edited(edit: Callable[[GraphProto], object]) -> ModelProto:
    model = honest()
    edit(model.graph)
    return model


def _external(graph: GraphProto) -> None:
    tensor = graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")


def _subgraph(graph: GraphProto) -> None:
    graph.node[0].attribute.add(name="to", type=onnx.AttributeProto.GRAPH).g.name = "inner"


def foreign_parts() -> dict[str, ModelProto]:
    """Return models with parts of ONNX that `digits export` never writes."""
    functions, training = honest(), honest()
    functions.functions.add(name="f", domain="local").node.add(op_type="Relu")
    training.training_info.add().algorithm.name = "training"
    return {
        "functions": functions,
        "training": training,
        "sparse weights": _edited(lambda graph: graph.sparse_initializer.add()),
        "shapes that are only said": _edited(lambda graph: graph.value_info.add(name="flat")),
        "quantization": _edited(lambda graph: graph.quantization_annotation.add()),
        "weights elsewhere": _edited(_external),
        "a subgraph": _edited(_subgraph),
        "an attribute": _edited(lambda graph: graph.node[1].attribute.add(name="x", i=1, type=2)),
        "a text": _edited(lambda graph: graph.initializer[0].string_data.append(b"x")),
        "other numbers": _edited(lambda graph: graph.initializer[0].float_data.append(1)),
    }


def demanding() -> dict[str, ModelProto]:
    """Return small models of supported operators that would take much memory or time."""

    def convolved(kernel: int, filters: int, pads: int) -> ModelProto:
        return honest(
            _node("Conv", ["pixels", "w1", "b1"], ["c1"], kernel_shape=[9, 9]),
            _node("Conv", ["c1", "w2", "b2"], ["c2"], kernel_shape=[kernel] * 2, pads=[pads] * 4),
            w1=np.zeros((400, 1, 9, 9), np.uint8),
            b1=np.zeros(400, np.uint8),
            w2=np.zeros((filters, 400, kernel, kernel), np.uint8),
            b2=np.zeros(filters, np.uint8),
        )

    def summed(rows: int, *then: NodeProto) -> ModelProto:
        terms = np.zeros((rows, 1), np.float32), np.zeros(rows, np.float32)
        add = _node("Add", ["column", "row"], ["sum"])
        return honest(add, *then, column=terms[0], row=terms[1])

    outer = [
        _node("Reshape", ["pixels", "column"], ["down"]),
        _node("Reshape", ["pixels", "row"], ["across"]),
        _node("Mul", ["down", "across"], ["p0"]),
        *(_node("Add", [f"p{n}", f"p{n}"], [f"p{n + 1}"]) for n in range(20)),
    ]
    return {
        "values": honest(*outer, column=np.array([-1, 784, 1]), row=np.array([-1, 1, 784])),
        "products": convolved(kernel=3, filters=2000, pads=0),
        "windows": convolved(kernel=9, filters=1, pads=9),
        "padding": convolved(kernel=1, filters=1, pads=10**6),
        "constants": summed(9000),
        "products of constants": summed(
            2000, _node("Gemm", ["sum", "sum", "row"], ["product"], transB=1)
        ),
        "comparisons": honest(
            _node("MaxPool", ["pixels"], ["p"], kernel_shape=[14, 14], strides=[1, 1])
        ),
        "nodes": honest(*(_node("Relu", ["pixels"], [f"r{n}"]) for n in range(2000))),
    }


def reader(*nodes: NodeProto, **weights: Any) -> ModelProto:
    """Build a reader of one convolution for each output, with extra nodes after its first.

    The extra nodes may read `pixels`, float, and `cells`, of an eighth of its height and width.
    """
    heads = {"centres": 1, "symbols": 12, "boxes": 4}
    shared: dict[str, Any] = {"kernel_shape": [8, 8], "strides": [8, 8]}
    model = helper.make_graph(
        [
            _node("Cast", ["page"], ["pixels"], to=TensorProto.FLOAT),
            _node("AveragePool", ["pixels"], ["cells"], **shared),
            *nodes,
            *(
                _node(
                    "Conv",
                    ["pixels", f"{name}.w", f"{name}.b"],
                    [name],
                    kernel_shape=[4, 4],
                    strides=[4, 4],
                )
                for name in heads
            ),
        ],
        "forged",
        [helper.make_tensor_value_info("page", TensorProto.UINT8, ["batch", 1, "height", "width"])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", n, "rows", "columns"])
            for name, n in heads.items()
        ],
        [
            numpy_helper.from_array(np.asarray(array), name)
            for name, array in [
                *(
                    (f"{name}.w", np.full((n, 1, 4, 4), 1e-4, np.float32))
                    for name, n in heads.items()
                ),
                *((f"{name}.b", np.zeros(n, np.float32)) for name, n in heads.items()),
                *weights.items(),
            ]
        ],
    )
    return helper.make_model(model, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)


def _scales(*numbers: float) -> np.ndarray:
    return np.array(numbers, np.float32)


def invalid_maps() -> dict[str, ModelProto]:
    """Return readers that output invalid maps, but for a black page."""
    invalid = {}
    for name, head, weight in (
        ("NaN", "centres", np.nan),
        ("infinite", "symbols", 3e38),
        ("boxes larger than any page", "boxes", 1.0),
    ):
        invalid[name] = reader()
        for tensor in invalid[name].graph.initializer:
            if tensor.name == f"{head}.w":
                values = np.full(tensor.dims, weight, np.float32)
                tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    return invalid


def reader_operators() -> dict[str, ModelProto]:
    """Return readers with operators that a classifier may have, or nothing may."""
    shape = np.array([-1, 1, 32, 32])
    zeros = np.zeros((3, 3), np.float32)
    return {
        "Reshape": reader(_node("Reshape", ["pixels", "shape"], ["square"]), shape=shape),
        "Flatten": reader(_node("Flatten", ["pixels"], ["flat"], axis=1)),
        "Gemm": reader(_node("Gemm", ["zeros", "zeros"], ["product"]), zeros=zeros),
        "ConvTranspose": reader(_node("ConvTranspose", ["pixels", "zeros"], ["more"]), zeros=zeros),
        "Upsample": reader(_node("Upsample", ["pixels", "zeros"], ["more"]), zeros=zeros),
        "Loop": reader(_node("Loop", ["zeros", ""], [], body=helper.make_graph([], "n", [], []))),
        "MaxPool": reader(_node("MaxPool", ["pixels"], ["p"], kernel_shape=[2, 2])),
        "Exp": reader(_node("Exp", ["pixels"], ["e"])),
    }


def reader_attributes() -> dict[str, ModelProto]:
    """Return readers with attributes that would change or multiply the work."""
    scales = _scales(1, 1, 8, 8)

    def resized(**attributes: Any) -> ModelProto:
        return reader(_node("Resize", ["cells", "", "scales"], ["r"], **attributes), scales=scales)

    shuffled: dict[str, Any] = {"blocksize": 2, "mode": "CRD"}
    filters = {"w": np.zeros((4, 1, 1, 1), np.float32), "b": np.zeros(4, np.float32)}
    four = _node("Conv", ["cells", "w", "b"], ["four"], kernel_shape=[1, 1])

    def shuffle(**changes: Any) -> ModelProto:
        return reader(four, _node("DepthToSpace", ["four"], ["d"], **shuffled | changes), **filters)

    return {
        "mode": resized(mode="cubic"),
        "coordinate_transformation_mode": resized(
            mode="linear", coordinate_transformation_mode="tf_crop_and_resize"
        ),
        "blocksize": shuffle(blocksize=4),
        "group": reader(
            _node("Conv", ["cells", "w", "b"], ["g"], kernel_shape=[1, 1], group=1), **filters
        ),
        "auto_pad": reader(
            _node("Conv", ["cells", "w", "b"], ["g"], kernel_shape=[1, 1], auto_pad="VALID"),
            **filters,
        ),
        "ceil_mode": reader(
            _node("AveragePool", ["cells"], ["p"], kernel_shape=[2, 2], ceil_mode=1)
        ),
    }


def demanding_readers() -> dict[str, ModelProto]:
    """Return small readers of supported operators that would take much memory or time."""

    def convolved(kernel: int, filters: int, **attributes: Any) -> ModelProto:
        return reader(
            _node("Conv", ["pixels", "w", "b"], ["c"], kernel_shape=[kernel] * 2, **attributes),
            w=np.zeros((filters, 1, kernel, kernel), np.uint8),
            b=np.zeros(filters, np.uint8),
        )

    def enlarged(*scales: float) -> ModelProto:
        resize = _node("Resize", ["pixels", "", "scales"], ["r"], mode="linear")
        return reader(resize, scales=_scales(*scales))

    # Of every page only one cell is left, and that is enlarged.
    one = _node("AveragePool", ["pixels"], ["one"], kernel_shape=[1, 1], strides=[10**6] * 2)
    wide = _node("AveragePool", ["pixels"], ["m"], kernel_shape=[1, 1], strides=[1, 10**6])
    tall = _node("AveragePool", ["pixels"], ["t"], kernel_shape=[1, 1], strides=[10**6, 1])
    return {
        "channels": convolved(kernel=1, filters=100),
        "products": convolved(kernel=31, filters=16, pads=[15] * 4),
        "windows": convolved(kernel=31, filters=1, pads=[15] * 4),
        "enlarged": enlarged(1, 1, 9, 9),
        "enlarged in width alone": enlarged(1, 1, 1, 81),
        "more than it can count": enlarged(1, 1, 2**40, 2**40),
        "one cell enlarged": reader(
            one,
            _node("Resize", ["one", "", "scales"], ["r"], mode="linear"),
            scales=_scales(1, 1, 4000, 4000),
        ),
        "outer product": reader(
            wide,
            tall,
            _node("Mul", ["m", "t"], ["o0"]),
            *(_node("Add", [f"o{n}", f"o{n}"], [f"o{n + 1}"]) for n in range(80)),
        ),
        "all kept": reader(
            _node("Relu", ["pixels"], ["r0"]),
            *(_node("Relu", [f"r{n}"], [f"r{n + 1}"]) for n in range(34)),
            _node("Relu", ["pixels"], ["s0"]),
            *(_node("Add", [f"r{34 - n}", f"s{n}"], [f"s{n + 1}"]) for n in range(34)),
        ),
        "means": reader(
            _node(
                "AveragePool",
                ["pixels"],
                ["p"],
                kernel_shape=[151, 151],
                pads=[75] * 4,
                strides=[1, 1],
            )
        ),
        "nodes": reader(*(_node("Relu", ["pixels"], [f"r{n}"]) for n in range(2000))),
    }


def misfit_readers() -> dict[str, ModelProto]:
    """Return readers whose parts don't fit together for every page."""
    filters = {"w": np.zeros((1, 1, 33, 33), np.float32), "b": np.zeros(1, np.float32)}
    large = _node("Conv", ["pixels", "w", "b"], ["c"], kernel_shape=[33, 33])

    def enlarged(*scales: float) -> ModelProto:
        resize = _node("Resize", ["cells", "", "scales"], ["r"], mode="linear")
        return reader(resize, scales=_scales(*scales))

    shuffle = _node("DepthToSpace", ["pixels"], ["d"], blocksize=2, mode="CRD")
    return {
        "a window larger than the smallest page": reader(large, **filters),
        "a scale with a fraction": enlarged(1, 1, 1.5, 8),
        "more channels": enlarged(1, 2, 8, 8),
        "a scale that is no number": enlarged(1, 1, np.nan, 8),
        "a negative scale": enlarged(1, 1, -8, 8),
        "three scales": enlarged(1, 1, 8),
        "computed scales": reader(
            _node("Resize", ["cells", "", "cells"], ["r"], mode="linear"), scales=_scales(1)
        ),
        "one channel to shuffle": reader(shuffle),
        "a sum of different sizes": reader(_node("Add", ["pixels", "cells"], ["sum"])),
    }
