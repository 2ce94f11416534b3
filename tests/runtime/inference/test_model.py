import dataclasses
import hashlib
import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from digits.data.mnist import Split
from digits.errors import ModelError
from digits.inference import metadata
from digits.inference.metadata import Kernels
from digits.inference.model import Model, open_session
from digits.inference.model_file import BUNDLED, ModelBytes
from digits.system import FLUSHES_DENORMALS
from tests.robustness import forgery


@pytest.fixture(scope="module")
def model() -> Model:
    return Model(BUNDLED)


def with_metadata(graph: onnx.ModelProto) -> bytes:
    """Serialize a graph with the bundled model's metadata and a valid checksum."""
    return metadata.add_metadata(
        graph.SerializeToString(), metadata.read(Path(BUNDLED).read_bytes(), "")
    )


def linear_graph(
    dtype: int, shape: Sequence[str | int], output: str = "probabilities"
) -> onnx.ModelProto:
    """A dense layer with ten outputs."""
    made = helper.make_graph(
        [
            helper.make_node("Cast", ["images"], ["pixels"], to=TensorProto.FLOAT),
            helper.make_node("Flatten", ["pixels"], ["flat"], axis=1),
            helper.make_node("Gemm", ["flat", "weight", "bias"], [output], transB=1),
        ],
        "other",
        [helper.make_tensor_value_info("images", dtype, shape)],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, [shape[0], 10])],
        [
            numpy_helper.from_array(np.zeros((10, 784), np.float32), "weight"),
            numpy_helper.from_array(np.full(10, 0.1, np.float32), "bias"),
        ],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)


@pytest.mark.parametrize("batch", [1, 7, 256])
def test_probabilities_of_any_batch_size(model: Model, test_slice: Split, batch: int) -> None:
    images = test_slice.images[:batch]
    probabilities = model.probabilities(images)
    assert probabilities.shape == (batch, 10)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
    np.testing.assert_array_equal(model.probabilities(images[:, None]), probabilities)


def test_bundled_model_has_the_documented_sha256() -> None:
    """With a new model, the documented figures have to be measured again."""
    digest = hashlib.sha256(Path(BUNDLED).read_bytes()).hexdigest()
    assert digest == "11bed29a69e2a81b8c8fba76e3deea62a77116fa7fe5914db729b66e09c23812"


def test_bundled_model_accuracy_on_the_subset(model: Model, test_slice: Split) -> None:
    answers = model.probabilities(test_slice.images).argmax(1)
    assert (answers == test_slice.labels).mean() >= 0.985


def test_bundled_model_accuracy_matches_its_metadata(model: Model, full_test_set: Split) -> None:
    answers = model.probabilities(full_test_set.images).argmax(1)
    assert (answers == full_test_set.labels).mean() == pytest.approx(
        model.metadata.test_accuracy, abs=2e-4
    )


def test_float_and_integer_kernels_agree(test_slice: Split) -> None:
    """onnxruntime once dropped every ReLU with float kernels, which changed half of the answers."""
    integer, floating = (
        open_session(Path(BUNDLED).read_bytes(), kernels).run(
            None, {"images": test_slice.images[:, None]}
        )
        for kernels in ("integer", "float")
    )
    assert (integer[0].argmax(1) == floating[0].argmax(1)).mean() >= 0.995
    assert np.abs(integer[0] - floating[0]).mean() < 0.005


def test_wrong_dtype_or_shape_is_an_error(model: Model) -> None:
    for images in (
        np.zeros((1, 28, 28), np.float32),
        np.zeros((1, 27, 28), np.uint8),
        np.zeros((28, 28), np.uint8),
        np.zeros((2, 3, 28, 28), np.uint8),
    ):
        with pytest.raises(ValueError, match="uint8"):
            model.probabilities(images)  # type: ignore[arg-type]


def test_threads_share_a_model(model: Model, test_slice: Split) -> None:
    expected = model.probabilities(test_slice.images)
    with ThreadPoolExecutor(8) as pool:
        for result in pool.map(lambda _: model.probabilities(test_slice.images), range(16)):
            np.testing.assert_array_equal(result, expected)


def test_environment_names_the_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    changed = dataclasses.replace(metadata.read(Path(BUNDLED).read_bytes(), ""), seed=77)
    (tmp_path / "mine.onnx").write_bytes(metadata.add_metadata(Path(BUNDLED).read_bytes(), changed))
    monkeypatch.setenv("DIGITS_MODEL", str(tmp_path / "mine.onnx"))
    assert Model().metadata.seed == 77


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (linear_graph(TensorProto.FLOAT, ["batch", 1, 28, 28]), "the input should be images"),
        (linear_graph(TensorProto.UINT8, ["batch", 28, 28, 1]), "the input should be images"),
        (linear_graph(TensorProto.UINT8, [1, 1, 28, 28]), "the input should be images"),
        (
            linear_graph(TensorProto.UINT8, ["batch", 1, 28, 28], "logits"),
            "the output should be prob",
        ),
    ],
)
def test_wrong_interface_is_refused(tmp_path: Path, other: onnx.ModelProto, message: str) -> None:
    (tmp_path / "other.onnx").write_bytes(with_metadata(other))
    with pytest.raises(ModelError, match=message):
        Model(tmp_path / "other.onnx")


