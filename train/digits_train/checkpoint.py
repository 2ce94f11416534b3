"""Checkpoints, and the state that `--resume` needs.

A checkpoint is a trained network in one safetensors file
(https://huggingface.co/docs/safetensors), which holds tensors and text, never code. The text is one
JSON object under the key `digits`: what the network is, how it was trained, and a SHA-256 over that
and the weights, to detect damage.
"""

import hashlib
import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from digits.errors import DigitsError, ModelError
from digits.files import write_bytes
from digits_train import models
from digits_train.config import from_dict
from digits_train.models import AnyNetwork

FORMAT = "digits checkpoint 1"

_KEY = "digits"
_SHA256_BYTES = 32


@dataclass(frozen=True)
class Provenance:
    """How a network was trained."""

    architecture: str
    digits_version: str
    recipe: dict[str, Any]  # as `digits_train.config.to_dict` gives it
    seed: int
    epoch: int  # finished epochs
    data_sha256: dict[str, str]  # file name -> SHA-256
    training_digits: int
    validation_accuracy: float  # 0 to 1, of the digits, or a reader's of the symbols on its crops
    init: str | None = None  # SHA-256 of the checkpoint it started from; None: random weights


class Contents(NamedTuple):
    """What an intact checkpoint holds. bytes: the file's size. sha256: of the file."""

    provenance: Provenance
    tensors: dict[str, Tensor]
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Checkpoint:
    """A loaded network. sha256: of the file.

    is_folded: whether its batch norm only adds a bias, as in what comes from an exported file.
    """

    model: AnyNetwork
    provenance: Provenance
    sha256: str
    is_folded: bool = False


@dataclass
class TrainState:
    """Everything that a later process needs to continue a training."""

    model: AnyNetwork
    optimizer: torch.optim.Optimizer
    seed: int
    ema_model: AnyNetwork | None = None  # moving average of the model, if the recipe wants one
    epoch: int = 0  # finished epochs

    @property
    def eval_model(self) -> AnyNetwork:
        """The network to evaluate and save."""
        return self.model if self.ema_model is None else self.ema_model

    def state_dict(self) -> dict[str, Any]:
        """All that changes in training, of types that torch.load(weights_only=True) accepts.

        It has no random state: each epoch seeds its generators afresh.
        """
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict()["state"],
            "average": self.ema_model.state_dict() if self.ema_model else None,
            "epoch": self.epoch,
        }

    def load_state_dict(self, values: dict[str, Any]) -> None:
        """Return to what `state_dict()` gave, on this or another kind of device.

        Raises ValueError if a value isn't finite or doesn't fit the network, and whatever PyTorch
        raises.
        """
        self.model.load_weights(values["model"])
        # The groups come from the recipe.
        groups = self.optimizer.state_dict()
        self.optimizer.load_state_dict(groups | {"state": values["optimizer"]})
        # Fused kernels don't check shapes.
        for parameter in self.model.parameters() if values["epoch"] else ():
            moments = list(self.optimizer.state[parameter].values())
            fit = all(value.ndim == 0 or value.shape == parameter.shape for value in moments)
            if not moments or not fit or not all(value.isfinite().all() for value in moments):
                raise ValueError("the optimizer's state doesn't fit the weights")
        if self.ema_model:
            self.ema_model.load_weights(values["average"])
        self.epoch = values["epoch"]


def save(path: Path, model: AnyNetwork, provenance: Provenance) -> None:
    """Write the file atomically; the same network and provenance give the same bytes.

    Raises DigitsError if it can't be written.
    """
    # Copies, because safetensors refuses a layer that has two names.
    state = model.state_dict().items()
    weights = {name: tensor.contiguous().cpu().clone() for name, tensor in state}
    values = asdict(provenance)
    header = {"format": FORMAT, "sha256": _digest(weights, values), "provenance": values}
    # One key only: safetensors writes several in random order.
    write_bytes(path, safetensors.torch.save(weights, {_KEY: json.dumps(header)}))


