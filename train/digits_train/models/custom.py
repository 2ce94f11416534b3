"""A user's own network: a class in a file that only the command line can name.

The file is run, as `python FILE.py` would. No checkpoint, state or run folder says which file that
is: every command that needs the network names it again.
"""

import os
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TypeGuard, get_args

from digits.errors import DigitsError, ModelError
from digits.inference.metadata import Kernels
from digits_train.config import Recipe
from digits_train.models.chain import check
from digits_train.models.network import Network


def is_file(spec: str) -> bool:
    """Whether this is FILE.py:CLASS rather than a network's name."""
    return ":" in spec or spec.endswith(".py")


def load(spec: str) -> type[Network]:
    """Load the class that FILE.py:CLASS names.

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
    network = getattr(module, name, None)
    if not (_is_network(network) and network is not Network):
        classes = [key for key, value in vars(module).items() if _is_network(value)]
        names = [key for key in classes if vars(module)[key].__module__ == module.__name__]
        there = f"; there is {', '.join(names)}" if names else ""
        raise DigitsError(f"{path} has no subclass of Network called {name}{there}")
    _check_attributes(spec, network)
    try:
        with _named_errors(path, "instantiated"):
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


def _is_network(value: object) -> TypeGuard[type[Network]]:
    return isinstance(value, type) and issubclass(value, Network)


def _check_attributes(spec: str, network: type[Network]) -> None:
    recipes = getattr(network, "recipes", None)
    if not (
        isinstance(recipes, Mapping)
        and recipes
        and all(isinstance(recipe, Recipe) for recipe in recipes.values())
    ):
        raise DigitsError(
            f'{spec} has no recipes: give the class `recipes = {{"default": Recipe(...)}}`'
        )
    if network.kernels not in get_args(Kernels):
        raise DigitsError(f"{spec}: kernels must be integer or float, got {network.kernels!r}")
    if not (network.threads is None or isinstance(network.threads, int) and network.threads > 0):
        raise DigitsError(f"{spec}: threads must be >= 1 or None, got {network.threads!r}")
