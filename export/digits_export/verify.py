"""Prove that an exported file agrees with its checkpoint; a failure says by how much it doesn't."""

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import nn

from digits.errors import ModelError
from digits.inference.interface import Interface
from digits.terminal import print_stderr
from digits_train.onnx_graph import serialize

# The outputs for a batch of inputs.
Network = Callable[[NDArray[np.uint8]], Sequence[NDArray[np.float32]]]


def checked(model: ir.Model) -> bytes:
    """Return the file of a graph. Raises ModelError if it is no valid ONNX."""
    raw = serialize(model)
    try:
        onnx.checker.check_model(raw, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ModelError(f"the exported graph is not valid ONNX: {error}") from error
    return raw


def session_outputs(session: onnxruntime.InferenceSession, interface: Interface) -> Network:
    """Return a session as a function."""
    names = [output.name for output in interface.outputs]
    return lambda pixels: session.run(names, {interface.input.name: pixels})


def module_outputs(module: nn.Module) -> Network:
    """Return a network in PyTorch as a function."""

    @torch.inference_mode()
    def run(pixels: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        outputs = module(torch.tensor(pixels))
        tensors = [outputs] if isinstance(outputs, torch.Tensor) else outputs
        return [tensor.numpy() for tensor in tensors]

    return run


def check_parity(
    exported: Network, network: Network, inputs: Iterable[NDArray[np.uint8]], tolerance: float
) -> float:
    """Compare a float file with PyTorch. Returns the largest difference of a value.

    inputs: batches, uint8 [n, 1, h, w]. Raises ModelError if a difference exceeds the tolerance
    times the largest value of that output, if that is above 1.
    """
    largest = 0.0
    for pixels in inputs:
        for actual, expected in zip(exported(pixels), network(pixels), strict=True):
            difference = float(np.abs(actual - expected).max())
            allowed = tolerance * max(1.0, float(np.abs(expected).max()))
            if not difference <= allowed:  # as NaN isn't
                raise ModelError(
                    "the exported model disagrees with the checkpoint: for inputs of shape"
                    f" {list(pixels.shape)}, outputs differ by {difference:.2g}; the tolerance is"
                    f" {allowed:.2g}"
                )
            largest = max(largest, difference)
    return largest


def check_errors(
    before: float, after: float, total: int, points: float, where: str, force: bool
) -> None:
    """Refuse a quantized file that makes more errors than the float one, or only warn of it.

    before, after: shares of `total`. points: percentage points that quantization may cost, rounded
    up to whole errors: of a hundred digits, one may change. where: on what they were made. Raises
    ModelError, unless force is set.
    """
    if (after - before) * total <= math.ceil(points / 100 * total - 1e-9) + 1e-6:  # for rounding
        return
    problem = (
        f"quantization raises the error rate on {where} from {before:.2%} to {after:.2%};"
        f" at most {points} points are allowed"
    )
    if not force:
        raise ModelError(f"{problem}; --force exports it all the same")
    print_stderr(f"warning: {problem}")
