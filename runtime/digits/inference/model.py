"""Run an ONNX file that turns 28x28 pixels into ten probabilities."""

from functools import cache, partial
from typing import Generic, get_args

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from digits.errors import ModelError
from digits.inference.interface import INPUT, OUTPUT
from digits.inference.metadata import Kernels, M, Metadata
from digits.inference.model_file import ModelBytes, ModelSource, load
from digits.inference.probabilities import are_probabilities
from digits.inference.watchdog import ORT_ERRORS, ort_error, watched
from digits.system import cpu_count

_PIXEL = np.dtype(np.uint8)
# Digits at a time and thread: the activations of more don't fit into a core's cache (measured from
# 16 to 256), and memory doesn't grow with the batch.
_CHUNK = 128
_MAX_THREADS = 256
MAX_SECONDS = 120.0  # for a chunk; the slowest Raspberry Pi takes 50 for VGG-16
# The largest page takes 250 MB, and each thread of the caller may read one.
_CORE_MEMORY = 512 << 20


class Network(Generic[M]):
    """A verified model file and its onnxruntime session. Threads may share one.

    path, sha256: see `model_file.load`. threads: how many cores a call may use; 0: all. kernels:
    "integer" multiplies int8 by int8, "float" stores int8 and multiplies floats; by default the
    faster one according to the file.

    Raises ModelError if the file can't be used, and ValueError for invalid arguments.
    """

    def __init__(
        self,
        kind: type[M],
        path: ModelSource,
        threads: int,
        sha256: str | None,
        kernels: Kernels | None = None,
    ) -> None:
        if not 0 <= threads <= _MAX_THREADS:
            raise ValueError(f"threads must be 0 to {_MAX_THREADS}, not {threads}")
        if kernels not in (None, *get_args(Kernels)):
            raise ValueError(f"kernels must be integer, float or None, got {kernels!r}")
        file = load(path, kind, sha256)
        self.name, self.sha256, self.threads = file.name, file.sha256, threads
        self.metadata: M = file.metadata
        # What a worker process opens.
        self._source: str | ModelBytes = path if isinstance(path, ModelBytes) else file.name
        # A float file has no integers.
        only_float = self.metadata.quantization == "none"
        self.kernels: Kernels = "float" if only_float else kernels or self.metadata.kernels
        self._session = load_session(file.content, file.name, self.kernels, threads)

    def run(
        self, inputs: dict[str, NDArray[np.uint8]], outputs: list[str], seconds: float
    ) -> list[NDArray[np.float32]]:
        """Compute outputs by their names. Raises ModelError if that fails, or takes longer."""
        answers: list[NDArray[np.float32]]
        answers = watched(partial(self._session.run, outputs, inputs), seconds, self.name)
        return answers


class Model(Network[Metadata]):
    """A classifier of digits; arguments and errors: see `Network`.

    >>> Model().probabilities(np.zeros((2, 28, 28), np.uint8)).shape
    (2, 10)
    """

    def __init__(
        self,
        path: ModelSource = None,
        threads: int = 1,
        kernels: Kernels | None = None,
        sha256: str | None = None,
    ) -> None:
        super().__init__(Metadata, path, threads, sha256, kernels)
        self._chunk = _CHUNK * (threads or cpu_count())
        # Smoke test: the graph may load but fail to run, or have NaN weights.
        self.probabilities(np.zeros((2, 28, 28), np.uint8))

    def __reduce__(self) -> tuple[type["Model"], tuple[str | ModelBytes, int, Kernels, str | None]]:
        return Model, (self._source, self.threads, self.kernels, self.sha256 or None)

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Classify a batch of framed digits.

        images: uint8 [n, 28, 28] or [n, 1, 28, 28], 0 = paper, 255 = ink, framed as in MNIST.
        Returns float32 [n, 10]; each row sums to 1. Raises ValueError for another shape or dtype,
        and ModelError if the network fails or outputs anything but probabilities.
        """
        if images.dtype != _PIXEL or images.shape[1:] not in ((28, 28), (1, 28, 28)):
            raise ValueError(f"images must be uint8 [n, 28, 28], not {images.dtype} {images.shape}")
        batch, answers = images.reshape(-1, 1, 28, 28), []
        for start in range(0, max(len(batch), 1), self._chunk):
            pixels = {INPUT[0]: batch[start : start + self._chunk]}
            answers += self.run(pixels, [OUTPUT[0]], MAX_SECONDS)
        rows = answers[0] if len(answers) == 1 else np.concatenate(answers)
        if rows.shape != (len(images), 10) or not are_probabilities(rows):
            raise ModelError(f"{self.name} outputs invalid probabilities")
        return rows


def load_session(
    model: bytes, name: str, kernels: Kernels, threads: int = 1
) -> onnxruntime.InferenceSession:
    """Open a verified file; see `open_session`. name: what errors call it. Raises ModelError."""
    try:
        return open_session(model, kernels, threads)
    except ORT_ERRORS as error:
        raise ort_error("load", name, error) from error


def open_session(model: bytes, kernels: Kernels, threads: int = 1) -> onnxruntime.InferenceSession:
    """Open an ONNX file on the CPU; kernels: see `Model`. Raises ORT_ERRORS."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # errors are raised; the log would print unescaped names
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    _cap_memory()
    options.add_session_config_entry("session.use_env_allocators", "1")
    # Otherwise onnxruntime also accepts its own format, which isn't checked.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    disabled = []
    if kernels == "float":
        options.add_session_config_entry("session.disable_quant_qdq", "1")
        options.add_session_config_entry("session.enable_quant_qdq_cleanup", "1")
        # This rule drops a ReLU before a QuantizeLinear that clips at zero, and the clean-up drops
        # the QuantizeLinear too: no ReLU is left (1.32: 78 instead of 97.6 % on validation).
        disabled.append("ReluQuantRewrite")
    return onnxruntime.InferenceSession(
        model,
        options,
        providers=["CPUExecutionProvider"],
        disabled_optimizers=disabled,
        enable_fallback=False,  # a retry would print on stdout
    )


@cache
def _cap_memory() -> None:
    """Let all sessions of this process share an arena, out of which there is no more memory."""
    kind, usual = onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, onnxruntime.OrtMemType.DEFAULT
    # The strategy: to double the memory, as without an arena of one's own.
    limits = {"max_mem": max(4, cpu_count()) * _CORE_MEMORY, "arena_extend_strategy": 0}
    onnxruntime.create_and_register_allocator(
        onnxruntime.OrtMemoryInfo("Cpu", kind, 0, usual), onnxruntime.OrtArenaCfg(limits)
    )
