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

from digits.errors import DigitsError, ModelError, reporting
from digits.files import write_bytes
from digits_train import models
from digits_train.config import from_dict
from digits_train.models import BaseNetwork

FORMAT = "digits checkpoint 2"  # 2: recipes have the names of `digits_train.config`

_KEY = "digits"
_SHA256_BYTES = 32


@dataclass(frozen=True)
class Provenance:
    """How a network was trained."""

    architecture: str
    digits_version: str
    recipe: dict[str, Any]  # the fields of a recipe
    seed: int
    epoch: int  # finished epochs
    data_sha256: dict[str, str]  # file name -> SHA-256
    training_digits: int
    validation_accuracy: float  # 0 to 1, of the digits, or a detector's of the symbols on its crops
    init: str | None = None  # SHA-256 of the file it started from; None: random weights


class Checkpoint(NamedTuple):
    """A loaded network. sha256: of the file."""

    model: BaseNetwork
    provenance: Provenance
    sha256: str


def save(path: Path, model: BaseNetwork, provenance: Provenance) -> None:
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
    provenance, tensors, sha256 = read(path)
    try:
        model = models.get_network(provenance.architecture)()
        model.load_weights(tensors)
    except DigitsError as error:
        raise ModelError(f"{path} can't be used: {error}") from error
    except ValueError as error:
        unusable = f"{path} is not a usable {provenance.architecture}"
        raise ModelError(f"{unusable}: {error}; train it again") from error
    return Checkpoint(model.eval(), provenance, sha256)


def read(path: Path) -> tuple[Provenance, dict[str, Tensor], str]:
    """Read a checkpoint of any network, known or not; and the SHA-256 of the file.

    Raises ModelError if the file is missing, damaged or not ours.
    """
    raw = _read_bytes(path)
    try:
        tensors = safetensors.torch.load(raw)
        size = int.from_bytes(raw[:8], "little")
        header = json.loads(json.loads(raw[8 : 8 + size])["__metadata__"][_KEY])
        if header["format"] != FORMAT:
            raise ValueError(f"its format isn't {FORMAT}")
        if _digest(tensors, header["provenance"]) != header["sha256"]:
            raise ValueError("its SHA-256 isn't the one in its header")
        provenance = from_dict(Provenance, header["provenance"])
    except (
        *(safetensors.SafetensorError, LookupError, ValueError, TypeError),
        *(AttributeError, RecursionError),
    ) as error:
        raise ModelError(
            f"{path} is damaged, or not a checkpoint of this version of digits ({error})"
        ) from error
    return provenance, tensors, hashlib.sha256(raw).hexdigest()


def _digest(weights: dict[str, Tensor], provenance: dict[str, Any]) -> str:
    """SHA-256 over the provenance, then the name, type, shape and bytes of each tensor."""
    digest = hashlib.sha256(json.dumps(provenance, sort_keys=True).encode())
    for name, tensor in sorted(weights.items()):
        digest.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        digest.update(tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


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
    raw = _read_bytes(path)
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


def _read_bytes(path: Path) -> bytes:
    """The file in one go, because a training may replace it."""
    if not path.is_file():
        raise ModelError(
            f"{path}: there is no such file; name a run folder that `digits train` wrote"
        )
    with reporting(f"read {path}", ModelError):
        return path.read_bytes()
