"""What is in a checkpoint: how its network was trained, and the tensors."""

import json
from pathlib import Path
from typing import Any

from digits.inference.metadata import is_deep
from digits_train import checkpoint
from digits_train.run import checkpoint_at

# Batch norm measures these; it doesn't learn them.
_STATISTICS = (".running_mean", ".running_var", ".num_batches_tracked")


def inspect(path: Path) -> dict[str, Any]:
    """The properties of a checkpoint, or of that of a run folder, of any network.

    provenance: what is nested too deep for a table as JSON. parameters: how many values were
    learnt. tensors: the shape of each, by name. Raises ModelError if the checkpoint is missing,
    damaged or not ours.
    """
    path = checkpoint_at(path)
    contents = checkpoint.read(path)
    tensors = sorted(contents.tensors.items())  # safetensors doesn't keep the layers' order
    return {
        "file": str(path),
        "bytes": contents.bytes,
        "sha256": contents.sha256,
        "provenance": {
            name: json.dumps(value) if is_deep(json.dumps(value)) else value
            for name, value in vars(contents.provenance).items()
        },
        "parameters": sum(
            tensor.numel() for name, tensor in tensors if not name.endswith(_STATISTICS)
        ),
        "tensors": {name: list(tensor.shape) for name, tensor in tensors},
    }
