"""What is in a checkpoint: how its network was trained, and the tensors."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from digits.inference.metadata import is_deep
from digits.text import escape_name
from digits_train import checkpoint
from digits_train.checkpoint import Contents
from digits_train.run import checkpoint_at

# Batch norm measures these; it doesn't learn them.
_STATISTICS = (".running_mean", ".running_var", ".num_batches_tracked")


@dataclass(frozen=True)
class Info:
    """What `digits info` shows of an intact checkpoint."""

    file: str
    contents: Contents

    @property
    def about(self) -> dict[str, object]:
        """The fields of Provenance; values that are nested too deep for a table as JSON."""
        return {
            name: json.dumps(value) if is_deep(json.dumps(value)) else value
            for name, value in vars(self.contents.provenance).items()
        }

    @property
    def shapes(self) -> dict[str, list[int]]:
        """Those of the tensors, by name: safetensors doesn't keep the order of the layers."""
        return {name: list(tensor.shape) for name, tensor in sorted(self.contents.tensors.items())}

    @property
    def parameters(self) -> int:
        """The number of values that were learnt."""
        learnt = (t for name, t in self.contents.tensors.items() if not name.endswith(_STATISTICS))
        return sum(tensor.numel() for tensor in learnt)


def inspect(path: Path) -> Info:
    """Read a checkpoint, or that of a run folder, of any network.

    Raises ModelError if the checkpoint is missing, damaged or not ours.
    """
    path = checkpoint_at(path)
    return Info(str(path), checkpoint.read(path))


def values(info: Info) -> dict[str, Any]:
    """The checkpoint's properties, as in docs/output.md. tensors: the shape of each, by name."""
    return {
        "file": escape_name(info.file),
        "bytes": info.contents.bytes,
        "sha256": info.contents.sha256,
        "provenance": info.about,
        "parameters": info.parameters,
        "tensors": info.shapes,
    }
