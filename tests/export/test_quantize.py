"""What all ways to quantize have in common."""

import math
from typing import get_args

import numpy as np
import onnx
import pytest

from digits.data.mnist import Split
from digits.models import graph as runtime_graph
from digits.models.model import open_session
from digits_export import graph, verify
from digits_export.quantize import KERNELS, Method, quantize
from digits_train.models import LeNet5, Network

METHODS = get_args(Method)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("architecture", ["network", pytest.param("vgg16", marks=pytest.mark.slow)])
def test_it_is_small_and_answers_like_the_float_model(
    architecture: str, method: Method, request: pytest.FixtureRequest, test_slice: Split
) -> None:
    network: Network = request.getfixturevalue(architecture)
    exact = graph.build(network)
    rounded = quantize(exact, test_slice.images[:150, None], method)
    verify.check_graph(rounded)
    files = exact.SerializeToString(), rounded.SerializeToString()
    assert len(files[1]) < 0.3 * len(files[0])
    few = Split(test_slice.images[:20], test_slice.labels[:20])
    expected = verify.predict(open_session(files[0], "float"), few)
    for kernels in ("float", "integer"):
        session = open_session(files[1], kernels)
        verify.check_interface(session)
        # Against what distinguishes one digit from another, which with random weights is little: an
        # answer that didn't depend on the digit would be off by all of it.
        error = np.abs(verify.predict(session, few) - expected).mean()
        assert error < 0.5 * np.abs(expected - expected.mean(0)).mean()


@pytest.mark.parametrize("method", [None, *METHODS])
@pytest.mark.parametrize("architecture", ["network", pytest.param("vgg16", marks=pytest.mark.slow)])
def test_the_runtime_takes_every_file_and_knows_its_shapes(
    architecture: str, method: Method | None, request: pytest.FixtureRequest, test_slice: Split
) -> None:
    model = graph.build(request.getfixturevalue(architecture))
    if method:
        model = quantize(model, test_slice.images[:20, None], method)
    found = runtime_graph.read(model.SerializeToString(), "exported")
    assert sum(found.operators.values()) == len(model.graph.node)
    values = 28 * 28 + 10
    for value in onnx.shape_inference.infer_shapes(model).graph.value_info:
        lengths = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        values += math.prod(lengths[1:]) if lengths[:1] == [0] else 0
    assert found.values == values


@pytest.mark.parametrize("method", METHODS)
def test_one_more_digit_in_the_batch_changes_no_other(
    network: Network, method: Method, test_slice: Split
) -> None:
    """Except with dynamic scales, which are a batch's: there a little."""
    model = quantize(graph.build(network), test_slice.images[:150, None], method)
    session = open_session(model.SerializeToString(), KERNELS.get(method, "integer"))
    images = test_slice.images[:7, None]
    together = session.run(None, {"images": images})[0]
    alone = np.concatenate([session.run(None, {"images": image[None]})[0] for image in images])
    np.testing.assert_allclose(together, alone, atol=0.02 if method == "dynamic" else 1e-6)


@pytest.mark.parametrize("method", ["dynamic", "weights"])
def test_no_calibration_where_nothing_is_static(method: Method) -> None:
    none = np.zeros((0, 1, 28, 28), np.uint8)
    quantize(graph.build(LeNet5().eval()), none, method)
