"""The range of each activation, from calibration images: what its uint8 scale has to cover.

Three ways to choose the largest value that can still be told from larger ones:
minmax takes the largest seen. percentile takes the value that 99.99 % stay below. entropy takes
the one whose quantized histogram is most like the exact one (S. Migacz, "8-bit inference with
TensorRT", GTC 2017). Each activation follows a ReLU; its zeros are exact whatever the range, so
the last two leave them out.
"""

from collections.abc import Callable, Iterator
from typing import Literal

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import helper

from digits.errors import ModelError

Method = Literal["minmax", "entropy", "percentile"]
Histogram = NDArray[np.int64]

_BATCH = 100  # images at a time: VGG-16's activations take 1.1 MB a digit
# onnxruntime's own entropy calibration has 128 for 128 levels, and so nothing to choose between.
_BINS = 2048
_LEVELS = 256
_PERCENTILE = 0.9999
_LEAST = 1e-4  # values


def calibrate(
    model: onnx.ModelProto, images: NDArray[np.uint8], method: Method = "minmax"
) -> dict[str, float]:
    """Map the output of each ReLU to the largest value that it has to represent.

    images: uint8 [n, 1, 28, 28], from the training set. Raises ModelError when an activation is
    never above zero, or not finite.
    """
    names = [node.output[0] for node in model.graph.node if node.op_type == "Relu"]
    if not names:
        return {}
    session = _probe(model, names)
    largest = np.zeros(len(names))
    for activations in _activations(session, names, images):
        largest = np.maximum(largest, [values.max() for values in activations])
    for name, value in zip(names, largest, strict=True):
        if not 0 < value < float("inf"):
            raise ModelError(f"can't quantize: {name} is never above zero, or is not finite")
    if method == "minmax":
        return dict(zip(names, largest.tolist(), strict=True))
    histograms = np.zeros((len(names), _BINS), np.int64)
    for activations in _activations(session, names, images):
        for histogram, values, top in zip(histograms, activations, largest, strict=True):
            histogram += np.histogram(values[values > 0], _BINS, (0, top))[0]
    choose: Callable[[Histogram], int] = _percentile if method == "percentile" else _entropy
    return {
        name: choose(histogram) / _BINS * float(top)
        for name, histogram, top in zip(names, histograms, largest, strict=True)
    }


def _probe(model: onnx.ModelProto, names: list[str]) -> onnxruntime.InferenceSession:
    """A session whose outputs are these tensors."""
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    del probe.graph.output[:]
    probe.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    return onnxruntime.InferenceSession(
        probe.SerializeToString(), providers=["CPUExecutionProvider"]
    )


def _activations(
    session: onnxruntime.InferenceSession, names: list[str], images: NDArray[np.uint8]
) -> Iterator[list[NDArray[np.float32]]]:
    for start in range(0, len(images), _BATCH):
        yield session.run(names, {"images": images[start : start + _BATCH]})


def _percentile(histogram: Histogram) -> int:
    """How many bins hold the given share of the values."""
    return int(np.searchsorted(histogram.cumsum(), _PERCENTILE * histogram.sum())) + 1


def _entropy(histogram: Histogram) -> int:
    """How many bins to keep so that least information is lost (Kullback-Leibler divergence)."""
    losses = {
        bins: _divergence(histogram, bins) for bins in range(_LEVELS, _BINS + 1, _BINS // _LEVELS)
    }
    return min(losses, key=losses.__getitem__)


def _divergence(histogram: Histogram, bins: int) -> float:
    """Of the values as they are clipped, from the same in as many levels as uint8 has."""
    exact = histogram[:bins].astype(np.float64)
    level = np.arange(bins) * _LEVELS // bins
    filled = exact > 0
    if not filled.any():
        return float("inf")
    members = np.bincount(level, filled, _LEVELS)
    quantized = np.where(
        filled, (np.bincount(level, exact, _LEVELS) / np.maximum(members, 1))[level], 0
    )
    exact[-1] += histogram[bins:].sum()
    # What was clipped into an empty bin is unlikely, not impossible.
    quantized = np.where(exact > 0, np.maximum(quantized, _LEAST), 0)
    p, q = (values[exact > 0] / values.sum() for values in (exact, quantized))
    return float((p * np.log(p / q)).sum())
