"""Forged models that must be refused before they run, each with the reason in its error."""

from collections.abc import Callable

import numpy as np
from onnx import (
    AttributeProto,
    GraphProto,
    ModelProto,
    TensorShapeProto,
    ValueInfoProto,
    parser,
)

from tests.robustness.forgery import honest, reader, zeros

Refused = dict[str, tuple[ModelProto, str]]
Edits = dict[str, tuple[Callable[[ModelProto], object], str]]

_OPERATOR = "has the operator {!r}, which digits doesn't run"
_ATTRIBUTE = "has the attribute {!r}, which digits doesn't run"
_NEVER_WRITTEN = "that `digits export` never writes"
_DEMANDING = "needs more memory or time than digits allows"
_TOO_MANY = "has more parts than a model of `digits export`"
_MISFIT = "the inputs or attributes of its {} don't fit"


def classifiers() -> Refused:
    weights = {"unit": 1, "many": 2**62, "shape": [2**40], "by": [10**9] * 8}
    operators = {
        name: (honest(node, **weights), _OPERATOR.format(name))
        for name, node in _FOREIGN_OPERATORS.items()
    }
    return operators | _edited(honest, _FOREIGN_PARTS) | _demanding_classifiers()


def readers() -> Refused:
    shapes = {"shape": [-1, 1, 32, 32], "zeros": zeros(3, 3)}
    operators = {
        name: (reader(node, **shapes), _OPERATOR.format(name))
        for name, node in _READER_OPERATORS.items()
    }
    weights = {"w": zeros(4, 1, 1, 1), "b": zeros(4), "scales": np.array([1, 1, 8, 8], np.float32)}
    attributes = {
        name: (reader(*nodes, **weights), _ATTRIBUTE.format(name))
        for name, nodes in _READER_ATTRIBUTES.items()
    }
    interfaces = _edited(reader, _READER_INTERFACES)
    return operators | attributes | interfaces | _demanding_readers() | _misfit_readers()


def _edited(make: Callable[[], ModelProto], edits: Edits) -> Refused:
    models = {}
    for name, (edit, reason) in edits.items():
        models[name] = (make(), reason)
        edit(models[name][0])
    return models


# They may loop, grow without limit or change shapes.
_FOREIGN_OPERATORS = {
    "Loop": "= Loop<body = nothing () => () {}>(many, )",
    "Scan": "= Scan<body = nothing () => () {}, num_scan_inputs = 1>(pixels)",
    "If": "= If<then_branch = a () => () {}, else_branch = b () => () {}>(pixels)",
    "Constant": "zeros = Constant<value_ints = [0, 0]>()",
    "ConstantOfShape": "zeros = ConstantOfShape(shape)",
    "Expand": "more = Expand(pixels, shape)",
    "Tile": "more = Tile(pixels, shape)",
    "Pad": "more = Pad(pixels, by)",
    "Range": "numbers = Range(unit, many, unit)",
    "RandomNormal": "noise = RandomNormal<shape = [1099511627776]>()",
    "NonZero": "indices = NonZero(pixels)",
    "Compress": "some = Compress(pixels, images)",
    "Div": "ones = Div(pixels, pixels)",
}

# A classifier may have these, or nothing may.
_READER_OPERATORS = {
    "Reshape": "square = Reshape(pixels, shape)",
    "Flatten": "flat = Flatten<axis = 1>(pixels)",
    "Gemm": "product = Gemm(zeros, zeros)",
    "ConvTranspose": "more = ConvTranspose(pixels, zeros)",
    "Upsample": "more = Upsample(pixels, zeros)",
    "Loop": "= Loop<body = nothing () => () {}>(zeros, )",
    "MaxPool": "most = MaxPool<kernel_shape = [2, 2]>(pixels)",
    "Exp": "powers = Exp(pixels)",
}

# They would change or multiply the work.
_CROP = 'mode = "linear", coordinate_transformation_mode = "tf_crop_and_resize"'
_READER_ATTRIBUTES = {
    "mode": ['r = Resize<mode = "cubic">(cells, , scales)'],
    "coordinate_transformation_mode": [f"r = Resize<{_CROP}>(cells, , scales)"],
    "blocksize": [
        "four = Conv<kernel_shape = [1, 1]>(cells, w, b)",
        'd = DepthToSpace<blocksize = 4, mode = "CRD">(four)',
    ],
    "group": ["g = Conv<kernel_shape = [1, 1], group = 1>(cells, w, b)"],
    "auto_pad": ['g = Conv<kernel_shape = [1, 1], auto_pad = "VALID">(cells, w, b)'],
    "ceil_mode": ["p = AveragePool<kernel_shape = [2, 2], ceil_mode = 1>(cells)"],
}

