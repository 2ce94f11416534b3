"""A user's own network: a class in a file that only the command line can name.

The file is run, as `python FILE.py` would. No checkpoint, state or run folder says which file that
is: every command that needs the network names it again.
"""

import os
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from digits.errors import DigitsError, ModelError
from digits.inference import interface
from digits.inference.metadata import Kernels
from digits.inference.session import open_session
from digits_train.config import Recipe
from digits_train.models.network import Network, type_and_shape

_LOGITS = interface.CLASSIFIER._replace(
    outputs=(interface.Tensor("logits", "tensor(float)", [10]),)
)
_TOLERANCE = 1e-4  # of the largest logit


def is_file(spec: str) -> bool:
    """Whether this is FILE.py:CLASS rather than a network's name."""
    return ":" in spec or spec.endswith(".py")


def load(spec: str) -> type[Network]:
    """Load the class that FILE.py:CLASS names; one that isn't a Network is made one.

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
        if not issubclass(made, Network):
            others = {"__module__": module.__name__, "channels_last": False}  # it may use `view`
            made = type(name, (made, Network), others)
        network: type[Network] = made
        for attribute, fits in (
            ("recipes", all(isinstance(recipe, Recipe) for recipe in network.recipes.values())),
            ("kernels", network.kernels in get_args(Kernels)),
            ("threads", network.threads is None or network.threads > 0),
        ):
            if not fits:
                raise ValueError(f"{attribute} can't be {getattr(network, attribute)!r}")
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


def check(network: Network) -> None:
    """Raise ModelError, naming the cause, if no exported file can answer as the network does.

    network: a new one, for nothing else. Passes on what it raises.
    """
    if any(map(is_lazy, network.parameters())):
        raise ModelError("its lazy layers need their numbers of inputs")
    network.to_device(torch.device("cpu")).train()
    batches = [torch.randint(0, 256, (count, 1, 28, 28), dtype=torch.uint8) for count in (2, 1, 3)]
    _logits(network, batches[0]).sum().backward()  # type: ignore[no-untyped-call]
    if idle := [name for name, weight in network.named_parameters() if weight.grad is None]:
        raise ModelError(f"{idle[0]} has no part in its logits, and would learn nothing")
    # In the layout of a checkpoint: of another one, PyTorch exports the strides.
    network.eval().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload, unused-ignore]
    with torch.inference_mode():
        answers = [_logits(network, pictures) for pictures in batches]
    try:
        from digits_train.onnx_graph import to_onnx
    except ImportError as error:
        raise ModelError(f'{error}: pip install "digits[train,export]"') from error
    file = to_onnx(network, _LOGITS).SerializeToString()
    agree = [_agrees(file, *batch) for batch in zip(batches, answers, strict=True)]
    if not agree[0]:
        raise ModelError(
            "its file doesn't answer as it does (F.dropout, for one, needs training=self.training)"
        )
    if not all(agree):
        raise ModelError(
            "its file answers only 2 pictures at a time: len(x) and numbers are stored in it;"
            " x.shape[0] and x.flatten(1) fit any batch"
        )


def _logits(network: Network, pictures: Tensor) -> Tensor:
    logits: Tensor = network(pictures)
    given = type_and_shape(logits) if isinstance(logits, Tensor) else type(logits).__name__
    if given != (needed := f"float32 [{len(pictures)}, 10]"):
        raise ModelError(f"for {len(pictures)} pictures it returns {given}, not {needed}")
    if not logits.isfinite().all():
        raise ModelError("it returns NaN or infinite logits")
    return logits


def _agrees(file: bytes, pictures: Tensor, expected: Tensor) -> bool:
    try:
        inputs = {interface.CLASSIFIER.input.name: pictures.numpy()}
        [logits] = open_session(file, "float").run(None, inputs)
    except Exception:  # as onnxruntime's have no other base
        return False
    tolerance = _TOLERANCE * expected.abs().max().item()
    return logits.shape == (*expected.shape,) and np.allclose(logits, expected, 0, tolerance)
