"""A network of the user's own: a class in a file that the command line names, and nothing else.

The file is run, as `python FILE.py` would. A checkpoint, a state or a run folder never says which
file that is; whoever goes on with such a network names it again.
"""

import os
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import get_args

from digits.errors import DigitsError, ModelError
from digits.models.metadata import Kernels
from digits_train.models import chain
from digits_train.models.network import Network
from digits_train.recipe import Recipe


def is_file(spec: str) -> bool:
    """Whether this is meant for FILE.py:CLASS, and not for a network's name."""
    return ":" in spec or spec.endswith(".py")


def load(spec: str) -> type[Network]:
    """The class that FILE.py:CLASS means.

    Raises DigitsError, which says what is wrong, when it isn't a network that can be trained and
    exported.
    """
    file, _, name = spec.rpartition(":")
    if spec.endswith(".py") or not name:
        raise DigitsError(f"{spec}: say which class in the file the network is, as FILE.py:CLASS")
    path = Path(file)
    if not os.path.isfile(path):  # which, unlike Path.is_file, takes any name
        raise DigitsError(f"{path}: there is no such file; a network's is FILE.py:CLASS")
    module = _run(path)
    found = getattr(module, name, None)
    if not (isinstance(found, type) and issubclass(found, Network) and found is not Network):
        names = [key for key, value in vars(module).items() if _is_own(value, module)]
        there = f"; there is {', '.join(names)}" if names else ""
        raise DigitsError(f"{path} has no subclass of Network that is called {name}{there}")
    _check_attributes(spec, found)
    try:
        chain.check(found())
    except ModelError as error:
        raise ModelError(f"{spec} can't be exported, so it isn't trained: {error}") from error
    except Exception as error:  # in a file that isn't ours
        raise DigitsError(f"{spec} can't be made: {_cause(error, path)}") from error
    return found


def _run(path: Path) -> ModuleType:
    module = ModuleType(str(path.resolve()))
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # where PyTorch and dataclasses look for a class's home
    try:
        exec(compile(path.read_bytes(), path, "exec"), vars(module))
    except (Exception, SystemExit) as error:  # in a file that isn't ours
        raise DigitsError(f"{path} can't be run: {_cause(error, path)}") from error
    return module


def _cause(error: BaseException, path: Path) -> str:
    """What went wrong, and in which line of the file."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path)]
    if isinstance(error, SyntaxError) and error.filename == str(path):
        lines.append(error.lineno)
    where = f"line {lines[-1]}: " if lines else ""
    text = getattr(error, "msg", None) or str(error).strip().partition("\n")[0]
    return f"{where}{type(error).__name__}: {text}"


def _is_own(value: object, module: ModuleType) -> bool:
    own = isinstance(value, type) and issubclass(value, Network)
    return own and value.__module__ == module.__name__


def _check_attributes(spec: str, network: type[Network]) -> None:
    recipes = getattr(network, "recipes", None)
    known = isinstance(recipes, Mapping) and all(
        isinstance(recipe, Recipe) for recipe in recipes.values()
    )
    if not (known and recipes):
        raise DigitsError(
            f'{spec} has no recipes: give the class `recipes = {{"default": Recipe(...)}}`'
        )
    if network.kernels not in get_args(Kernels):
        raise DigitsError(f"{spec}: kernels is {network.kernels!r}, neither integer nor float")
    if not (network.threads is None or isinstance(network.threads, int) and network.threads > 0):
        raise DigitsError(f"{spec}: threads is {network.threads!r}, no number above 0, nor None")
