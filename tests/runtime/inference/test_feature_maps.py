"""Feature maps; tests/export compares their values with PyTorch's."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from digits.data.mnist import Split
from digits.errors import ModelError
from digits.inference import graph
from digits.inference.feature_maps import feature_maps
from digits.inference.model import Model, open_session
from tests.robustness import forgery
from tests.robustness.forgery import RAW


def test_feature_maps_of_the_bundled_model(test_slice: Split) -> None:
    first, second = feature_maps(Model(), test_slice.images[0], 5)
    assert first.operators == second.operators == ("Conv", "Relu", "MaxPool")
    assert (first.values.shape, second.values.shape) == ((6, 12, 12), (16, 4, 4))
    assert first.values.min() == second.values.min() == 0  # after a ReLU
    assert first.values.max() > 0 < second.values.max()
    [alone] = feature_maps(Model(), test_slice.images[0], 1)
    np.testing.assert_array_equal(alone.values, first.values)


def test_extra_outputs_keep_the_probabilities(test_slice: Split) -> None:
    """onnxruntime can't fuse operators whose result is an output."""
    outputs = [stage.output for stage in graph.stages(RAW, "bundled")]
    for kernels in ("float", "integer"):
        images = {"images": test_slice.images[:50, None]}
        expected = open_session(RAW, kernels).run(["probabilities"], images)[0]
        session = open_session(graph.with_outputs(RAW, outputs), kernels)
        assert [output.name for output in session.get_outputs()] == ["probabilities", *outputs]
        np.testing.assert_allclose(session.run(["probabilities"], images)[0], expected, atol=0.02)


def test_single_convolution_with_overflow(tmp_path: Path) -> None:
    """No ReLU follows, and the maps overflow."""
    node = helper.make_node("Conv", ["pixels", "w", "b"], ["conv"], kernel_shape=[3, 3])
    weights = np.full((2, 1, 3, 3), 3e38, np.float32)
    model = forgery.honest(node, w=weights, b=np.zeros(2, np.float32))
    (tmp_path / "one.onnx").write_bytes(forgery.sealed(model))
    image = np.full((28, 28), 255, np.uint8)
    [maps] = feature_maps(Model(tmp_path / "one.onnx"), image, 2)
    assert maps.operators == ("Conv",)
    assert maps.values.shape == (2, 26, 26)
    assert np.isinf(maps.values).all()


def test_model_without_convolutions_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "dense.onnx").write_bytes(forgery.sealed(forgery.honest()))
    with pytest.raises(ModelError, match="dense.onnx has no convolution"):
        feature_maps(Model(tmp_path / "dense.onnx"), np.zeros((28, 28), np.uint8), 2)


def test_integer_convolution_is_an_error(tmp_path: Path) -> None:
    inputs = ["images", "w", "zero", "zero"]
    node = helper.make_node("ConvInteger", inputs, ["sums"], kernel_shape=[3, 3])
    weights = {"w": np.ones((1, 1, 3, 3), np.uint8), "zero": np.zeros((), np.uint8)}
    (tmp_path / "int.onnx").write_bytes(forgery.sealed(forgery.honest(node, **weights)))
    with pytest.raises(ModelError, match="int.onnx has no convolution"):
        feature_maps(Model(tmp_path / "int.onnx"), np.zeros((28, 28), np.uint8), 2)


def test_deleted_model_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "gone.onnx"
    path.write_bytes(RAW)
    model = Model(path)
    path.unlink()
    with pytest.raises(ModelError, match="no such model"):
        feature_maps(model, np.zeros((28, 28), np.uint8), 2)


def test_replaced_pinned_model_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "pinned.onnx"
    path.write_bytes(RAW)
    model = Model(path, sha256=hashlib.sha256(RAW).hexdigest())
    path.write_bytes(forgery.sealed(forgery.honest()))
    with pytest.raises(ModelError, match="is the wrong model"):
        feature_maps(model, np.zeros((28, 28), np.uint8), 2)