_FOREIGN_PARTS: Edits = {
    "functions": (
        lambda m: m.functions.add(name="f", domain="local").node.add(op_type="Relu"),
        _NEVER_WRITTEN,
    ),
    "training": (
        lambda m: m.training_info.add().algorithm.MergeFrom(GraphProto(name="training")),
        _NEVER_WRITTEN,
    ),
    "a subgraph": (
        lambda m: m.graph.node[0].attribute.add(
            name="to", type=AttributeProto.GRAPH, g=GraphProto(name="inner")
        ),
        _NEVER_WRITTEN,
    ),
    "sparse weights": (lambda m: m.graph.sparse_initializer.add(), _NEVER_WRITTEN),
    "claimed shapes": (lambda m: m.graph.value_info.add(name="flat"), _NEVER_WRITTEN),
    "quantization": (lambda m: m.graph.quantization_annotation.add(), _NEVER_WRITTEN),
    "text": (lambda m: m.graph.initializer[0].string_data.append(b"x"), _NEVER_WRITTEN),
    "numbers": (lambda m: m.graph.initializer[0].float_data.append(1), _NEVER_WRITTEN),
    "an attribute": (
        lambda m: m.graph.node[1].attribute.add(name="x", i=1, type=AttributeProto.INT),
        _ATTRIBUTE.format("x"),
    ),
}

_INPUT, _OUTPUT = "the input should be ", "the output should be "
_DOUBLED = "boxes = Conv<kernel_shape = [4, 4], strides = [2, 2]>(pixels, boxes_w, boxes_b)"
_READER_INTERFACES: Edits = {
    "a renamed input": (lambda m: m.graph.input[0].MergeFrom(ValueInfoProto(name="image")), _INPUT),
    "a fixed width": (
        lambda m: (
            m.graph.input[0]
            .type.tensor_type.shape.dim[3]
            .MergeFrom(TensorShapeProto.Dimension(dim_value=640))
        ),
        _INPUT,
    ),
    "too few outputs": (lambda m: m.graph.output.pop(), _OUTPUT),
    "too many outputs": (lambda m: m.graph.output.append(m.graph.output[0]), _OUTPUT),
    "another order": (lambda m: m.graph.output.append(m.graph.output.pop(0)), _OUTPUT),
    "another stride": (
        lambda m: m.graph.node[-1].CopyFrom(parser.parse_node(_DOUBLED)),
        "doesn't output boxes of shape [4, 'rows', 'columns']",
    ),
    "weights elsewhere": (
        lambda m: m.graph.initializer[0].external_data.add(key="location", value="/etc/passwd"),
        "has external weights, which digits doesn't open",
    ),
}


def _demanding_classifiers() -> Refused:
    """Return small classifiers of supported operators that would take much memory or time."""

    def convolved(kernel: int, filters: int, pads: int) -> ModelProto:
        return honest(
            "c1 = Conv<kernel_shape = [9, 9]>(pixels, w1, b1)",
            f"c2 = Conv<kernel_shape = {[kernel] * 2}, pads = {[pads] * 4}>(c1, w2, b2)",
            w1=np.zeros((400, 1, 9, 9), np.uint8),
            b1=np.zeros(400, np.uint8),
            w2=np.zeros((filters, 400, kernel, kernel), np.uint8),
            b2=np.zeros(filters, np.uint8),
        )

    filters = {"w": np.zeros((2000, 1, 1, 1), np.uint8), "b": np.zeros(2000, np.uint8)}
    many = [
        "r0 = Conv<kernel_shape = [1, 1]>(pixels, w, b)",
        *(f"r{n + 1} = Relu(r{n})" for n in range(20)),
    ]
    product = "p = Gemm<transB = 1>(square, square, row)"
    constants = {"square": np.zeros((2000, 2000), np.uint8), "row": np.zeros(2000, np.uint8)}
    return {
        "values": (honest(*many, **filters), _DEMANDING),
        "products": (convolved(kernel=3, filters=2000, pads=0), _DEMANDING),
        "windows": (convolved(kernel=9, filters=1, pads=9), _DEMANDING),
        "padding": (convolved(kernel=1, filters=1, pads=10**6), _MISFIT.format("Conv")),
        "products of constants": (honest(product, **constants), _DEMANDING),
        "comparisons": (
            honest("p = MaxPool<kernel_shape = [14, 14], strides = [1, 1]>(pixels)"),
            _MISFIT.format("MaxPool"),
        ),
        "nodes": (honest(*(f"r{n} = Relu(pixels)" for n in range(2000))), _TOO_MANY),
    }


