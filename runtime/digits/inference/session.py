"""Open networks in onnxruntime, and run them, but not for ever: a small file may take hours."""

import os
import threading
from collections.abc import Callable
from functools import cache, partial
from time import monotonic, sleep
from typing import TypeVar

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from digits.errors import ModelError
from digits.inference.metadata import Kernels
from digits.system import cpu_count

# Its own, those that its binding makes of C++'s, and UnicodeDecodeError (a ValueError) for broken
# text in a message.
ORT_ERRORS = (
    *(ort_errors.EPFail, ort_errors.Fail, ort_errors.InvalidArgument, ort_errors.InvalidGraph),
    *(ort_errors.InvalidProtobuf, ort_errors.NotImplemented, ort_errors.RuntimeException),
    *(LookupError, MemoryError, OverflowError, RuntimeError, ValueError),
)
T = TypeVar("T")

_PERIOD = 0.2  # seconds between two looks at what runs
# The largest page takes 250 MB, and each thread of the caller may read one.
_CORE_MEMORY = 512 << 20
# Bytes of inputs. What takes more, a page that is searched for small digits, is rare and gives its
# memory back: a worker that is limited would lack it for the next picture.
_KEPT_INPUTS = 2 << 20


class Session:
    """A verified file in onnxruntime. Threads may share one. graph: what `open_session` returns.

    name: what errors call the file. kernels, threads: see `Network`. Raises ModelError if
    onnxruntime can't open it.
    """

    def __init__(self, model: bytes, name: str, kernels: Kernels, threads: int = 1) -> None:
        self.name = name
        try:
            self.graph = open_session(model, kernels, threads)
        except ORT_ERRORS as error:
            raise self._explain("load", error) from error

    def run(
        self, inputs: dict[str, NDArray[np.uint8]], outputs: list[str], seconds: float
    ) -> list[NDArray[np.float32]]:
        """Compute outputs by their names; seconds, errors: see `watch`."""
        is_large = sum(values.nbytes for values in inputs.values()) > _KEPT_INPUTS
        return self.watch(partial(self.graph.run, outputs, inputs), seconds, is_large)

    def watch(
        self, run: Callable[[onnxruntime.RunOptions], T], seconds: float, releases: bool = False
    ) -> T:
        """Run the network, for so many seconds and as long as a node then takes.

        run: calls onnxruntime. releases: whether to give the memory back that it took. Raises
        ModelError if it takes longer, or fails.
        """
        watchdog, options = _watchdog(), _thread.releasing if releases else _thread.options
        options.terminate = False
        watchdog.deadlines[options] = monotonic() + seconds
        if not watchdog.awake.is_set():
            watchdog.awake.set()
        try:
            return run(options)
        except ORT_ERRORS as error:
            if options.terminate:
                reason = f"{self.name} is too slow: it ran for over {seconds:.0f} s"
                raise ModelError(reason) from error
            raise self._explain("run", error) from error
        finally:
            del watchdog.deadlines[options]

    def _explain(self, verb: str, error: Exception) -> ModelError:
        if "BFCArena" in str(error):
            return ModelError(f"{self.name} needs more memory than digits allows")
        reason = str(error).partition("\n")[0]
        return ModelError(f"onnxruntime can't {verb} {self.name}: {reason}")


class _Watchdog(threading.Thread):
    """A thread that ends what runs for too long, and sleeps while nothing runs."""

    def __init__(self) -> None:
        super().__init__(name="watchdog", daemon=True)
        self.deadlines: dict[onnxruntime.RunOptions, float] = {}
        self.awake = threading.Event()
        self.start()

    def run(self) -> None:
        while True:
            self.awake.clear()
            if not self.deadlines:
                self.awake.wait()
            sleep(_PERIOD)
            now = monotonic()
            for options, deadline in self.deadlines.copy().items():
                options.terminate |= now > deadline


class _Thread(threading.local):
    """The options of each thread: making them takes a tenth of a digit's time."""

    def __init__(self) -> None:
        self.options, self.releasing = onnxruntime.RunOptions(), onnxruntime.RunOptions()
        # Without it, onnxruntime 1.32 takes 26 µs to find that it isn't there.
        self.options.add_run_config_entry("gpu_graph_id", "-1")
        self.releasing.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")


_thread, _watchdog = _Thread(), cache(_Watchdog)
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_watchdog.cache_clear)  # a fork has no threads


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
