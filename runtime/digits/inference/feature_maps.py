"""Compute a network's feature maps: its activations after the convolutions."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits.errors import ModelError
from digits.inference import graph
from digits.inference.interface import INPUT
from digits.inference.model import ORT_ERRORS, Model, open_session, ort_error
from digits.inference.model_file import load_file
from digits.system import denormals_flushed


class FeatureMaps(NamedTuple):
    """The output of a convolution, its ReLU and its pool.

    operators: their ONNX names; the first is the convolution. values: float32 [maps, height,
    width].
    """

    operators: tuple[str, ...]
    values: NDArray[np.float32]


def feature_maps(model: Model, image: NDArray[np.uint8], convolutions: int) -> list[FeatureMaps]:
    """Compute the feature maps after each of the first convolutions.

    image: uint8 [28, 28], see `Model.probabilities`. convolutions: how many at most. Opens the
    file a second time, with these tensors as outputs. Raises ModelError if that fails, or if there
    is no convolution.
    """
    file = load_file(model.name, model.sha256)
    stages = [stage for stage in graph.stages(file.content, file.name) if stage.output]
    if not stages:
        raise ModelError(f"{file.name} has no convolutions, so no feature maps")
    stages = stages[:convolutions]
    outputs = [stage.output for stage in stages]
    try:
        with denormals_flushed():
            session = open_session(graph.with_outputs(file.content, outputs), model.kernels)
            maps = session.run(outputs, {INPUT[0]: image.reshape(1, *INPUT[2])})
    except ORT_ERRORS as error:
        raise ort_error("run", file.name, error) from error
    if any(values.ndim != 4 or values.dtype != np.float32 for values in maps):
        raise ModelError(f"{file.name} has convolutions without feature maps")
    return [
        FeatureMaps(stage.operators, values[0]) for stage, values in zip(stages, maps, strict=True)
    ]
