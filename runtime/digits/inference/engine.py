"""What runs networks: onnxruntime, or NumPy where onnxruntime isn't installed."""

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from digits.errors import ModelError
from digits.inference.interface import Description
from digits.inference.metadata import Kernels, NetworkTask

if TYPE_CHECKING:
    from digits.inference.numpy_engine import NumpySession
    from digits.inference.session import Session


class Engine(NamedTuple):
    """A package and its version."""

    package: str
    version: str


@cache
def engine() -> Engine:
    """What runs networks here. onnxruntime has no wheel for 32-bit Arm."""
    package = "onnxruntime"
    try:
        import_module(package)
    except ImportError:
        package = "numpy"
    return Engine(package, import_module(package).__version__)


def runs_all_networks() -> bool:
    """Whether all networks run here, or only classifiers."""
    return engine().package == "onnxruntime"


def open_session(
    model: bytes, name: str, task: NetworkTask, kernels: Kernels, threads: int
) -> "Session | NumpySession":
    """Open a file. Raises ModelError if it can't be run here.

    name: what errors call it. kernels, threads: see `Network`.
    """
    if runs_all_networks():
        from digits.inference.session import Session

        return Session(model, name, kernels, threads)
    if task != "classifier":
        raise ModelError("reading numbers needs onnxruntime, which a 64-bit system can install")
    from digits.inference.numpy_engine import NumpySession

    return NumpySession(model, name)


def inspect(model: bytes, name: str) -> Description:
    """Describe a file without running it. Raises ModelError, with its name, if it is malformed."""
    if runs_all_networks():
        from digits.inference import session

        return session.inspect(model, name)
    from digits.inference import numpy_engine

    return numpy_engine.inspect(model, name)
