"""A user's own network: a class in a file that only the command line can name.

The file is run, as `python FILE.py` would. No checkpoint, state or run folder says which file that
is: every command that needs the network names it again.
"""

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import get_args

from torch import nn

from digits.errors import DigitsError, ModelError
from digits.inference.metadata import Kernels
from digits_train.config import Recipe
from digits_train.models.exportable import check
from digits_train.models.network import Network


def is_file(spec: str) -> bool:
    """Whether this is FILE.py:CLASS rather than a network's name."""
    return ":" in spec or spec.endswith(".py")


def load(spec: str) -> type[Network]:
    """Load the class that FILE.py:CLASS names; one that isn't a Network is made one.

    Raises DigitsError, saying what is wrong, if it can't be trained and exported.
    """
    file, _, name = spec.rpartition(":")
    if spec.endswith(".py") or not name:
        raise DigitsError(f"{spec}: name the class too, as FILE.py:CLASS")
    path = Path(file)
    if not os.path.isfile(path):  # unlike Path.is_file, it accepts any name
        raise DigitsError(f"{path}: there is no such file; expected FILE.py:CLASS")
    module = ModuleType(str(path.resolve()))
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # where PyTorch and dataclasses look up a class's module
    with _named_errors(path, "run"):
        exec(compile(path.read_bytes(), path, "exec"), vars(module))
    network = vars(module).get(name)
    if not (isinstance(network, type) and issubclass(network, nn.Module)):
        raise DigitsError(f"{path} has no subclass of nn.Module called {name}")
    if not issubclass(network, Network):
        others = {"__module__": module.__name__, "channels_last": False}  # it may use `view`
        network = type(name, (network, Network), others)
    try:
        with _named_errors(path, "used"):
            _check_attributes(network)
            check(network())
    except ModelError as error:
        raise ModelError(f"{spec} can't be exported: {error}") from error
    return network


@contextmanager
def _named_errors(path: Path, verb: str) -> Iterator[None]:
    """Turn what a user's file raises into a DigitsError that names its line."""
    try:
        yield
    except (KeyboardInterrupt, ModelError):
        raise
    except BaseException as error:  # anything, because the file isn't ours
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if frame.filename == str(path)]
        if isinstance(error, SyntaxError) and error.filename == str(path):
            lines.append(error.lineno)
        where = f"line {lines[-1]}: " if lines else ""
        text = getattr(error, "msg", None) or str(error).strip().partition("\n")[0]
        cause = f"{where}{type(error).__name__}: {text}"
        raise DigitsError(f"{path} can't be {verb}: {cause}") from error


def _check_attributes(network: type[Network]) -> None:
    fits = {
        "recipes": all(isinstance(recipe, Recipe) for recipe in network.recipes.values()),
        "kernels": network.kernels in get_args(Kernels),
        "threads": network.threads is None or network.threads > 0,
    }
    if wrong := [name for name, fit in fits.items() if not fit]:
        raise ValueError(f"{wrong[0]} can't be {getattr(network, wrong[0])!r}")
