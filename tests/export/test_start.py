"""Weights of exported files: the restored network computes what the file does."""

import copy
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from digits.adapt import LastLayer
from digits.data.mnist import Split
from digits.errors import ModelError
from digits.inference import metadata
from digits.inference.interface import CLASSIFIER, READER
from digits.inference.model import open_session
from digits.inference.model_file import BUNDLED, load
from digits_export import quantize
from digits_export.optimize import optimize
from digits_export.reader_calibrate import CalibratedReader, MapScaling
from digits_export.temperature import CalibratedClassifier, TemperatureScaling
from digits_export.verify import module_outputs, session_outputs
from digits_train import models
from digits_train.checkpoint import Checkpoint
from digits_train.models import Network, Normalize, Reader
from digits_train.onnx_graph import to_onnx
from digits_train.start import load_start, restore_norms
from tests.export.reader_pages import drawn_page, random_reader
from tests.robustness import forgery
from tests.rounding import MAX_DIFFERENCE, assert_agree

SCALING, MAP_SCALING = TemperatureScaling(1.7, 2.5), MapScaling(0.7, 0.4, -2.5)
Start = Callable[[onnx.ModelProto, str | Network], Checkpoint]


def build(network: Network) -> onnx.ModelProto:
    return optimize(to_onnx(CalibratedClassifier(network, SCALING), CLASSIFIER))


def build_reader(network: Reader) -> onnx.ModelProto:
    return optimize(to_onnx(CalibratedReader(network, MAP_SCALING), READER))


class Chain(Network, nn.Sequential):
    """Layers one after the other."""


def own_network(*layers: nn.Module) -> Network:
    """A chain with random weights, and statistics of noise in its batch norms."""
    network = Chain(OrderedDict((f"layer{n}", layer) for n, layer in enumerate(layers)))
    network(torch.zeros(1, 1, 28, 28))  # initializes lazy layers
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d) and layer.affine:
            nn.init.uniform_(layer.weight, -1.5, 1.5)
            nn.init.normal_(layer.bias)
    network.train()(torch.rand(8, 1, 28, 28) * 255)
    return network.eval()


class Apart(nn.Module):
    """Batch norms that are defined after all convolutions, and another normalization."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 5, stride=2, bias=False)
        self.conv2 = nn.Conv2d(4, 4, 3, bias=False)
        self.norm1, self.norm2 = nn.BatchNorm2d(4), nn.BatchNorm2d(4)
        self.fc = nn.Linear(400, 10)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.norm1(self.conv1(images.float() / 255 - 0.5)).relu()
        logits: Tensor = self.fc(self.norm2(self.conv2(maps)).relu().flatten(1))
        return logits


OWN: dict[str, Callable[[], list[nn.Module]]] = {
    "one layer": lambda: [Normalize(), nn.Flatten(), nn.Linear(784, 10)],
    "without phases": lambda: [
        *(Normalize(), nn.Conv2d(1, 4, 4), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(4, 4, (3, 1), bias=False), nn.ReLU(), nn.Flatten(), nn.LazyLinear(10)),
    ],
    "phases": lambda: [
        *(Normalize(), nn.Conv2d(1, 4, (3, 5)), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.LazyLinear(10)),
    ],
    "apart": lambda: [Apart()],
    "batch norms": lambda: [
        *(nn.ZeroPad2d(1), Normalize(), nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4, affine=False)),
        *(nn.ReLU(), nn.MaxPool2d(3), nn.Conv2d(4, 6, 3), nn.Dropout(), nn.BatchNorm2d(6)),
        *(nn.ReLU(), nn.Conv2d(6, 6, 1, bias=False), nn.BatchNorm2d(6), nn.ReLU()),
        *(nn.Flatten(), nn.LazyLinear(10, bias=False)),
    ],
}
SLOW = pytest.mark.slow
CLASSIFIERS = ["lenet5", pytest.param("vgg16", marks=SLOW), *OWN]


def own(name: str) -> Network:
    torch.manual_seed(0)
    return own_network(*OWN[name]())


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Start from a graph, written as the file of an architecture; a network is the user's own."""

    def load(model: onnx.ModelProto, architecture: str | Network) -> Checkpoint:
        name = architecture if isinstance(architecture, str) else "own"
        if isinstance(architecture, Network):
            blank = copy.deepcopy(architecture)
            for tensor in blank.state_dict().values():
                tensor.fill_(7)
            monkeypatch.setitem(models.ARCHITECTURES, name, lambda: blank)
        about: metadata.AnyMetadata
        if name == "reader":
            about = forgery.READER_METADATA._replace(**MAP_SCALING._asdict())
        else:
            about = replace(
                forgery.METADATA, architecture=name, temperature=round(SCALING.temperature, 6)
            )
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
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifiers(
    name: str,
    form: str,
    start: Start,
    request: pytest.FixtureRequest,
    test_slice: Split,
) -> None:
    images = test_slice.images[:30, None]
    fixture = {"lenet5": "network"}.get(name, name)
    network = own(name) if name in OWN else request.getfixturevalue(fixture)
    exact = file = build(network)
    if form == "int8":
        file = quantize.quantize(exact, images)
        exact = dequantized(exact, file)
    restored = start(file, network if name in OWN else name).model
    assert not restored.training
    with torch.inference_mode():
        logits = restored(torch.tensor(images))
        exact_logits = network(torch.tensor(images))
    difference = (logits - exact_logits).abs().max() / exact_logits.abs().max()
    assert (difference < MAX_DIFFERENCE) == (form == "float")
    session = open_session(exact.SerializeToString(), "float")
    [expected] = session.run(None, {"images": images})
    np.testing.assert_allclose(SCALING.probabilities(logits), expected, atol=1e-5)