def test_external_weights_are_refused_unread(tmp_path: Path) -> None:
    other = linear_graph(TensorProto.UINT8, ["batch", 1, 28, 28])
    tensor = other.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    (tmp_path / "external.onnx").write_bytes(with_metadata(other))
    with pytest.raises(ModelError, match="external weights"):
        Model(tmp_path / "external.onnx")


def test_custom_operator_is_refused(tmp_path: Path) -> None:
    other = linear_graph(TensorProto.UINT8, ["batch", 1, 28, 28])
    other.graph.node[0].domain = "com.example"
    other.opset_import.add(domain="com.example", version=1)
    (tmp_path / "custom.onnx").write_bytes(with_metadata(other))
    with pytest.raises(ModelError, match="has the operator 'com.example.Cast'"):
        Model(tmp_path / "custom.onnx")


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_malformed_graph_with_valid_checksum_is_contained(data: st.DataObject) -> None:
    """Anyone can add a valid checksum; onnxruntime's errors must become ModelErrors."""
    raw = bytearray(Path(BUNDLED).read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, 6000))] ^= data.draw(st.integers(1, 255))
    described = metadata.add_metadata(bytes(raw), metadata.read(Path(BUNDLED).read_bytes(), ""))
    with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
        file.write(described)
        file.flush()
        try:
            model = Model(file.name)
        except ModelError as error:
            assert file.name in str(error)
        else:
            assert model.probabilities(np.zeros((1, 28, 28), np.uint8)).shape == (1, 10)


def test_nan_weights_are_refused(tmp_path: Path) -> None:
    other = onnx.load_from_string(Path(BUNDLED).read_bytes())
    for tensor in other.graph.initializer:
        if tensor.name == "fc3.bias.scale":
            scales = np.full(tensor.dims, np.nan, np.float32)
            tensor.CopyFrom(numpy_helper.from_array(scales, tensor.name))
    (tmp_path / "nan.onnx").write_bytes(with_metadata(other))
    with pytest.raises(ModelError, match="outputs invalid probabilities"):
        Model(tmp_path / "nan.onnx")


def test_graph_that_fails_to_load_is_refused(tmp_path: Path) -> None:
    other = linear_graph(TensorProto.UINT8, ["batch", 1, 28, 28])
    other.graph.node[1].input[0] = "images"  # integers, which Gemm can't take
    (tmp_path / "broken.onnx").write_bytes(with_metadata(other))
    with pytest.raises(ModelError, match="onnxruntime can't load .*broken.onnx: .*Gemm"):
        Model(tmp_path / "broken.onnx")


def test_graph_that_fails_to_run_is_refused(tmp_path: Path) -> None:
    other = linear_graph(TensorProto.UINT8, ["batch", 1, 28, 28])
    other.graph.initializer[1].CopyFrom(numpy_helper.from_array(np.zeros(7, np.float32), "bias"))
    (tmp_path / "broken.onnx").write_bytes(with_metadata(other))
    with pytest.raises(ModelError, match="onnxruntime can't"):
        Model(tmp_path / "broken.onnx")


def denormal_network(channels: int) -> bytes:
    """A network that reads a 3, unless denormal numbers are 0: then all digits are as likely."""
    weights = {
        "w": np.full((channels, 1, 1, 1), 1e-20),
        "b": np.zeros(channels),
        "small": np.full(1, 1e-22),
        "large": np.full(1, 1e38),
        "sum": np.eye(10)[:, 3:4] * np.ones(channels * 784),
        "none": np.zeros(10),
    }
    node = helper.make_node
    return forgery.sealed(
        forgery.network(
            node("Cast", ["images"], ["pixels"], to=TensorProto.FLOAT),
            node("Conv", ["pixels", "w", "b"], ["tiny"], kernel_shape=[1, 1]),
            node("Relu", ["tiny"], ["first"]),  # so that the factors aren't folded into one
            node("Mul", ["first", "small"], ["denormal"]),
            node("Relu", ["denormal"], ["second"]),
            node("Mul", ["second", "large"], ["visible"]),
            node("Flatten", ["visible"], ["flat"], axis=1),
            node("Gemm", ["flat", "sum", "none"], ["logits"], transB=1),
            node("Softmax", ["logits"], ["probabilities"], axis=1),
            **{name: values.astype(np.float32) for name, values in weights.items()},
        )
    )


