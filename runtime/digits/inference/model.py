"""Run ONNX files. A classifier's turns 28x28 pixels into ten probabilities."""

from typing import Any, Generic, get_args

import numpy as np
from numpy.typing import NDArray

from digits.errors import ModelError
from digits.inference.interface import CLASSIFIER
from digits.inference.metadata import ClassifierMetadata, Kernels, M
from digits.inference.model_file import ModelBytes, ModelSource, load
from digits.inference.session import Session
from digits.system import cpu_count

_INPUT, _OUTPUT = CLASSIFIER.input.name, CLASSIFIER.outputs[0].name
_PIXEL, _SHAPES = np.dtype(np.uint8), ((28, 28), (1, 28, 28))
# Digits at a time and thread: the activations of more don't fit into a core's cache (measured from
# 16 to 256), and memory doesn't grow with the batch.
_CHUNK = 128
_MAX_THREADS = 256
_MAX_ROUNDING = 100 * 2.0**-23  # a hundred times the precision of float32, for sums of ten


class Network(Generic[M]):
    """A verified model file and its session. Threads may share one.

    path, sha256: see `model_file.load`.
    threads: how many cores a call may use; 0: all.
    kernels: "integer" multiplies int8 by int8, "float" stores int8 and multiplies floats; by
    default the faster one according to the file.

    Raises ModelError if the file can't be used, and ValueError for invalid arguments.
    """

    kind: type[M]

    def __init__(
        self,
        path: ModelSource = None,
        threads: int = 1,
        kernels: Kernels | None = None,
        sha256: str | None = None,
    ) -> None:
        if not 0 <= threads <= _MAX_THREADS:
            raise ValueError(f"threads must be 0 to {_MAX_THREADS}, not {threads}")
        if kernels not in (None, *get_args(Kernels)):
            raise ValueError(f"kernels must be integer, float or None, got {kernels!r}")
        file = load(path, self.kind, sha256)
        self.name, self.threads = file.name, threads
        self.metadata: M = file.metadata
        # A float file has no integers.
        only_float = self.metadata.quantization == "none"
        self.kernels: Kernels = "float" if only_float else kernels or self.metadata.kernels
        self.session = Session(file.content, file.name, self.kernels, threads)
        self._chunk = _CHUNK * (threads or cpu_count())
        source = path if isinstance(path, ModelBytes) else file.name
        self._arguments = source, threads, self.kernels, sha256  # what a worker process opens
        self._check_outputs()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._arguments

    def _check_outputs(self) -> None:
        """Raise ModelError if the file fails to run, or outputs what no such network should."""
        raise NotImplementedError


class ClassifierModel(Network[ClassifierMetadata]):
    """A classifier of digits; arguments and errors: see `Network`.

    >>> ClassifierModel().probabilities(np.zeros((2, 28, 28), np.uint8)).shape
    (2, 10)
    """

    kind = ClassifierMetadata

    def _check_outputs(self) -> None:
        blank_and_full = np.full((2, 28, 28), [[[0]], [[255]]], np.uint8)
        if not are_probabilities(self.probabilities(blank_and_full)):
            raise ModelError(f"{self.name} outputs invalid probabilities")

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Classify a batch of framed digits.

        images: uint8 [n, 28, 28] or [n, 1, 28, 28], 0 = paper, 255 = ink, framed as in MNIST.
        Returns float32 [n, 10]; each row sums to 1. Raises ValueError for another shape or dtype,
        and ModelError if the network fails.
        """
        shape = images.shape
        if images.dtype != _PIXEL or shape[1:] not in _SHAPES:
            raise ValueError(f"images must be uint8 [n, 28, 28], not {images.dtype} {shape}")
        if not len(images):  # which not every network can run
            return np.zeros((0, 10), np.float32)
        batch = images.reshape(-1, 1, 28, 28)
        if len(batch) <= self._chunk:
            return self._run(batch)
        starts = range(0, len(batch), self._chunk)
        return np.concatenate([self._run(batch[start : start + self._chunk]) for start in starts])

    def _run(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        [rows] = self.session.run({_INPUT: batch}, [_OUTPUT])
        return rows


def are_probabilities(rows: NDArray[np.float32]) -> bool:
    """Whether each row of [n, k] is finite, not negative and sums to 1."""
    with np.errstate(all="ignore"):  # infinities
        largest_error = np.abs(rows.sum(1) - 1).max(initial=0)
    return bool(rows.min(initial=0) >= 0 and largest_error <= _MAX_ROUNDING)  # as NaN is not
