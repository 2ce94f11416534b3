"""Classifiers in NumPy, beside onnxruntime."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, helper

from digits.data.mnist import Split
from digits.errors import ModelError
from digits.inference import numpy_engine, session
from digits.inference.layers import read_layers
from digits.inference.model_file import BUNDLED
from digits.inference.numpy_engine import NumpySession
from tests import onnx_files
from tests.conftest import PICTURES

WITHOUT = "import sys; sys.modules['onnxruntime'] = None; from digits.__main__ import main; main()"
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


@pytest.mark.parametrize("model", networks(), ids=["bundled", "dense", "pools"])
def test_probabilities_and_description_are_onnxruntime_s(model: bytes, test_slice: Split) -> None:
    images = {"images": test_slice.images[:, None]}
    expected = session.Session(model, "a", "float").run(images, ["probabilities"])[0]
    assert expected.std() > 0.01
    [values] = NumpySession(model, "a").run(images, [])
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, expected, rtol=0, atol=1e-5)
    described = session.inspect(model, "a")
    assert numpy_engine.inspect(model, "a") == described._replace(
        inputs=[*described.inputs], outputs=[*described.outputs]
    )


def quantized(axis: int, zero: int) -> ModelProto:
    return onnx_files.classifier_of(
        "flat = Flatten(pixels)",
        f"weight = DequantizeLinear<axis = {axis}>(stored, scale, zero)",
        stored=np.ones((10, 784), np.int8),
        scale=np.ones(784 if axis else 10, np.float32),
        zero=np.full(784 if axis else 10, zero, np.int8),
    )


def changed(model: ModelProto, op: str, **attributes: Any) -> ModelProto:
    [node] = [node for node in model.graph.node if node.op_type == op]
    node.attribute.extend(helper.make_attribute(*pair) for pair in attributes.items())
    return model


MAX_POOL = (
    "pad = MaxPool<kernel_shape = [3, 3], pads = [1, 1, 1, 1]>(pixels)",
    "flat = Flatten(pad)",
)
UNKNOWN = {
    "LogSoftmax as prob": onnx_files.classifier("LogSoftmax<axis = 1>"),
    "Softmax as prob": onnx_files.classifier("Softmax<axis = 0>"),
    "Gemm as logits": changed(onnx_files.classifier(), "Gemm", alpha=2.0),
    "Relu as flat": changed(onnx_files.classifier_of("flat = Relu(pixels)"), "Relu", new=1),
    "MaxPool as pad": onnx_files.classifier_of(*MAX_POOL, weight=onnx_files.zeros(10, 784)),
    "DequantizeLinear as weight": quantized(axis=0, zero=3),
    "Gemm as l": quantized(axis=1, zero=0),
}


@pytest.mark.parametrize("operation", UNKNOWN)
def test_what_only_onnxruntime_computes_is_named(operation: str) -> None:
    with pytest.raises(ModelError, match=f"a: only onnxruntime computes {operation}"):
        read_layers(onnx_files.sealed(UNKNOWN[operation]), "a")


def test_other_files_are_refused() -> None:
    early = onnx_files.classifier()
    early.graph.output[0].name = "logits"
    for model, reason in (
        (onnx_files.DETECTOR_RAW, "pictures of any size need onnxruntime"),
        (onnx_files.sealed(early), "a: its output isn't what it computes last"),
        *((onnx_files.RAW[:cut], "a can't be read") for cut in (100, 2000, 40_000)),
    ):
        with pytest.raises(ModelError, match=reason):
            NumpySession(model, "a")


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.slow
def test_without_onnxruntime_predict_works_and_read_says_what_it_needs(tmp_path: Path) -> None:
    done = run("predict", PICTURES, "--json")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["digit"] for answer in answers] == [*range(10)] and done.returncode == 0
    assert json.loads(run("info", "--json").stdout)["engine"].startswith("numpy ")
    needs = "error: reading numbers needs onnxruntime, which a 64-bit system can install\n"
    done = run("read", PICTURES / "7.jpg")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", needs)
    for command in (["bench"], ["adapt", PICTURES, "-o", tmp_path / "b.onnx"]):
        assert f"error: `digits {command[0]}` needs onnxruntime" in run(*command).stderr
    (tmp_path / "a.onnx").write_bytes(Path(BUNDLED).read_bytes()[:-9])
    assert "is damaged" in run("predict", PICTURES / "7.jpg", "--model", tmp_path / "a.onnx").stderr
