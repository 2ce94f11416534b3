"""A user's own network: a class in a file that only the command line can name.

The file is run, as `python FILE.py` would. No checkpoint, state or run folder says which file that
is: every command that needs the network names it again.
"""

import os
import reprlib
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from digits.errors import DigitsError, ModelError
from digits.inference.interface import STRIDE, Interface
from digits.inference.metadata import Kernels
from digits.inference.session import open_session
from digits_train.distributed import CPU
from digits_train.models.detection import DetectorNetwork, Maps
from digits_train.models.network import BaseNetwork, Network, type_and_shape
from digits_train.models.recognizer import RecognizerNetwork
from digits_train.recipes import DetectorRecipe, Recipe, RecognizerRecipe
from digits_train.symbols import Symbol, label_window

_RECIPES = {"classifier": Recipe, "detector": DetectorRecipe, "recognizer": RecognizerRecipe}
_LENGTH = 128  # of the sides that may have any
_TOLERANCE = 1e-4  # of the largest output


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
        kind = _RECIPES[network.task]
        for attribute, fits in (
            ("recipes", all(isinstance(recipe, kind) for recipe in network.recipes.values())),
            ("kernels", network.kernels in get_args(Kernels)),
            ("threads", network.threads is None or network.threads > 0),
        ):
            if not fits:
                raise ValueError(
                    f"{attribute} can't be {reprlib.repr(getattr(network, attribute))}"
                )
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
    """Raise ModelError, naming the cause, if no exported file can answer as the network does.

    network: a new one, for nothing else. Passes on what it raises.
    """
    if unknown := {*network.float_layers} - {name for name, _ in network.named_modules()}:
        raise ModelError(f"it has no layer called {unknown.pop()}, as in float_layers")
    if any(map(is_lazy, network.parameters())):
        raise ModelError("its lazy layers need their numbers of inputs")
    network.to_device(torch.device("cpu")).train()
    interface = network.interface
    shape = [_LENGTH if isinstance(side, str) else side for side in interface.input.shape]
    batches = [torch.randint(0, 256, (count, *shape), dtype=torch.uint8) for count in (2, 1, 3)]
    loss = _loss(network, _outputs(network, batches[0]))
    loss.backward()  # type: ignore[no-untyped-call]
    if idle := [name for name, weight in network.named_parameters() if weight.grad is None]:
        raise ModelError(f"{idle[0]} has no part in its loss, and would learn nothing")
    # In the layout of a checkpoint: of another one, PyTorch exports the strides.
    network.eval().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload, unused-ignore]
    with torch.inference_mode():
        answers = [_outputs(network, pictures) for pictures in batches]
    try:
        from digits_train.onnx_graph import serialize, to_onnx
    except ImportError as error:
        raise ModelError(f'{error}: pip install "digits[train,export]"') from error
    file = serialize(to_onnx(network, interface))
    agree = [_agrees(file, interface, *batch) for batch in zip(batches, answers, strict=True)]
    if not agree[0]:
        raise ModelError(
            "its file doesn't answer as it does (F.dropout, for one, needs training=self.training)"
        )
    if not all(agree):
        raise ModelError(
            "its file answers only 2 pictures at a time: len(x) and numbers are stored in it;"
            " x.shape[0] and x.flatten(1) fit any batch"
        )


def _outputs(network: BaseNetwork, pictures: Tensor) -> list[Tensor]:
    """What it answers. Raises ModelError if that isn't what its kind of network should."""
    answer: Any = network(pictures)
    outputs = [answer] if isinstance(answer, Tensor) else [*answer]
    expected = network.interface.outputs
    if len(outputs) != len(expected):
        names = ", ".join(output.name for output in expected)
        raise ModelError(f"it returns {len(outputs)} tensors, not {len(expected)}: {names}")
    lengths = dict.fromkeys(("rows", "columns", "steps"), _LENGTH // STRIDE)
    for output, (name, _, sides) in zip(outputs, expected, strict=True):
        returned = type_and_shape(output) if isinstance(output, Tensor) else type(output).__name__
        shape = [lengths.get(str(side), side) for side in sides]
        if returned != (needed := f"float32 {[len(pictures), *shape]}"):
            raise ModelError(
                f"for {len(pictures)} pictures it returns {returned}, not {needed} ({name})"
            )
        if not output.isfinite().all():
            raise ModelError(f"it returns NaN or infinite {name}")
    return outputs


def _loss(network: BaseNetwork, outputs: list[Tensor]) -> Tensor:
    """A loss of what it answers for two pictures. Raises ValueError for one of another shape."""
    if isinstance(network, DetectorNetwork):
        blank, side = np.zeros((_LENGTH, _LENGTH), np.uint8), _LENGTH // 4
        page = label_window(blank, [Symbol((0, 0, side, side), 1, side)])
        targets = network.targets([page, page]).to(CPU.device)
        loss, shape = network.loss(Maps(*outputs), targets), list[int]()
    elif isinstance(network, RecognizerNetwork):
        if not torch.allclose(sums := outputs[0].exp().sum(2), torch.ones_like(sums), atol=0.01):
            raise ValueError("it returns no log probabilities: log_softmax is missing")
        loss, shape = network.losses(outputs[0], ["1", ""]), [2]
    else:
        return outputs[0].sum()
    if [*loss.shape] != shape:
        raise ValueError(f"its loss has the shape {[*loss.shape]}, not {shape}")
    if not loss.isfinite().all():
        raise ValueError("its loss is NaN or infinite")
    return loss.sum()


def _agrees(
    file: bytes, interface: Interface, pictures: Tensor, expected: Sequence[Tensor]
) -> bool:
    try:
        answers = open_session(file, "float").run(None, {interface.input.name: pictures.numpy()})
    except Exception:  # as onnxruntime's have no other base
        return False
    return all(
        answer.shape == (*output.shape,)
        and np.allclose(answer, output, 0, _TOLERANCE * output.abs().max().item())
        for answer, output in zip(answers, expected, strict=True)
    )
