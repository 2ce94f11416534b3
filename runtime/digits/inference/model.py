"""Run ONNX files; that of a classifier turns 28x28 pixels into ten probabilities."""

import threading
from functools import partial
from typing import Any, Generic, get_args

import numpy as np
from numpy.typing import NDArray

from digits.errors import ModelError
from digits.inference.interface import INPUT, OUTPUT
from digits.inference.metadata import Kernels, M, Metadata
from digits.inference.model_file import ModelBytes, ModelSource, load
from digits.inference.probabilities import ROUNDING, are_probabilities
from digits.inference.session import Session
from digits.system import cpu_count

_PIXEL, _SHAPES = np.dtype(np.uint8), ((28, 28), (1, 28, 28))
# Digits at a time and thread: the activations of more don't fit into a core's cache (measured from
# 16 to 256), and memory doesn't grow with the batch.
_CHUNK = 128
_MAX_THREADS = 256
MAX_SECONDS = 120.0  # for a chunk; the slowest Raspberry Pi takes 50 for VGG-16


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
        """Run it once: the graph may load but fail to run, or have NaN weights."""
        raise NotImplementedError


class Model(Network[Metadata]):
    """A classifier of digits; arguments and errors: see `Network`.

    >>> Model().probabilities(np.zeros((2, 28, 28), np.uint8)).shape
    (2, 10)
    """

    kind = Metadata

    def _try(self) -> None:
        self._single = _Single(self.session)
        self.probabilities(np.zeros((2, 28, 28), np.uint8))

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Classify a batch of framed digits.

        images: uint8 [n, 28, 28] or [n, 1, 28, 28], 0 = paper, 255 = ink, framed as in MNIST.
        Returns float32 [n, 10]; each row sums to 1. Raises ValueError for another shape or dtype,
        and ModelError if the network fails or outputs anything but probabilities.
        """
        shape = images.shape
        if images.dtype != _PIXEL or shape[1:] not in _SHAPES:
            raise ValueError(f"images must be uint8 [n, 28, 28], not {images.dtype} {shape}")
        rows = self._single.run(images) if shape[0] == 1 else self._run(images)
        if rows is None:
            raise ModelError(f"{self.name} outputs invalid probabilities")
        return rows

    def _run(self, images: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        batch, answers = images.reshape(-1, 1, 28, 28), []
        for start in range(0, max(len(batch), 1), self._chunk):
            pixels = {INPUT[0]: batch[start : start + self._chunk]}
            answers += self.session.run(pixels, [OUTPUT[0]], MAX_SECONDS)
        rows = answers[0] if len(answers) == 1 else np.concatenate(answers)
        return rows if rows.shape == (len(images), 10) and are_probabilities(rows) else None


class _Single(threading.local):
    """Runs single digits in bound buffers of each thread, 15 % faster than `Session.run`."""

    def __init__(self, session: Session) -> None:
        pixels = np.zeros((1, *INPUT[2]), np.uint8)
        answer = np.zeros((1, *OUTPUT[2]), np.float32)
        binding = session.graph.io_binding()
        binding.bind_input(INPUT[0], "cpu", 0, np.uint8, pixels.shape, pixels.ctypes.data)
        binding.bind_output(OUTPUT[0], "cpu", 0, np.float32, answer.shape, answer.ctypes.data)
        flat = answer[0]
        run_bound = partial(session.graph.run_with_iobinding, binding)

        def run(images: NDArray[np.uint8]) -> NDArray[np.float32] | None:
            pixels[...] = images
            session.watch(run_bound, MAX_SECONDS)
            row = flat.tolist()  # six times as fast as NumPy
            is_valid = min(row) >= 0 and abs(sum(row) - 1) <= ROUNDING
            return answer.copy() if is_valid else None

        self.run = run  # a closure, because attributes of a threading.local are slow
