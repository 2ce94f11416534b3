"""The range of each activation, which its uint8 scale has to cover, from calibration images.

minmax: up to the maximum. percentile: up to the 99.99th percentile. entropy: up to the value whose
quantized histogram is closest to the exact one (S. Migacz, "8-bit inference with TensorRT", GTC
2017). Each activation follows a ReLU; zeros are exact in any range, so the last two ignore them.
"""

from collections.abc import Callable, Iterator
from typing import Literal

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import helper

from digits.errors import ModelError

CalibrationMethod = Literal["minmax", "entropy", "percentile"]
Histogram = NDArray[np.int64]

_BATCH_SIZE = 100  # VGG-16's activations take 1.1 MB a digit
# onnxruntime's own entropy calibration has 128 bins for 128 levels: nothing to choose from.
_NUM_BINS = 2048
_NUM_QUANTIZED_BINS = 256
_PERCENTILE = 0.9999
_MIN_COUNT = 1e-4


def calibrate(
    model: onnx.ModelProto, images: NDArray[np.uint8], method: CalibrationMethod = "minmax"
) -> dict[str, float]:
    """Map the output of each ReLU to the largest value that it has to represent.

    images: uint8 [n, 1, 28, 28], from the training set. Raises ModelError when an activation is
    never positive or not finite.
    """
    names = [node.output[0] for node in model.graph.node if node.op_type == "Relu"]
    if not names:
        return {}
    session = _with_outputs(model, names)
    maxima = np.zeros(len(names))
    for activations in _activations(session, names, images):
        maxima = np.maximum(maxima, [values.max() for values in activations])
    for name, value in zip(names, maxima, strict=True):
        if not 0 < value < float("inf"):
            raise ModelError(f"can't quantize: {name} is never positive or not finite")
    if method == "minmax":
        return dict(zip(names, maxima.tolist(), strict=True))
    histograms = np.zeros((len(names), _NUM_BINS), np.int64)
    for activations in _activations(session, names, images):
        for histogram, values, top in zip(histograms, activations, maxima, strict=True):
            histogram += np.histogram(values[values > 0], _NUM_BINS, (0, top))[0]
    choose: Callable[[Histogram], int] = _percentile if method == "percentile" else _entropy
    return {
        name: choose(histogram) / _NUM_BINS * float(top)
        for name, histogram, top in zip(names, histograms, maxima, strict=True)
    }


def _with_outputs(model: onnx.ModelProto, names: list[str]) -> onnxruntime.InferenceSession:
    """Open a session that outputs these tensors."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    del copy.graph.output[:]
    copy.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    return onnxruntime.InferenceSession(
        copy.SerializeToString(), providers=["CPUExecutionProvider"]
    )


def _activations(
    session: onnxruntime.InferenceSession, names: list[str], images: NDArray[np.uint8]
) -> Iterator[list[NDArray[np.float32]]]:
    for start in range(0, len(images), _BATCH_SIZE):
        yield session.run(names, {"images": images[start : start + _BATCH_SIZE]})


def _percentile(histogram: Histogram) -> int:
    """Return how many bins hold the given share of the values."""
    return int(np.searchsorted(histogram.cumsum(), _PERCENTILE * histogram.sum())) + 1


def _entropy(histogram: Histogram) -> int:
    """Return how many bins to keep for the smallest Kullback-Leibler divergence."""
    step = _NUM_BINS // _NUM_QUANTIZED_BINS
    candidates = range(_NUM_QUANTIZED_BINS, _NUM_BINS + 1, step)
    return min(candidates, key=lambda bins: _kl_divergence(histogram, bins))


def _kl_divergence(histogram: Histogram, bins: int) -> float:
    """Compare the values, clipped to so many bins, with the same values quantized."""
    exact = histogram[:bins].astype(np.float64)
    level = np.arange(bins) * _NUM_QUANTIZED_BINS // bins
    filled = exact > 0
    if not filled.any():
        return float("inf")
    members = np.bincount(level, filled, _NUM_QUANTIZED_BINS)
    means = np.bincount(level, exact, _NUM_QUANTIZED_BINS) / np.maximum(members, 1)
    quantized = np.where(filled, means[level], 0)
    exact[-1] += histogram[bins:].sum()
    # A value clipped into an empty bin is unlikely, not impossible.
    quantized = np.where(exact > 0, np.maximum(quantized, _MIN_COUNT), 0)
    p, q = (values[exact > 0] / values.sum() for values in (exact, quantized))
    return float((p * np.log(p / q)).sum())
