"""Checkpoints, and the state that `--resume` needs.

Both are safetensors files (https://huggingface.co/docs/safetensors), which hold tensors and text,
never code. The text is one JSON object under the key `digits`: what the tensors are.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec
import safetensors.torch
from msgspec import Struct
from safetensors import SafetensorError
from torch import Tensor

from digits.errors import DigitsError, ModelError, reporting
from digits.files import write_bytes
from digits_train import experiment, models
from digits_train.experiment import Experiment
from digits_train.models import BaseNetwork
from digits_train.structs import to_dict

FORMAT = "digits checkpoint 4"  # another one wherever a value means something else

_KEY = "digits"
# Measured in training, not learnt.
_STATISTICS = (".running_mean", ".running_var", ".num_batches_tracked", "mean_peaks")

Tensors = dict[str, Tensor]
T = TypeVar("T")


class _Header(Struct):
    format: str
    values: Any


class Provenance(Struct, frozen=True, forbid_unknown_fields=True):
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
    provenance, tensors, sha256 = read(path, Provenance)
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
    provenance, tensors, sha256 = read(path, Provenance)
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


def write(path: Path, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
    """Write tensors and JSON values atomically. Raises DigitsError if they can't be written."""
    # Copies, because safetensors refuses a layer that has two names.
    copies = {name: tensor.contiguous().cpu().clone() for name, tensor in tensors.items()}
    header = json.dumps({"format": FORMAT, "values": values})
    # One key only: safetensors writes several in random order.
    write_bytes(path, safetensors.torch.save(copies, {_KEY: header}))


def read(path: Path, kind: type[T]) -> tuple[T, Tensors, str]:
    """Read what `write` wrote: values of this kind, tensors, and the SHA-256 of the file.

    Raises ModelError if the file is missing, damaged or not ours.
    """
    if not path.is_file():
        raise ModelError(
            f"{path}: there is no such file; name a run folder that `digits train` wrote"
        )
    with reporting(f"read {path}", ModelError):
        raw = path.read_bytes()  # in one go, because a training may replace it
    try:
        tensors = safetensors.torch.load(raw)
        size = int.from_bytes(raw[:8], "little")
        texts = json.loads(raw[8 : 8 + size]).get("__metadata__", {})
        header = msgspec.json.decode(texts.get(_KEY, ""), type=_Header)
        if header.format != FORMAT:
            raise ValueError(f"its format isn't {FORMAT}")
        values = msgspec.convert(header.values, kind)
    except (SafetensorError, ValueError, KeyError, RecursionError) as error:
        raise ModelError(
            f"{path} is damaged, or not a file of this version of digits ({error})"
        ) from error
    return values, tensors, hashlib.sha256(raw).hexdigest()