def test_first_layer_without_a_bias(start: Start, test_slice: Split) -> None:
    """Rounding leaves a bias that it can't have."""
    torch.manual_seed(0)
    layers = nn.Conv2d(1, 4, 5, bias=False), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()
    network = own_network(Normalize(), *layers, nn.LazyLinear(10))
    images = test_slice.images[:30, None]
    exact = build(network)
    with torch.inference_mode():
        expected = network(torch.tensor(images))
        assert_agree(start(exact, network).model(torch.tensor(images)), expected)
        rounded = start(quantize.quantize(exact, images), network).model(torch.tensor(images))
    assert (rounded - expected).abs().mean() < 0.1


@pytest.mark.parametrize("form", ["float", "int8"])
def test_readers(form: str, start: Start) -> None:
    reader, page = random_reader(), drawn_page(5).pixels[None, None]
    file = build_reader(reader)
    if form == "int8":
        file = quantize.quantize_weights(file)
    restored = start(file, "reader").model
    assert isinstance(restored, models.Reader)
    expected = session_outputs(open_session(file.SerializeToString(), "float"), READER)(page)
    actual = module_outputs(CalibratedReader(restored, MAP_SCALING))(page)
    for values, wanted in zip(actual, expected, strict=True):
        assert_agree(values, wanted)


@pytest.mark.parametrize("name", ["reader", "batch norms", pytest.param("vgg16", marks=SLOW)])
def test_restored_norms_compute_the_same_in_training(
    name: str,
    start: Start,
    request: pytest.FixtureRequest,
    train_slice: Split,
) -> None:
    inputs = torch.tensor(train_slice.images[:96, None])
    if name == "reader":
        inputs = torch.stack([torch.tensor(drawn_page(n).pixels[None]) for n in range(4)])
        model = start(build_reader(random_reader()), name).model
    else:
        network = own(name) if name in OWN else request.getfixturevalue(name)
        model = start(build(network), network if name in OWN else name).model
    for layer in model.modules():
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0

    @torch.inference_mode()
    def outputs(training: bool = False) -> Tensor:
        maps = copy.deepcopy(model).train(training)(inputs)
        return maps if isinstance(maps, Tensor) else torch.cat([part.flatten() for part in maps])

    before, scale = outputs(), outputs().std()
    assert (outputs(training=True) - before).abs().max() > 0.1 * scale
    with torch.inference_mode():
        restore_norms(model, lambda: model(inputs))
    assert (outputs() - before).abs().max() < 1e-3 * scale
    if name != "batch norms":  # one of whose norms has no weights to restore
        assert (outputs(training=True) - before).abs().max() < 1e-2 * scale


@pytest.mark.parametrize(
    ("message", "name", "values"),
    [
        ("conv2.weight has NaN", "conv2.weight", np.full((16, 6, 5, 5), np.nan)),
        ("fc3.weight has NaN", "fc3.weight", np.full((11, 84), 3e38)),
        ("conv9.weight is unknown", "conv9.weight", np.zeros(3)),
        ("it has no 'conv9.bias.scale'", "conv9.bias.int", np.zeros(3)),
    ],
)
def test_weights_that_do_not_fit(
    message: str, name: str, values: np.ndarray, network: Network, start: Start
) -> None:
    model = build(network)
    tensors = [tensor for tensor in model.graph.initializer if tensor.name != name]
    tensors.append(numpy_helper.from_array(values.astype(np.float32), name))
    del model.graph.initializer[:]
    model.graph.initializer.extend(tensors)
    with pytest.raises(ModelError, match=f"exported.onnx is not a usable lenet5: {message}"):
        start(model, "lenet5")


def test_network_changed_since_its_export(start: Start) -> None:
    layers = nn.Conv2d(1, 4, 4), nn.ReLU(), nn.Conv2d(4, 4, 3)
    changed = own_network(Normalize(), *layers, nn.Flatten(), nn.LazyLinear(10))
    with pytest.raises(ModelError, match="is not a usable own: it has no 'layer3.weight'"):
        start(build(own("without phases")), changed)


def test_adapting_a_float_file(network: Network) -> None:
    """`digits.adapt` rounds as the exporter does, and so takes only what that has rounded."""
    about = load(BUNDLED, metadata.Metadata, "").metadata
    raw = metadata.add_metadata(build(network).SerializeToString(), about)
    with pytest.raises(ModelError, match="isn't an int8 file of `digits export --quantize`"):
        LastLayer.of(raw, "float.onnx")
