"""Open model files in onnxruntime, and run them."""

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Generic, get_args

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from digits.errors import ModelError
from digits.inference.interface import INTERFACES, Tensor, add_batch, describe
from digits.inference.metadata import ComputeType, M
from digits.inference.model_file import ModelBytes, ModelFile, ModelSource, load

_MAX_THREADS = 256
_MAX_ROUNDING = 100 * 2.0**-23  # a hundred times the precision of float32, for sums of ten
_KEEP_MEMORY, _RELEASE_MEMORY = onnxruntime.RunOptions(), onnxruntime.RunOptions()
# onnxruntime 1.32 looks for this entry in each run, and takes 2 µs to find that it isn't there.
_KEEP_MEMORY.add_run_config_entry("gpu_graph_id", "-1")
_RELEASE_MEMORY.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
_FOLDER_OF_WEIGHTS = "session.model_external_initializers_file_folder_path"


class Session:
    """A file in onnxruntime. Threads may share one.

    name: what errors call the file.
    compute_type, threads: see `Model`.

    Raises ModelError if onnxruntime can't open it.
    """

    def __init__(
        self, model: bytes, name: str, compute_type: ComputeType, threads: int = 1
    ) -> None:
        self.compute_type, self._name = compute_type, name
        try:
            self._session = open_session(model, compute_type, threads)
        except Exception as error:
            raise _explain("load", name, error) from error

    @property
    def inputs(self) -> list[Tensor]:
        return [Tensor(each.name, each.type, each.shape) for each in self._session.get_inputs()]

    @property
    def outputs(self) -> list[Tensor]:
        return [Tensor(each.name, each.type, each.shape) for each in self._session.get_outputs()]

    def run(
        self,
        inputs: Mapping[str, NDArray[Any]],
        outputs: list[str],
        release_memory: bool = False,
    ) -> list[NDArray[np.float32]]:
        """Compute outputs by their names. Raises ModelError if onnxruntime fails.

        release_memory: give back what the run took, instead of keeping it for the next one.
        """
        options = _RELEASE_MEMORY if release_memory else _KEEP_MEMORY
        try:
            arrays: list[NDArray[np.float32]] = self._session.run(outputs, inputs, options)
        except Exception as error:
            raise _explain("run", self._name, error) from error
        return arrays


class Model(ABC, Generic[M]):
    """A verified model file and its session. Threads may share one.

    path, sha256: see `model_file.load`.
    threads: how many cores a call may use; 0: all.
    compute_type: "integer" multiplies int8 by int8, "float" stores int8 and multiplies floats; by
    default the faster one according to the file.

    Raises ModelError if the file can't be used, and ValueError for invalid arguments.
    """

    kind: type[M]

    def __init__(
        self,
        path: ModelSource = None,
        threads: int = 1,
        compute_type: ComputeType | None = None,
        sha256: str | None = None,
    ) -> None:
        if not 0 <= threads <= _MAX_THREADS:
            raise ValueError(f"threads must be 0 to {_MAX_THREADS}, not {threads}")
        if compute_type not in (None, *get_args(ComputeType)):
            raise ValueError(f"compute_type must be integer, float or None, not {compute_type!r}")
        file = load(path, self.kind, sha256)
        self.name, self.threads, self.metadata = file.name, threads, file.metadata
        self.session = open_model(file, compute_type, threads)
        self.compute_type = self.session.compute_type
        source = path if isinstance(path, ModelBytes) else file.name
        self._arguments = source, threads, compute_type, sha256  # what a worker process opens
        self._check_outputs()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._arguments

    @abstractmethod
    def _check_outputs(self) -> None:
        """Raise ModelError if the file fails to run, or outputs what no such network should."""


def open_model(
    file: ModelFile[M], compute_type: ComputeType | None = None, threads: int = 1
) -> Session:
    """Open a verified file; compute_type, threads: see `Model`.

    Raises ModelError if onnxruntime can't, or if its inputs and outputs aren't those of its task.
    """
    metadata = file.metadata
    is_float = metadata.quantization == "none"  # there are no integers to compute with
    compute_type = "float" if is_float else compute_type or metadata.compute_type
    session = Session(file.content, file.name, compute_type, threads)
    interface = INTERFACES[metadata.task]
    for role, actual, expected in (
        ("input", session.inputs, [interface.input]),
        ("output", session.outputs, [*interface.outputs]),
    ):
        has_batch = all(each.shape and not isinstance(each.shape[0], int) for each in actual)
        if not has_batch or [each._replace(shape=each.shape[1:]) for each in actual] != expected:
            raise ModelError(
                f"{file.name}: the {role} should be {describe(add_batch(expected))},"
                f" not {describe(actual) or 'nothing'}"
            )
    return session


def are_probabilities(rows: NDArray[np.float32]) -> bool:
    """Whether each row of [n, k] is finite, not negative and sums to 1."""
    with np.errstate(all="ignore"):  # infinities
        largest_error = np.abs(rows.sum(1) - 1).max(initial=0)
    return bool(rows.min(initial=0) >= 0 and largest_error <= _MAX_ROUNDING)  # as NaN is not


def open_session(
    model: bytes, compute_type: ComputeType, threads: int = 1
) -> onnxruntime.InferenceSession:
    """Open an ONNX file on the CPU. Raises onnxruntime's errors, whose only base is Exception.

    compute_type, threads: see `Model`.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # errors are raised; the log would print unescaped names
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry(_FOLDER_OF_WEIGHTS, os.devnull)  # there are none elsewhere
    disabled_optimizers = []
    if compute_type == "float":
        options.add_session_config_entry("session.disable_quant_qdq", "1")
        options.add_session_config_entry("session.enable_quant_qdq_cleanup", "1")
        # This rule drops a ReLU before a QuantizeLinear that clips at zero, and the clean-up drops
        # the QuantizeLinear too: no ReLU is left (1.32: 78 instead of 97.6 % on validation).
        disabled_optimizers.append("ReluQuantRewrite")
    return onnxruntime.InferenceSession(
        model,
        options,
        providers=["CPUExecutionProvider"],
        disabled_optimizers=disabled_optimizers,
        enable_fallback=False,  # a retry would print on stdout
    )


def _explain(verb: str, name: str, error: Exception) -> ModelError:
    reason = str(error).partition("\n")[0]
    return ModelError(f"onnxruntime can't {verb} {name}: {reason}")
