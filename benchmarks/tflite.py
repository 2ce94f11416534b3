"""Write LeNet-5 as a .tflite file without TensorFlow's converter, which has two gigabytes."""

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

Weights = dict[str, NDArray[np.float32]]
RELU = schema.ActivationFunctionType.RELU
VALID = schema.Padding.VALID


class Chain:
    """The operators so far. tail: the index of the tensor that the next one reads."""

    def __init__(self) -> None:
        self.graph = schema.SubGraphT(tensors=[], operators=[])
        self.codes: list[schema.OperatorCodeT] = []
        self.buffers = [schema.BufferT()]  # the first stays empty, for activations
        self.tail = -1

    def tensor(self, kind: int, shape: list[int], array: NDArray[np.float32] | None = None) -> int:
        """Add a tensor to the graph, a constant if there is an array."""
        tensor = schema.TensorT(shape=shape, type=kind, name=str(len(self.graph.tensors)))
        if array is not None:
            tensor.buffer = len(self.buffers)
            self.buffers.append(schema.BufferT(data=np.frombuffer(array.tobytes(), np.uint8)))
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def add(
        self, operator: str, shape: list[int], options: object, *weights: NDArray[np.float32]
    ) -> None:
        """Append an operator. options: an instance of its options class in the schema."""
        kind = schema.TensorType.FLOAT32
        constants = [self.tensor(kind, list(array.shape), array) for array in weights]
        inputs, self.tail = [self.tail, *constants], self.tensor(kind, shape)
        code = getattr(schema.BuiltinOperator, operator)
        self.codes.append(schema.OperatorCodeT(builtinCode=code, deprecatedBuiltinCode=code))
        added = schema.OperatorT(len(self.codes) - 1, inputs, [self.tail], builtinOptions=options)
        name = type(options).__name__.removesuffix("T")
        added.builtinOptionsType = getattr(schema.BuiltinOptions, name)
        self.graph.operators.append(added)

    def file(self, first: int) -> bytes:
        self.graph.inputs, self.graph.outputs = [first], [self.tail]
        model = schema.ModelT(
            version=3, operatorCodes=self.codes, subgraphs=[self.graph], buffers=self.buffers
        )
        builder = flatbuffers.Builder()
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def lenet5(weights: Weights, batch: int) -> bytes:
    """Build the file. Input: uint8 [batch, 28, 28, 1]. Output: probabilities, float32 [batch, 10].

    weights: of PyTorch's layers, for pixels 0 to 255.
    """
    chain, shape, kinds = Chain(), [batch, 28, 28, 1], schema.TensorType
    chain.tail = pixels = chain.tensor(kinds.UINT8, shape)
    chain.add("CAST", shape, schema.CastOptionsT(kinds.UINT8, kinds.FLOAT32))
    for layer, side, channels in (("1", 24, 6), ("2", 8, 16)):
        kernel = np.moveaxis(weights[f"conv{layer}.weight"], 1, 3)  # OIHW to OHWI
        convolution = schema.Conv2DOptionsT(VALID, 1, 1, RELU)
        shape = [batch, side, side, channels]
        chain.add("CONV_2D", shape, convolution, kernel, weights[f"conv{layer}.bias"])
        pool = schema.Pool2DOptionsT(VALID, 2, 2, 2, 2)
        chain.add("MAX_POOL_2D", [batch, side // 2, side // 2, channels], pool)
    chain.add("RESHAPE", [batch, 256], schema.ReshapeOptionsT([batch, 256]))
    # PyTorch flattens channels first, TensorFlow last.
    first = weights["fc1.weight"].reshape(120, 16, 4, 4).transpose(0, 2, 3, 1).reshape(120, 256)
    for layer, matrix in (("1", first), ("2", weights["fc2.weight"]), ("3", weights["fc3.weight"])):
        dense = schema.FullyConnectedOptionsT(RELU if layer != "3" else 0)
        bias = weights[f"fc{layer}.bias"]
        chain.add("FULLY_CONNECTED", [batch, len(matrix)], dense, matrix, bias)
    chain.add("SOFTMAX", [batch, 11], schema.SoftmaxOptionsT(beta=1.0))
    # The eleventh class, "no digit", is divided among the ten.
    shares = np.hstack([np.eye(10), np.full((10, 1), 0.1)]).astype(np.float32)
    none = np.zeros(10, np.float32)
    chain.add("FULLY_CONNECTED", [batch, 10], schema.FullyConnectedOptionsT(), shares, none)
    return chain.file(pixels)
