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
from digits_export.reader_calibrate import CalibratedReader
from digits_export.verify import module_outputs
from digits_train.models import Network
from digits_train.start import Start, load_start, restore_norms
from tests.export.conftest import MAP_SCALING, SCALING, Graphs, outputs
from tests.export.reader_pages import PAGES
from tests.robustness import forgery
from tests.rounding import assert_agree

Begin = Callable[[onnx.ModelProto, str], Start]


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


def test_classifier(start: Begin, network: Network, graphs: Graphs, test_slice: Split) -> None:
    images = torch.tensor(test_slice.images[:30, None])
    restored = start(graphs["float"], "lenet5").model
    with torch.inference_mode():
        assert_agree(restored(images), network(images))


@pytest.mark.parametrize("form", ["float", "int8"])
def test_readers(form: str, start: Begin, reader_graphs: Graphs) -> None:
    page = PAGES[5].pixels[None, None]
    restored = start(reader_graphs[form], "reader").model
    actual = module_outputs(CalibratedReader(restored, MAP_SCALING))(page)
    for values, wanted in zip(actual, outputs(reader_graphs[form], page), strict=True):
        assert_agree(values, wanted)


def test_restored_norms_compute_the_same_in_training(start: Begin, reader_graphs: Graphs) -> None:
    inputs = torch.stack([torch.tensor(page.pixels[None]) for page in PAGES[:4]])
    model = start(reader_graphs["float"], "reader").model

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
    message: str, name: str, values: np.ndarray, graphs: Graphs, start: Begin
) -> None:
    model = copy.deepcopy(graphs["float"])
    tensors = [tensor for tensor in model.graph.initializer if tensor.name != name]
    tensors.append(numpy_helper.from_array(values.astype(np.float32), name))
    del model.graph.initializer[:]
    model.graph.initializer.extend(tensors)
    with pytest.raises(ModelError, match=f"exported.onnx is not a usable lenet5: {message}"):
        start(model, "lenet5")
