"""Weights of exported files: the restored network computes what the file does."""

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx_ir as ir
import pytest
import torch
from torch import Tensor

from digits.data.mnist import Split
from digits.errors import ModelError
from digits.inference import metadata
from digits.inference.interface import CROP_HEIGHT, RECOGNIZER
from digits_export.detector_calibrate import CalibratedDetector
from digits_export.optimize import optimize, store
from digits_export.recognizer_export import CalibratedRecognizer
from digits_export.temperature import TextScaling
from digits_export.verify import module_outputs
from digits_train.models import Network, Recognizer
from digits_train.onnx_graph import serialize, to_onnx
from digits_train.start import Start, load_start, restore_norms
from tests.export.conftest import MAP_SCALING, SCALING, Graphs, outputs
from tests.export.detector_pages import PAGES
from tests.onnx_files import DETECTOR_METADATA, METADATA, RECOGNIZER_METADATA

TEXT_SCALING = TextScaling(1.3)
Begin = Callable[[ir.Model, str], Start]


def assert_agree(actual: npt.ArrayLike, expected: npt.ArrayLike) -> None:
    """PyTorch and onnxruntime sum in another order: they differ by rounding."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    most = 1e-4 * np.abs(expected).max()  # as the exporter allows a detector
    np.testing.assert_allclose(actual, expected, rtol=0, atol=most)


@pytest.fixture
def start(tmp_path: Path) -> Begin:
    """Start from a graph, written as the file of an architecture."""

    def load(model: ir.Model, name: str) -> Start:
        classifier = replace(METADATA, temperature=SCALING.temperature)
        detector = replace(DETECTOR_METADATA, **MAP_SCALING._asdict())
        recognizer = replace(RECOGNIZER_METADATA, temperature=TEXT_SCALING.temperature)
        abouts: dict[str, metadata.AnyMetadata] = {"detector": detector, "recognizer": recognizer}
        about = abouts.get(name, classifier)
        path = tmp_path / "exported.onnx"
        path.write_bytes(metadata.add_metadata(serialize(model), about))
        return load_start(path, name)

    return load


def test_classifier(start: Begin, network: Network, graphs: Graphs, test_slice: Split) -> None:
    images = torch.tensor(test_slice.images[:30, None])
    restored = start(graphs["float"], "lenet5").model
    with torch.inference_mode():
        assert_agree(restored(images), network(images))


def test_detector(start: Begin, detector_graphs: Graphs) -> None:
    page = PAGES[5].pixels[None, None]
    restored = start(detector_graphs["float"], "detector").model
    actual = module_outputs(CalibratedDetector(restored, MAP_SCALING))(page)
    for values, wanted in zip(actual, outputs(detector_graphs["float"], page), strict=True):
        assert_agree(values, wanted)


def test_recognizer(start: Begin) -> None:
    torch.manual_seed(0)
    network = Recognizer()
    crops = torch.randint(0, 256, (3, 1, CROP_HEIGHT, 160), dtype=torch.uint8)
    network.train()(crops)  # norms with statistics of their own
    calibrated = CalibratedRecognizer(network.eval(), TEXT_SCALING).eval()
    restored = start(optimize(to_onnx(calibrated, RECOGNIZER)), "recognizer").model
    with torch.inference_mode():
        assert_agree(restored(crops), network(crops))


def test_restored_norms_compute_the_same_in_training(start: Begin, detector_graphs: Graphs) -> None:
    inputs = torch.stack([torch.tensor(page.pixels[None]) for page in PAGES[:4]])
    model = start(detector_graphs["float"], "detector").model

    @torch.inference_mode()
    def maps(training: bool = False) -> Tensor:
        parts = copy.deepcopy(model).train(training)(inputs)
        return torch.cat([part.flatten() for part in parts])

    before, scale = maps(), maps().std()
    restore_norms(model, inputs)
    assert (maps() - before).abs().max() < 1e-3 * scale
    assert (maps(training=True) - before).abs().max() < 1e-2 * scale


@pytest.mark.parametrize(
    ("message", "name", "values"),
    [
        ("fc3.weight has NaN", "fc3.weight", np.full((11, 84), 3e38)),
        ("it has no 'conv9.bias.scale'", "conv9.bias.int", np.zeros(3)),
    ],
)
def test_weights_that_do_not_fit(
    message: str, name: str, values: np.ndarray, graphs: Graphs, start: Begin
) -> None:
    model = graphs["float"].clone()
    store(model.graph, name, values)
    with pytest.raises(ModelError, match=f"exported.onnx is not a usable lenet5: {message}"):
        start(model, "lenet5")
