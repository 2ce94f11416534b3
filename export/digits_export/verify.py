"""Prove that an exported file agrees with its checkpoint; a failure names the worst offender."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray

from digits.data.mnist import Split
from digits.errors import ModelError
from digits.inference.interface import CLASSIFIER, INPUT, PAGE_MULTIPLE, READER, Interface
from digits_export.temperature import TemperatureScaling
from digits_train.models import Network

MAX_DIFFERENCE = 1e-5  # in probability, between the float file and PyTorch
MAX_MAP_DIFFERENCE = 1e-4  # in log odds and logits, of which most are below 10
MAX_SIZE_RATIO = 1 / 3  # quantized to float
_BATCH_SIZE = 250  # VGG-16's activations take 1.1 MB a digit

_MAPS = [output.name for output in READER.outputs]

Description = list[tuple[str, str, list[str | int]]]
Page = NDArray[np.uint8]
MapsOf = Callable[[Page], Sequence[NDArray[np.float32]]]


def check_graph(model: onnx.ModelProto) -> None:
    """Raise ModelError if the ONNX checker or shape inference finds an error."""
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ModelError(f"the exported graph is not valid ONNX: {error}") from error


def check_interface(
    session: onnxruntime.InferenceSession, interface: Interface = CLASSIFIER
) -> None:
    """Raise ModelError unless names, types and shapes are as designed, with a dynamic batch."""
    for kind, nodes, tensors in (
        ("inputs", session.get_inputs(), [interface.input]),
        ("outputs", session.get_outputs(), interface.outputs),
    ):
        expected: Description = [(one.name, one.dtype, ["batch", *one.shape]) for one in tensors]
        found: Description = [(node.name, node.type, node.shape) for node in nodes]
        if found != expected:
            raise ModelError(f"the exported model's {kind} are {found} instead of {expected}")


def check_parity(
    session: onnxruntime.InferenceSession,
    network: Network,
    scaling: TemperatureScaling,
    images: NDArray[np.uint8],
) -> float:
    """Compare a float session with PyTorch at batch sizes 1, 7 and 256.

    images: uint8 [n, 28, 28], n >= 256. Returns the largest difference between two probabilities.
    Raises ModelError if it exceeds MAX_DIFFERENCE.
    """
    largest = 0.0
    for batch in (1, 7, 256):
        pixels = images[:batch, None]
        with torch.inference_mode():
            expected = scaling.probabilities(network(torch.tensor(pixels))).numpy()
        found = session.run(None, {INPUT[0]: pixels})[0]
        difference = np.abs(found - expected)
        worst, digit = np.unravel_index(difference.argmax(), difference.shape)
        if difference.max() > MAX_DIFFERENCE or not np.isfinite(difference).all():
            raise ModelError(
                f"the exported model disagrees with the checkpoint: on image {worst} of {batch},"
                f" the probability of {digit} is {found[worst, digit]:.6f} instead of"
                f" {expected[worst, digit]:.6f}; the tolerance is {MAX_DIFFERENCE}"
            )
        largest = max(largest, float(difference.max()))
    return largest


def check_map_parity(found: MapsOf, expected: MapsOf, pages: Sequence[Page]) -> float:
    """Compare a reader's maps with PyTorch's, on noise of all sizes and on pages.

    found, expected: the maps of a page, uint8 [1, 1, h, w]. pages: uint8 [h, w], the first ten are
    used. Returns the largest difference of a value. Raises ModelError if it exceeds
    MAX_MAP_DIFFERENCE times the largest value of the map, if that is above 1.
    """
    noise = np.random.default_rng(0).integers(0, 256, (400, 300), np.uint8)
    largest = 0.0
    for page in (noise, noise[:32, :32], noise[:104, :56], *pages[:10]):
        height, width = (side - side % PAGE_MULTIPLE for side in page.shape)
        pixels = page[None, None, :height, :width]
        for name, one, other in zip(_MAPS, found(pixels), expected(pixels), strict=True):
            difference = np.abs(one - other)
            tolerance = MAX_MAP_DIFFERENCE * max(1.0, float(np.abs(other).max()))
            if not difference.max() <= tolerance:
                raise ModelError(
                    f"the exported model disagrees with the checkpoint: on a page of {width}x"
                    f"{height} pixels, a value of {name} differs by {difference.max():.2g}; the"
                    f" tolerance is {tolerance:.2g}"
                )
            largest = max(largest, float(difference.max()))
    return largest


def check_accuracy(
    kernels: str,
    exact: NDArray[np.float32],
    quantized: NDArray[np.float32],
    split: Split,
    max_drop: float,
) -> None:
    """Raise ModelError if `quantized` is more than `max_drop` points less accurate than `exact`.

    exact, quantized: float32 [n, 10], the probabilities of the validation digits in `split`.
    max_drop: in percentage points, rounded up to whole digits: of a hundred digits, one may change.
    """
    was_right, is_right = (scores.argmax(1) == split.labels for scores in (exact, quantized))
    drop = 100 * (was_right.mean() - is_right.mean())
    allowed = math.ceil(max_drop / 100 * len(split) - 1e-9)  # for floating-point rounding
    if was_right.sum() - is_right.sum() > allowed:
        lost = np.flatnonzero(was_right & ~is_right)
        worst = lost[(exact.max(1) + quantized.max(1))[lost].argmax()]
        raise ModelError(
            f"quantization costs {drop:.2f} points of validation accuracy with {kernels} kernels"
            f" ({was_right.mean():.2%} to {is_right.mean():.2%}); at most {max_drop} are allowed"
            f" (--max-accuracy-drop); worst: digit {worst}, a {split.labels[worst]}"
            f" ({exact[worst].max():.1%} confidence), now read as {quantized[worst].argmax()}"
            f" ({quantized[worst].max():.1%})"
        )


def check_size(exact: int, quantized: int, model: onnx.ModelProto) -> None:
    """Raise ModelError unless the quantized file is smaller than MAX_SIZE_RATIO of the float one.

    exact, quantized: their sizes in bytes. model: the quantized graph.
    """
    if quantized >= MAX_SIZE_RATIO * exact:
        largest = max(model.graph.initializer, key=lambda tensor: tensor.ByteSize())
        kind = onnx.TensorProto.DataType.Name(largest.data_type).lower()
        raise ModelError(
            f"the quantized file has {quantized:,} bytes, not less than a third of the float"
            f" file's {exact:,}; its largest tensor is {largest.name}, {kind}"
            f" {list(largest.dims)}, {largest.ByteSize():,} bytes"
        )


def probabilities(session: onnxruntime.InferenceSession, split: Split) -> NDArray[np.float32]:
    """Return the probabilities of a split's digits: float32 [n, 10]."""
    images = split.images[:, None]
    return np.concatenate(
        [
            session.run(None, {INPUT[0]: images[start : start + _BATCH_SIZE]})[0]
            for start in range(0, len(images), _BATCH_SIZE)
        ]
    )
