"""Whether `digits export` can write a network, tried before the training starts."""

import copy
from contextlib import suppress
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.parameter import is_lazy

from digits.errors import ModelError
from digits.inference import interface
from digits.inference.model import open_session
from digits.inference.scan import scan
from digits.inference.watchdog import ORT_ERRORS, ort_error
from digits_train.models.network import Network

_LOGITS = interface.CLASSIFIER._replace(
    outputs=(interface.Tensor("logits", "tensor(float)", [10]),)
)
_TOLERANCE = 1e-4  # of the largest logit


def check(network: Network) -> None:
    """Raise ModelError, naming the cause, if no file can answer as the network does.

    network: on the CPU; neither it nor the random state changes. Passes on what it raises.
    """
    if any(map(is_lazy, network.parameters())):
        raise ModelError("its lazy layers need their numbers of inputs")
    with torch.random.fork_rng(devices=[]):
        trained = copy.deepcopy(network).to_device(torch.device("cpu")).train()
        batches = [
            torch.randint(0, 256, (count, 1, 28, 28), dtype=torch.uint8) for count in (2, 1, 3)
        ]
        _logits(trained, batches[0]).sum().backward()  # type: ignore[no-untyped-call]
        if idle := [name for name, weight in trained.named_parameters() if weight.grad is None]:
            raise ModelError(f"{idle[0]} has no part in its logits, and would learn nothing")
        # In the layout of a checkpoint: of another one, PyTorch exports the strides.
        trained.eval().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        with torch.inference_mode():
            answers = [_logits(trained, pictures) for pictures in batches]
            if not torch.equal(answers[0], trained(batches[0])):
                raise ModelError(
                    "it answers the same pictures differently in evaluation mode: a dropout left"
                    " on, perhaps (F.dropout needs training=self.training)"
                )
    _compare(trained, batches, answers)


def _logits(network: Network, pictures: Tensor) -> Tensor:
    logits: Tensor = network(pictures)
    given = type(logits).__name__
    if isinstance(logits, Tensor):
        given = f"{str(logits.dtype).removeprefix('torch.')} {list(logits.shape)}"
    if given != (needed := f"float32 [{len(pictures)}, 10]"):
        raise ModelError(f"for {len(pictures)} pictures it returns {given}, not {needed}")
    if not logits.isfinite().all():
        raise ModelError("it returns NaN or infinite logits")
    return logits


def _compare(network: Network, batches: list[Tensor], answers: list[Tensor]) -> None:
    """Export the network, and let the runtime answer."""
    try:
        from digits_train.onnx_graph import to_onnx
    except ImportError as error:
        raise ModelError(f'{error}: pip install "digits[train,export]"') from error
    file = to_onnx(network, _LOGITS).SerializeToString()
    scan(file, "its file")
    try:
        session = open_session(file, "float")
        if not _agrees(session, batches[0], answers[0]):
            raise ModelError("its file doesn't answer as it does")
    except ORT_ERRORS as error:
        raise ort_error("run", "its file", error) from error
    with suppress(*ORT_ERRORS):
        if all(_agrees(session, *other) for other in zip(batches[1:], answers[1:], strict=True)):
            return
    raise ModelError(
        f"its file answers only {len(batches[0])} pictures at a time: len(x) and numbers are stored"
        " in it; x.shape[0] and x.flatten(1) fit any batch"
    )


def _agrees(session: Any, pictures: Tensor, expected: Tensor) -> bool:
    [logits] = session.run(None, {interface.INPUT[0]: pictures.numpy()})
    tolerance = _TOLERANCE * expected.abs().max().item()
    return logits.shape == (*expected.shape,) and np.allclose(logits, expected, 0, tolerance)
