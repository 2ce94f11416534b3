"""Checkpoints, and the state that `--resume` needs.

Both are safetensors files (https://huggingface.co/docs/safetensors), which hold tensors and text,
never code. The text is one JSON object under the key `digits`: what the tensors are, and a SHA-256
over that and them, to detect damage.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import safetensors.torch
import torch
from msgspec import Struct
from safetensors import SafetensorError
from torch import Tensor

from digits.errors import DigitsError, ModelError, reporting
from digits.files import write_bytes
from digits_train import experiment, models
from digits_train.experiment import Experiment
from digits_train.models import BaseNetwork
from digits_train.structs import from_dict, to_dict

FORMAT = "digits checkpoint 3"  # 3: with the whole experiment

_KEY = "digits"
# Batch norm measures these; it doesn't learn them.
_STATISTICS = (".running_mean", ".running_var", ".num_batches_tracked")
# What reading any content may raise.
_ERRORS = SafetensorError, LookupError, ValueError, TypeError, AttributeError, RecursionError

Tensors = dict[str, Tensor]


class Provenance(Struct, frozen=True):
    """How a network was trained.

    progress: how many epochs or steps are finished. training_digits: how many digits it learnt
    from, or its pictures were composed of. validation_accuracy: 0 to 1, of the digits, symbols or
    numbers.
    """

    digits_version: str
    experiment: Experiment
    progress: int
    training_digits: int
    validation_accuracy: float


class Checkpoint(NamedTuple):
    """A loaded network. sha256: of the file."""

    model: BaseNetwork
    provenance: Provenance
    sha256: str


def save(path: Path, model: BaseNetwork, provenance: Provenance) -> None:
    """Write the file atomically; the same network and provenance give the same bytes.

    Raises DigitsError if it can't be written.
    """
    write(path, model.state_dict(), to_dict(provenance))


def load(path: Path) -> Checkpoint:
    """Read a checkpoint into a network on the CPU, in evaluation mode.

    Raises ModelError if the file is missing, damaged, not ours, or of an unknown network, or if its
    weights are not finite or don't fit it.
    """
    provenance, tensors, sha256 = _read_checkpoint(path)
    name = provenance.experiment.network
    try:
        model = models.get_network(name)()
        model.load_weights(tensors)
    except DigitsError as error:
        raise ModelError(f"{path} can't be used: {error}") from error
    except ValueError as error:
        raise ModelError(f"{path} is not a usable {name}: {error}; train it again") from error
    return Checkpoint(model.eval(), provenance, sha256)


def describe(path: Path) -> dict[str, Any]:
    """The properties of a checkpoint of any network, known or not.

    changes: how its experiment differs from the recipe, if the network is known. parameters: how
    many values were learnt. tensors: the shape of each, by name. Raises ModelError if the file is
    missing, damaged or not ours.
    """
    provenance, tensors, sha256 = _read_checkpoint(path)
    shapes = {name: list(tensor.shape) for name, tensor in sorted(tensors.items())}
    learnt = [shape for name, shape in shapes.items() if not name.endswith(_STATISTICS)]
    trained, values = provenance.experiment, to_dict(provenance)
    del values["experiment"]
    changes = None
    with suppress(DigitsError):
        changes = experiment.changes(trained)
    return {
        "file": str(path),
        "bytes": path.stat().st_size,
        "sha256": sha256,
        "network": trained.network,
        "recipe": trained.recipe.name,
        "changes": changes,
        "seed": trained.seed,
        "precision": trained.precision,
        "data_sha256": trained.data_sha256,
        "init": trained.init,
        **values,
        "parameters": sum(map(math.prod, learnt)),
        "tensors": shapes,
    }


def _read_checkpoint(path: Path) -> tuple[Provenance, Tensors, str]:
    values, tensors, sha256 = read(path)
    try:
        return from_dict(Provenance, values), tensors, sha256
    except _ERRORS as error:
        raise ModelError(
            f"{path} is not a checkpoint of this version of digits ({error})"
        ) from error


def write(path: Path, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
    """Write tensors and JSON values atomically. Raises DigitsError if they can't be written."""
    # Copies, because safetensors refuses a layer that has two names.
    copies = {name: tensor.contiguous().cpu().clone() for name, tensor in tensors.items()}
    header = {"format": FORMAT, "sha256": _digest(copies, values), "values": values}
    # One key only: safetensors writes several in random order.
    write_bytes(path, safetensors.torch.save(copies, {_KEY: json.dumps(header)}))


def read(path: Path) -> tuple[dict[str, Any], Tensors, str]:
    """Read what `write` wrote; and the SHA-256 of the file.

    Raises ModelError if the file is missing, damaged or not ours.
    """
    raw = _read_bytes(path)
    try:
        tensors = safetensors.torch.load(raw)
        size = int.from_bytes(raw[:8], "little")
        header = json.loads(json.loads(raw[8 : 8 + size])["__metadata__"][_KEY])
        if header["format"] != FORMAT:
            raise ValueError(f"its format isn't {FORMAT}")
        values: dict[str, Any] = header["values"]
        if _digest(tensors, values) != header["sha256"]:
            raise ValueError("its SHA-256 isn't the one in its header")
    except _ERRORS as error:
        raise ModelError(
            f"{path} is damaged, or not a file of this version of digits ({error})"
        ) from error
    return values, tensors, hashlib.sha256(raw).hexdigest()


def _digest(tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> str:
    """SHA-256 over the values, then the name, type, shape and bytes of each tensor."""
    digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        digest.update(tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _read_bytes(path: Path) -> bytes:
    """The file in one go, because a training may replace it."""
    if not path.is_file():
        raise ModelError(
            f"{path}: there is no such file; name a run folder that `digits train` wrote"
        )
    with reporting(f"read {path}", ModelError):
        return path.read_bytes()
