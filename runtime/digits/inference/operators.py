"""The operators that a model file may have: those of the usual layers of networks for pictures.

https://onnx.ai/onnx/operators. None has a state or contains a graph, and only Expand, Pad
and Resize make much of little.
"""

_NAMES = """
    Conv ConvTranspose Gemm MatMul AveragePool MaxPool LpPool GlobalAveragePool GlobalLpPool
    GlobalMaxPool ReduceL1 ReduceL2 ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceSum
    ReduceSumSquare BatchNormalization GroupNormalization InstanceNormalization LayerNormalization
    LRN Celu Elu Erf Gelu HardSigmoid HardSwish LeakyRelu LogSoftmax Mish PRelu Relu Selu Sigmoid
    Softmax Softplus Softsign Tanh ThresholdedRelu Abs Add Ceil Clip Div Exp Floor Log Max Min Mul
    Neg Pow Reciprocal Round Sign Sqrt Sub Sum And Equal Greater GreaterOrEqual Less LessOrEqual
    Not Or Where Cast CastLike DequantizeLinear Einsum Expand Identity QuantizeLinear Concat
    DepthToSpace Flatten Gather GatherND Pad Reshape Resize Shape Slice SpaceToDepth Split Squeeze
    Transpose Unsqueeze
"""
OPERATORS = frozenset(_NAMES.split())