def _demanding_readers() -> Refused:
    """Return small readers of supported operators that would take much memory or time."""

    def convolved(kernel: int, filters: int, pads: int) -> ModelProto:
        return reader(
            f"c = Conv<kernel_shape = {[kernel] * 2}, pads = {[pads] * 4}>(pixels, w, b)",
            w=np.zeros((filters, 1, kernel, kernel), np.uint8),
            b=np.zeros(filters, np.uint8),
        )

    def enlarged(*scales: float, before: str = "small = Relu(pixels)") -> ModelProto:
        resize = 'r = Resize<mode = "linear">(small, , scales)'
        return reader(before, resize, scales=np.array(scales, np.float32))

    def sampled(strides: list[int]) -> str:
        return f"AveragePool<kernel_shape = [1, 1], strides = {strides}>(pixels)"

    outer_product = [
        "o0 = Mul(row, column)",
        *(f"o{n + 1} = Add(o{n}, o{n})" for n in range(80)),
    ]
    all_needed = [  # until the last sum
        "r0 = Relu(pixels)",
        *(f"r{n + 1} = Relu(r{n})" for n in range(34)),
        "s0 = Relu(pixels)",
        *(f"s{n + 1} = Add(r{34 - n}, s{n})" for n in range(34)),
    ]
    million = 10**6  # a stride that leaves a single cell of each row or column
    mean = "p = AveragePool<kernel_shape = [151, 151], pads = [75, 75, 75, 75], strides = [1, 1]>"
    models = {
        "channels": convolved(kernel=1, filters=100, pads=0),
        "products": convolved(kernel=31, filters=16, pads=15),
        "windows": convolved(kernel=31, filters=1, pads=15),
        "enlarged": enlarged(1, 1, 9, 9),
        "enlarged in width alone": enlarged(1, 1, 1, 81),
        "more than it can count": enlarged(1, 1, 2**40, 2**40),
        "one cell enlarged": enlarged(
            1, 1, 4000, 4000, before=f"small = {sampled([million, million])}"
        ),
        "outer product": reader(
            f"row = {sampled([million, 1])}", f"column = {sampled([1, million])}", *outer_product
        ),
        "all needed": reader(*all_needed),
        "means": reader(f"{mean}(pixels)"),
        "constants": reader("sum = Add(column, row)", column=zeros(9000, 1), row=zeros(9000)),
    }
    many = reader(*(f"r{n} = Relu(pixels)" for n in range(2000)))
    return {name: (model, _DEMANDING) for name, model in models.items()} | {
        "nodes": (many, _TOO_MANY)
    }


def _misfit_readers() -> Refused:
    """Return readers whose parts don't fit together for every page."""
    resize, misfit = 'r = Resize<mode = "linear">(cells, , scales)', _MISFIT.format("Resize")
    scales = {
        "a scale with a fraction": [1, 1, 1.5, 8],
        "more channels": [1, 2, 8, 8],
        "a scale that is no number": [1, 1, np.nan, 8],
        "a negative scale": [1, 1, -8, 8],
        "three scales": [1, 1, 8],
    }
    large = "c = Conv<kernel_shape = [33, 33]>(pixels, w, b)"
    shuffle = 'd = DepthToSpace<blocksize = 2, mode = "CRD">(pixels)'
    return {
        name: (reader(resize, scales=np.array(s, np.float32)), misfit) for name, s in scales.items()
    } | {
        "computed scales": (reader('r = Resize<mode = "linear">(cells, , cells)'), misfit),
        "a window larger than the smallest page": (
            reader(large, w=zeros(1, 1, 33, 33), b=zeros(1)),
            "invalid tensor 'c' of shape (-1, 1, 0, 0)",
        ),
        "one channel to shuffle": (reader(shuffle), _MISFIT.format("DepthToSpace")),
        "a sum of different sizes": (reader("s = Add(pixels, cells)"), _MISFIT.format("Add")),
    }