def load(path: Path) -> Checkpoint:
    """Read a checkpoint into a network on the CPU, in evaluation mode.

    Raises ModelError if the file is missing, damaged, not ours, or of an unknown architecture, or
    if its weights are not finite or don't fit it.
    """
    provenance, tensors, _, sha256 = read(path)
    try:
        model = models.build(provenance.architecture)
        model.load_weights(tensors)
    except DigitsError as error:
        raise ModelError(f"{path} can't be used: {error}") from error
    except ValueError as error:
        unusable = f"{path} is not a usable {provenance.architecture}"
        raise ModelError(f"{unusable}: {error}; train it again") from error
    return Checkpoint(model.eval(), provenance, sha256)


def read(path: Path) -> Contents:
    """Read a checkpoint of any network, known or not.

    Raises ModelError if the file is missing, damaged or not ours.
    """
    raw = _read_bytes(path, "there is no such checkpoint")
    try:
        tensors = safetensors.torch.load(raw)
    except (safetensors.SafetensorError, LookupError) as error:
        raise ModelError(f"{path} is damaged, or not a safetensors file ({error})") from error
    provenance = _provenance(path, raw, tensors)
    return Contents(provenance, tensors, len(raw), hashlib.sha256(raw).hexdigest())


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write what `--resume` needs, atomically: torch's file, followed by its SHA-256.

    Raises DigitsError if it can't be written.
    """
    buffer = io.BytesIO()
    torch.save(state, buffer)
    data = buffer.getvalue()
    write_bytes(path, data + hashlib.sha256(data).digest())


def load_state(path: Path) -> dict[str, Any]:
    """Read what `save_state` wrote: tensors and plain values; pickled code is refused.

    Raises ModelError if the file is missing, damaged or not ours.
    """
    raw = _read_bytes(path, "nothing to resume from")
    data, digest = raw[:-_SHA256_BYTES], raw[-_SHA256_BYTES:]
    try:
        if hashlib.sha256(data).digest() != digest:  # torch ignores its files' checksums
            raise ValueError("wrong SHA-256")
        state = torch.load(io.BytesIO(data), weights_only=True, map_location="cpu")
        if not isinstance(state, dict):
            raise TypeError("not a dict")
    except Exception as error:  # torch's restricted unpickler raises eleven kinds
        raise ModelError(f"{path} is damaged, or not a state that digits wrote") from error
    return state


def _read_bytes(path: Path, missing: str) -> bytes:
    """The file in one go, because a training may replace it. missing: what to say without it."""
    if not path.is_file():
        raise ModelError(f"{path}: {missing}; name a run folder that `digits train` wrote")
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} can't be read: {error.strerror}") from error


def _provenance(path: Path, raw: bytes, tensors: dict[str, Tensor]) -> Provenance:
    """Parse and check our key's value in the header of an intact safetensors file."""
    size = int.from_bytes(raw[:8], "little")
    metadata = json.loads(raw[8 : 8 + size]).get("__metadata__") or {}
    try:
        header = json.loads(metadata.get(_KEY, "{}"))
        if header.get("format") != FORMAT:
            raise ModelError(f"{path} is not a checkpoint of this version of digits ({FORMAT})")
        about = header["provenance"]
        intact = _digest(tensors, about) == header["sha256"]
        provenance = from_dict(Provenance, about)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ModelError(f"{path} is damaged: invalid header ({error})") from error
    if not intact:
        raise ModelError(f"{path} is damaged: its SHA-256 isn't the one in its header")
    return provenance


def _digest(weights: dict[str, Tensor], provenance: dict[str, Any]) -> str:
    """SHA-256 over the provenance, then the name, type, shape and bytes of each tensor."""
    digest = hashlib.sha256(json.dumps(provenance, sort_keys=True).encode())
    for name in sorted(weights):
        tensor = weights[name]
        digest.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        digest.update(tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