@pytest.mark.skipif(not FLUSHES_DENORMALS, reason="needs x86-64 and Linux")
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("batch", [1, 3])
def test_denormal_numbers_cost_a_large_network_no_time(batch: int, threads: int) -> None:
    """Each would take an Intel processor 100 times as long: seconds for a digit."""
    images = np.full((batch, 28, 28), 255, np.uint8)
    for channels, expected in ((1, 1.0), (600, 0.1)):  # a small network is quick even so
        model = Model(ModelBytes("it", denormal_network(channels)), threads)
        assert model.probabilities(images)[:, 3] == pytest.approx(expected)
    # The caller's numbers stay what they are.
    assert (np.full(8, 1e-40, np.float32) * np.float32(0.5) > 0).all()


class FailingSession:
    """A session that raises this error when it runs."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def io_binding(self) -> MagicMock:
        return MagicMock()

    def run(self, *_: object) -> None:
        raise self.error

    run_with_iobinding = run


class ReplacedSession:
    """Runs the real session until the model has `started`, and then another one.

    The smoke test of a model is a batch; single digits run in the other session from the start.
    """

    def __init__(self, other: Any) -> None:
        self.other, self.started = other, False

    def open(self, model: bytes, kernels: Kernels, threads: int) -> "ReplacedSession":
        self.real = open_session(model, kernels, threads)
        self.io_binding = self.other.io_binding
        self.run_with_iobinding = self.other.run_with_iobinding
        return self

    def run(self, *arguments: object) -> Any:
        return (self.other if self.started else self.real).run(*arguments)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("shape", [[-1, 784], [-1, 1], [1, 1, -1]])
def test_output_of_wrong_shape_is_an_error(
    monkeypatch: pytest.MonkeyPatch, batch: int, shape: list[int]
) -> None:
    """Even though the graph is checked, buffers must not overflow."""
    other = linear_graph(TensorProto.UINT8, ["batch", 1, 28, 28])
    reshape = helper.make_node("Reshape", ["flat", "shape"], ["probabilities"])
    other.graph.node[2].CopyFrom(reshape)
    other.graph.initializer.append(numpy_helper.from_array(np.array(shape), "shape"))
    replaced = ReplacedSession(open_session(other.SerializeToString(), "float"))
    monkeypatch.setattr("digits.inference.model.open_session", replaced.open)
    opened = Model(BUNDLED)
    replaced.started = True
    with pytest.raises(ModelError, match="onnxruntime can't run|invalid probabilities"):
        opened.probabilities(np.full((batch, 28, 28), 255, np.uint8))


@pytest.mark.parametrize("error", [MemoryError, RuntimeError, IndexError, ValueError])
@pytest.mark.parametrize("batch", [1, 3])
def test_onnxruntime_error_is_a_model_error(
    monkeypatch: pytest.MonkeyPatch, batch: int, error: type[Exception]
) -> None:
    replaced = ReplacedSession(FailingSession(error("bad\nallocation")))
    monkeypatch.setattr("digits.inference.model.open_session", replaced.open)
    opened = Model(BUNDLED)
    replaced.started = True
    with pytest.raises(ModelError, match="onnxruntime can't run .*lenet5.int8.onnx: bad$"):
        opened.probabilities(np.zeros((batch, 28, 28), np.uint8))


def test_refused_graph_logs_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    other = linear_graph(TensorProto.UINT8, ["batch", 1, 28, 28])
    other.graph.node[2].name = "\x1b[31mred"
    other.graph.initializer[1].CopyFrom(numpy_helper.from_array(np.zeros(7, np.float32), "bias"))
    (tmp_path / "broken.onnx").write_bytes(with_metadata(other))
    with pytest.raises(ModelError, match="onnxruntime can't"):
        Model(tmp_path / "broken.onnx")
    assert capfd.readouterr() == ("", "")


def test_model_without_metadata_is_refused(tmp_path: Path) -> None:
    other = linear_graph(TensorProto.UINT8, ["batch", 1, 28, 28])
    (tmp_path / "foreign.onnx").write_bytes(other.SerializeToString())
    with pytest.raises(ModelError, match="not a model from `digits export`"):
        Model(tmp_path / "foreign.onnx")


def test_missing_file_folder_and_device_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such model"):
        Model(tmp_path / "missing.onnx")
    with pytest.raises(ModelError, match="is a folder, not an ONNX file"):
        Model(tmp_path)
    with pytest.raises(ModelError, match="is not a file"):
        Model(Path(os.devnull))


def test_huge_file_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "huge.onnx").open("wb") as file:
        file.truncate(10 << 30)  # sparse: takes no space
    with pytest.raises(ModelError, match="larger than any model"):
        Model(tmp_path / "huge.onnx")


def test_invalid_kernels_and_threads_are_an_error() -> None:
    with pytest.raises(ValueError, match="kernels must be integer, float or None, got 'int'"):
        Model(kernels="int")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="threads must be >= 0, got -1"):
        Model(threads=-1)
