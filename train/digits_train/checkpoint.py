"""Checkpoints: a trained network in one safetensors file that explains itself.

safetensors (https://huggingface.co/docs/safetensors) holds tensors and text, never code. The text
is one JSON object under the key `digits`: what the network is, how it came about, and a SHA-256
over that and the weights, which shows damage.
"""

import hashlib
import io
import json
import pickle
import struct
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch

from digits.errors import DigitsError, ModelError
from digits.files import write_bytes
from digits_train import models
from digits_train.models import Network
from digits_train.typed import typed

FORMAT = "digits checkpoint 1"

_KEY = "digits"
_SHA256_BYTES = 32

# What torch's restricted unpickler raises on damaged files: on all 102,000 with one byte of a small
# one's pickle changed.
_BROKEN_PICKLE = (
    OSError,
    EOFError,
    RuntimeError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    MemoryError,
    pickle.UnpicklingError,
    struct.error,
)


@dataclass(frozen=True)
class Provenance:
    """Where a network comes from."""

    architecture: str
    digits_version: str
    recipe: dict[str, Any]  # the fields of Recipe
    seed: int
    epoch: int  # finished epochs
    data_sha256: dict[str, str]  # file name -> SHA-256
    training_digits: int
    validation_accuracy: float | None  # 0 to 1; None where the validation digits trained too
    teacher: str | None  # SHA-256 of the checkpoint that it learnt from


@dataclass(frozen=True)
class Checkpoint:
    """A loaded checkpoint. `sha256` is the file's own."""

    model: Network
    provenance: Provenance
    sha256: str


def save(path: Path, model: Network, provenance: Provenance) -> None:
    """Write the file by rename; the same network and provenance give the same bytes.

    Raises DigitsError when it can't be written.
    """
    weights = {name: tensor.contiguous().cpu() for name, tensor in model.state_dict().items()}
    described = asdict(provenance)
    header = {
        "format": FORMAT,
        "sha256": _digest(weights, described),
        "provenance": described,
    }
    # One key only: safetensors writes several in a random order.
    write_bytes(path, safetensors.torch.save(weights, {_KEY: json.dumps(header)}))


def load(path: Path) -> Checkpoint:
    """Read a checkpoint into a network on the CPU, in evaluation mode.

    Raises ModelError when the file is missing, damaged, not ours, or of an unknown architecture, or
    when its weights are not finite, or not those of its architecture.
    """
    try:
        if not path.is_file():
            raise ModelError(f"{path}: there is no such checkpoint")
        # At once: a training may put the next one in its place.
        raw = path.read_bytes()
        weights = safetensors.torch.load(raw)
    except (safetensors.SafetensorError, OSError, LookupError) as error:
        raise ModelError(f"{path} is damaged, or not a safetensors file ({error})") from error

    provenance = _provenance(path, _text(raw), weights)
    try:
        model = models.build(provenance.architecture)
    except DigitsError as error:
        raise ModelError(f"{path} can't be used: {error}") from error
    try:
        model.load_weights(weights)
    except ValueError as error:
        raise ModelError(
            f"{path} is no usable {provenance.architecture}: {error}; train it again"
        ) from error
    return Checkpoint(model.eval(), provenance, hashlib.sha256(raw).hexdigest())


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write what `--resume` needs, by rename: torch's file, and its SHA-256 behind it.

    Raises DigitsError when it can't be written.
    """
    buffer = io.BytesIO()
    torch.save(state, buffer)
    data = buffer.getvalue()
    write_bytes(path, data + hashlib.sha256(data).digest())


def load_state(path: Path) -> dict[str, Any]:
    """Read what `save_state` wrote: tensors and plain values; a pickle with code is refused.

    Raises ModelError when the file is missing, damaged or not ours.
    """
    try:
        if not path.is_file():
            raise ModelError(f"{path} is missing: there is nothing to resume from")
        raw = path.read_bytes()
        data, digest = raw[:-_SHA256_BYTES], raw[-_SHA256_BYTES:]
        if hashlib.sha256(data).digest() != digest:  # torch doesn't look at its file's checksums
            raise ValueError("another SHA-256")
        state = torch.load(io.BytesIO(data), weights_only=True, map_location="cpu")
    except _BROKEN_PICKLE as error:
        raise ModelError(f"{path} is damaged, or not a state that digits wrote") from error
    if not isinstance(state, dict):
        raise ModelError(f"{path} is not a state that digits wrote")
    return state


def _text(raw: bytes) -> str:
    """What the header of an intact safetensors file holds under our key."""
    size = int.from_bytes(raw[:8], "little")
    metadata: dict[str, str] = json.loads(raw[8 : 8 + size]).get("__metadata__") or {}
    return metadata.get(_KEY, "")


def _provenance(path: Path, text: str, weights: dict[str, torch.Tensor]) -> Provenance:
    """Parse and check the JSON in the header."""
    try:
        header = json.loads(text or "{}")
        if header.get("format") != FORMAT:
            raise ModelError(f"{path} is not a checkpoint of this version of digits ({FORMAT})")
        provenance = typed(Provenance, header["provenance"])
        intact = _digest(weights, header["provenance"]) == header["sha256"]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ModelError(f"{path} is damaged: its header makes no sense ({error})") from error
    if not intact:
        raise ModelError(f"{path} is damaged: it doesn't have the SHA-256 in its header")
    return provenance


def _digest(weights: dict[str, torch.Tensor], provenance: dict[str, Any]) -> str:
    """SHA-256 over the provenance, then the name, type, shape and bytes of each tensor."""
    digest = hashlib.sha256(json.dumps(provenance, sort_keys=True).encode())
    for name in sorted(weights):
        tensor = weights[name]
        digest.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        digest.update(tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
