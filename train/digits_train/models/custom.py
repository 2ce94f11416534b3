"""A user's own network: a class in a file that only the command line can name.

The file is run, as `python FILE.py` would. No checkpoint, state or run folder says which file that
is: every command that needs the network names it again.
"""

import os
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import nn

from digits.errors import DigitsError, ModelError
from digits_train.distributed import CPU
from digits_train.models.detection import DetectorNetwork
from digits_train.models.network import NONE, BaseNetwork, Network
from digits_train.models.recognizer import RecognizerNetwork
from digits_train.optim import make_optimizer
from digits_train.symbols import Symbol, label_window

_LENGTH = 128  # of the sides that may have any


def is_file(spec: str) -> bool:
    """Whether this is FILE.py:CLASS rather than a network's name."""
    return ":" in spec or spec.endswith(".py")


def load(spec: str) -> type[BaseNetwork]:
    """Load the class that FILE.py:CLASS names; any that isn't one of ours becomes a Network.

    Raises DigitsError, saying what is wrong, if it can't be trained and exported.
    """
    file, _, name = spec.rpartition(":")
    path = Path(file)
    if not name or not os.path.isfile(path):  # unlike Path.is_file, it accepts any name
        raise DigitsError(f"{spec}: there is no such file, or no class; expected FILE.py:CLASS")
    module = ModuleType(str(path.resolve()))
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # where PyTorch and dataclasses look up a class's module
    try:
        exec(compile(path.read_bytes(), path, "exec"), vars(module))
        made: Any = vars(module).get(name)
        if not (isinstance(made, type) and issubclass(made, nn.Module)):
            raise DigitsError(f"{path} has no subclass of nn.Module called {name}")
        if not issubclass(made, BaseNetwork):
            others = {"__module__": module.__name__, "channels_last": False}  # it may use `view`
            made = type(name, (made, Network), others)
        network: type[BaseNetwork] = made
        if not all(isinstance(each, network.recipe_type) for each in network.recipes.values()):
            raise TypeError(f"its recipes aren't each a {network.recipe_type.__name__}")
        check(network())
        return network
    except ModelError as error:
        raise ModelError(f"{spec} can't be exported: {error}") from error
    except (KeyboardInterrupt, DigitsError):
        raise
    except BaseException as error:  # anything, because the file isn't ours
        frames = traceback.extract_tb(error.__traceback__)
        lines = [f"line {frame.lineno}: " for frame in frames if frame.filename == str(path)]
        cause = f"{type(error).__name__}: {error}".strip().partition("\n")[0]
        raise DigitsError(f"{path} can't be used: {''.join(lines[-1:])}{cause}") from error


def check(network: BaseNetwork) -> None:
    """Try a step of training and an export of a new network, and pass on what these raise."""
    network.to_device(CPU.device).train()
    optimizer = make_optimizer(network, network.recipes["default"])
    sides = (_LENGTH if isinstance(side, str) else side for side in network.interface.input.shape)
    outputs = network(torch.randint(0, 256, (2, *sides), dtype=torch.uint8))
    loss = network.loss(outputs, _targets(network, outputs)).mean()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    try:
        from digits_train.onnx_graph import to_onnx
    except ImportError as error:
        raise ModelError(f'{error}: pip install "digits[train,export]"') from error
    # In the layout of a checkpoint: of another one, PyTorch exports the strides.
    network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload, unused-ignore]
    to_onnx(network, network.interface)


def _targets(network: BaseNetwork, outputs: Any) -> Any:
    """What it might have to answer for two pictures."""
    if isinstance(network, DetectorNetwork):
        blank, side = np.zeros((_LENGTH, _LENGTH), np.uint8), _LENGTH // 4
        page = label_window(blank, [Symbol((0, 0, side, side), 1, side)])
        return network.targets([page, page]).to(CPU.device)
    if isinstance(network, RecognizerNetwork):
        return ["1", ""]
    if [*outputs.shape] != [2, NONE]:
        raise ValueError(f"for 2 pictures it returns {[*outputs.shape]}, not {[2, NONE]}")
    return torch.tensor([7, NONE])
