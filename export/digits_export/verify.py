"""Prove that an exported file agrees with its checkpoint; a failure names the worst offender."""

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import onnx
from numpy.typing import NDArray

from digits.data.mnist import Split
from digits.errors import ModelError
from digits.inference.interface import PAGE_MULTIPLE
from digits.terminal import print_stderr

MAX_DIFFERENCE = 1e-5  # in probability, between the float file and PyTorch
MAX_MAP_DIFFERENCE = 1e-4  # in log odds and logits, of which most are below 10
MAX_ACCURACY_DROP = 0.05  # percentage points of the validation digits that int8 may cost

Arrays = Sequence[NDArray[np.float32]]
Network = Callable[[NDArray[np.uint8]], Arrays]  # the outputs for a batch of inputs


def check_graph(model: onnx.ModelProto) -> None:
    """Raise ModelError if the ONNX checker or shape inference finds an error."""
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ModelError(f"the exported graph is not valid ONNX: {error}") from error


def check_parity(exported: Network, network: Network, images: NDArray[np.uint8]) -> float:
    """Compare a float file with PyTorch at batch sizes 1, 7 and 256.

    exported, network: return the probabilities alone. images: uint8 [n, 28, 28], n >= 256. Returns
    the largest difference between two probabilities. Raises ModelError if it exceeds
    MAX_DIFFERENCE.
    """
    batches = (images[:size, None] for size in (1, 7, 256))
    return _largest_difference(exported, network, batches, MAX_DIFFERENCE)


def check_map_parity(
    exported: Network, network: Network, pages: Iterable[NDArray[np.uint8]]
) -> float:
    """Compare a reader's maps with PyTorch's, on noise of all sizes and on pages.

    pages: uint8 [h, w]. Returns the largest difference of a value. Raises ModelError if it exceeds
    MAX_MAP_DIFFERENCE times the largest value of the map, if that is above 1.
    """
    noise = np.random.default_rng(0).integers(0, 256, (400, 300), np.uint8)
    inputs = []
    for page in (noise, noise[:32, :32], noise[:104, :56], *pages):
        height, width = (side - side % PAGE_MULTIPLE for side in page.shape)
        inputs.append(page[None, None, :height, :width])
    return _largest_difference(exported, network, inputs, MAX_MAP_DIFFERENCE)


def _largest_difference(
    exported: Network, network: Network, inputs: Iterable[NDArray[np.uint8]], tolerance: float
) -> float:
    largest = 0.0
    for pixels in inputs:
        for actual, expected in zip(exported(pixels), network(pixels), strict=True):
            difference = np.abs(actual - expected)
            allowed = tolerance * max(1.0, float(np.abs(expected).max()))
            if not difference.max() <= allowed:
                worst = np.unravel_index(difference.argmax(), difference.shape)
                batch, _, height, width = pixels.shape
                raise ModelError(
                    f"the exported model disagrees with the checkpoint: of {batch} inputs of"
                    f" {width}x{height} pixels, output {list(map(int, worst))} is"
                    f" {actual[worst]:.6f} instead of {expected[worst]:.6f}; the tolerance is"
                    f" {allowed:.2g}"
                )
            largest = max(largest, float(difference.max()))
    return largest


def check_accuracy(
    kernels: str,
    exact: NDArray[np.float32],
    quantized: NDArray[np.float32],
    split: Split,
    force: bool,
) -> None:
    """Refuse a quantized file that is more than MAX_ACCURACY_DROP less accurate, see `refuse`.

    The bound is rounded up to whole digits: of a hundred digits, one may change. exact, quantized:
    float32 [n, 10], the probabilities of the validation digits in `split`.
    """
    was_right, is_right = (scores.argmax(1) == split.labels for scores in (exact, quantized))
    drop = 100 * (was_right.mean() - is_right.mean())
    allowed = math.ceil(MAX_ACCURACY_DROP / 100 * len(split) - 1e-9)  # for floating-point rounding
    if was_right.sum() - is_right.sum() > allowed:
        lost = np.flatnonzero(was_right & ~is_right)
        worst = lost[(exact.max(1) + quantized.max(1))[lost].argmax()]
        refuse(
            f"quantization costs {drop:.2f} points of validation accuracy with {kernels} kernels"
            f" ({was_right.mean():.2%} to {is_right.mean():.2%}); at most {MAX_ACCURACY_DROP} are"
            f" allowed; worst: digit {worst}, a {split.labels[worst]}"
            f" ({exact[worst].max():.1%} confidence), now read as {quantized[worst].argmax()}"
            f" ({quantized[worst].max():.1%})",
            force,
        )


def refuse(problem: str, force: bool) -> None:
    """Raise ModelError for what reads worse than it did, or only warn of it."""
    if not force:
        raise ModelError(f"{problem}; --force exports it all the same")
    print_stderr(f"warning: {problem}")
