"""Open networks in onnxruntime, and run them."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from digits.errors import ModelError
from digits.inference.interface import Description, Tensor
from digits.inference.metadata import Kernels

_KEEP_MEMORY, _RELEASE_MEMORY = onnxruntime.RunOptions(), onnxruntime.RunOptions()
# onnxruntime 1.32 looks for this entry in each run, and takes 2 µs to find that it isn't there.
_KEEP_MEMORY.add_run_config_entry("gpu_graph_id", "-1")
_RELEASE_MEMORY.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
_FOLDER_OF_WEIGHTS = "session.model_external_initializers_file_folder_path"


class Session:
    """A file in onnxruntime. Threads may share one.

    name: what errors call the file.
    kernels, threads: see `Network`.

    Raises ModelError if onnxruntime can't open it.
    """

    def __init__(self, model: bytes, name: str, kernels: Kernels, threads: int = 1) -> None:
        self._name = name
        try:
            self._session = open_session(model, kernels, threads)
        except Exception as error:
            raise _explain("load", name, error) from error

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


def inspect(model: bytes, name: str) -> Description:
    """Open a file only to describe it. Raises ModelError, with its name, if onnxruntime can't."""
    options = _options()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = _open(model, options)
    except Exception as error:
        raise _explain("load", name, error) from error
    inputs, outputs = (
        [Tensor(tensor.name, tensor.type, tensor.shape) for tensor in tensors]
        for tensors in (session.get_inputs(), session.get_outputs())
    )
    return Description(inputs, outputs, session.get_modelmeta().custom_metadata_map)


def open_session(model: bytes, kernels: Kernels, threads: int = 1) -> onnxruntime.InferenceSession:
    """Open an ONNX file on the CPU. Raises onnxruntime's errors, whose only base is Exception.

    kernels, threads: see `Network`.
    """
    options = _options()
    options.intra_op_num_threads = threads
    disabled_optimizers = []
    if kernels == "float":
        options.add_session_config_entry("session.disable_quant_qdq", "1")
        options.add_session_config_entry("session.enable_quant_qdq_cleanup", "1")
        # This rule drops a ReLU before a QuantizeLinear that clips at zero, and the clean-up drops
        # the QuantizeLinear too: no ReLU is left (1.32: 78 instead of 97.6 % on validation).
        disabled_optimizers.append("ReluQuantRewrite")
    return _open(model, options, disabled_optimizers)


def _options() -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # errors are raised; the log would print unescaped names
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry(_FOLDER_OF_WEIGHTS, os.devnull)  # there are none elsewhere
    return options


def _open(
    model: bytes, options: onnxruntime.SessionOptions, disabled_optimizers: Sequence[str] = ()
) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(
        model,
        options,
        providers=["CPUExecutionProvider"],
        disabled_optimizers=[*disabled_optimizers],
        enable_fallback=False,  # a retry would print on stdout
    )


def _explain(verb: str, name: str, error: Exception) -> ModelError:
    reason = str(error).partition("\n")[0]
    return ModelError(f"onnxruntime can't {verb} {name}: {reason}")
