"""An ONNX file that turns 28x28 pixels into ten probabilities."""

import os
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from digits import metadata
from digits.errors import ModelError
from digits.metadata import Kernels

BUNDLED = Path(__file__).with_name("models") / "lenet5.int8.onnx"
INPUT = ("images", "tensor(uint8)", [1, 28, 28])
OUTPUT = ("probabilities", "tensor(float)", [10])

_MAX_BYTES = 512 << 20  # thirty times the largest network we train
_REFUSALS = (
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
    UnicodeDecodeError,  # what its Python binding makes of a message with broken text in it
)


class Model:
    """A verified model file and its onnxruntime session. Threads may share one.

    path: an ONNX file that `digits export` made; by default $DIGITS_MODEL, or else the bundled
    LeNet-5. threads: how many cores one call may use. kernels: "integer" multiplies int8 by int8,
    "float" stores int8 and multiplies floats; by default what the file says is faster for it.

    Raises ModelError when the file is missing, damaged, not ours, or not for this runtime.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        threads: int = 1,
        kernels: Kernels | None = None,
    ) -> None:
        self.path = Path(path or os.environ.get("DIGITS_MODEL") or BUNDLED)
        self.threads = threads
        self.name = str(self.path)
        raw = read(self.path)
        self.metadata = metadata.read(raw, self.name)
        # A float file has no integers to compute with.
        only_float = self.metadata.quantization == "none"
        self.kernels: Kernels = "float" if only_float else kernels or self.metadata.kernels
        try:
            self._session = open_session(raw, self.kernels, threads)
        except _REFUSALS as error:
            raise ModelError(f"onnxruntime can't load {self.name}: {error}") from error
        self._check_interface()
        self._check_answer()

    def __reduce__(self) -> tuple[type["Model"], tuple[Path, int, Kernels]]:
        # A worker process opens a session of its own.
        return Model, (self.path, self.threads, self.kernels)

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Classify a batch of framed digits.

        images: uint8 [n, 28, 28] or [n, 1, 28, 28], 0 = paper, 255 = ink, framed as in MNIST.
        Returns float32 [n, 10]; each row sums to 1. Raises ValueError for another shape or dtype.
        """
        if images.dtype != np.uint8 or images.shape[1:] not in ((28, 28), (1, 28, 28)):
            raise ValueError(f"images must be uint8 [n, 28, 28], not {images.dtype} {images.shape}")
        batch = images.reshape(-1, 1, 28, 28)
        result: NDArray[np.float32] = self._session.run(["probabilities"], {"images": batch})[0]
        return result

    @property
    def interface(self) -> tuple[str, str]:
        """Name, type and shape of input and output, for people."""
        nodes = *self._session.get_inputs(), *self._session.get_outputs()
        input_, output = (f"{node.name}, {node.type}, {node.shape}" for node in nodes)
        return input_, output

    def _check_interface(self) -> None:
        for kind, nodes, (name, dtype, shape) in (
            ("input", self._session.get_inputs(), INPUT),
            ("output", self._session.get_outputs(), OUTPUT),
        ):
            found = [(node.name, node.type, node.shape[1:]) for node in nodes]
            if found != [(name, dtype, shape)] or isinstance(nodes[0].shape[0], int):
                there = "; ".join(f"{n.name}, {n.type}, {n.shape}" for n in nodes) or "nothing"
                raise ModelError(
                    f"{self.name}: the {kind} should be {name}, {dtype}, [batch, {str(shape)[1:]},"
                    f" not {there}"
                )

    def _check_answer(self) -> None:
        """A blank frame shows a graph that loads but can't run, and weights that are no numbers."""
        try:
            answer = self.probabilities(np.zeros((1, 28, 28), np.uint8))
        except _REFUSALS as error:
            raise ModelError(f"onnxruntime can't run {self.name}: {error}") from error
        if answer.shape != (1, 10) or not np.isfinite(answer).all():
            raise ModelError(f"{self.name} doesn't give ten probabilities for a digit")


def open_session(model: bytes, kernels: Kernels, threads: int = 1) -> onnxruntime.InferenceSession:
    """Open an ONNX file on the CPU, with the kernels of `Model`. Raises what onnxruntime raises."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # warnings are for the exporter, not for a user's terminal
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # onnxruntime would also take its own format, which digits.metadata has not looked into.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    disabled = []
    if kernels == "float":
        options.add_session_config_entry("session.disable_quant_qdq", "1")
        options.add_session_config_entry("session.enable_quant_qdq_cleanup", "1")
        # This rule drops a ReLU in front of a QuantizeLinear that clips at zero. The clean-up then
        # drops the QuantizeLinear too, and the network has lost its ReLU (measured with 1.32:
        # 78 instead of 97.6 % on the validation digits).
        disabled.append("ReluQuantRewrite")
    return onnxruntime.InferenceSession(
        model,
        options,
        providers=["CPUExecutionProvider"],
        disabled_optimizers=disabled,
        enable_fallback=False,  # a second try would print its notes on stdout
    )


def read(path: Path) -> bytes:
    """The bytes of a model file. Raises ModelError when it isn't a file, is huge or unreadable."""
    try:
        if not path.exists():
            raise ModelError(f"{path}: there is no such model")
        if not path.is_file():
            raise ModelError(f"{path} is not a file")
        if path.stat().st_size > _MAX_BYTES:
            raise ModelError(f"{path} is larger than any model that digits makes")
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"can't read {path}: {error.strerror}") from error
