"""Checkpoints: a trained network in one safetensors file that explains itself.

safetensors holds tensors and text, never code. The text says what the network is and how it came
about; a SHA-256 over the tensors shows damage.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch

from digits.errors import ModelError
from digits.files import write_bytes
from digits_train import models
from digits_train.models import Network

FORMAT = "digits checkpoint 1"


@dataclass(frozen=True)
class Provenance:
    """Where a network comes from; every field is text in the header of the file."""

    architecture: str
    digits_version: str
    recipe: str  # JSON of the Recipe
    seed: str
    epoch: str  # finished epochs
    data_sha256: str  # JSON: file name -> SHA-256
    validation_accuracy: str  # 0 to 1


@dataclass(frozen=True)
class Checkpoint:
    """A loaded checkpoint. `sha256` is the file's own."""

    model: Network
    provenance: Provenance
    sha256: str


def save(path: Path, model: Network, provenance: Provenance) -> None:
    """Write the file by rename. Raises DigitsError when it can't be written."""
    weights = {name: tensor.contiguous().cpu() for name, tensor in model.state_dict().items()}
    header = {
        "format": FORMAT,
        "weights_sha256": _digest(weights),
        **asdict(provenance),
    }
    write_bytes(path, safetensors.torch.save(weights, header))


def load(path: Path) -> Checkpoint:
    """Read a checkpoint into a network on the CPU, in evaluation mode.

    Raises ModelError when the file is missing, damaged, not ours, or of an unknown architecture.
    """
    if not path.is_file():
        raise ModelError(f"{path}: there is no such checkpoint")
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    except (safetensors.SafetensorError, OSError) as error:
        raise ModelError(f"{path} is not an intact safetensors file ({error})") from error

    provenance = _provenance(path, header)
    if _digest(weights) != header.get("weights_sha256"):
        raise ModelError(f"{path} is damaged: its weights don't have the SHA-256 in its header")
    if provenance.architecture not in models.ARCHITECTURES:
        raise ModelError(f"{path} holds a {provenance.architecture}, which this version can't build")
    model = models.build(provenance.architecture)
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise ModelError(f"{path} doesn't hold the weights of a {provenance.architecture}") from error
    return Checkpoint(model.eval(), provenance, sha256)


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write what `--resume` needs, by rename. Raises DigitsError when it can't be written."""
    from io import BytesIO

    buffer = BytesIO()
    torch.save(state, buffer)
    write_bytes(path, buffer.getvalue())


def load_state(path: Path) -> dict[str, Any]:
    """Read what `save_state` wrote: tensors and plain values; a pickle with code is refused.

    Raises ModelError when the file is missing, damaged or not ours.
    """
    import pickle

    if not path.is_file():
        raise ModelError(f"{path} is missing: there is nothing to resume from")
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
    except (OSError, EOFError, RuntimeError, ValueError, KeyError, pickle.UnpicklingError) as error:
        raise ModelError(f"{path} is damaged, or not a state that digits wrote") from error
    if not isinstance(state, dict):
        raise ModelError(f"{path} is not a state that digits wrote")
    return state


def _provenance(path: Path, header: dict[str, str]) -> Provenance:
    if header.get("format") != FORMAT:
        raise ModelError(f"{path} is not a checkpoint of this version of digits ({FORMAT})")
    missing = [field.name for field in fields(Provenance) if field.name not in header]
    if missing:
        raise ModelError(f"{path} lacks {', '.join(missing)} in its header")
    return Provenance(**{field.name: header[field.name] for field in fields(Provenance)})


def _digest(weights: dict[str, torch.Tensor]) -> str:
    """SHA-256 over the names, types, shapes and bytes of all tensors, in the order of their names."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        tensor = weights[name]
        digest.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        digest.update(tensor.contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
