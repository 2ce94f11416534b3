"""Exported graphs, for the tests of the exporter."""

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import numpy_helper
from torch import nn

from digits.inference.interface import CLASSIFIER, READER
from digits.inference.metadata import Kernels
from digits.inference.session import open_session
from digits_export.optimize import optimize
from digits_export.reader_calibrate import CalibratedReader, MapScaling
from digits_export.temperature import CalibratedClassifier, TemperatureScaling
from digits_train.onnx_graph import to_onnx


def classifier_graph(network: nn.Module, scaling: TemperatureScaling) -> onnx.ModelProto:
    return optimize(to_onnx(CalibratedClassifier(network.eval(), scaling), CLASSIFIER))


def reader_graph(network: nn.Module, scaling: MapScaling) -> onnx.ModelProto:
    return optimize(to_onnx(CalibratedReader(network, scaling), READER))


def stored(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def outputs(
    model: onnx.ModelProto, pixels: np.ndarray, kernels: Kernels = "float"
) -> Sequence[np.ndarray]:
    session = open_session(model.SerializeToString(), kernels)
    results: Sequence[np.ndarray] = session.run(None, {model.graph.input[0].name: pixels})
    return results
