"""Run ONNX files; that of a classifier turns 28x28 pixels into ten probabilities."""

from typing import Any, Generic, get_args

import numpy as np
from numpy.typing import NDArray

from digits.errors import ModelError
from digits.inference.interface import INPUT, OUTPUT
from digits.inference.metadata import Kernels, M, Metadata
from digits.inference.model_file import ModelBytes, ModelSource, load
from digits.inference.probabilities import are_probabilities
from digits.inference.session import Session
from digits.system import cpu_count

_PIXEL, _SHAPES = np.dtype(np.uint8), ((28, 28), (1, 28, 28))
# Digits at a time and thread: the activations of more don't fit into a core's cache (measured from
# 16 to 256), and memory doesn't grow with the batch.
_CHUNK = 128
_MAX_THREADS = 256


class Network(Generic[M]):
    """A verified model file and its onnxruntime session. Threads may share one.

    path, sha256: see `model_file.load`. threads: how many cores a call may use; 0: all. kernels:
    "integer" multiplies int8 by int8, "float" stores int8 and multiplies floats; by default the
    faster one according to the file.

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
        # What a worker process opens.
        source = path if isinstance(path, ModelBytes) else file.name
        self._arguments = source, threads, self.kernels, sha256
        self._try()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._arguments

    def _try(self) -> None:
        """Raise ModelError if it fails to run, or outputs what it shouldn't, as of NaN weights."""
        raise NotImplementedError


class Model(Network[Metadata]):
    """A classifier of digits; arguments and errors: see `Network`.

    >>> Model().probabilities(np.zeros((2, 28, 28), np.uint8)).shape
    (2, 10)
    """

    kind = Metadata

    def _try(self) -> None:
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
        batch = images.reshape(-1, 1, 28, 28)
        if len(batch) <= self._chunk:
            return self._run(batch)
        starts = range(0, len(batch), self._chunk)
        return np.concatenate([self._run(batch[start : start + self._chunk]) for start in starts])

    def _run(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        [rows] = self.session.run({INPUT[0]: batch}, [OUTPUT[0]])
        return rows
