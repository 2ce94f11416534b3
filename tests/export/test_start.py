"""Weights of exported files: the restored network computes what the file does."""

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import Tensor

from digits.data.mnist import Split
from digits.errors import ModelError
from digits.inference import metadata
from digits.inference.interface import CLASSIFIER, READER
from digits.inference.session import open_session
from digits_export import quantize
from digits_export.optimize import optimize
from digits_export.reader_calibrate import CalibratedReader, MapScaling
from digits_export.temperature import CalibratedClassifier, TemperatureScaling
from digits_export.verify import module_outputs, session_outputs
from digits_train.models import Network, Reader
from digits_train.models.network import probabilities
from digits_train.onnx_graph import to_onnx
from digits_train.start import Start, load_start, restore_norms
from tests.export.reader_pages import drawn_page, random_reader
from tests.robustness import forgery
from tests.rounding import MAX_DIFFERENCE, assert_agree

SCALING, MAP_SCALING = TemperatureScaling(1.7, 2.5), MapScaling(0.7, 0.4, -2.5)
Begin = Callable[[onnx.ModelProto, str], Start]


def build(network: Network) -> onnx.ModelProto:
    return optimize(to_onnx(CalibratedClassifier(network, SCALING), CLASSIFIER))


def build_reader(network: Reader) -> onnx.ModelProto:
    return optimize(to_onnx(CalibratedReader(network, MAP_SCALING), READER))


@pytest.fixture
def start(tmp_path: Path) -> Begin:
    """Start from a graph, written as the file of an architecture."""

    def load(model: onnx.ModelProto, name: str) -> Start:
        about: metadata.AnyMetadata = replace(
            forgery.METADATA, architecture=name, temperature=round(SCALING.temperature, 6)
        )
        if name == "reader":
            about = replace(forgery.READER_METADATA, **MAP_SCALING._asdict())
        path = tmp_path / "exported.onnx"
        path.write_bytes(metadata.add_metadata(model.SerializeToString(), about))
        return load_start(path, name)

    return load


def dequantized(exact: onnx.ModelProto, rounded: onnx.ModelProto) -> onnx.ModelProto:
    """The float graph with the weights of the quantized one."""
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in rounded.graph.initializer}
    result = onnx.ModelProto()
    result.CopyFrom(exact)
    for tensor in result.graph.initializer:
        if f"{tensor.name}.int" in stored:
            values = stored[f"{tensor.name}.int"].astype(np.float64)
            scale = stored[f"{tensor.name}.scale"].reshape(-1, *[1] * (values.ndim - 1))
            restored = (values * scale).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(restored, tensor.name))
    return result


@pytest.mark.parametrize("form", ["float", "int8"])
def test_classifier(form: str, start: Begin, network: Network, test_slice: Split) -> None:
    images = test_slice.images[:30, None]
    exact = file = build(network)
    if form == "int8":
        file = quantize.quantize(exact, images)
        exact = dequantized(exact, file)
    restored = start(file, "lenet5").model
    assert not restored.training
    with torch.inference_mode():
        logits = restored(torch.tensor(images))
        exact_logits = network(torch.tensor(images))
    difference = (logits - exact_logits).abs().max() / exact_logits.abs().max()
    assert (difference < MAX_DIFFERENCE) == (form == "float")
    session = open_session(exact.SerializeToString(), "float")
    [expected] = session.run(None, {"images": images})
    actual = probabilities(logits / SCALING.temperature, SCALING.none_logit)
    np.testing.assert_allclose(actual, expected, atol=1e-5)


@pytest.mark.parametrize("form", ["float", "int8"])
def test_readers(form: str, start: Begin) -> None:
    reader, page = random_reader(), drawn_page(5).pixels[None, None]
    file = build_reader(reader)
    if form == "int8":
        file = quantize.quantize_weights(file)
    restored = start(file, "reader").model
    assert isinstance(restored, Reader)
    expected = session_outputs(open_session(file.SerializeToString(), "float"), READER)(page)
    actual = module_outputs(CalibratedReader(restored, MAP_SCALING))(page)
    for values, wanted in zip(actual, expected, strict=True):
        assert_agree(values, wanted)


def test_restored_norms_compute_the_same_in_training(start: Begin) -> None:
    inputs = torch.stack([torch.tensor(drawn_page(n).pixels[None]) for n in range(4)])
    model = start(build_reader(random_reader()), "reader").model

    @torch.inference_mode()
    def outputs(training: bool = False) -> Tensor:
        maps = copy.deepcopy(model).train(training)(inputs)
        return torch.cat([part.flatten() for part in maps])

    before, scale = outputs(), outputs().std()
    assert (outputs(training=True) - before).abs().max() > 0.1 * scale
    restore_norms(model, inputs)
    assert (outputs() - before).abs().max() < 1e-3 * scale
    assert (outputs(training=True) - before).abs().max() < 1e-2 * scale


@pytest.mark.parametrize(
    ("message", "name", "values"),
    [
        ("conv2.weight has NaN", "conv2.weight", np.full((16, 6, 5, 5), np.nan)),
        ("fc3.weight has NaN", "fc3.weight", np.full((11, 84), 3e38)),
        ("it has no 'conv9.bias.scale'", "conv9.bias.int", np.zeros(3)),
    ],
)
def test_weights_that_do_not_fit(
    message: str, name: str, values: np.ndarray, network: Network, start: Begin
) -> None:
    model = build(network)
    tensors = [tensor for tensor in model.graph.initializer if tensor.name != name]
    tensors.append(numpy_helper.from_array(values.astype(np.float32), name))
    del model.graph.initializer[:]
    model.graph.initializer.extend(tensors)
    with pytest.raises(ModelError, match=f"exported.onnx is not a usable lenet5: {message}"):
        start(model, "lenet5")
