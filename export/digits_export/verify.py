"""Proof that an exported file says what its checkpoint says."""

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray

from digits.errors import ModelError
from digits.mnist import Split
from digits_train.models import Network

MAX_DIFFERENCE = 1e-5  # in probability, between the float file and PyTorch
_BATCH = 1000


def check_graph(model: onnx.ModelProto) -> None:
    """Raises ModelError when the ONNX checker or shape inference finds a fault."""
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ModelError(f"the exported graph is not valid ONNX: {error}") from error


def check_parity(
    session: onnxruntime.InferenceSession,
    network: Network,
    temperature: float,
    images: NDArray[np.uint8],
) -> float:
    """Compare a float session with PyTorch at batch sizes 1, 7 and 256.

    images: uint8 [n, 28, 28] with n of at least 256. Returns the largest difference between two
    probabilities. Raises ModelError, naming the digit, when it is above MAX_DIFFERENCE.
    """
    largest = 0.0
    for batch in (1, 7, 256):
        pixels = images[:batch, None]
        with torch.inference_mode():
            expected = (network(torch.tensor(pixels)) / temperature).softmax(1).numpy()
        difference = np.abs(session.run(None, {"images": pixels})[0] - expected)
        worst, digit = np.unravel_index(difference.argmax(), difference.shape)
        if difference.max() > MAX_DIFFERENCE or not np.isfinite(difference).all():
            raise ModelError(
                f"the exported model disagrees with the checkpoint: on image {worst} of {batch},"
                f" the probability of {digit} differs by {difference[worst, digit]:.2e}"
            )
        largest = max(largest, float(difference.max()))
    return largest


def check_accuracy(name: str, exact: float, quantized: float, max_drop: float) -> None:
    """Raises ModelError when `quantized` reads more than `max_drop` points worse than `exact`.

    Both are accuracies on the validation digits, 0 to 1; max_drop is in points, hundredths of that.
    """
    drop = 100 * (exact - quantized)
    if drop > max_drop + 1e-9:  # for the rounding of the subtraction
        raise ModelError(
            f"quantization costs {drop:.2f} points of validation accuracy with {name} kernels"
            f" ({exact:.2%} to {quantized:.2%}); at most {max_drop} are allowed"
        )


def predict(session: onnxruntime.InferenceSession, split: Split) -> NDArray[np.float32]:
    """The probabilities of all digits of a split: float32 [n, 10]."""
    images = split.images[:, None]
    return np.concatenate(
        [
            session.run(None, {"images": images[start : start + _BATCH]})[0]
            for start in range(0, len(images), _BATCH)
        ]
    )


def accuracy(scores: NDArray[np.float32], split: Split) -> float:
    """The share (0 to 1) of digits whose largest score, of [n, 10], is the true digit's."""
    return float((scores.argmax(1) == split.labels).mean())
