"""The layers that C is written of compute what onnxruntime does, or nothing is written."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, helper

from digits.data.split import Split
from digits.errors import ModelError
from digits.inference.session import Session
from digits_export.c_export import make_c
from digits_export.layers import compute, read_layers
from tests import onnx_files

POOLS = (
    "padded = Conv<pads = [1, 2, 0, 1], strides = [2, 1]>(pixels, kernel, bias)",
    "relu = Relu(padded)",
    "small = AveragePool<kernel_shape = [2, 3], strides = [1, 2]>(relu)",
    "grouped = Conv<group = 2>(small, kernel2, bias2)",
    "less = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(grouped)",
    "same = MaxPool<kernel_shape = [1, 1]>(less)",  # whose stride is 1 by default
    "mean = ReduceMean<keepdims = 1>(same, axes)",
    "flat = Reshape(mean, shape)",
)


def networks() -> Iterator[bytes]:
    random = np.random.default_rng(0)

    def weights(*shape: int) -> NDArray[np.float32]:
        return random.normal(0, 0.3, shape).astype(np.float32)

    yield onnx_files.RAW
    yield onnx_files.sealed(onnx_files.classifier(weight=weights(10, 784) / 1000))
    yield onnx_files.sealed(
        onnx_files.classifier_of(
            *POOLS,
            kernel=weights(6, 1, 3, 3) / 255,
            bias=weights(6),
            kernel2=weights(8, 3, 3, 2),
            bias2=weights(8),
            axes=np.array([2, 3]),
            shape=np.array([-1, 8]),
            weight=weights(10, 8),
        )
    )


@pytest.mark.parametrize("model", [*networks()], ids=["bundled", "dense", "pools"])
def test_probabilities_are_onnxruntime_s(model: bytes, test_slice: Split) -> None:
    images = test_slice.images[:, None]
    [expected] = Session(model, "a", "float").run({"images": images}, ["probabilities"])
    assert expected.std() > 0.01
    values = compute(read_layers(model, "a"), images)
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, expected, rtol=0, atol=1e-5)


def changed(model: ModelProto, op: str, **attributes: float) -> ModelProto:
    [node] = [node for node in model.graph.node if node.op_type == op]
    node.attribute.extend(helper.make_attribute(*pair) for pair in attributes.items())
    return model


WEIGHT = np.random.default_rng(1).normal(0, 1e-3, (10, 784)).astype(np.float32)
ANYTHING = "what only onnxruntime computes can't be written"


def of_flat(*nodes: str, inputs: int = 784, **stored: NDArray[np.generic]) -> ModelProto:
    return onnx_files.classifier_of(*nodes, **({"weight": WEIGHT[:, :inputs]} | stored))


ZERO_POINT = onnx_files.classifier_of(
    *("flat = Flatten(pixels)", "weight = DequantizeLinear<axis = 0>(stored, scale, zero)"),
    stored=np.round(2e4 * WEIGHT).astype(np.int8),
    scale=np.linspace(1e-5, 1e-4, 10, dtype=np.float32),
    zero=np.full(10, 3, np.int8),
)
REFUSED = {
    "another operation": (
        onnx_files.classifier("LogSoftmax<axis = 1>"),
        "a.onnx: only onnxruntime computes LogSoftmax as prob",
    ),
    "another attribute": (
        changed(onnx_files.classifier(weight=WEIGHT), "Gemm", alpha=2.0),
        ANYTHING,
    ),
    "a padded pool": (
        of_flat(
            "pad = MaxPool<kernel_shape = [3, 3], pads = [1, 1, 1, 1]>(pixels)",
            "flat = Flatten(pad)",
        ),
        ANYTHING,
    ),
    "a product with each row": (
        of_flat(
            "rows = MatMul(pixels, matrix)",
            "flat = Flatten(rows)",
            matrix=WEIGHT[:, :28].T,
            inputs=280,
        ),
        ANYTHING,
    ),
    "weights with a zero point": (ZERO_POINT, ANYTHING),
}


@pytest.mark.parametrize("name", REFUSED)
def test_nothing_is_written_that_computes_something_else(name: str, tmp_path: Path) -> None:
    model, reason = REFUSED[name]
    path = tmp_path / "a.onnx"
    path.write_bytes(onnx_files.sealed(model))
    with pytest.raises(ModelError, match=reason):
        make_c(path, path)
